import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import {
  createMemoryBackend,
  openFileSystemBackend,
  type StorageBackend,
} from '../../../actors/artifact-store/backends/index.ts'
import type { ContentHash } from '../../../actors/artifact-store/index.ts'
import { blobErrors } from '../../../actors/artifact-store/backends/errors.ts'
import { codeOf, openStore, put, tempDir, text, type OpenStore } from '../fixture.ts'
import { lasting } from './lasting.ts'

const FOREVER = Number.MAX_SAFE_INTEGER
const MIB = 1024 * 1024

const keyOf = (hash: ContentHash): string => `content/${hash}`
const upToDate = (store: OpenStore['store']): Promise<void> =>
  vi.waitFor(
    async () => expect((await store.health({})).mirror).toMatchObject({ state: 'idle', owedCopies: 0, owedDeletes: 0 }),
    {
      timeout: 20_000,
      interval: 20,
    },
  )
const hashesIn = async (backend: StorageBackend): Promise<string[]> =>
  (await backend.list({ prefix: 'content/' })).items.map(({ key }) => key.slice('content/'.length))

async function send(store: OpenStore['store'], content: Buffer): Promise<ContentHash> {
  const { uploadId } = await store.beginUpload({})
  for (let offset = 0; offset < content.length; offset += 4 * MIB) {
    await store.appendUpload({ uploadId, offset, content: content.subarray(offset, offset + 4 * MIB) })
  }
  return (await store.commitUpload({ uploadId })).hash
}

