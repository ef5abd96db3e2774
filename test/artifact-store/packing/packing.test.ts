import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import type { ContentHash } from '../../../actors/artifact-store/index.ts'
import { seededRandom, type Random } from '../../../runtime/index.ts'
import { createVirtualClock } from '../../../runtime/testing/virtual-clock.ts'
import { codeOf, openStore, tempDir, type OpenStore } from '../fixture.ts'

const FOREVER = Number.MAX_SAFE_INTEGER
const upTo = (random: Random, n: number): number => Math.floor(random.next() * n)

function noise(random: Random, sizeBytes: number): Buffer {
  return Buffer.from(Array.from({ length: sizeBytes }, () => upTo(random, 256)))
}

/** Letters without any repetition, then a few changed ones per version. */
function textVersions(random: Random, sizeBytes: number, versions: number): readonly Buffer[] {
  const content = Buffer.from(Array.from({ length: sizeBytes }, () => 97 + upTo(random, 26)))
  return Array.from({ length: versions }, (_, version) => {
    content.write(`version ${version}`, upTo(random, sizeBytes - 20))
    return Buffer.from(content)
  })
}

async function putAll(store: OpenStore['store'], contents: readonly Uint8Array[], more: object = {}) {
  const items = contents.map((content) => ({ content, contentType: 'text/plain', ...more }))
  return (await store.putMany({ items })).results.map(({ hash }) => hash)
}

async function expectAll(store: OpenStore['store'], hashes: readonly ContentHash[], contents: readonly Buffer[]) {
  for (const [i, hash] of hashes.entries()) expect(contents[i]!.equals((await store.get({ hash }))!)).toBe(true)
}

const logOf = (dataDir: string): string => join(dataDir, 'artifacts', 'log')
const onDisk = (dataDir: string): number =>
  readdirSync(logOf(dataDir)).reduce((sum, name) => sum + statSync(join(logOf(dataDir), name)).size, 0)

