import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { blobErrors } from '../../../actors/artifact-store/backends/errors.ts'
import { createMemoryBackend } from '../../../actors/artifact-store/backends/index.ts'
import type { ContentHash } from '../../../actors/artifact-store/index.ts'
import { bytes, codeOf, openStore, put, segmentsOf, tempDir, text, type OpenStore } from '../fixture.ts'
import { flip, mirrored, playFlips } from './flips.ts'
import { lasting } from './lasting.ts'

const MIB = 1024 * 1024

/** Flips a bit in the middle of where `content` is stored. */
function damage(dataDir: string, content: Uint8Array | string): void {
  for (const path of segmentsOf(dataDir)) {
    const at = readFileSync(path).indexOf(content)
    if (at >= 0) return flip(path, at + (content.length >> 1))
  }
  throw new Error('the content is not there')
}

async function send(store: OpenStore['store'], content: Buffer): Promise<ContentHash> {
  const { uploadId } = await store.beginUpload({})
  for (let offset = 0; offset < content.length; offset += 4 * MIB) {
    await store.appendUpload({ uploadId, offset, content: content.subarray(offset, offset + 4 * MIB) })
  }
  return (await store.commitUpload({ uploadId })).hash
}

describe('a damaged artifact', () => {
  test('is repaired by whoever reads it first, once, for good', async () => {
    const dataDir = tempDir()
    const { open } = lasting(createMemoryBackend())
    const { store, system } = await openStore({ dataDir, mirrorBackend: open, cacheBytes: 0 })
    const hash = await put(store, 'precious content', { tags: ['t'], pinnedBy: 'run' })
    await store.addVersion({ name: 'v', hash })
    await mirrored(store)
    damage(dataDir, 'precious content')
    const reads = Array.from({ length: 8 }, (_, i) =>
      i % 2 === 0 ? store.get({ hash }) : store.read({ hash, offset: 0 }).then((part) => part!.content),
    )
    for (const content of await Promise.all(reads)) expect(text(content)).toBe('precious content')
    expect(await store.health({})).toMatchObject({ damaged: 0, repaired: 1 })
    await system.close()
    // Without a mirror now: the repair is in the log.
    const again = await openStore({ dataDir, cacheBytes: 0 })
    expect(text(await again.store.get({ hash }))).toBe('precious content')
    expect(await again.store.info({ hash })).toMatchObject({ tags: ['t'], pinnedBy: ['run'], versions: ['v@1'] })
  })

  test('in blocks is repaired block by block', async () => {
    const dataDir = tempDir()
    const { open } = lasting(createMemoryBackend())
    const { store } = await openStore({ dataDir, mirrorBackend: open, cacheBytes: 0 })
    const content = randomBytes(12 * MIB + 5)
    const hash = await send(store, content)
    await mirrored(store)
    damage(dataDir, content.subarray(7 * MIB, 7 * MIB + 1000))
    const part = await store.read({ hash, offset: 7 * MIB, length: MIB })
    expect(content.subarray(7 * MIB, 8 * MIB).equals(part!.content)).toBe(true)
    expect(content.equals((await store.get({ hash }))!)).toBe(true)
    expect(await store.health({})).toMatchObject({ damaged: 0, repaired: 1 })
    await store.compact({})
    expect(content.equals((await store.get({ hash }))!)).toBe(true)
  })

  test('stays quarantined where the copy is missing or damaged as well, until it is stored again', async () => {
    const dataDir = tempDir()
    const { backend, open } = lasting(createMemoryBackend())
    const { store } = await openStore({ dataDir, mirrorBackend: open, cacheBytes: 0 })
    const [one, two] = [await put(store, 'content number one'), await put(store, 'content number two')]
    await mirrored(store)
    await backend.delete(`content/${one}`)
    await backend.put(`content/${two}`, bytes('content number 2.0'))
    damage(dataDir, 'content number one')
    damage(dataDir, 'content number two')
    for (const hash of [one, two]) expect(await codeOf(store.get({ hash }))).toBe('ARTIFACT_CORRUPT')
    expect(await store.verify({})).toEqual({ checked: 2, corrupt: [one, two], repaired: [] })
    expect(await store.exists({ hashes: [one, two] })).toEqual({ present: [false, false] })
    expect(await store.health({})).toMatchObject({ damaged: 2, repaired: 0 })
    expect(await store.mendLog({ position: 1 })).toEqual({ mended: false, damaged: 2 })
    await put(store, 'content number one')
    await put(store, 'content number two')
    await mirrored(store)
    expect(await store.verify({})).toEqual({ checked: 2, corrupt: [], repaired: [] })
    expect(text(await backend.get(`content/${one}`))).toBe('content number one')
    expect(text(await backend.get(`content/${two}`))).toBe('content number two')
  })

  test('is not given up because the mirror cannot be read now', async () => {
    const dataDir = tempDir()
    const { open, faults } = lasting(createMemoryBackend())
    const { store } = await openStore({ dataDir, mirrorBackend: open, cacheBytes: 0 })
    const hash = await put(store, 'precious content')
    await mirrored(store)
    damage(dataDir, 'precious content')
    faults.stat = () => blobErrors.fail('BLOBS_IO', { location: 'there', reason: 'EIO' })
    expect(await codeOf(store.get({ hash }))).toBe('ARTIFACT_CORRUPT')
    delete faults.stat
    expect(text(await store.get({ hash }))).toBe('precious content')
  })

  test('without a mirror is told by its code, and listed', async () => {
    const dataDir = tempDir()
    const { store } = await openStore({ dataDir, cacheBytes: 0 })
    const hash = await put(store, 'precious content')
    damage(dataDir, 'precious content')
    expect(await codeOf(store.get({ hash }))).toBe('ARTIFACT_CORRUPT')
    expect(await store.health({})).toEqual({ damaged: 1, repaired: 0, mirror: null })
    expect(await store.verify({})).toEqual({ checked: 1, corrupt: [hash], repaired: [] })
  })
})

describe('any flipped byte of the log', () => {
  test.each([
    ['unpacked', false, 1511],
    ['packed', true, 397],
  ])('of %s content is caught, quarantined and repaired', { timeout: 120_000 }, async (_, packed, strideBytes) => {
    const { repaired, log, harmless } = await playFlips(packed, strideBytes)
    expect(repaired).toBeGreaterThan(4)
    // Most of the log of unpacked content is content: few flips hit anything else.
    expect(log).toBeGreaterThanOrEqual(packed ? 1 : 0)
    expect(harmless).toBeLessThan(3)
  })
})
