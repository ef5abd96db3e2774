/** `pit artifacts history`, `diff`, `alias` and `rollback`: versions of names. */
import type { AliasSet, ArtifactAlias, ArtifactDiff, JsonChange } from '../../../actors/artifact-store/protocol.ts'
import { hostErrors } from '../../errors.ts'
import type { Pit } from '../../pit.ts'
import { expectPositionals, usageError, type Arguments, type Invocation, type OptionSpec } from '../command.ts'
import { ExitCode } from '../exit-codes.ts'
import { clip, formatBytes, formatTable, formatTime, plural, printable } from '../format.ts'

export const VERSION_USAGES: readonly string[] = [
  'history [<name>]',
  'diff <reference> [<reference>] [--as text or json] [--context <n>] [--exit-code]',
  'alias <name> [<alias>] [--remove] – or: alias <reference> <alias> [--protect or --unprotect] [--force] [--if-version <n>]',
  'rollback <reference> [--message <text>]',
]

export const versionOptions: Readonly<Record<string, OptionSpec>> = {
  message: { type: 'string', short: 'm', value: 'text', description: 'put, rollback: what the version is about' },
  as: { type: 'string', value: 'form', description: 'diff: compare as text or as json (default by type and content)' },
  context: { type: 'string', value: 'n', description: 'diff: lines around every change (default 3)' },
  'exit-code': { type: 'boolean', description: 'diff: end with 1 when they differ' },
  remove: { type: 'boolean', description: 'alias: remove it' },
  protect: {
    type: 'boolean',
    description: 'alias: from now on it moves by --force only, and cleanup keeps its artifact',
  },
  unprotect: { type: 'boolean', description: 'alias: not protected any more' },
  force: { type: 'boolean', description: 'alias: although it is protected' },
  'if-version': { type: 'string', value: 'n', description: 'alias: only when it is at this version (0: nowhere)' },
}

export async function history(invocation: Invocation): Promise<ExitCode> {
  const { args, output } = invocation
  expectPositionals(args, [], { rest: true })
  const [name, ...more] = args.positionals
  if (more.length > 0) throw usageError(`unexpected argument ${more[0]}`)
  await using pit = await invocation.open({ resume: 'manual' })
  if (name === undefined) return await names(pit, invocation)
  const versions = await pit.artifacts.versions(name)
  if (versions.length === 0) throw hostErrors.fail('ARTIFACT_NOT_FOUND', { reference: name })
  const aliases = await pit.artifacts.aliases(name)
  output.document(versions.map((version) => ({ ...version, aliases: namesOf(aliases, version.version) })))
  const rows = versions.map(({ version, createdAt, hash, tags, message }) => [
    `${name}@${version}`,
    formatTime(createdAt),
    hash,
    [...namesOf(aliases, version), ...tags.map((tag) => `#${tag}`)].join(' '),
    message ?? '',
  ])
  output.print(formatTable(['VERSION', 'CREATED', 'HASH', 'ALIASES AND TAGS', 'MESSAGE'], rows))
  return ExitCode.Ok
}

function namesOf(aliases: readonly ArtifactAlias[], version: number): readonly string[] {
  return aliases.filter((alias) => alias.version === version).map(({ alias }) => alias)
}

const NAMES_PAGE = 1000

async function names(pit: Pit, { output }: Invocation): Promise<ExitCode> {
  const all = []
  for (let after: string | undefined; ;) {
    const page = await pit.artifacts.names({ limit: NAMES_PAGE, ...(after === undefined ? {} : { after }) })
    all.push(...page)
    if (page.length < NAMES_PAGE) break
    after = page.at(-1)!.name
  }
  output.document(all)
  const rows = all.map(({ name, versions, latest, aliases }) => [
    name,
    String(versions),
    `${name}@${latest.version}`,
    formatTime(latest.createdAt),
    aliases.map(({ alias, version }) => `${alias}→${version}`).join(' '),
  ])
  output.print(formatTable(['NAME', 'VERSIONS', 'LATEST', 'CREATED', 'ALIASES'], rows))
  return ExitCode.Ok
}

export async function diff(invocation: Invocation): Promise<ExitCode> {
  const { args, output } = invocation
  expectPositionals(args, ['reference'], { rest: true })
  const [first, second, ...more] = args.positionals
  if (more.length > 0) throw usageError(`unexpected argument ${more[0]}`)
  const as = args.text('as')
  if (as !== undefined && as !== 'text' && as !== 'json') throw usageError(`--as takes text or json, got ${as}`)
  const contextLines = args.integer('context', 3)
  const form: { readonly as?: 'text' | 'json' } = as === undefined ? {} : { as }
  await using pit = await invocation.open({ resume: 'manual' })
  const [from, to] = second === undefined ? await parentAndVersion(pit, first!) : [first!, second]
  const found = await pit.artifacts.diff(from, to, { ...form, contextLines, signal: invocation.signal })
  output.document(found)
  const text = described(found)
  if (text !== '') output.print(text)
  output.note(noteOf(found))
  return found.kind !== 'same' && args.flag('exit-code') ? ExitCode.Failed : ExitCode.Ok
}

/** A version alone is compared with the one it follows. */
async function parentAndVersion(pit: Pit, reference: string): Promise<readonly [from: string, to: string]> {
  const version = await pit.artifacts.version(reference)
  if (version === null) throw hostErrors.fail('ARTIFACT_NOT_FOUND', { reference })
  const { name, parent } = version
  if (parent === null) throw usageError(`${name}@${version.version} follows no version: name what to compare it with`)
  return [`${name}@${parent}`, `${name}@${version.version}`]
}

