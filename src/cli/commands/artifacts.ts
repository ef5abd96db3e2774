/** `pit artifacts`: content in and out of the Artifact Store. */
import { readFileSync, writeFileSync } from 'node:fs'
import { basename, extname, resolve } from 'node:path'
import type { ArtifactInfo } from '../../../actors/artifact-store/protocol.ts'
import { hostErrors } from '../../errors.ts'
import type { Pit } from '../../pit.ts'
import { expectPositionals, usageError, type Arguments, type Command, type Invocation } from '../command.ts'
import { ExitCode } from '../exit-codes.ts'
import { formatBytes, formatTable, formatTime, printable } from '../format.ts'

export const artifactsCommand: Command = {
  name: 'artifacts',
  summary: 'Stores, fetches and finds artifacts',
  usage: [
    'put <file or -> [--name <name>] [--tag <tag>]… [--type <content type>] [--version-of <name>]',
    'get <reference> [--out <file>]',
    'search <query> [--tag <tag>]… [--limit <n>]',
    'history <name>',
    'list [--limit <n>]',
  ],
  options: {
    name: { type: 'string', value: 'name', description: 'put: name of the artifact (default: of the file)' },
    tag: { type: 'string', multiple: true, value: 'tag', description: 'put, search: a tag; repeatable' },
    type: { type: 'string', value: 'type', description: 'put: content type (default: by the ending of the file)' },
    'version-of': { type: 'string', value: 'name', description: 'put: becomes the next version of this name' },
    out: { type: 'string', short: 'o', value: 'file', description: 'get: write to this file' },
    limit: { type: 'string', value: 'n', description: 'search, list: at most so many (default 20)' },
  },
  details: `A reference is a hash, its first 8 or more digits, or a name: report, report@latest, report@3. A query is words, "a
phrase", prefix*, AND, OR, NOT. \`get\` writes the very bytes; with --json it writes what is known about them instead.`,
  async run(invocation) {
    const [action, ...rest] = invocation.args.positionals
    const run = action !== undefined && Object.hasOwn(ACTIONS, action) ? ACTIONS[action as Action] : undefined
    if (run === undefined) throw usageError(`artifacts takes one of ${Object.keys(ACTIONS).join(', ')}`)
    return run({ ...invocation, args: { ...invocation.args, positionals: rest } })
  },
}

type Action = 'put' | 'get' | 'search' | 'history' | 'list'

const ACTIONS: Readonly<Record<Action, (invocation: Invocation) => Promise<ExitCode>>> = {
  put,
  get,
  search,
  history,
  list,
}

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.md': 'text/markdown',
  '.txt': 'text/plain',
  '.html': 'text/html',
  '.csv': 'text/csv',
  '.json': 'application/json',
  '.yaml': 'application/yaml',
  '.yml': 'application/yaml',
  '.pdf': 'application/pdf',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
}

async function put(invocation: Invocation): Promise<ExitCode> {
  const { args, output, cwd } = invocation
  expectPositionals(args, ['file'])
  const file = args.positionals[0]!
  const content = readContent(file, cwd)
  const name = args.text('name') ?? (file === '-' ? undefined : basename(file))
  const contentType = args.text('type') ?? CONTENT_TYPES[extname(file).toLowerCase()] ?? 'application/octet-stream'
  await using pit = await invocation.open({ resume: 'manual' })
  const stored = await pit.artifacts.put(content, {
    contentType,
    tags: args.list('tag'),
    ...(name === undefined ? {} : { name }),
  })
  const versionOf = args.text('version-of')
  const version = versionOf === undefined ? undefined : await pit.artifacts.addVersion(versionOf, stored.hash)
  output.document({ ...stored, ...(version === undefined ? {} : { version }) })
  output.print(stored.hash)
  output.note(`${formatBytes(stored.sizeBytes)}, ${stored.isNew ? 'new' : 'there already'}`)
  if (version !== undefined) output.note(`version ${version.name}@${version.version}`)
  return ExitCode.Ok
}

