/**
 * A 32-bit hash for features (words, character n-grams): FNV-1a over UTF-16 code units with a final mix, because the
 * low bits of plain FNV are weak and both bucket and sign are cut from one hash. Fixed for ever: vectors made with it
 * are stored and compared later.
 */

const FNV_OFFSET = 0x811c9dc5
const FNV_PRIME = 0x01000193

/** Hash of `text.slice(start, end)`, an unsigned 32-bit integer. */
export function featureHash(text: string, start = 0, end = text.length): number {
  let hash = FNV_OFFSET
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME)
  return mix(hash)
}

/** Hash of an ordered pair of hashes. */
export function pairHash(left: number, right: number): number {
  return mix(Math.imul(left ^ 0x9e3779b9, FNV_PRIME) ^ right)
}

function mix(hash: number): number {
  hash ^= hash >>> 16
  hash = Math.imul(hash, 0x85ebca6b)
  hash ^= hash >>> 13
  hash = Math.imul(hash, 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
