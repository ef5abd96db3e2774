import { randomBytes } from 'node:crypto'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ContentHash } from '../../actors/artifact-store/index.ts'
import { choosePrefix } from '../../actors/artifact-store/compaction.ts'
import { codeOf, openStore, put, tempDir, text } from './fixture.ts'

const FOREVER = Number.MAX_SAFE_INTEGER

describe('the trash', () => {
  test('hides artifacts until they are restored, by plan', async () => {
    const { store } = await openStore()
    const [one, two, three] = [await put(store, 'one'), await put(store, 'two'), await put(store, 'three')]
    const result = await store.trash({ hashes: [one, two, one], planId: 'p1' })
    expect(result).toEqual({ moved: [one, two], kept: [], bytes: 6 })
    await store.trash({ hashes: [three], planId: 'p2' })
    expect(await store.get({ hash: one })).toBeNull()
    expect((await store.list({})).items).toEqual([])
    expect((await store.trashed({})).map(({ planId, count, bytes }) => [planId, count, bytes])).toEqual([
      ['p1', 2, 6],
      ['p2', 1, 5],
    ])
    expect(await store.restore({ planId: 'p1' })).toEqual({ restored: [one, two] })
    expect(text(await store.get({ hash: one }))).toBe('one')
    expect(await store.get({ hash: three })).toBeNull()
    expect(await store.restore({ planId: 'p1' })).toEqual({ restored: [] })
  })

  test('takes neither pinned nor unknown artifacts, nor those of another plan', async () => {
    const { store } = await openStore()
    const pinned = await put(store, 'pinned', { pinnedBy: 'run-7' })
    const other = await put(store, 'other')
    const unknown = 'd'.repeat(64) as ContentHash
    await store.trash({ hashes: [other], planId: 'p1' })
    expect(await store.trash({ hashes: [pinned, unknown, other], planId: 'p2' })).toEqual({
      moved: [],
      kept: [
        { hash: pinned, reason: 'pinned by run-7' },
        { hash: unknown, reason: 'unknown' },
        { hash: other, reason: 'in the trash by plan p1' },
      ],
      bytes: 0,
    })
    await store.unpin({ owner: 'run-7' })
    expect((await store.trash({ hashes: [pinned], planId: 'p2' })).moved).toEqual([pinned])
  })

  test('gives an artifact back when it is stored again', async () => {
    const { store } = await openStore()
    const hash = await put(store, 'again')
    await store.trash({ hashes: [hash], planId: 'p' })
    expect(await store.put({ content: Buffer.from('again') })).toMatchObject({ hash, isNew: true })
    await store.purge({ before: FOREVER })
    expect(text(await store.get({ hash }))).toBe('again')
  })
})

describe('purge', () => {
  test('frees the disk of what is gone and keeps the rest, also after reopening', async () => {
    const dataDir = tempDir()
    const { store, system } = await openStore({ dataDir, segmentBytes: 64 * 1024 })
    const kept = new Map<ContentHash, Buffer>()
    const gone: ContentHash[] = []
    for (let i = 0; i < 60; i++) {
      const content = randomBytes(10_000)
      const { hash } = await store.put({ content, tags: [`n${i}`] })
      if (i % 3 === 0) kept.set(hash, content)
      else gone.push(hash)
    }
    await store.trash({ hashes: gone, planId: 'p' })
    expect(await store.purge({ before: 0 })).toEqual({ purged: 0, freedBytes: 0 })
    const before = (await store.stats({})).physicalBytes
    const { purged, freedBytes } = await store.purge({ before: FOREVER })
    expect(purged).toBe(40)
    const { physicalBytes, uniqueBytes, artifacts } = await store.stats({})
    expect(freedBytes).toBe(before - physicalBytes)
    expect(artifacts).toBe(20)
    expect(physicalBytes).toBeLessThan(uniqueBytes * 1.3)
    expect(onDisk(dataDir)).toBe(physicalBytes)
    await system.close()
    const again = await openStore({ dataDir, segmentBytes: 64 * 1024 })
    for (const [hash, content] of kept) expect(content.equals((await again.store.get({ hash }))!)).toBe(true)
    for (const hash of gone) expect(await again.store.get({ hash })).toBeNull()
    expect((await again.store.search({ tags: ['n3'] })).total).toBe(1)
  })

  test('goes on while others read and write', async () => {
    const { store } = await openStore({ dataDir: tempDir(), segmentBytes: 16 * 1024 })
    const hashes: ContentHash[] = []
    for (let i = 0; i < 40; i++) hashes.push(await put(store, `content ${i} `.repeat(200)))
    await store.trash({ hashes: hashes.filter((_, i) => i % 2 === 0), planId: 'p' })
    const live = hashes.filter((_, i) => i % 2 === 1)
    const results = await Promise.all([
      store.purge({ before: FOREVER }),
      store.purge({ before: FOREVER }),
      ...live.flatMap((hash) => [
        store.get({ hash }),
        store.tag({ hash, add: ['read'] }),
        put(store, `during ${hash}`),
      ]),
    ])
    expect(results[0]).toMatchObject({ purged: 20 })
    expect(await store.verify({})).toEqual({ checked: 40, corrupt: [], repaired: [] })
    expect((await store.search({ tags: ['read'] })).total).toBe(20)
  })

  test('of large content frees its chunks', async () => {
    const { store } = await openStore({ dataDir: tempDir() })
    const { hash } = await store.put({ content: randomBytes(20 * 1024 * 1024) })
    const small = await put(store, 'small')
    await store.trash({ hashes: [hash], planId: 'p' })
    expect((await store.purge({ before: FOREVER })).freedBytes).toBeGreaterThan(20 * 1024 * 1024 - 100_000)
    expect(text(await store.get({ hash: small }))).toBe('small')
    expect(await codeOf(store.purge({ before: Number.NaN }))).toBe('ARTIFACT_INVALID')
  })
})

describe('the choice of segments', () => {
  const use = (bytes: number, liveBytes: number) => ({ bytes, liveBytes })
  test.each([
    ['nothing dead', [use(100, 100), use(100, 100)], 0],
    ['little dead', [use(100, 80), use(100, 80)], 0],
    ['the first dead', [use(100, 0), use(100, 100), use(100, 100)], 3],
    ['the first dead among many', [use(100, 0), ...Array.from({ length: 5 }, () => use(100, 100))], 3],
    ['a dead one behind live ones', [use(100, 100), use(100, 100), use(100, 0)], 3],
    ['all dead', [use(100, 0), use(100, 0)], 2],
    ['an empty log', [use(0, 0)], 0],
  ])('%s', (_, segments, prefix) => expect(choosePrefix(segments)).toBe(prefix))
})

function onDisk(dataDir: string): number {
  const log = join(dataDir, 'artifacts', 'log')
  return readdirSync(log).reduce((sum, name) => sum + statSync(join(log, name)).size, 0)
}
