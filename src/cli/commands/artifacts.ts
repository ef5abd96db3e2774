/** `pit artifacts`: content in and out of the Artifact Store. */
import { open, rename, rm, stat } from 'node:fs/promises'
import { basename, extname, resolve } from 'node:path'
import type { ArtifactInfo } from '../../../actors/artifact-store/protocol.ts'
import { hostErrors } from '../../errors.ts'
import type { Pit } from '../../pit.ts'
import { expectPositionals, usageError, type Arguments, type Command, type Invocation } from '../command.ts'
import { ExitCode } from '../exit-codes.ts'
import type { Output } from '../output.ts'
import { formatBytes, formatTable, formatTime } from '../format.ts'
import { describeInfo, search, SEARCH_USAGE, searchOptions } from './artifact-search.ts'
import { bundleOptions, BUNDLE_USAGES, exportBundle, importBundle } from './artifact-bundles.ts'
import { careOptions, CARE_USAGES, repair, verify } from './artifact-care.ts'
import { encryptionActions, encryptionOptions, ENCRYPTION_USAGES } from './artifact-encryption.ts'
import { quality, qualityOptions, QUALITY_USAGES } from './artifact-quality.ts'
import { lineage, LINEAGE_USAGE, lineageOptions } from './artifact-lineage.ts'
import { alias, diff, history, rollback, VERSION_USAGES, versionOptions } from './artifact-versions.ts'

export const artifactsCommand: Command = {
  name: 'artifacts',
  summary: 'Stores, fetches and finds artifacts',
  usage: [
    'put <file or -> [--name <name>] [--tag <tag>]… [--type <content type>] [--version-of <name> [--message <text>]]',
    'get <reference> [--out <file>]',
    SEARCH_USAGE,
    ...VERSION_USAGES,
    LINEAGE_USAGE,
    ...QUALITY_USAGES,
    'list [--limit <n>]',
    ...CARE_USAGES,
    ...BUNDLE_USAGES,
    ...ENCRYPTION_USAGES,
  ],
  options: {
    name: { type: 'string', value: 'name', description: 'put: name of the artifact (default: of the file)' },
    tag: { type: 'string', multiple: true, value: 'tag', description: 'put, search: a tag; repeatable' },
    type: {
      type: 'string',
      value: 'type',
      description: 'put: content type (default: by the ending of the file); search: text/html, text/*',
    },
    'version-of': { type: 'string', value: 'name', description: 'put: becomes the next version of this name' },
    out: { type: 'string', short: 'o', value: 'file', description: 'get: write to this file' },
    limit: { type: 'string', value: 'n', description: 'search, list, lineage, quality: at most so many (default 20)' },
    ...searchOptions,
    ...versionOptions,
    ...encryptionOptions,
    ...lineageOptions,
    ...careOptions,
    ...qualityOptions,
    ...bundleOptions,
  },
  details: `A reference is a hash, its first 8 or more digits, or a version: report (the newest), report@3, report@alias, or
report@2026-01-31T12:00Z (the newest one then). A query is words, "a
phrase", prefix*, AND, OR, NOT, ( ); what is found must also pass every filter. \`get\` writes the very bytes; with --json it writes what is known about them instead.`,
  async run(invocation) {
    const [action, ...rest] = invocation.args.positionals
    const run = action !== undefined && Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined
    if (run === undefined) throw usageError(`artifacts takes one of ${Object.keys(ACTIONS).join(', ')}`)
    return run({ ...invocation, args: { ...invocation.args, positionals: rest } })
  },
}

const ACTIONS: Readonly<Record<string, (invocation: Invocation) => Promise<ExitCode>>> = {
  put,
  get,
  search,
  history,
  diff,
  alias,
  rollback,
  lineage,
  quality,
  list,
  verify,
  repair,
  export: exportBundle,
  import: importBundle,
  ...encryptionActions,
}

