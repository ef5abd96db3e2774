import fc from 'fast-check'
import { expect, test } from 'vitest'
import { clearDistribution, HISTOGRAM_WORDS, readDistribution, recordTime } from '../../runtime/histogram.ts'

const AT = 5

function distributionOf(times: readonly number[]) {
  const words = new Int32Array(AT + HISTOGRAM_WORDS + 1)
  for (const ms of times) recordTime(words, AT, ms)
  expect([...words.subarray(0, AT), words.at(-1)]).toEqual([0, 0, 0, 0, 0, 0])
  return readDistribution(words, AT)
}

test('quantiles are those of the times, to 7 %', () => {
  // From a microsecond to the largest time that is told apart, evenly over the orders of magnitude.
  const time = fc.double({ min: -3, max: 6.3, noNaN: true }).map((exponent) => 10 ** exponent)
  fc.assert(
    fc.property(fc.array(time, { minLength: 1, maxLength: 500 }), (times) => {
      const sorted = times.toSorted((a, b) => a - b)
      const found = distributionOf(times)
      expect(found.count).toBe(times.length)
      const quantiles = [
        [0.5, found.p50Ms],
        [0.9, found.p90Ms],
        [0.99, found.p99Ms],
        [1, found.maxMs],
      ] as const
      for (const [share, got] of quantiles) {
        const exact = sorted[Math.ceil(share * sorted.length) - 1]!
        // Whole microseconds are counted.
        expect(Math.abs(got - exact)).toBeLessThanOrEqual(exact * 0.07 + 0.001)
      }
      const mean = times.reduce((sum, each) => sum + each, 0) / times.length
      expect(Math.abs(found.meanMs - mean)).toBeLessThanOrEqual(mean * 0.07 + 0.001)
    }),
  )
})

test('what cannot be told apart is counted all the same', () => {
  expect(distributionOf([-1, 0, 1e12, Infinity])).toMatchObject({ count: 4, p50Ms: 0 })
  expect(distributionOf([1e12]).maxMs).toBeGreaterThan(30 * 60_000)
  expect(distributionOf([])).toEqual({ count: 0, meanMs: 0, p50Ms: 0, p90Ms: 0, p99Ms: 0, maxMs: 0 })
})

test('clearing leaves the neighbours alone', () => {
  const words = new Int32Array(AT + HISTOGRAM_WORDS + 1).fill(7)
  clearDistribution(words, AT)
  expect(readDistribution(words, AT).count).toBe(0)
  expect([words[AT - 1], words.at(-1)]).toEqual([7, 7])
})
