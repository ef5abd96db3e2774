/**
 * The difference of two sequences of numbers, as runs that are replaced.
 *
 * Between elements that are there exactly once on both sides (patience diff), then by the shortest edit script (E. Myers, An
 * O(ND) Difference Algorithm, 1986).
 *
 * I1. Work is bounded: where more than `EDITS_MAX` edits would be needed, everything there is replaced.
 * I2. Turns are short: it yields.
 */

/** `a[aFrom..aTo)` becomes `b[bFrom..bTo)`; what lies between two runs is equal. */
export interface Run {
  readonly aFrom: number
  readonly aTo: number
  readonly bFrom: number
  readonly bTo: number
}

const EDITS_MAX = 1024
/** Elements between two yields, about a millisecond. */
const TURN = 20_000
const EDITS_PER_TURN = 64

/** Elements are from 0 to `kinds - 1`. */
export function* diffSequences(a: Uint32Array, b: Uint32Array, kinds: number): Generator<void, readonly Run[]> {
  const counts = { a: new Uint32Array(kinds), b: new Uint32Array(kinds), at: new Uint32Array(kinds) }
  const runs: Run[] = []
  const open: Run[] = [{ aFrom: 0, aTo: a.length, bFrom: 0, bTo: b.length }]
  let work = 0
  for (let range = open.pop(); range !== undefined; range = open.pop()) {
    const rest = trimmed(a, b, range)
    if ((work += range.aTo - range.aFrom + range.bTo - range.bFrom) > TURN) {
      work = 0
      yield
    }
    if (rest.aFrom === rest.aTo && rest.bFrom === rest.bTo) continue
    if (rest.aFrom === rest.aTo || rest.bFrom === rest.bTo) runs.push(rest)
    else {
      const anchors = anchorsOf(a, b, rest, counts)
      if (anchors.length === 0) for (const run of yield* shortest(a, b, rest)) runs.push(run)
      else for (const inner of between(rest, anchors).reverse()) open.push(inner)
    }
  }
  return joined(runs)
}

/** Without what is equal at both ends. */
function trimmed(a: Uint32Array, b: Uint32Array, { aFrom, aTo, bFrom, bTo }: Run): Run {
  while (aFrom < aTo && bFrom < bTo && a[aFrom] === b[bFrom]) {
    aFrom++
    bFrom++
  }
  while (aFrom < aTo && bFrom < bTo && a[aTo - 1] === b[bTo - 1]) {
    aTo--
    bTo--
  }
  return { aFrom, aTo, bFrom, bTo }
}

type Pair = readonly [a: number, b: number]

/** Elements that are once on both sides, as many as are in the same order on both. */
function anchorsOf(
  a: Uint32Array,
  b: Uint32Array,
  { aFrom, aTo, bFrom, bTo }: Run,
  counts: { readonly a: Uint32Array; readonly b: Uint32Array; readonly at: Uint32Array },
): readonly Pair[] {
  for (let i = aFrom; i < aTo; i++) counts.a[a[i]!]!++
  for (let j = bFrom; j < bTo; j++) {
    counts.b[b[j]!]!++
    counts.at[b[j]!] = j
  }
  const pairs: Pair[] = []
  for (let i = aFrom; i < aTo; i++) {
    const kind = a[i]!
    if (counts.a[kind] === 1 && counts.b[kind] === 1) pairs.push([i, counts.at[kind]!])
  }
  for (let i = aFrom; i < aTo; i++) counts.a[a[i]!] = 0
  for (let j = bFrom; j < bTo; j++) counts.b[b[j]!] = 0
  return longestIncreasing(pairs)
}

