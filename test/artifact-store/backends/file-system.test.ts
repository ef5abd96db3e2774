import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  openFileSystemBackend,
  type BlobFile,
  type BlobFiles,
  type StorageBackend,
} from '../../../actors/artifact-store/backends/index.ts'
import { systemBlobFiles } from '../../../actors/artifact-store/backends/blob-files.ts'
import { isPitError, seededRandom } from '../../../runtime/index.ts'
import type { FileLayer } from '../../../runtime/persistence/index.ts'
import { createFaultyDisk, type Fault, type FaultyDisk } from '../../../runtime/testing/faulty-files.ts'
import { codeOf, tempDir } from '../fixture.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** The backend's file calls on a disk that fails. Folders are not lost there: the recorder below watches over those. */
function filesOn(disk: FaultyDisk, layer: FileLayer, folders: Set<string>): BlobFiles {
  const exists = (path: string): boolean => disk.paths().includes(path)
  return {
    async makeDir(dir) {
      layer.makeDir(dir)
      const isNew = !folders.has(dir)
      folders.add(dir)
      return isNew
    },
    async list(dir) {
      if (!folders.has(dir)) return null
      const below = [...folders].filter((folder) => folder !== dir && dirname(folder) === dir)
      return [
        ...below.map((folder) => ({ name: folder.slice(dir.length + 1), isFolder: true })),
        ...layer.list(dir).map((name) => ({ name, isFolder: false })),
      ]
    },
    async open(path, mode) {
      if (mode === 'create' && exists(path)) throw Object.assign(new Error('EEXIST'), { code: 'EEXIST' })
      const fd = layer.open(path, mode === 'create' ? 'write' : 'read')
      return {
        size: async () => layer.size(fd),
        read: async (into, at) => layer.read(fd, into, at),
        write: async (content, at) => layer.write(fd, [content], at),
        sync: () => layer.sync(fd),
        close: async () => layer.close(fd),
      } satisfies BlobFile
    },
    syncDir: async (dir) => layer.syncDir(dir),
    rename: async (from, to) => layer.rename(from, to),
    remove: async (path) => layer.remove(path),
  }
}

