/**
 * Blobs as files of a folder.
 *
 *   <dir>/pit-blobs               says that this is such a folder, and that it is there: an unmounted disk is an empty folder
 *   <dir>/unfinished/<n>          being written; emptied when the folder is opened
 *   <dir>/blobs/content/=ab/abcd… the blob `content/abcd…`: the last part of a key is spread over folders by its first two
 *                                 characters (`=` is in no key)
 *
 * I1. A blob appears by renaming a synced file, and the folder is synced after it: whole or not there, and durable.
 * I2. A missing file counts as absent only while the folder's own file is there.
 */
import { dirname, join } from 'node:path'
import type { BlobKey, BlobSource, StorageBackend } from './backend.ts'
import { systemBlobFiles, type BlobFile, type BlobFiles } from './blob-files.ts'
import { blobErrors, blobFileError, nativeCode } from './errors.ts'
import { listBlobs } from './file-listing.ts'
import { checkKey, checkRange } from './keys.ts'

export interface FileSystemBackendOptions {
  /** Nobody else may keep files in it. Created when missing, with the folders above it. */
  readonly dir: string
  /** @default the real file system */
  readonly files?: BlobFiles
}

const SIGN = 'pit-blobs'
/** In a new folder: what an interrupted opening left, and what file systems put there themselves. */
const MAY_BE_THERE = new Set(['unfinished', 'lost+found', '.DS_Store'])
const FORMAT = 'pit blobs 1\n'
const FAN_OUT_SIGN = '='
const FAN_OUT_CHARS = 2

/** Errors: `BLOBS_FOREIGN` (the folder holds something else), and those of every call. */
export async function openFileSystemBackend(options: FileSystemBackendOptions): Promise<StorageBackend> {
  const { dir, files = systemBlobFiles } = options
  const location = dir
  const unfinished = join(dir, 'unfinished')
  const blobs = join(dir, 'blobs')
  const sign = join(dir, SIGN)
  /** Known to exist, durably. */
  const folders = new Set<string>()
  const busy = new Set<Promise<unknown>>()
  let closed = false
  let lastNumber = 0

  async function run<T>(task: () => Promise<T>): Promise<T> {
    if (closed) throw blobErrors.fail('BLOBS_CLOSED', { location })
    const running = task()
    busy.add(running)
    try {
      return await running
    } finally {
      busy.delete(running)
    }
  }

  /** A file call's failure as an error of the backend's. */
  async function typed<T>(call: Promise<T>): Promise<T> {
    try {
      return await call
    } catch (cause) {
      throw blobFileError(cause, location)
    }
  }

  async function makeFolder(folder: string): Promise<void> {
    if (folders.has(folder)) return
    await makeFolder(dirname(folder))
    if (await files.makeDir(folder)) await files.syncDir(dirname(folder))
    folders.add(folder)
  }

  async function open(): Promise<void> {
    await makeParents(files, dirname(dir))
    await files.makeDir(dir)
    folders.add(dir)
    const found = await files.list(dir)
    if (found?.some(({ name }) => name === SIGN) !== true) {
      const other = found?.find(({ name }) => !MAY_BE_THERE.has(name))
      if (other !== undefined) throw blobErrors.fail('BLOBS_FOREIGN', { location, reason: other.name })
    } else if ((await content(sign)) !== FORMAT) {
      throw blobErrors.fail('BLOBS_FOREIGN', { location, reason: `${SIGN} of another format` })
    }
    await files.makeDir(unfinished)
    for (const { name } of (await files.list(unfinished)) ?? []) await files.remove(join(unfinished, name))
    if (found?.some(({ name }) => name === SIGN) !== true) await write(sign, Buffer.from(FORMAT))
    await files.makeDir(blobs)
    await files.syncDir(dir)
  }

  async function content(path: string): Promise<string> {
    return Buffer.from((await withFile(path, async (file) => part(file, 0, await file.size()))) ?? []).toString()
  }

  async function write(path: string, source: BlobSource): Promise<number> {
    const temporary = await create()
    let sizeBytes = 0
    try {
      for await (const piece of source instanceof Uint8Array ? [source] : source) {
        await typed(temporary.file.write(piece, sizeBytes))
        sizeBytes += piece.length
      }
      await typed(temporary.file.sync())
      await typed(temporary.file.close())
      await typed(makeFolder(dirname(path)))
      await typed(files.rename(temporary.path, path))
      await typed(files.syncDir(dirname(path)))
      return sizeBytes
    } catch (error) {
      // What was there may be gone (another disk was mounted): the next one looks again.
      folders.clear()
      folders.add(dir)
      await temporary.file.close().catch(() => {})
      await files.remove(temporary.path).catch(() => {})
      throw error
    }
  }

  async function create(): Promise<{ readonly path: string; readonly file: BlobFile }> {
    for (;;) {
      const path = join(unfinished, String(++lastNumber))
      try {
        return { path, file: await files.open(path, 'create') }
      } catch (cause) {
        if (nativeCode(cause) !== 'EEXIST') throw blobFileError(cause, location)
      }
    }
  }

  function pathOf(key: BlobKey): string {
    const parts = checkKey(key).split('/')
    const last = parts.pop()!
    return join(blobs, ...parts, FAN_OUT_SIGN + last.slice(0, FAN_OUT_CHARS), last)
  }

  /** Null when there is no such file (I2). */
  async function withFile<T>(path: string, use: (file: BlobFile) => Promise<T>): Promise<T | null> {
    let file: BlobFile
    try {
      file = await files.open(path, 'read')
    } catch (cause) {
      if (nativeCode(cause) !== 'ENOENT') throw blobFileError(cause, location)
      if (path !== sign) await typed(files.open(sign, 'read').then((found) => found.close()))
      return null
    }
    try {
      return await typed(use(file))
    } finally {
      await file.close().catch(() => {})
    }
  }

  const read = <T>(key: BlobKey, use: (file: BlobFile) => Promise<T>): Promise<T | null> =>
    run(() => withFile(pathOf(key), use))

  await typed(open())
  return {
    location,
    put: (key, source) => run(async () => write(pathOf(key), source)),
    get: (key) => read(key, async (file) => part(file, 0, await file.size())),
    async getRange(key, offset, length) {
      checkRange(offset, length)
      return read(key, async (file) => part(file, offset, Math.max(0, Math.min(length, (await file.size()) - offset))))
    },
    stat: (key) => read(key, async (file) => ({ key, sizeBytes: await file.size() })),
    delete: (key) =>
      run(async () => {
        const path = pathOf(key)
        if ((await withFile(path, async () => true)) === null) return
        await typed(files.remove(path))
        await typed(files.syncDir(dirname(path)))
      }),
    list: (listing) => run(() => typed(listBlobs(files, { blobs, sign }, listing))),
    async close() {
      closed = true
      await Promise.allSettled(busy)
    },
  }
}

async function part(file: BlobFile, offset: number, length: number): Promise<Uint8Array> {
  const into = new Uint8Array(length)
  return into.subarray(0, await file.read(into, offset))
}

async function makeParents(files: BlobFiles, dir: string): Promise<void> {
  if (dirname(dir) === dir || (await files.list(dir)) !== null) return
  await makeParents(files, dirname(dir))
  if (await files.makeDir(dir)) await files.syncDir(dirname(dir))
}
