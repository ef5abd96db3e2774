/**
 * Which items are nearest to which, by the cosine of their vectors: all pairs, exactly. 2,000 items of 256 dimensions
 * take about half a second; the work is quadratic, which is why the number of items is bounded.
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
  { top, minScore }: SimilarityOptions,
  breath: Breath,
): Promise<readonly Related[]> {
  const dimensions = items[0]?.vector.length ?? 0
  const unit = items.map(({ vector }) => toUnit(vector))
  const related: Related[] = []
  for (let i = 0; i < items.length; i++) {
    if (breath.due(items.length * dimensions)) await breath.take()
    const matches: { index: number; score: number }[] = []
    for (let j = 0; j < items.length; j++) {
      if (j === i) continue
      const score = round(dot(unit[i]!, unit[j]!))
      if (score >= minScore && isNonZero(unit[i]!) && isNonZero(unit[j]!)) insert(matches, { index: j, score }, top)
    }
    related.push({ id: items[i]!.id, matches: matches.map(({ index, score }) => ({ id: items[index]!.id, score })) })
  }
  return related
}

/** Keeps `matches` the best `top` seen so far. Candidates come in item order, so later ones lose a tie. */
function insert(matches: { index: number; score: number }[], candidate: { index: number; score: number }, top: number) {
  if (matches.length === top && (top === 0 || matches[top - 1]!.score >= candidate.score)) return
  let at = matches.length
  while (at > 0 && matches[at - 1]!.score < candidate.score) at--
  matches.splice(at, 0, candidate)
  if (matches.length > top) matches.pop()
}

function toUnit(vector: readonly number[]): Float64Array {
  const values = Float64Array.from(vector)
  // Scaling by the largest first: squares of very large or very small numbers must not overflow or vanish.
  const largest = values.reduce((max, value) => Math.max(max, Math.abs(value)), 0)
  if (largest === 0) return values
  const scaled = values.map((value) => value / largest)
  const norm = Math.sqrt(scaled.reduce((sum, value) => sum + value * value, 0))
  return scaled.map((value) => value / norm)
}

function isNonZero(vector: Float64Array): boolean {
  return vector.some((value) => value !== 0)
}

function dot(left: Float64Array, right: Float64Array): number {
  let sum = 0
  for (let i = 0; i < left.length; i++) sum += left[i]! * right[i]!
  return sum
}