describe('compaction', () => {
  test('of versions keeps little more than one of them, and every one can be read, also when the index is lost', async () => {
    const dataDir = tempDir()
    const { store, system } = await openStore({ dataDir, packBytes: 64 * 1024 })
    const contents = textVersions(seededRandom(1), 20_000, 60)
    const hashes = await putAll(store, contents, { name: 'letters.txt', tags: ['kept'] })
    const words = await putAll(store, [Buffer.from(`needle ${'hay '.repeat(500)}`)])
    await store.addVersion({ name: 'v', hash: hashes[3]!, message: 'm' })
    const before = await store.info({ hash: hashes[3]! })
    const { packed, physicalBytesAfter, physicalBytesBefore } = await store.compact({})
    expect(packed).toBe(61)
    expect(physicalBytesBefore).toBeGreaterThan(60 * 20_000)
    expect(physicalBytesAfter).toBeLessThan(60_000)
    expect((await store.stats({})).physicalBytes).toBe(onDisk(dataDir))
    expect(await store.info({ hash: hashes[3]! })).toEqual(before)
    await expectAll(store, hashes, contents)
    await system.close()
    rmSync(join(dataDir, 'artifacts', 'index.sqlite'))
    const again = await openStore({ dataDir })
    await expectAll(again.store, hashes, contents)
    expect((await again.store.search({ text: 'needle' })).hits.map(({ info }) => info.hash)).toEqual(words)
    expect((await again.store.search({ text: 'hay', tags: ['kept'] })).total).toBe(0)
    expect((await again.store.info({ hash: hashes[3]! }))?.versions).toEqual(['v@1'])
    expect(await again.store.verify({})).toEqual({ checked: 61, corrupt: [], repaired: [] })
  })

  test('of new versions tells them by the pack of the old ones', async () => {
    const { store } = await openStore()
    const contents = textVersions(seededRandom(2), 40_000, 40)
    const old = await putAll(store, contents.slice(0, 20))
    const { physicalBytesAfter } = await store.compact({})
    const young = await putAll(store, contents.slice(20))
    const after = await store.compact({})
    expect(after.packed).toBe(20)
    expect(after.physicalBytesAfter - physicalBytesAfter).toBeLessThan(8_000)
    await expectAll(store, [...old, ...young], contents)
  })

  test('leaves what cannot be made smaller as it is, and alone the next time', async () => {
    const { store } = await openStore()
    const random = seededRandom(3)
    const contents = Array.from({ length: 10 }, () => noise(random, 30_000))
    const hashes = await putAll(store, contents)
    const first = await store.compact({})
    expect(first.packed).toBe(0)
    expect(first.physicalBytesAfter).toBeLessThan(300_000 * 1.01)
    await expectAll(store, hashes, contents)
    expect(await store.compact({})).toEqual({ ...first, physicalBytesBefore: first.physicalBytesAfter })
  })

  test('tells an incompressible content by a similar one', async () => {
    const { store } = await openStore({ dataDir: ':memory:', packBytes: 16 * 1024 })
    const one = noise(seededRandom(4), 50_000)
    const two = Buffer.concat([one.subarray(0, 20_000), Buffer.from('inserted'), one.subarray(20_000)])
    const hashes = await putAll(store, [one, two])
    expect((await store.compact({})).physicalBytesAfter).toBeLessThan(53_000)
    await expectAll(store, hashes, [one, two])
  })

  test('leaves alone what is not cold, in the trash, empty or gone meanwhile', async () => {
    const clock = createVirtualClock()
    const { store } = await openStore({ dataDir: ':memory:', packAfterMs: 'never' }, { clock })
    const [, young, trashed] = textVersions(seededRandom(5), 9_000, 3)
    const hashes = await putAll(store, [young!, trashed!, Buffer.alloc(0)])
    await store.trash({ hashes: [hashes[1]!], planId: 'p' })
    expect((await store.compact({ coldMs: 1000 })).packed).toBe(0)
    await clock.advance(1000)
    const compacting = store.compact({ coldMs: 1000 })
    await store.trash({ hashes: [hashes[0]!], planId: 'q' })
    while (clock.timers() > 0) await clock.advance(1)
    expect((await compacting).packed).toBeLessThanOrEqual(1)
    await store.restore({ planId: 'p' })
    await store.restore({ planId: 'q' })
    await expectAll(store, hashes, [young!, trashed!, Buffer.alloc(0)])
    expect(await codeOf(store.compact({ coldMs: -1 }))).toBe('ARTIFACT_INVALID')
  })

  test('goes on by itself when content has become cold', async () => {
    const clock = createVirtualClock()
    const { store } = await openStore({ dataDir: ':memory:', packAfterMs: 60_000 }, { clock })
    const contents = textVersions(seededRandom(6), 100_000, 20)
    const hashes = await putAll(store, contents)
    await clock.advance(59_000)
    expect((await store.stats({})).physicalBytes).toBeGreaterThan(2_000_000)
    await vi.waitFor(
      async () => {
        await clock.advance(1000)
        expect((await store.stats({})).physicalBytes).toBeLessThan(200_000)
      },
      { timeout: 30_000, interval: 20 },
    )
    await expectAll(store, hashes, contents)
  })
})

