import { randomBytes } from 'node:crypto'
import { describe, expect, onTestFinished, test } from 'vitest'
import { purge } from '../../actors/artifact-store/collection.ts'
import { compact } from '../../actors/artifact-store/compaction.ts'
import type { ContentHash } from '../../actors/artifact-store/index.ts'
import { resolveInput } from '../../actors/artifact-store/input.ts'
import { sameThreadCodec } from '../../actors/artifact-store/packing/codec.ts'
import { packCold } from '../../actors/artifact-store/packing/packer.ts'
import { openStorage, type Storage } from '../../actors/artifact-store/storage.ts'
import { preparePut, putAll, trash } from '../../actors/artifact-store/store.ts'
import { silentLogger } from '../../runtime/index.ts'
import { createVirtualClock } from '../../runtime/testing/virtual-clock.ts'
import { openStore, put, text } from './fixture.ts'

const FOREVER = Number.MAX_SAFE_INTEGER
const MINUTE_MS = 60_000

function openAlone(segmentBytes: number): Storage {
  const storage = openStorage({ dir: ':memory:', segmentBytes, logger: silentLogger })
  onTestFinished(() => storage.close())
  return storage
}

function putHere(storage: Storage, contents: readonly Uint8Array[]): readonly ContentHash[] {
  const puts = contents.map((content) => preparePut(resolveInput({ content }, FOREVER)))
  return putAll(storage, puts, { callId: 'test', redelivered: false, now: 1 }).map(({ hash }) => hash)
}

/** Bytes written between two pauses. */
function counting(storage: Storage) {
  let end = storage.log.end
  const turns: number[] = []
  const bytesPerTurn = (): void => {
    turns.push(storage.log.end - end)
    end = storage.log.end
  }
  return {
    pause: () => Promise.resolve(bytesPerTurn()),
    stopping: new AbortController().signal,
    /** Of every turn, the last one included. */
    turns: () => (bytesPerTurn(), turns),
  }
}

describe('trash', () => {
  test('is collected by itself within a minute after its grace, and not before', async () => {
    const clock = createVirtualClock()
    const config = { dataDir: ':memory:', packAfterMs: 'never' as const, graceMs: 10 * MINUTE_MS }
    const { store } = await openStore(config, { clock })
    const kept = await put(store, 'kept')
    const { hash } = await store.put({ content: randomBytes(3_000_000) })
    await store.trash({ hashes: [hash], planId: 'p' })
    await clock.advance(10 * MINUTE_MS)
    expect((await store.stats({})).physicalBytes).toBeGreaterThan(3_000_000)
    expect(await store.trashed({})).toHaveLength(1)
    for (let ms = 0; ms < MINUTE_MS; ms += 100) await clock.advance(100)
    expect(await store.trashed({})).toEqual([])
    expect((await store.stats({})).physicalBytes).toBeLessThan(10_000)
    expect(text(await store.get({ hash: kept }))).toBe('kept')
  })

  test('of later is collected later, and what came back is not', async () => {
    const clock = createVirtualClock()
    const config = { dataDir: ':memory:', packAfterMs: 'never' as const, graceMs: MINUTE_MS }
    const { store } = await openStore(config, { clock })
    const hashes: ContentHash[] = []
    for (const name of ['one', 'two', 'three']) {
      hashes.push(await put(store, name))
      await store.trash({ hashes: [hashes.at(-1)!], planId: name })
      await clock.advance(MINUTE_MS / 2)
    }
    await store.restore({ planId: 'three' })
    const left = async (): Promise<string[]> => (await store.trashed({})).map(({ planId }) => planId)
    for (let ms = 0; ms < 2 * MINUTE_MS; ms += 100) await clock.advance(100)
    expect(await left()).toEqual([])
    expect(text(await store.get({ hash: hashes[2]! }))).toBe('three')
  })

  test('that is put again in the middle of its collection stays', async () => {
    const storage = openAlone(64 * 1024)
    const contents = Array.from({ length: 300 }, () => randomBytes(100))
    const hashes = putHere(storage, contents)
    trash(storage, hashes, 'p', 1)
    let turns = 0
    const pause = (): Promise<void> => {
      // Once among those to come, once among those that are gone.
      if (turns++ === 1) putHere(storage, [contents[299]!, contents[0]!])
      return Promise.resolve()
    }
    const purged = await purge(storage, FOREVER, { pause, stopping: new AbortController().signal })
    expect(purged).toBe(299)
    expect(turns).toBeGreaterThanOrEqual(4)
    for (const at of [0, 299]) {
      const row = storage.query(({ artifacts }) => artifacts.find(hashes[at]!))!
      const read = storage.read(row)
      expect(read.kind === 'content' && contents[at]!.equals(read.content)).toBe(true)
    }
    expect(storage.query(({ artifacts }) => artifacts.find(hashes[1]!))).toBeNull()
  })
})

describe('a turn is short', () => {
  test('of purging, packing and freeing, however much there is to do', async () => {
    const storage = openAlone(256 * 1024)
    const small = Array.from({ length: 1500 }, (_, i) => Buffer.from(`number ${i} of many\n`.repeat(10)))
    const noise = Array.from({ length: 100 }, () => randomBytes(20_000))
    const hashes = putHere(storage, [...small, ...noise])
    await storage.durable()

    const packing = counting(storage)
    await packCold(storage, { ...packing, coldSince: FOREVER, codec: sameThreadCodec, packBytes: 1024 * 1024 })
    // 64 states of some 60 compressed bytes each, and a pack.
    expect(Math.max(...packing.turns())).toBeLessThan(64 * 1024)
    expect(packing.turns().filter((bytes) => bytes > 0).length).toBeGreaterThan(1500 / 64)

    const doomed = hashes.filter((_, i) => i % 2 === 0)
    trash(storage, doomed, 'p', 1)
    const purging = counting(storage)
    expect(await purge(storage, FOREVER, purging)).toBe(doomed.length)
    expect(purging.turns().length).toBeGreaterThanOrEqual(doomed.length / 64)

    const freeing = counting(storage)
    const before = storage.log.physicalBytes()
    await compact(storage, freeing)
    // About 2 MiB, and the one content that made it more.
    expect(Math.max(...freeing.turns())).toBeLessThan(2.5 * 1024 * 1024)
    expect(storage.log.physicalBytes()).toBeLessThan(before * 0.6)
    for (const [i, hash] of hashes.entries()) {
      const row = storage.query(({ artifacts }) => artifacts.find(hash))
      expect(row === null).toBe(i % 2 === 0)
      if (row !== null) expect(storage.read(row).kind).toBe('content')
    }
  })

  test('of moving a large content: block by block', async () => {
    const storage = openAlone(4 * 1024 * 1024)
    const [doomed, large] = putHere(storage, [randomBytes(30_000_000), randomBytes(20_000_000)])
    trash(storage, [doomed!], 'p', 1)
    const options = counting(storage)
    await purge(storage, FOREVER, options)
    await storage.durable()
    await compact(storage, options)
    expect(Math.max(...options.turns())).toBeLessThan(4.1 * 1024 * 1024)
    expect(storage.log.physicalBytes()).toBeLessThan(21_000_000)
    expect(storage.read(storage.query(({ artifacts }) => artifacts.find(large!))!).kind).toBe('content')
  })
})
