/**
 * A bundle: a folder of artifacts with all that is known of them, which `sha256sum -c SHA256SUMS` confirms.
 *
 *   bundle.json           { "format": "pit-bundle", "version": 1 }
 *   content/ab/abcd…      the bytes of the artifact abcd…
 *   artifacts.jsonl       one `BundleRecord` a line
 *   SHA256SUMS            of all the files above; written last: a folder without it is an unfinished bundle
 *
 * I1. A file has its final name only when it is whole and on the disk.
 * I2. Nothing of a bundle is trusted before its SHA-256 was compared.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, stat, type FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { BundleRecord, ContentHash } from '../../actors/artifact-store/protocol.ts'
import { hostErrors } from '../errors.ts'

const FORMAT = { format: 'pit-bundle', version: 1 }
const HEAD = `${JSON.stringify(FORMAT)}\n`
const HEAD_FILE = 'bundle.json'
const RECORDS_FILE = 'artifacts.jsonl'
export const SUMS_FILE = 'SHA256SUMS'
const UNFINISHED = '.part'

export function contentPath(hash: ContentHash): string {
  return `content/${hash.slice(0, 2)}/${hash}`
}

export interface BundleWriter {
  /** Whether a former export that was interrupted has it already. */
  has(hash: ContentHash, sizeBytes: number): Promise<boolean>
  content(hash: ContentHash, pieces: AsyncIterable<Uint8Array>): Promise<void>
  record(record: BundleRecord): Promise<void>
  /** The bundle is whole. */
  finish(): Promise<void>
  /** Leaves it unfinished. */
  abandon(): Promise<void>
}

/** Into an empty or new folder, or one that a former export did not finish. Errors: `BUNDLE_EXISTS`, `OUTPUT_UNWRITABLE`. */
export async function createBundle(dir: string): Promise<BundleWriter> {
  return writing(dir, async () => {
    await mkdir(dir, { recursive: true })
    const found = await readdir(dir)
    const ours = found.includes(HEAD_FILE) && !found.includes(SUMS_FILE)
    if (found.length > 0 && !ours) throw hostErrors.fail('BUNDLE_EXISTS', { path: dir })
    await writeWhole(join(dir, HEAD_FILE), [Buffer.from(HEAD)])
    const records = await open(join(dir, RECORDS_FILE + UNFINISHED), 'w')
    const sums = await open(join(dir, SUMS_FILE + UNFINISHED), 'w')
    return writerOf(dir, records, sums)
  })
}

function writerOf(dir: string, records: FileHandle, sums: FileHandle): BundleWriter {
  const recordsHash = createHash('sha256')
  return {
    async has(hash, sizeBytes) {
      const found = await stat(join(dir, contentPath(hash))).catch(() => null)
      return found?.size === sizeBytes
    },
    content: (hash, pieces) => writing(dir, () => writeWhole(join(dir, contentPath(hash)), pieces)),
    record: (record) =>
      writing(dir, async () => {
        const line = `${JSON.stringify(record)}\n`
        recordsHash.update(line)
        await records.write(line)
        await sums.write(`${record.hash}  ${contentPath(record.hash)}\n`)
      }),
    finish: () =>
      writing(dir, async () => {
        await records.sync()
        await records.close()
        await rename(join(dir, RECORDS_FILE + UNFINISHED), join(dir, RECORDS_FILE))
        await sums.write(`${recordsHash.digest('hex')}  ${RECORDS_FILE}\n`)
        await sums.write(`${createHash('sha256').update(HEAD).digest('hex')}  ${HEAD_FILE}\n`)
        await sums.sync()
        await sums.close()
        await rename(join(dir, SUMS_FILE + UNFINISHED), join(dir, SUMS_FILE))
        await syncDir(dir)
      }),
    async abandon() {
      await Promise.allSettled([records.close(), sums.close()])
    },
  }
}

