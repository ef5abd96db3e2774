/**
 * Distributions of times in shared memory: fixed size, one writer, readable by anybody at any moment.
 *
 * A time is counted in microseconds in buckets that are exact below 8 µs and 1/8 of their value wide above (as HdrHistogram
 * with three bits): a quantile is wrong by 7 % at most. Above 2^31 µs (36 minutes) everything counts as that.
 * Counters are 32 bits and wrap.
 */

const SUB_BITS = 3
const SUB_BUCKETS = 1 << SUB_BITS
const MICROS_MAX = 2 ** 31 - 1
export const HISTOGRAM_WORDS = bucketOf(MICROS_MAX) + 1

/** How long things took, in ms; all 0 when nothing was counted. */
export interface TimeDistribution {
  readonly count: number
  readonly meanMs: number
  readonly p50Ms: number
  readonly p90Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

/** Counts one time; `at` is the histogram's first word. */
export function recordTime(words: Int32Array, at: number, ms: number): void {
  // `| 0` on a double is the cheapest way to a small integer; what does not fit, and clocks that went back, are bounded.
  const micros = ms >= MICROS_MAX / 1000 ? MICROS_MAX : ms > 0 ? (ms * 1000) | 0 : 0
  words[at + bucketOf(micros)]! += 1
}

function bucketOf(micros: number): number {
  if (micros < SUB_BUCKETS) return micros
  const exponent = 31 - Math.clz32(micros)
  return ((exponent - SUB_BITS + 1) << SUB_BITS) | ((micros >>> (exponent - SUB_BITS)) & (SUB_BUCKETS - 1))
}

/** Middle of a bucket, in ms. */
function middleMs(bucket: number): number {
  if (bucket < SUB_BUCKETS) return bucket / 1000
  const exponent = (bucket >> SUB_BITS) + SUB_BITS - 1
  const width = 2 ** (exponent - SUB_BITS)
  return ((SUB_BUCKETS + (bucket & (SUB_BUCKETS - 1))) * width + (width - 1) / 2) / 1000
}

export function readDistribution(words: Int32Array, at: number): TimeDistribution {
  const counts = Array.from(words.subarray(at, at + HISTOGRAM_WORDS), (count) => count >>> 0)
  const count = counts.reduce((sum, each) => sum + each, 0)
  const quantile = (share: number): number => {
    let left = Math.max(1, Math.ceil(share * count))
    return count === 0 ? 0 : middleMs(counts.findIndex((each) => (left -= each) <= 0))
  }
  const sumMs = counts.reduce((sum, each, bucket) => sum + each * middleMs(bucket), 0)
  return {
    count,
    meanMs: count === 0 ? 0 : sumMs / count,
    p50Ms: quantile(0.5),
    p90Ms: quantile(0.9),
    p99Ms: quantile(0.99),
    maxMs: quantile(1),
  }
}

export function clearDistribution(words: Int32Array, at: number): void {
  words.fill(0, at, at + HISTOGRAM_WORDS)
}
