import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import {
  canBeDictionary,
  decompress,
  looksIncompressible,
  sameThreadCodec,
  threadPoolCodec,
} from '../../../actors/artifact-store/packing/codec.ts'

const MIB = 1024 * 1024

test('eight bytes in the middle of three megabytes are told in a kilobyte, wherever the rest comes from', async () => {
  const before = randomBytes(3 * MIB)
  const after = Buffer.concat([before.subarray(0, MIB), Buffer.from('inserted'), before.subarray(MIB)])
  const encoded = await threadPoolCodec.compress(after, before)
  expect(encoded.length).toBeLessThan(1024)
  expect(after.equals(decompress(encoded, before, after.length))).toBe(true)
})

test.each([0, 1, 7, 100, 70_000, 9 * MIB])('content of %i bytes comes back, from either codec', async (sizeBytes) => {
  const content = Buffer.alloc(sizeBytes, 'some text ')
  for (const dictionary of [null, Buffer.from('some'), Buffer.alloc(5000, 'some text and others ')]) {
    for (const codec of [threadPoolCodec, sameThreadCodec]) {
      const encoded = await codec.compress(content, dictionary)
      expect(content.equals(decompress(encoded, dictionary, sizeBytes))).toBe(true)
    }
  }
})

test('what does not have the size it should have, or is damaged, throws', async () => {
  const content = Buffer.alloc(10_000, 'some text ')
  const encoded = await threadPoolCodec.compress(content, null)
  expect(() => decompress(encoded, null, 9_999)).toThrow()
  expect(() => decompress(encoded, null, 10_001)).toThrow()
  expect(() => decompress(encoded.subarray(0, -1), null, 10_000)).toThrow()
})

test('bytes that zstd would take for one of its own dictionaries are none', () => {
  expect(canBeDictionary(Buffer.from([0x37, 0xa4, 0x30, 0xec, 1, 2, 3, 4]))).toBe(false)
  expect(canBeDictionary(Buffer.from('text'))).toBe(true)
  expect(canBeDictionary(Buffer.alloc(0))).toBe(true)
})

test('random bytes look incompressible, text does not', () => {
  expect(looksIncompressible(randomBytes(100_000))).toBe(true)
  expect(looksIncompressible(Buffer.concat([randomBytes(20_000), Buffer.alloc(50_000, 'text')]))).toBe(false)
  expect(looksIncompressible(Buffer.alloc(40, 'a'))).toBe(false)
})