describe('on a disk that fails', () => {
  const KEYS = ['content/aa1', 'content/aa2', 'other/b'] as const
  const op = fc.oneof(
    { weight: 8, arbitrary: fc.record({ kind: fc.constant('put' as const), key: fc.nat(2), size: fc.nat(2000) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete' as const), key: fc.nat(2) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('power-cut' as const, 'kill' as const) }) },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('arm' as const),
        fault: fc.constantFrom<Fault>('ENOSPC', 'EIO', 'kill'),
        after: fc.nat(14),
      }),
    },
  )

  test('what was put and acknowledged is there, whole, and nothing is there in part; nothing is left unfinished', async () => {
    let acknowledged = 0
    let faults = 0
    const history = fc.asyncProperty(fc.integer(), fc.array(op, { minLength: 4, maxLength: 25 }), async (seed, ops) => {
      const disk = createFaultyDisk(seededRandom(seed))
      const folders = new Set<string>(['/'])
      let armed: { fault: Fault; after: number } | null = null
      /** By key: what may be there, as the first byte and the size of the content; '' for absent. */
      const possible = KEYS.map(() => new Set(['']))
      let number = 0

      const open = async (): Promise<StorageBackend> => {
        for (;;) {
          const layer = disk.start(() => {
            if (armed === null || armed.after-- > 0) return null
            const { fault } = armed
            armed = null
            faults++
            return fault
          })
          try {
            return await openFileSystemBackend({ dir: '/blobs', files: filesOn(disk, layer, folders) })
          } catch (error) {
            if (!isPitError(error) || error.code === 'BLOBS_FOREIGN') throw error
          }
        }
      }
      const check = async (): Promise<void> => {
        for (const [i, key] of KEYS.entries()) {
          const content = await backend.get(key)
          const seen = content === null ? '' : `${content[0] ?? '-'}:${content.length}`
          expect([...possible[i]!], `${key} of seed ${seed}`).toContain(seen)
          if (content !== null) expect(content.every((byte) => byte === content[0])).toBe(true)
          possible[i] = new Set([seen])
        }
        expect(disk.paths().filter((path) => path.startsWith('/blobs/unfinished/'))).toEqual([])
      }
      const attempt = async (key: number, call: Promise<unknown>, to: string): Promise<void> => {
        try {
          await call
          acknowledged++
          possible[key] = new Set([to])
        } catch (error) {
          if (!isPitError(error)) throw error
          possible[key]!.add(to)
        }
      }

      let backend = await open()
      for (const made of ops) {
        if (made.kind === 'arm') armed = { ...made }
        else if (made.kind === 'put') {
          const fill = ++number % 256
          const content = new Uint8Array(made.size).fill(fill)
          const half = made.size >> 1
          async function* halves() {
            yield content.subarray(0, half)
            yield content.subarray(half)
          }
          const call = backend.put(KEYS[made.key]!, number % 2 === 0 ? content : halves())
          await attempt(made.key, call, made.size === 0 ? '-:0' : `${fill}:${made.size}`)
        } else if (made.kind === 'delete') await attempt(made.key, backend.delete(KEYS[made.key]!), '')
        else {
          if (made.kind === 'kill') disk.kill()
          else disk.powerCut()
          armed = null
          backend = await open()
          await check()
        }
      }
      disk.powerCut()
      armed = null
      backend = await open()
      await check()
    })
    await fc.assert(history, { numRuns: 150 })
    expect(acknowledged).toBeGreaterThan(300)
    expect(faults).toBeGreaterThan(50)
  })

  test.each(['EIO', 'EMFILE', 'ENFILE', 'EACCES', 'ETIMEDOUT', 'ESTALE'])(
    '%s is an error, never a blob that is not there',
    async (code) => {
      let failing: string | null = null
      const fail = (call: string): void => {
        if (failing === call) throw Object.assign(new Error(code), { code })
      }
      const files: BlobFiles = {
        ...systemBlobFiles,
        async list(dir) {
          fail('list')
          return systemBlobFiles.list(dir)
        },
        async open(path, mode) {
          fail('open')
          const file = await systemBlobFiles.open(path, mode)
          return {
            ...file,
            async read(into, at) {
              fail('read')
              return file.read(into, at)
            },
          }
        },
      }
      const backend = await openFileSystemBackend({ dir: tempDir(), files })
      await backend.put('k', bytes('content'))
      const expected = code === 'EACCES' ? 'BLOBS_READ_ONLY' : 'BLOBS_IO'
      failing = 'open'
      for (const call of [backend.get('k'), backend.getRange('k', 0, 1), backend.stat('k'), backend.delete('k')])
        expect(await codeOf(call)).toBe(expected)
      expect(await codeOf(backend.put('k', bytes('other')))).toBe(expected)
      failing = 'list'
      expect(await codeOf(backend.list())).toBe(expected)
      failing = 'read'
      expect(await codeOf(backend.get('k'))).toBe(expected)
      failing = null
      expect(await backend.get('k')).toEqual(bytes('content'))
      await backend.close()
    },
  )

  test('no space is told as such, and leaves what was there', async () => {
    let full = false
    const files: BlobFiles = {
      ...systemBlobFiles,
      async open(path, mode) {
        const file = await systemBlobFiles.open(path, mode)
        return {
          ...file,
          async write(content, at) {
            await file.write(full ? content.subarray(0, content.length >> 1) : content, at)
            if (full) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })
          },
        }
      },
    }
    const dir = tempDir()
    const backend = await openFileSystemBackend({ dir, files })
    await backend.put('k', bytes('content'))
    full = true
    expect(await codeOf(backend.put('k', bytes('other content')))).toBe('BLOBS_FULL')
    expect(await backend.get('k')).toEqual(bytes('content'))
    expect(readdirSync(join(dir, 'unfinished'))).toEqual([])
    await backend.close()
  })
})

