/**
 * Which items are nearest to which, by the cosine of their vectors: all pairs, exactly. 1,000 items of 256 dimensions
 * take a few tenths of a second; the work is quadratic, which is why the number of items is bounded.
 */
import type { Breath } from './breath.ts'
import { round } from './round.ts'

export interface SimilarityItem {
  readonly id: string
  /** Any length but the same for all; need not be normalised. */
  readonly vector: readonly number[]
}

export interface Related {
  readonly id: string
  /** Best first; at equal scores in the order of the items. */
  readonly matches: readonly { readonly id: string; readonly score: number }[]
}

export interface SimilarityOptions {
  readonly top: number
  /** Matches below it are left out. */
  readonly minScore: number
}

/** For each item its `top` nearest others. A zero vector is near nothing. Rejects only with the abort reason. */
export async function relate(
  items: readonly SimilarityItem[],
  options: SimilarityOptions,
  breath: Breath,
): Promise<readonly Related[]> {
  const dimensions = items[0]?.vector.length ?? 0
  const units = items.map(({ vector }) => toUnit(vector))
  const matches = items.map((): Match[] => [])
  // Each pair once, for both of its ends: every list still meets its candidates in the order of the items.
  for (let i = 0; i < items.length; i++) {
    if (breath.due(i * dimensions)) await breath.take()
    matchRow(i, units, matches, options)
  }
  return items.map(({ id }, i) => ({
    id,
    matches: matches[i]!.map(({ index, score }) => ({ id: items[index]!.id, score })),
  }))
}

/** Matches item `i` with those before it. Apart from the loop that awaits, where the engine optimizes it less well. */
function matchRow(
  i: number,
  units: readonly (Float64Array | null)[],
  matches: readonly Match[][],
  { top, minScore }: SimilarityOptions,
): void {
  const unit = units[i]!
  if (unit === null) return
  for (let j = 0; j < i; j++) {
    const other = units[j]!
    if (other === null) continue
    const score = round(dot(unit, other))
    if (score < minScore) continue
    insert(matches[i]!, { index: j, score }, top)
    insert(matches[j]!, { index: i, score }, top)
  }
}

interface Match {
  readonly index: number
  readonly score: number
}

/** Keeps `matches` the best `top` seen so far. Candidates come in item order, so later ones lose a tie. */
function insert(matches: Match[], candidate: Match, top: number): void {
  if (matches.length === top && (top === 0 || matches[top - 1]!.score >= candidate.score)) return
  let at = matches.length
  while (at > 0 && matches[at - 1]!.score < candidate.score) at--
  matches.splice(at, 0, candidate)
  if (matches.length > top) matches.pop()
}

/** The vector scaled to length 1; null when it is zero. */
function toUnit(vector: readonly number[]): Float64Array | null {
  const values = Float64Array.from(vector)
  // Scaling by the largest first: squares of very large or very small numbers must not overflow or vanish.
  const largest = values.reduce((max, value) => Math.max(max, Math.abs(value)), 0)
  if (largest === 0) return null
  const scaled = values.map((value) => value / largest)
  const norm = Math.sqrt(scaled.reduce((sum, value) => sum + value * value, 0))
  return scaled.map((value) => value / norm)
}

/** Four sums side by side: one alone would wait for every addition to finish before the next. */
function dot(left: Float64Array, right: Float64Array): number {
  const fours = left.length - (left.length % 4)
  let [a, b, c, d] = [0, 0, 0, 0]
  for (let i = 0; i < fours; i += 4) {
    a += left[i]! * right[i]!
    b += left[i + 1]! * right[i + 1]!
    c += left[i + 2]! * right[i + 2]!
    d += left[i + 3]! * right[i + 3]!
  }
  for (let i = fours; i < left.length; i++) a += left[i]! * right[i]!
  return a + b + (c + d)
}
