import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  CHUNK_BYTES_AVERAGE,
  CHUNK_BYTES_MAX,
  CHUNK_BYTES_MIN,
  createChunker,
} from '../../../actors/artifact-store/packing/chunks.ts'
import { seededRandom, sha256Hex } from '../../../runtime/index.ts'

function noise(seed: number, sizeBytes: number): Buffer {
  const random = seededRandom(seed)
  const words = new Uint32Array(Math.ceil(sizeBytes / 4))
  for (let i = 0; i < words.length; i++) words[i] = random.next() * 2 ** 32
  return Buffer.from(words.buffer).subarray(0, sizeBytes)
}

function chunksOf(content: Uint8Array, partBytes = content.length): readonly Buffer[] {
  const chunker = createChunker()
  const chunks: Buffer[] = []
  for (let at = 0; at < content.length; at += partBytes) {
    for (const chunk of chunker.push(content.subarray(at, at + partBytes))) chunks.push(Buffer.from(chunk))
  }
  for (const chunk of chunker.end()) chunks.push(Buffer.from(chunk))
  return chunks
}

const anyContent = fc.record({
  seed: fc.nat(),
  sizeBytes: fc.oneof(fc.nat(5000), fc.integer({ min: 0, max: 1_500_000 })),
  /** Zeros in front: content without any place to cut. */
  zeros: fc.oneof(fc.constant(0), fc.nat(1_200_000)),
})
const contentOf = ({ seed, sizeBytes, zeros }: { seed: number; sizeBytes: number; zeros: number }): Buffer =>
  Buffer.concat([Buffer.alloc(zeros), noise(seed, sizeBytes)])

describe('chunks', () => {
  test('are the content, within their sizes, however it comes', () => {
    fc.assert(
      fc.property(anyContent, fc.integer({ min: 1000, max: 700_000 }), (made, partBytes) => {
        const content = contentOf(made)
        const chunks = chunksOf(content)
        expect(Buffer.concat(chunks).equals(content)).toBe(true)
        for (const { length } of chunks) expect(length).toBeLessThanOrEqual(CHUNK_BYTES_MAX)
        for (const { length } of chunks.slice(0, -1)) expect(length).toBeGreaterThanOrEqual(CHUNK_BYTES_MIN)
        expect(chunksOf(content, partBytes).map(({ length }) => length)).toEqual(chunks.map(({ length }) => length))
      }),
      { numRuns: 40 },
    )
  })

  test('stay the same before and behind bytes that are inserted, removed or changed', () => {
    const edit = fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      removed: fc.nat(3000),
      inserted: fc.nat(3000),
    })
    fc.assert(
      fc.property(fc.nat(), edit, (seed, { at, removed, inserted }) => {
        const before = noise(seed, 4_000_000)
        const place = Math.floor(at * before.length)
        const after = Buffer.concat([
          before.subarray(0, place),
          noise(seed + 1, inserted),
          before.subarray(place + removed),
        ])
        const known = new Set(chunksOf(before).map((chunk) => sha256Hex(chunk)))
        const changed = chunksOf(after).filter((chunk) => !known.has(sha256Hex(chunk)))
        // One or two that the edit touches, and at most a few until the ends fall together again.
        expect(changed.reduce((sum, { length }) => sum + length, 0)).toBeLessThan(4 * CHUNK_BYTES_MAX)
      }),
      { numRuns: 25 },
    )
  })

  test('are of the intended size, and cut where they always were', () => {
    const chunks = chunksOf(noise(1, 32 * 1024 * 1024))
    const average = (32 * 1024 * 1024) / chunks.length
    expect(average).toBeGreaterThan(CHUNK_BYTES_AVERAGE * 0.8)
    expect(average).toBeLessThan(CHUNK_BYTES_AVERAGE * 1.4)
    expect(chunks.slice(0, 4).map(({ length }) => length)).toMatchInlineSnapshot(`
      [
        151096,
        159201,
        177457,
        132508,
      ]
    `)
  })
})
