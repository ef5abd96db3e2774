/**
 * The few file calls the file-system backend is made of, so that tests can stand between it and the disk. Unlike those of
 * the log they are asynchronous: a second copy may be on a slow disk or a network, and must not hold up its actor.
 * Failures are Node's own: errors with a `code` such as `ENOSPC`.
 */
import * as fs from 'node:fs/promises'

export interface BlobFile {
  size(): Promise<number>
  /** Fills `into` from offset `at`; returns the bytes read, fewer only at the end of the file. */
  read(into: Uint8Array, at: number): Promise<number>
  write(bytes: Uint8Array, at: number): Promise<void>
  /** Resolves when everything written is on the device. */
  sync(): Promise<void>
  close(): Promise<void>
}

export interface BlobFiles {
  /** Creates one folder; true when it was not there. */
  makeDir(dir: string): Promise<boolean>
  /** What is in the folder, in no order; null when it does not exist. */
  list(dir: string): Promise<readonly { readonly name: string; readonly isFolder: boolean }[] | null>
  /** `create` fails with `EEXIST` when there is one. */
  open(path: string, mode: 'read' | 'create'): Promise<BlobFile>
  /** Makes created, renamed and removed names of the folder durable. */
  syncDir(dir: string): Promise<void>
  /** Replaces `to` atomically. */
  rename(from: string, to: string): Promise<void>
  /** No error when the file is missing. */
  remove(path: string): Promise<void>
}

export const systemBlobFiles: BlobFiles = Object.freeze({
  async makeDir(dir: string) {
    try {
      await fs.mkdir(dir, { mode: 0o700 })
      return true
    } catch (error) {
      if (isCode(error, 'EEXIST') && (await fs.stat(dir)).isDirectory()) return false
      throw error
    }
  },
  async list(dir: string) {
    try {
      const entries = await fs.readdir(dir, { withFileTypes: true })
      return entries.map((entry) => ({ name: entry.name, isFolder: entry.isDirectory() }))
    } catch (error) {
      if (isCode(error, 'ENOENT')) return null
      throw error
    }
  },
  async open(path: string, mode: 'read' | 'create') {
    return fileOf(await fs.open(path, mode === 'read' ? 'r' : 'wx', 0o600))
  },
  async syncDir(dir: string) {
    // Windows cannot open a folder; its file systems journal names by themselves.
    if (process.platform === 'win32') return
    const handle = await fs.open(dir, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  },
  rename: (from: string, to: string) => fs.rename(from, to),
  remove: (path: string) => fs.rm(path, { force: true }),
})

function fileOf(handle: fs.FileHandle): BlobFile {
  return {
    size: async () => (await handle.stat()).size,
    async read(into, at) {
      let done = 0
      while (done < into.length) {
        const { bytesRead } = await handle.read(into, done, into.length - done, at + done)
        if (bytesRead === 0) break
        done += bytesRead
      }
      return done
    },
    async write(bytes, at) {
      for (let done = 0; done < bytes.length;) {
        done += (await handle.write(bytes, done, bytes.length - done, at + done)).bytesWritten
      }
    },
    sync: () => handle.datasync(),
    close: () => handle.close(),
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code
}