async function writeWhole(path: string, pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const file = await open(path + UNFINISHED, 'w')
  try {
    for await (const piece of pieces) await file.writeFile(piece)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(path + UNFINISHED, path)
}

async function syncDir(dir: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(dir, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Errors of the file system become `OUTPUT_UNWRITABLE`; those of others, as of a source, stay what they are. */
async function writing<T>(path: string, task: () => Promise<T>): Promise<T> {
  try {
    return await task()
  } catch (cause) {
    if (!(cause instanceof Error) || typeof (cause as NodeJS.ErrnoException).syscall !== 'string') throw cause
    throw hostErrors.fail('OUTPUT_UNWRITABLE', { path, reason: cause.message }, { cause })
  }
}

export interface OpenBundle {
  readonly dir: string
  /** Contents that it says it has. */
  readonly hashes: ReadonlySet<ContentHash>
  records(): AsyncGenerator<BundleRecord>
  /** The SHA-256 of what is in the file; null when there is no file. */
  hashOf(hash: ContentHash): Promise<string | null>
  content(hash: ContentHash): AsyncIterable<Uint8Array>
}

const LINE = /^([0-9a-f]{64}) {2}(.+)$/

/** Everything but the contents is verified. Errors: `BUNDLE_INVALID` (none, unfinished, or newer), `BUNDLE_DAMAGED`. */
export async function openBundle(dir: string): Promise<OpenBundle> {
  await checkHead(dir)
  const damaged = (problem: string): Error => hostErrors.fail('BUNDLE_DAMAGED', { path: dir, problem })
  const hashes = new Set<ContentHash>()
  const sums = new Map<string, string>()
  for await (const line of createInterface(createReadStream(join(dir, SUMS_FILE)))) {
    const [, sum, path] = LINE.exec(line) ?? []
    if (sum === undefined || path === undefined) throw damaged(`a line of ${SUMS_FILE} is none`)
    if (path === contentPath(sum as ContentHash)) hashes.add(sum as ContentHash)
    else if (path === HEAD_FILE || path === RECORDS_FILE) sums.set(path, sum)
    else throw damaged(`${SUMS_FILE} names ${path}`)
  }
  for (const file of [HEAD_FILE, RECORDS_FILE]) {
    if ((await fileHash(join(dir, file))) !== sums.get(file)) throw damaged(`${file} is not what it was`)
  }
  return {
    dir,
    hashes,
    async *records() {
      for await (const line of createInterface(createReadStream(join(dir, RECORDS_FILE)))) {
        yield JSON.parse(line) as BundleRecord
      }
    },
    hashOf: (hash) => fileHash(join(dir, contentPath(hash))),
    content: (hash) => createReadStream(join(dir, contentPath(hash)), { highWaterMark: 1024 * 1024 }),
  }
}

async function checkHead(dir: string): Promise<void> {
  const invalid = (problem: string): Error => hostErrors.fail('BUNDLE_INVALID', { path: dir, problem })
  const found = await readdir(dir).catch((cause: Error) => Promise.reject(invalid(cause.message)))
  if (!found.includes(HEAD_FILE)) throw invalid(`there is no ${HEAD_FILE} in it`)
  if (!found.includes(SUMS_FILE)) throw invalid('its export was not finished')
  const head = await readFile(join(dir, HEAD_FILE), 'utf8')
  const version = /^\{"format":"pit-bundle","version":(\d{1,4})\}\n$/.exec(head)?.[1]
  if (version !== undefined && Number(version) > FORMAT.version) throw invalid(`it has version ${version}`)
}

async function fileHash(path: string): Promise<string | null> {
  const sha256 = createHash('sha256')
  try {
    for await (const piece of createReadStream(path, { highWaterMark: 1024 * 1024 })) sha256.update(piece as Uint8Array)
    return sha256.digest('hex')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw hostErrors.fail('INPUT_UNREADABLE', { path, reason: (cause as Error).message }, { cause })
  }
}
