import { expect, test } from 'vitest'
import { playFlips } from '../artifact-store/mirror/flips.ts'

test.each([
  ['unpacked', false, 101],
  ['packed', true, 41],
])('a bit flipped anywhere in a log of %s content: repaired', { timeout: 600_000 }, async (_, packed, strideBytes) => {
  const { repaired, log, harmless } = await playFlips(packed, strideBytes)
  expect(repaired).toBeGreaterThan(60)
  expect(log).toBeGreaterThan(20)
  expect(harmless).toBeLessThan(20)
})
