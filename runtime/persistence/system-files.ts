/** The real file system. */
import * as fs from 'node:fs'
import type { FileLayer } from './file-layer.ts'

export const systemFiles: FileLayer = Object.freeze({
  makeDir(dir: string) {
    fs.mkdirSync(dir, { recursive: true, mode: 0o700 })
  },
  list(dir: string) {
    return fs.existsSync(dir) ? fs.readdirSync(dir) : []
  },
  open(path: string, mode: 'read' | 'write') {
    const flags = mode === 'read' ? fs.constants.O_RDONLY : fs.constants.O_RDWR | fs.constants.O_CREAT
    return fs.openSync(path, flags, 0o600)
  },
  close: (fd: number) => fs.closeSync(fd),
  size: (fd: number) => fs.fstatSync(fd).size,
  read(fd: number, into: Uint8Array, at: number) {
    let done = 0
    while (done < into.length) {
      const count = fs.readSync(fd, into, done, into.length - done, at + done)
      if (count === 0) break
      done += count
    }
    return done
  },
  write(fd: number, parts: readonly Uint8Array[], at: number) {
    const total = parts.reduce((sum, part) => sum + part.length, 0)
    let done = fs.writevSync(fd, parts, at)
    // A short write is rare (a signal, a nearly full disk): the rest is written part by part.
    for (let part = 0, start = 0; done < total; start += parts[part++]!.length) {
      const bytes = parts[part]!
      while (done < start + bytes.length) {
        const from = done - start
        done += fs.writeSync(fd, bytes, from, bytes.length - from, at + done)
      }
    }
  },
  truncate: (fd: number, sizeBytes: number) => fs.ftruncateSync(fd, sizeBytes),
  sync(fd: number) {
    return new Promise<void>((resolve, reject) => {
      fs.fdatasync(fd, (error) => (error === null ? resolve() : reject(error)))
    })
  },
  syncNow: (fd: number) => fs.fdatasyncSync(fd),
  syncDir(dir: string) {
    // Windows cannot open a directory; its file systems journal names by themselves.
    if (process.platform === 'win32') return
    const fd = fs.openSync(dir, fs.constants.O_RDONLY)
    try {
      fs.fsyncSync(fd)
    } finally {
      fs.closeSync(fd)
    }
  },
  rename: (from: string, to: string) => fs.renameSync(from, to),
  remove: (path: string) => fs.rmSync(path, { force: true }),
})