const PIECE_BYTES = 1024 * 1024

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
  const name = args.text('name') ?? (file === '-' ? undefined : basename(file))
  const contentType = args.text('type') ?? CONTENT_TYPES[extname(file).toLowerCase()] ?? 'application/octet-stream'
  await using source = await openSource(file, cwd)
  await using pit = await invocation.open({ resume: 'manual' })
  const named = name === undefined ? {} : { name }
  const options = { contentType, tags: args.list('tag'), ...named, signal: invocation.signal }
  const stored = await pit.artifacts.storeStream(source.pieces(), options)
  const versionOf = args.text('version-of')
  const message = args.text('message')
  const said = message === undefined ? {} : { message }
  const version = versionOf === undefined ? undefined : await pit.artifacts.addVersion(versionOf, stored.hash, said)
  output.document({ ...stored, ...(version === undefined ? {} : { version }) })
  output.print(stored.hash)
  output.note(`${formatBytes(stored.sizeBytes)}, ${stored.isNew ? 'new' : 'there already'}`)
  if (version !== undefined) output.note(`version ${version.name}@${version.version}`)
  return ExitCode.Ok
}

interface Source extends AsyncDisposable {
  pieces(): AsyncGenerator<Uint8Array>
}

/** The file or standard input, piece by piece. Opened before anything else is: a wrong name costs nothing. */
async function openSource(file: string, cwd: string): Promise<Source> {
  const unreadable = (cause: unknown): Error =>
    hostErrors.fail('INPUT_UNREADABLE', { path: file, reason: (cause as Error).message }, { cause })
  const handle =
    file === '-' ? null : await open(resolve(cwd, file)).catch((cause: unknown) => Promise.reject(unreadable(cause)))
  async function* pieces(): AsyncGenerator<Uint8Array> {
    const stream = handle?.createReadStream({ autoClose: false, highWaterMark: PIECE_BYTES }) ?? process.stdin
    try {
      for await (const piece of stream) yield piece as Uint8Array
    } catch (cause) {
      throw unreadable(cause)
    }
  }
  return { pieces, [Symbol.asyncDispose]: async () => handle?.close() }
}

async function get(invocation: Invocation): Promise<ExitCode> {
  const { args, output, cwd } = invocation
  expectPositionals(args, ['reference'])
  const reference = args.positionals[0]!
  await using pit = await invocation.open({ resume: 'manual' })
  const content = await pit.artifacts.retrieveStream(reference, { signal: invocation.signal })
  if (content === null) throw hostErrors.fail('ARTIFACT_NOT_FOUND', { reference })
  const out = args.text('out')
  const written = out === undefined ? 0 : await writeOut(resolve(cwd, out), content)
  if (out === undefined && !output.json) await print(output, content)
  if (output.json) output.document(await pit.artifacts.info(reference))
  else if (out !== undefined) output.note(`${formatBytes(written)} written to ${out}`)
  return ExitCode.Ok
}

async function print(output: Output, content: ReadableStream<Uint8Array>): Promise<void> {
  for await (const piece of content) {
    if (!(await output.raw(piece))) return
  }
}

/** Under another name until it is whole: what turns out to be damaged on the way leaves no half of a file. */
async function writeOut(path: string, content: ReadableStream<Uint8Array>): Promise<number> {
  const unfinished = `${path}.${process.pid}.part`
  const unwritable = (cause: unknown): Error =>
    hostErrors.fail('OUTPUT_UNWRITABLE', { path, reason: (cause as Error).message }, { cause })
  const isRegular = await stat(path).then(
    (found) => found.isFile(),
    () => true,
  )
  const target = isRegular ? unfinished : path
  const handle = await open(target, 'w').catch((cause: unknown) => Promise.reject(unwritable(cause)))
  let bytes = 0
  try {
    for await (const piece of content) {
      await handle.writeFile(piece).catch((cause: unknown) => Promise.reject(unwritable(cause)))
      bytes += piece.length
    }
    await handle.close()
    if (isRegular) await rename(unfinished, path).catch((cause: unknown) => Promise.reject(unwritable(cause)))
    return bytes
  } catch (error) {
    await handle.close()
    if (isRegular) await rm(unfinished, { force: true })
    throw error
  }
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