describe('the folder', () => {
  test('a put is durable in this order: file synced, renamed, its folder synced, and every new folder above it', async () => {
    const calls: string[] = []
    const dir = join(tempDir(), 'deep', 'blobs')
    const short = (path: string): string => path.slice(dir.length)
    const files: BlobFiles = {
      ...systemBlobFiles,
      async makeDir(made) {
        const isNew = await systemBlobFiles.makeDir(made)
        if (isNew) calls.push(`make ${short(made)}`)
        return isNew
      },
      async open(path, mode) {
        const file = await systemBlobFiles.open(path, mode)
        if (mode === 'create') calls.push('create')
        return {
          ...file,
          async write(content, at) {
            await file.write(content, at)
            calls.push('write')
          },
          async sync() {
            await file.sync()
            calls.push('sync')
          },
        }
      },
      async syncDir(synced) {
        await systemBlobFiles.syncDir(synced)
        calls.push(`sync ${short(synced)}`)
      },
      async rename(from, to) {
        await systemBlobFiles.rename(from, to)
        calls.push(`rename ${short(to)}`)
      },
    }
    const backend = await openFileSystemBackend({ dir, files })
    calls.length = 0
    await backend.put('content/abc', bytes('x'))
    const written = ['create', 'write', 'sync']
    const named = ['rename /blobs/content/=ab/abc', 'sync /blobs/content/=ab']
    const made = ['make /blobs/content', 'sync /blobs', 'make /blobs/content/=ab', 'sync /blobs/content']
    expect(calls).toEqual([...written, ...made, ...named])
    calls.length = 0
    await backend.put('content/abd', bytes('x'))
    expect(calls).toEqual([...written, 'rename /blobs/content/=ab/abd', 'sync /blobs/content/=ab'])
    await backend.close()
  })

  test('opens again with all that was in it, without what a crash left', async () => {
    const dir = tempDir()
    const first = await openFileSystemBackend({ dir })
    await first.put('content/abc', bytes('kept'))
    await first.close()
    writeFileSync(join(dir, 'unfinished', '1'), 'half of a blo')
    const again = await openFileSystemBackend({ dir })
    expect(readdirSync(join(dir, 'unfinished'))).toEqual([])
    expect(await again.get('content/abc')).toEqual(bytes('kept'))
    expect(statSync(dir).mode & 0o077).toBe(0)
    expect(statSync(join(dir, 'blobs', 'content', '=ab', 'abc')).mode & 0o077).toBe(0)
    await again.close()
  })

  test('that was unmounted, or deleted, is an error and no empty one; mounted again it goes on', async () => {
    const dir = join(tempDir(), 'disk')
    const backend = await openFileSystemBackend({ dir })
    await backend.put('content/abc', bytes('kept'))
    renameSync(dir, `${dir}-away`)
    for (const mounted of [false, true]) {
      // Where a disk is mounted there is an empty folder without it.
      if (mounted) mkdirSync(dir)
      expect(await codeOf(backend.get('content/abc'))).toBe('BLOBS_IO')
      expect(await codeOf(backend.get('content/other'))).toBe('BLOBS_IO')
      expect(await codeOf(backend.stat('content/abc'))).toBe('BLOBS_IO')
      expect(await codeOf(backend.delete('content/abc'))).toBe('BLOBS_IO')
      expect(await codeOf(backend.list())).toBe('BLOBS_IO')
      expect(await codeOf(backend.put('content/abd', bytes('new')))).toBe('BLOBS_IO')
    }
    expect(readdirSync(dir)).toEqual([])
    rmSync(dir, { recursive: true })
    renameSync(`${dir}-away`, dir)
    expect(await backend.get('content/abc')).toEqual(bytes('kept'))
    await backend.put('content/abd', bytes('new'))
    expect((await backend.list()).items).toHaveLength(2)
    await backend.close()
  })

  test('of somebody else is refused and left alone', async () => {
    const dir = tempDir()
    writeFileSync(join(dir, 'letter.txt'), 'dear')
    expect(await codeOf(openFileSystemBackend({ dir }))).toBe('BLOBS_FOREIGN')
    expect(readdirSync(dir)).toEqual(['letter.txt'])
    const newer = tempDir()
    writeFileSync(join(newer, 'pit-blobs'), 'pit blobs 2\n')
    expect(await codeOf(openFileSystemBackend({ dir: newer }))).toBe('BLOBS_FOREIGN')
    expect(readFileSync(join(newer, 'pit-blobs'), 'utf8')).toBe('pit blobs 2\n')
    expect(await codeOf(openFileSystemBackend({ dir: join(dir, 'letter.txt') }))).toBe('BLOBS_READ_ONLY')
  })
})