describe('purge', () => {
  test('of what others are told by keeps them and gives the space back', async () => {
    const dataDir = tempDir()
    const { store, system } = await openStore({ dataDir, packBytes: 16 * 1024, segmentBytes: 16 * 1024 })
    const contents = textVersions(seededRandom(8), 10_000, 30)
    const hashes = await putAll(store, contents)
    const { physicalBytesAfter } = await store.compact({})
    // The newest is in the key pack; everything else goes by it.
    await store.trash({ hashes: hashes.slice(20), planId: 'p' })
    expect((await store.purge({ before: FOREVER })).purged).toBe(10)
    await expectAll(store, hashes.slice(0, 20), contents)
    await store.trash({ hashes: hashes.slice(1, 20), planId: 'q' })
    await store.purge({ before: FOREVER })
    expect((await store.stats({})).physicalBytes).toBeLessThan(physicalBytesAfter)
    await system.close()
    const again = await openStore({ dataDir, packBytes: 16 * 1024, segmentBytes: 16 * 1024 })
    await expectAll(again.store, hashes.slice(0, 1), contents)
    expect(await again.store.get({ hash: hashes[1]! })).toBeNull()
    await again.store.trash({ hashes: hashes.slice(0, 1), planId: 'r' })
    await again.store.purge({ before: FOREVER })
    expect(onDisk(dataDir)).toBeLessThan(1000)
  })

  test('of the key alone keeps it for the others, wherever the log moves it', async () => {
    const config = { dataDir: tempDir(), packBytes: 8192, segmentBytes: 16 * 1024 }
    const { store, system } = await openStore(config)
    const contents = textVersions(seededRandom(11), 8000, 10)
    const hashes = await putAll(store, contents)
    await store.compact({})
    await store.trash({ hashes: [hashes[9]!], planId: 'newest' })
    await store.purge({ before: FOREVER })
    const passing = await putAll(store, [noise(seededRandom(12), 60_000)])
    await store.trash({ hashes: passing, planId: 'passing' })
    expect((await store.purge({ before: FOREVER })).freedBytes).toBeGreaterThan(50_000)
    await expectAll(store, hashes.slice(0, 9), contents)
    await system.close()
    rmSync(join(config.dataDir, 'artifacts', 'index.sqlite'))
    const again = await openStore(config)
    await expectAll(again.store, hashes.slice(0, 9), contents)
  })

  test('what is packed again and again does not grow', async () => {
    const { store } = await openStore({ dataDir: ':memory:', packBytes: 4096, segmentBytes: 4096 })
    const contents = textVersions(seededRandom(9), 3_000, 40)
    const hashes = await putAll(store, contents)
    for (let i = 0; i < 39; i++) {
      await store.trash({ hashes: [hashes[i]!], planId: `p${i}` })
      await store.purge({ before: FOREVER })
      await store.compact({})
      expect((await store.stats({})).physicalBytes).toBeLessThan(20_000)
    }
    expect((await store.stats({})).physicalBytes).toBeLessThan(6_000)
    await expectAll(store, hashes.slice(39), contents.slice(39))
  })
})

describe('damage', () => {
  test('of any part of a packed store never gives wrong content, and storing it again repairs it', async () => {
    const config = { dataDir: tempDir(), packBytes: 8192, segmentBytes: 16 * 1024 }
    const { store, system } = await openStore(config)
    const contents = textVersions(seededRandom(10), 4000, 12)
    const hashes = await putAll(store, contents)
    await store.compact({})
    await system.close()
    let lost = 0
    for (const share of [0.1, 0.3, 0.5, 0.7, 0.9]) {
      const dataDir = tempDir()
      cpSync(config.dataDir, dataDir, { recursive: true })
      flip(dataDir, share)
      if (share > 0.5) rmSync(join(dataDir, 'artifacts', 'index.sqlite'))
      const { store, system } = await openStore({ ...config, dataDir })
      for (const [i, hash] of hashes.entries()) {
        const read = await store.get({ hash }).catch((error: unknown) => {
          expect(error).toMatchObject({ code: 'ARTIFACT_CORRUPT' })
          return null
        })
        if (read === null) lost++
        else expect(contents[i]!.equals(read)).toBe(true)
      }
      await store.compact({})
      expect(await putAll(store, contents)).toEqual(hashes)
      await store.compact({})
      await expectAll(store, hashes, contents)
      expect((await store.verify({})).corrupt).toEqual([])
      await system.close()
    }
    expect(lost).toBeGreaterThan(0)
  })
})

/** Flips a bit of the log, that far from its beginning to its end. */
function flip(dataDir: string, share: number): void {
  const paths = readdirSync(logOf(dataDir)).map((name) => join(logOf(dataDir), name))
  let at = Math.floor(onDisk(dataDir) * share)
  for (const path of paths.sort()) {
    const file = readFileSync(path)
    if (at < file.length) {
      file[at]! ^= 4
      return writeFileSync(path, file)
    }
    at -= file.length
  }
}