describe('the mirror', () => {
  test('gets all content, small and large, also of the trash, and loses what is purged', async () => {
    const dataDir = tempDir()
    const dir = join(tempDir(), 'mirror')
    const { store, system } = await openStore({ dataDir, mirror: { kind: 'file-system', dir } })
    const small = await put(store, 'small')
    const empty = await put(store, '')
    const large = randomBytes(20 * MIB)
    const largeHash = await send(store, large)
    const trashed = await put(store, 'trashed')
    await store.trash({ hashes: [trashed], planId: 'p' })
    await upToDate(store)
    expect((await store.health({})).mirror).toMatchObject({ location: dir, copied: 4, deleted: 0 })
    await store.purge({ before: FOREVER })
    await store.compact({})
    await upToDate(store)
    await system.close()
    const backend = await openFileSystemBackend({ dir })
    expect(await hashesIn(backend)).toEqual([small, empty, largeHash].sort())
    expect(text(await backend.get(keyOf(small)))).toBe('small')
    expect(large.equals((await backend.get(keyOf(largeHash)))!)).toBe(true)
    await backend.close()
  })

  test('gets what was there before it was, and is told nothing twice', async () => {
    const dataDir = tempDir()
    const before = await openStore({ dataDir })
    const hashes = [await put(before.store, 'one'), await put(before.store, 'two')]
    await before.system.close()
    const { backend, open } = lasting(createMemoryBackend())
    const first = await openStore({ dataDir, mirrorBackend: open })
    await upToDate(first.store)
    expect(await hashesIn(backend)).toEqual(hashes.toSorted())
    await put(first.store, 'one')
    await upToDate(first.store)
    expect((await first.store.health({})).mirror).toMatchObject({ copied: 2 })
    await first.system.close()
    const second = await openStore({ dataDir, mirrorBackend: open })
    await upToDate(second.store)
    expect((await second.store.health({})).mirror).toMatchObject({ copied: 0 })
  })

  test('is brought up to date as the store closes', async () => {
    const dataDir = tempDir()
    const { backend, open } = lasting(createMemoryBackend())
    const { store, system } = await openStore({ dataDir, mirrorBackend: open })
    const hash = await put(store, 'just before the end')
    await system.close()
    expect(await hashesIn(backend)).toEqual([hash])
  })

  test('that fails holds nobody up, is told, and gets everything once it works', async () => {
    const { backend, open, faults } = lasting(createMemoryBackend())
    faults.put = () => blobErrors.fail('BLOBS_FULL', { location: 'there' })
    const { store } = await openStore({ dataDir: tempDir(), mirrorBackend: open })
    const hashes = await Promise.all(Array.from({ length: 100 }, (_, i) => put(store, `content ${i}`)))
    await vi.waitFor(async () => expect((await store.health({})).mirror).toMatchObject({ state: 'failing' }))
    const { mirror } = await store.health({})
    expect(mirror).toMatchObject({ owedCopies: 100, problem: 'no space left in there' })
    delete faults.put
    await upToDate(store)
    expect(await hashesIn(backend)).toEqual(hashes.toSorted())
    expect((await store.health({})).mirror!.problem).toBeUndefined()
  })

  test('of another store is neither written nor emptied', async () => {
    const { backend, open } = lasting(createMemoryBackend())
    const owner = await openStore({ dataDir: tempDir(), mirrorBackend: open })
    const hash = await put(owner.store, 'precious')
    await upToDate(owner.store)
    await owner.system.close()
    const { store } = await openStore({ dataDir: tempDir(), mirrorBackend: open })
    await put(store, 'precious')
    await store.trash({ hashes: [hash], planId: 'p' })
    await store.purge({ before: FOREVER })
    await put(store, 'mine')
    await vi.waitFor(async () =>
      expect((await store.health({})).mirror).toMatchObject({
        state: 'failing',
        problem: expect.stringContaining('belongs to another store') as string,
      }),
    )
    expect(await hashesIn(backend)).toEqual([hash])
    await backend.delete('store')
    await upToDate(store)
    expect(await hashesIn(backend)).toHaveLength(2)
  })

  test('that was emptied gets everything again', async () => {
    const dataDir = tempDir()
    const dir = join(tempDir(), 'mirror')
    const mirror = { kind: 'file-system', dir } as const
    const first = await openStore({ dataDir, mirror })
    const hash = await put(first.store, 'content')
    await first.system.close()
    rmSync(dir, { recursive: true })
    const second = await openStore({ dataDir, mirror })
    await upToDate(second.store)
    await second.system.close()
    const backend = await openFileSystemBackend({ dir })
    expect(await hashesIn(backend)).toEqual([hash])
    await backend.close()
  })

  test('is neither filled anew nor emptied when the index is lost; purges that were owed are done', async () => {
    const dataDir = tempDir()
    const { backend, open, faults } = lasting(createMemoryBackend())
    const first = await openStore({ dataDir, mirrorBackend: open, segmentBytes: 4096 })
    const hashes = await Promise.all(Array.from({ length: 400 }, (_, i) => put(first.store, `content ${i}`)))
    await upToDate(first.store)
    faults.delete = () => blobErrors.fail('BLOBS_IO', { location: 'there', reason: 'away' })
    const gone = hashes.slice(0, 300)
    await first.store.trash({ hashes: gone, planId: 'p' })
    // The segment with this purge goes as well: what it owes is written again.
    await first.store.purge({ before: FOREVER })
    await put(first.store, 'x'.repeat(5000))
    await first.store.trash({ hashes: [hashes[300]!], planId: 'p' })
    await first.store.purge({ before: FOREVER })
    await first.system.close()
    for (const suffix of ['', '-wal', '-shm'])
      rmSync(join(dataDir, 'artifacts', `index.sqlite${suffix}`), { force: true })
    delete faults.delete
    const second = await openStore({ dataDir, mirrorBackend: open, segmentBytes: 4096 })
    await upToDate(second.store)
    const { mirror } = await second.store.health({})
    expect(mirror!.copied).toBeLessThan(5)
    const live = (await second.store.list({})).items.map(({ hash }) => hash)
    expect(await hashesIn(backend)).toEqual(live.toSorted())
    expect(live).toHaveLength(100)
  })

  test('keeps content that comes back while its delete is owed', async () => {
    const { backend, open, faults } = lasting(createMemoryBackend())
    const { store } = await openStore({ dataDir: tempDir(), mirrorBackend: open })
    const hash = await put(store, 'comes back')
    await upToDate(store)
    faults.delete = () => blobErrors.fail('BLOBS_IO', { location: 'there', reason: 'away' })
    await store.trash({ hashes: [hash], planId: 'p' })
    await store.purge({ before: FOREVER })
    await vi.waitFor(async () => expect((await store.health({})).mirror).toMatchObject({ state: 'failing' }))
    await put(store, 'comes back')
    delete faults.delete
    await upToDate(store)
    expect(text(await backend.get(keyOf(hash)))).toBe('comes back')
  })

  test('a wrong spec is refused by name', async () => {
    for (const mirror of [{ kind: 'tape' }, { kind: 'file-system' }, { kind: 'memory', dir: 'x' }, 'mirror', null]) {
      const opening = openStore({ dataDir: ':memory:', mirror: mirror as never })
      await expect(opening).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    }
    const encryption = { key: { env: 'HOME' } }
    const both = openStore({ dataDir: tempDir(), mirror: { kind: 'memory' }, encryption })
    await expect(both).rejects.toMatchObject({ code: expect.stringMatching(/^(INVALID_OPTION|ENCRYPTION_)/) as string })
    expect(await codeOf(openFileSystemBackend({ dir: '/dev/null/x' }))).toMatch(/^BLOBS_/)
  })
})
