/** Flips bits all over the log of a mirrored store, one at a time, and looks at what becomes of each. */
import { randomBytes } from 'node:crypto'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, vi } from 'vitest'
import { createMemoryBackend } from '../../../actors/artifact-store/backends/index.ts'
import { artifactStore, type ContentHash } from '../../../actors/artifact-store/index.ts'
import { openStore, put, segmentsOf, tempDir, type OpenStore } from '../fixture.ts'
import { lasting, type LastingBackend } from './lasting.ts'

type Store = OpenStore['store']

export function flip(path: string, at: number, bit = 4): void {
  const file = readFileSync(path)
  file[at]! ^= bit
  writeFileSync(path, file)
}

export function removeIndex(dataDir: string): void {
  for (const suffix of ['', '-wal', '-shm']) {
    rmSync(join(dataDir, 'artifacts', `index.sqlite${suffix}`), { force: true })
  }
}

export async function mirrored(store: Store): Promise<void> {
  await vi.waitFor(async () => expect((await store.health({})).mirror).toMatchObject({ state: 'idle' }), {
    timeout: 20_000,
    interval: 20,
  })
}

async function contentsOf(store: Store): Promise<Map<ContentHash, Buffer>> {
  const contents = new Map<ContentHash, Buffer>()
  for (const { hash } of (await store.list({})).items) contents.set(hash, Buffer.from((await store.get({ hash }))!))
  return contents
}

/** A store of texts in versions, noise, and something in blocks; packed or not. */
async function fill(dataDir: string, packed: boolean): Promise<LastingBackend> {
  const there = lasting(createMemoryBackend())
  const { store, system } = await openStore({
    dataDir,
    mirrorBackend: there.open,
    packBytes: 4096,
    segmentBytes: 16_384,
  })
  const text = Array.from({ length: 80 }, (_, i) => `line ${i} of a text that is told again\n`).join('')
  const from: ContentHash[] = []
  for (let version = 0; version < 6; version++) {
    const hash = await put(store, text.replace(`line ${version * 9}`, `line of version ${version}`), {
      tags: [`v${version}`],
      derivedFrom: from.slice(-1),
    })
    await store.addVersion({ name: 'text', hash })
    from.push(hash)
  }
  await store.put({ content: randomBytes(3000), name: 'noise' })
  await put(store, 'short')
  await mirrored(store)
  if (packed) expect((await store.compact({})).packed).toBeGreaterThan(4)
  await system.close()
  return there
}

/** How many of the flips hit what; the rest are in the padding between records, which says nothing. */
export interface FlipsSeen {
  repaired: number
  log: number
  harmless: number
}

/**
 * Every artifact comes back byte-identical, repaired where it was hit; what is mended then is whole in the log: the index is
 * built from it alone.
 */
export async function playFlips(packed: boolean, strideBytes: number): Promise<FlipsSeen> {
  const dataDir = tempDir()
  const whole = tempDir()
  const there = await fill(dataDir, packed)
  const config = { dataDir, mirrorBackend: there.open, segmentBytes: 16_384, cacheBytes: 0 }
  const first = await openStore(config)
  const before = await contentsOf(first.store)
  const versions = await first.store.versions({ name: 'text' })
  await first.system.close()
  expect(before.size).toBe(8)
  cpSync(dataDir, whole, { recursive: true })
  const seen = { repaired: 0, log: 0, harmless: 0 }
  let sample = 0
  for (const name of segmentsOf(whole).map((path) => path.slice(whole.length))) {
    const size = readFileSync(join(whole, name)).length
    // Every part of a record comes round: 251 has no factor in common with their sizes.
    for (let at = 32 + (sample % 7); at < size; at += strideBytes) {
      rmSync(join(dataDir, 'artifacts'), { recursive: true })
      cpSync(whole, dataDir, { recursive: true })
      flip(join(dataDir, name), at, 1 << (sample++ % 8))
      const { store, system } = await openStore(config)
      const where = `byte ${at} of ${name}`
      // Found by a reader, or by the scrub.
      if (sample % 2 === 0) {
        for (const [hash, content] of before) expect(content.equals((await store.get({ hash }))!), where).toBe(true)
      }
      let damaged = 0
      for await (const { findings } of system.ref(artifactStore).stream.scrub({})) {
        for (const finding of findings) {
          expect(['repaired', 'log'], where).toContain(finding.kind)
          if (finding.kind === 'log') damaged = finding.to
        }
      }
      const { repaired } = await store.health({})
      expect(await store.health({}), where).toMatchObject({ damaged: 0 })
      if (repaired > 0) seen.repaired++
      else if (damaged > 0) seen.log++
      else seen.harmless++
      if (repaired > 0) expect(damaged, where).toBeGreaterThan(0)
      expect(await store.mendLog({ position: damaged })).toEqual({ mended: true, damaged: 0 })
      await system.close()
      // What was repaired and mended is in the log, whole: the index can be built from it alone.
      removeIndex(dataDir)
      const again = await openStore(config)
      for (const [hash, content] of before) {
        expect(content.equals((await again.store.get({ hash }))!), where).toBe(true)
      }
      expect(await again.store.versions({ name: 'text' }), where).toEqual(versions)
      expect(await again.store.verify({}), where).toEqual({ checked: 8, corrupt: [], repaired: [] })
      await again.system.close()
    }
  }
  return seen
}
