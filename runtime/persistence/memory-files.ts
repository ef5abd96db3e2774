/** Files in memory, for `:memory:`: gone with the process, otherwise like the real ones. */
import { dirname } from 'node:path'
import type { FileDescriptor, FileLayer } from './file-layer.ts'
import { createGrowingBytes, type GrowingBytes } from './growing-bytes.ts'

export function memoryFiles(): FileLayer {
  const files = new Map<string, GrowingBytes>()
  const opened = new Map<FileDescriptor, GrowingBytes>()
  let lastFd = 0

  function file(fd: FileDescriptor): GrowingBytes {
    const found = opened.get(fd)
    if (found === undefined) throw errno('EBADF', String(fd))
    return found
  }

  return {
    makeDir() {},
    list: (dir) => [...files.keys()].filter((path) => dirname(path) === dir).map((path) => path.slice(dir.length + 1)),
    open(path, mode) {
      let found = files.get(path)
      if (found === undefined) {
        if (mode === 'read') throw errno('ENOENT', path)
        files.set(path, (found = createGrowingBytes()))
      }
      opened.set(++lastFd, found)
      return lastFd
    },
    close: (fd) => void opened.delete(fd),
    size: (fd) => file(fd).size(),
    read: (fd, into, at) => file(fd).read(into, at),
    write(fd, parts, at) {
      for (const part of parts) {
        file(fd).write(part, at)
        at += part.length
      }
    },
    truncate: (fd, sizeBytes) => file(fd).truncate(sizeBytes),
    sync: () => Promise.resolve(),
    syncNow() {},
    syncDir() {},
    rename(from, to) {
      const found = files.get(from)
      if (found === undefined) throw errno('ENOENT', from)
      files.delete(from)
      files.set(to, found)
    },
    remove: (path) => void files.delete(path),
  }
}

/** An error as the file system would throw it. */
export function errno(code: string, what: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${what}`), { code })
}
