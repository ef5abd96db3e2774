import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ContentHash } from '../../../actors/artifact-store/index.ts'
import { codeOf, openStore, tempDir, type OpenStore } from '../fixture.ts'

const MIB = 1024 * 1024
const FOREVER = Number.MAX_SAFE_INTEGER
const patient = { deadlineMs: 300_000 }
const logOf = (dataDir: string): string => join(dataDir, 'artifacts', 'log')

/** What the folder of the log takes, as another program sees it. */
function du(dataDir: string): number {
  return Number(
    execFileSync('du', ['-sb', '--apparent-size', logOf(dataDir)])
      .toString()
      .split('\t')[0],
  )
}

async function read(store: OpenStore['store'], hash: ContentHash, sizeBytes: number): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for (let offset = 0; offset < sizeBytes; offset += 3 * MIB) {
    const part = await store.read({ hash, offset, length: Math.min(3 * MIB, sizeBytes - offset) }, patient)
    parts.push(part!.content)
  }
  return Buffer.concat(parts)
}

async function openHere(dataDir: string): Promise<OpenStore> {
  return openStore({ dataDir, packAfterMs: 'never' })
}

describe('a large content', () => {
  test('in a second version costs what is new in it; the figures are those of the disk', async () => {
    const dataDir = tempDir()
    const { store, system } = await openHere(dataDir)
    const one = randomBytes(12 * MIB)
    const two = Buffer.concat([one.subarray(0, 7_000_000), Buffer.from('inserted'), one.subarray(7_000_000)])
    const hashes = [
      (await store.put({ content: one }, patient)).hash,
      (await store.put({ content: two }, patient)).hash,
    ]
    expect((await store.compact({}, patient)).packed).toBe(2)
    const stats = await store.stats({})
    expect(stats.physicalBytes).toBeLessThan(one.length * 1.01 + 1.5 * MIB)
    expect(stats).toMatchObject({
      artifacts: 2,
      logicalBytes: one.length + two.length,
      uniqueBytes: one.length + two.length,
    })
    // `du` counts the folder itself too.
    expect(Math.abs(du(dataDir) - stats.physicalBytes)).toBeLessThan(stats.physicalBytes * 0.01)
    expect((await store.compact({}, patient)).packed).toBe(0)
    for (const [i, content] of [one, two].entries()) {
      expect(content.equals((await store.get({ hash: hashes[i]! }, patient))!)).toBe(true)
      expect(content.equals(await read(store, hashes[i]!, content.length))).toBe(true)
    }
    expect(await store.verify({}, patient)).toMatchObject({ checked: 2, corrupt: [] })
    await system.close()
    rmSync(join(dataDir, 'artifacts', 'index.sqlite'))
    const again = await openHere(dataDir)
    expect(two.equals(await read(again.store, hashes[1]!, two.length))).toBe(true)

    // The first goes: what only it had is given back, the second stays whole.
    await again.store.trash({ hashes: [hashes[0]!], planId: 'p' })
    await again.store.purge({ before: FOREVER }, patient)
    expect((await again.store.stats({})).physicalBytes).toBeLessThan(two.length * 1.03)
    expect(two.equals(await read(again.store, hashes[1]!, two.length))).toBe(true)
    await again.store.trash({ hashes: [hashes[1]!], planId: 'q' })
    await again.store.purge({ before: FOREVER }, patient)
    expect((await again.store.stats({})).physicalBytes).toBeLessThan(MIB)
  })

  test('alone is never more than it was, and text is much less', async () => {
    const { store } = await openStore({ dataDir: ':memory:', packAfterMs: 'never' })
    const noise = randomBytes(10 * MIB)
    await store.put({ content: noise }, patient)
    expect((await store.compact({}, patient)).physicalBytesAfter).toBeLessThan(noise.length * 1.01)
    const lines = Array.from(
      { length: 200_000 },
      (_, i) => `{"id":${i},"name":"record ${i * 7919}","tags":["a","b"]}\n`,
    )
    const { hash } = await store.put({ content: Buffer.from(lines.join('')), contentType: 'application/json' }, patient)
    const { physicalBytesAfter } = await store.compact({}, patient)
    expect(physicalBytesAfter - noise.length).toBeLessThan(lines.join('').length * 0.3)
    expect(Buffer.from(lines.join('')).equals((await store.get({ hash }, patient))!)).toBe(true)
    expect((await store.search({ text: 'record' })).total).toBe(1)
  })

  test('that is damaged is found where it is, and what is put again does not depend on it', async () => {
    const dataDir = tempDir()
    const { store, system } = await openHere(dataDir)
    const content = randomBytes(12 * MIB)
    const { hash } = await store.put({ content }, patient)
    await store.compact({}, patient)
    await system.close()
    const [segment] = readdirSync(logOf(dataDir)).filter((name) => name.endsWith('.seg'))
    const path = join(logOf(dataDir), segment!)
    const bytes = readFileSync(path)
    bytes[Math.floor(bytes.length / 2)]! ^= 1
    writeFileSync(path, bytes)
    const again = await openHere(dataDir)
    const [first] = [await again.store.read({ hash, offset: 0, length: MIB }, patient)]
    expect(content.subarray(0, MIB).equals(first!.content)).toBe(true)
    expect(await codeOf(again.store.get({ hash }, patient))).toBe('ARTIFACT_CORRUPT')
    expect(await again.store.put({ content }, patient)).toMatchObject({ hash, isNew: true })
    await again.store.compact({}, patient)
    expect(content.equals(await read(again.store, hash, content.length))).toBe(true)
  })
})