function described(diff: ArtifactDiff): string {
  switch (diff.kind) {
    case 'text':
      return diff.unified
    case 'json':
      return diff.changes.map(changeLine).join('\n')
    case 'binary':
    case 'same':
      return ''
  }
}

const VALUE_WIDTH = 200

function changeLine({ op, path, before, value }: JsonChange): string {
  const shown = (what: unknown): string => clip(printable(JSON.stringify(what)), VALUE_WIDTH)
  const at = printable(path === '' ? '(all)' : path)
  if (op === 'add') return `+ ${at}: ${shown(value)}`
  return op === 'remove' ? `- ${at}: ${shown(before)}` : `~ ${at}: ${shown(before)} → ${shown(value)}`
}

function noteOf(diff: ArtifactDiff): string {
  switch (diff.kind) {
    case 'same':
      return 'the same content'
    case 'text':
      return `${plural(diff.addedLines, 'line')} added, ${diff.removedLines} removed`
    case 'json':
      return diff.changes.length === 0 ? 'the same values in another notation' : plural(diff.changes.length, 'change')
    case 'binary': {
      const [from, to] = [diff.from, diff.to].map(({ sizeBytes }) => `${formatBytes(sizeBytes)} (${sizeBytes} bytes)`)
      return `they differ, and are not both text: ${from} and ${to}`
    }
  }
}

export async function alias(invocation: Invocation): Promise<ExitCode> {
  const { args } = invocation
  expectPositionals(args, ['name'], { rest: true })
  const [reference, alias, ...more] = args.positionals
  if (more.length > 0) throw usageError(`unexpected argument ${more[0]}`)
  const change = changeOf(args)
  if (alias === undefined) {
    const given = ['remove', 'protect', 'unprotect', 'force'].find((name) => args.flag(name))
    if (given !== undefined) throw usageError(`--${given} is for one alias: <alias> is missing`)
  }
  await using pit = await invocation.open({ resume: 'manual' })
  // The Pit is open until these have ended.
  if (alias === undefined) return await listAliases(pit, reference!, invocation)
  return args.flag('remove')
    ? await removeAlias(pit, reference!, alias, invocation)
    : await setAlias(pit, reference!, alias, change, invocation)
}

type Change = { readonly force: boolean; readonly protect?: boolean; readonly ifVersion?: number }

function changeOf(args: Arguments): Change {
  const [protect, unprotect] = [args.flag('protect'), args.flag('unprotect')]
  if (protect && unprotect) throw usageError('--protect and --unprotect exclude each other')
  return {
    force: args.flag('force'),
    ...(protect || unprotect ? { protect } : {}),
    ...(args.text('if-version') === undefined ? {} : { ifVersion: args.integer('if-version', 0) }),
  }
}

async function listAliases(pit: Pit, name: string, { output }: Invocation): Promise<ExitCode> {
  const [aliases, latest] = [await pit.artifacts.aliases(name), await pit.artifacts.version(`${name}@latest`)]
  if (aliases.length === 0 && latest === null) throw hostErrors.fail('ARTIFACT_NOT_FOUND', { reference: name })
  output.document(aliases)
  const rows = aliases.map((each) => [
    each.alias,
    `${name}@${each.version}`,
    formatTime(each.changedAt),
    each.protected ? 'protected' : '',
  ])
  output.print(formatTable(['ALIAS', 'VERSION', 'SINCE', ''], rows))
  return ExitCode.Ok
}

async function setAlias(pit: Pit, reference: string, alias: string, change: Change, { output }: Invocation) {
  const set = await pit.artifacts.setAlias(reference, alias, change)
  output.document(set)
  output.print(aliasLine(set))
  return ExitCode.Ok
}

function aliasLine({ name, alias, version, previousVersion, protected: isProtected }: AliasSet): string {
  const from = previousVersion === undefined || previousVersion === version ? '' : ` (was ${name}@${previousVersion})`
  return printable(`${name}@${alias} is ${name}@${version}${from}${isProtected ? ', protected' : ''}`)
}

async function removeAlias(pit: Pit, name: string, alias: string, { args, output }: Invocation): Promise<ExitCode> {
  const { force, ifVersion } = changeOf(args)
  const expected = ifVersion === undefined ? {} : { ifVersion }
  const removed = await pit.artifacts.removeAlias(name, alias, { force, ...expected })
  if (!removed) throw hostErrors.fail('ARTIFACT_NOT_FOUND', { reference: `${name}@${alias}` })
  output.document({ removed })
  output.note(`alias ${name}@${alias} removed`)
  return ExitCode.Ok
}

export async function rollback(invocation: Invocation): Promise<ExitCode> {
  const { args, output } = invocation
  expectPositionals(args, ['reference'])
  const reference = args.positionals[0]!
  const message = args.text('message')
  await using pit = await invocation.open({ resume: 'manual' })
  const version = await pit.artifacts.rollback(reference, message === undefined ? {} : { message })
  output.document(version)
  output.print(`${printable(version.name)}@${version.version}`)
  const old = version.restores === undefined ? 'has that content already' : `has the content of @${version.restores}`
  output.note(printable(`${version.name}@${version.version} ${old}`))
  return ExitCode.Ok
}