function readContent(file: string, cwd: string): Uint8Array {
  const path = file === '-' ? 0 : resolve(cwd, file)
  try {
    return readFileSync(path)
  } catch (cause) {
    throw hostErrors.fail('INPUT_UNREADABLE', { path: file, reason: (cause as Error).message }, { cause })
  }
}

async function get(invocation: Invocation): Promise<ExitCode> {
  const { args, output, cwd } = invocation
  expectPositionals(args, ['reference'])
  const reference = args.positionals[0]!
  await using pit = await invocation.open({ resume: 'manual' })
  const content = await pit.artifacts.get(reference)
  if (content === null) throw hostErrors.fail('ARTIFACT_NOT_FOUND', { reference })
  const out = args.text('out')
  if (out !== undefined) writeOut(resolve(cwd, out), content)
  if (output.json) output.document(await pit.artifacts.info(reference))
  else if (out === undefined) output.raw(content)
  else output.note(`${formatBytes(content.length)} written to ${out}`)
  return ExitCode.Ok
}

function writeOut(path: string, content: Uint8Array): void {
  try {
    writeFileSync(path, content)
  } catch (cause) {
    throw hostErrors.fail('OUTPUT_UNWRITABLE', { path, reason: (cause as Error).message }, { cause })
  }
}

async function search(invocation: Invocation): Promise<ExitCode> {
  const { args, output } = invocation
  expectPositionals(args, ['query'], { rest: true })
  const query = { text: args.positionals.join(' '), limit: args.integer('limit', 20) }
  const tags = args.list('tag')
  await using pit = await invocation.open({ resume: 'manual' })
  const found = await pit.artifacts.search(tags.length === 0 ? query : { ...query, tags })
  output.document(found)
  const lines = found.hits.map(({ info, highlight }) =>
    [`${info.hash.slice(0, 12)}  ${describeInfo(info)}`, ...(highlight ? [`    ${printable(highlight)}`] : [])].join(
      '\n',
    ),
  )
  if (lines.length > 0) output.print(lines.join('\n'))
  output.note(`${found.total} found`)
  return ExitCode.Ok
}

async function history(invocation: Invocation): Promise<ExitCode> {
  const { args, output } = invocation
  expectPositionals(args, ['name'])
  const name = args.positionals[0]!
  await using pit = await invocation.open({ resume: 'manual' })
  const versions = await pit.artifacts.versions(name)
  if (versions.length === 0) throw hostErrors.fail('ARTIFACT_NOT_FOUND', { reference: name })
  output.document(versions)
  const rows = versions.map((version) => [
    `${version.name}@${version.version}`,
    formatTime(version.createdAt),
    version.hash,
    version.message ?? '',
  ])
  output.print(formatTable(['VERSION', 'CREATED', 'HASH', 'MESSAGE'], rows))
  return ExitCode.Ok
}

async function list(invocation: Invocation): Promise<ExitCode> {
  const { args, output } = invocation
  expectPositionals(args, [])
  await using pit = await invocation.open({ resume: 'manual' })
  const items = await firstItems(pit, args)
  output.document(items)
  const rows = items.map((info) => [info.hash.slice(0, 12), formatTime(info.createdAt), describeInfo(info)])
  output.print(formatTable(['HASH', 'CREATED', 'ARTIFACT'], rows))
  const stats = await pit.artifacts.stats()
  output.note(
    `${stats.artifacts} artifacts, ${formatBytes(stats.uniqueBytes)} (${formatBytes(stats.physicalBytes)} on disk)`,
  )
  return ExitCode.Ok
}

async function firstItems(pit: Pit, args: Arguments): Promise<readonly ArtifactInfo[]> {
  const limit = args.integer('limit', 20)
  return limit === 0 ? [] : (await pit.artifacts.list({ limit })).items
}

function describeInfo(info: ArtifactInfo): string {
  const tags = info.tags.map((tag) => `#${tag}`).join(' ')
  return printable([info.name ?? '(no name)', info.contentType, formatBytes(info.sizeBytes), tags].join('  ').trimEnd())
}