/** Of pairs in the order of `a`, the most that are in the order of `b`, too (patience sorting). */
function longestIncreasing(pairs: readonly Pair[]): readonly Pair[] {
  const piles: number[] = []
  const before = new Int32Array(pairs.length)
  for (const [index, [, b]] of pairs.entries()) {
    let low = 0
    for (let high = piles.length; low < high;) {
      const middle = (low + high) >>> 1
      if (pairs[piles[middle]!]![1] < b) low = middle + 1
      else high = middle
    }
    before[index] = low === 0 ? -1 : piles[low - 1]!
    piles[low] = index
  }
  const found: Pair[] = []
  for (let index = piles.at(-1) ?? -1; index >= 0; index = before[index]!) found.push(pairs[index]!)
  return found.reverse()
}

function between({ aFrom, aTo, bFrom, bTo }: Run, anchors: readonly Pair[]): Run[] {
  const ranges: Run[] = []
  for (const [a, b] of anchors) {
    if (a > aFrom || b > bFrom) ranges.push({ aFrom, aTo: a, bFrom, bTo: b })
    aFrom = a + 1
    bFrom = b + 1
  }
  if (aTo > aFrom || bTo > bFrom) ranges.push({ aFrom, aTo, bFrom, bTo })
  return ranges
}

/**
 * `reached[k + edits]` is how far of `a` the furthest path with so many edits comes on diagonal `k` (its place in `a` minus
 * that in `b`); one array per number of edits, to walk back along.
 */
function* shortest(a: Uint32Array, b: Uint32Array, range: Run): Generator<void, readonly Run[]> {
  const { aFrom, aTo, bFrom, bTo } = range
  const [n, m] = [aTo - aFrom, bTo - bFrom]
  const trail: Int32Array[] = []
  let last = new Int32Array(1)
  for (let edits = 0; edits <= Math.min(n + m, EDITS_MAX); edits++) {
    if (edits % EDITS_PER_TURN === EDITS_PER_TURN - 1) yield
    const reached = new Int32Array(2 * edits + 1)
    trail.push(reached)
    for (let k = -edits; k <= edits; k += 2) {
      let x = edits === 0 ? 0 : startOn(last, edits, k)
      let y = x - k
      while (x < n && y < m && a[aFrom + x] === b[bFrom + y]) {
        x++
        y++
      }
      reached[k + edits] = x
      if (x >= n && y >= m) return walkedBack(trail, range)
    }
    last = reached
  }
  return [range]
}

/** Where diagonal `k` is entered: from the one above (an element of `b` is added) or below (one of `a` goes). */
function startOn(last: Int32Array, edits: number, k: number): number {
  const added = isAdded(last, edits, k)
  return added ? last[k + 1 + edits - 1]! : last[k - 1 + edits - 1]! + 1
}

function isAdded(last: Int32Array, edits: number, k: number): boolean {
  return k === -edits || (k !== edits && last[k - 1 + edits - 1]! < last[k + 1 + edits - 1]!)
}

function walkedBack(trail: readonly Int32Array[], { aFrom, aTo, bFrom, bTo }: Run): readonly Run[] {
  const runs: Run[] = []
  let k = aTo - aFrom - (bTo - bFrom)
  for (let edits = trail.length - 1; edits > 0; edits--) {
    const last = trail[edits - 1]!
    const x = startOn(last, edits, k)
    if (isAdded(last, edits, k)) {
      const y = x - k - 1
      runs.push({ aFrom: aFrom + x, aTo: aFrom + x, bFrom: bFrom + y, bTo: bFrom + y + 1 })
      k++
    } else {
      runs.push({ aFrom: aFrom + x - 1, aTo: aFrom + x, bFrom: bFrom + x - k, bTo: bFrom + x - k })
      k--
    }
  }
  return runs.reverse()
}

/** Runs that touch as one. */
function joined(runs: readonly Run[]): readonly Run[] {
  const found: Run[] = []
  for (const run of runs) {
    const last = found.at(-1)
    if (last?.aTo === run.aFrom && last.bTo === run.bFrom) {
      found[found.length - 1] = { ...last, aTo: run.aTo, bTo: run.bTo }
    } else found.push(run)
  }
  return found
}
