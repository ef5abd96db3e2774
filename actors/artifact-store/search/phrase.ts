/**
 * Documents of one place in which words follow one another. Common words make long lists, so everything is flat arrays:
 * the slots of all words are intersected first, then positions are decoded for what is left and stepped over for the rest.
 */
import type { PlacedList } from './text-index.ts'

export interface PhraseMatches {
  readonly count: number
  readonly slots: Uint32Array
  /** How often the phrase is in the document. */
  readonly frequencies: Uint32Array
}

interface DecodedDocs {
  readonly slots: Uint32Array
  readonly frequencies: Uint32Array
}

/** The positions of a word in each candidate. */
interface Positions {
  readonly flat: Uint32Array
  /** By candidate, where its positions begin; one more at the end. */
  readonly starts: Uint32Array
}

/** `lists` in the order of the phrase, at least two. */
export function matchPhrase(lists: readonly PlacedList[]): PhraseMatches {
  const decoded = lists.map(decodeDocs)
  const rarestFirst = [...decoded].sort((a, b) => a.slots.length - b.slots.length)
  let candidates = rarestFirst[0]!.slots
  for (const { slots } of rarestFirst.slice(1)) candidates = common(candidates, slots)
  const positions = lists.map((list, i) =>
    candidates.length === 0 ? NOWHERE : positionsIn(list.positions(), decoded[i]!, candidates),
  )
  return countRuns(candidates, positions, lists[0]!.dead)
}

const NOWHERE: Positions = { flat: new Uint32Array(0), starts: new Uint32Array(1) }

function decodeDocs({ docs, count }: PlacedList): DecodedDocs {
  const slots = new Uint32Array(count)
  const frequencies = new Uint32Array(count)
  let at = 0
  let slot = 0
  for (let i = 0; i < count; i++) {
    let byte = docs[at++]!
    let head = byte & 127
    for (let shift = 7; byte > 127; shift += 7) {
      byte = docs[at++]!
      head |= (byte & 127) << shift
    }
    slot += head >>> 1
    let frequency = 1
    if ((head & 1) !== 0) {
      byte = docs[at++]!
      frequency = byte & 127
      for (let shift = 7; byte > 127; shift += 7) {
        byte = docs[at++]!
        frequency |= (byte & 127) << shift
      }
    }
    slots[i] = slot
    frequencies[i] = frequency
  }
  return { slots, frequencies }
}

/** Both ascending; the shorter one leads. */
function common(shorter: Uint32Array, longer: Uint32Array): Uint32Array {
  const found = new Uint32Array(shorter.length)
  let count = 0
  let at = 0
  for (let i = 0; i < shorter.length; i++) {
    const slot = shorter[i]!
    while (at < longer.length && longer[at]! < slot) at++
    if (at === longer.length) break
    if (longer[at] === slot) found[count++] = slot
  }
  return found.subarray(0, count)
}

function positionsIn(bytes: Uint8Array, { slots, frequencies }: DecodedDocs, candidates: Uint32Array): Positions {
  const flat = new Uint32Array(bytes.length)
  const starts = new Uint32Array(candidates.length + 1)
  let at = 0
  let count = 0
  let next = 0
  for (let i = 0; i < slots.length && next < candidates.length; i++) {
    let left = frequencies[i]!
    if (slots[i] !== candidates[next]) {
      while (left > 0) if (bytes[at++]! < 128) left--
      continue
    }
    starts[next++] = count
    let position = 0
    for (; left > 0; left--) {
      let byte = bytes[at++]!
      let distance = byte & 127
      for (let shift = 7; byte > 127; shift += 7) {
        byte = bytes[at++]!
        distance |= (byte & 127) << shift
      }
      position += distance
      flat[count++] = position
    }
  }
  starts[candidates.length] = count
  return { flat, starts }
}

/** How often, in each candidate, a position of the first word is followed by those of the others. */
function countRuns(candidates: Uint32Array, words: readonly Positions[], dead: Uint32Array | null): PhraseMatches {
  const slots = new Uint32Array(candidates.length)
  const frequencies = new Uint32Array(candidates.length)
  let count = 0
  for (let i = 0; i < candidates.length; i++) {
    const slot = candidates[i]!
    if (dead !== null && (dead[slot >>> 5]! & (1 << (slot & 31))) !== 0) continue
    const runs = words.length === 2 ? runsOfTwo(words[0]!, words[1]!, i) : runsOfMany(words, i)
    if (runs === 0) continue
    slots[count] = slot
    frequencies[count++] = runs
  }
  return { count, slots, frequencies }
}

function runsOfTwo(first: Positions, second: Positions, candidate: number): number {
  const end = first.starts[candidate + 1]!
  const otherEnd = second.starts[candidate + 1]!
  let other = second.starts[candidate]!
  let runs = 0
  for (let at = first.starts[candidate]!; at < end; at++) {
    const wanted = first.flat[at]! + 1
    while (other < otherEnd && second.flat[other]! < wanted) other++
    if (other < otherEnd && second.flat[other] === wanted) runs++
  }
  return runs
}

function runsOfMany(words: readonly Positions[], candidate: number): number {
  const [first] = words
  const end = first!.starts[candidate + 1]!
  const at = words.map(({ starts }) => starts[candidate]!)
  let runs = 0
  for (let start = at[0]!; start < end; start++) {
    let following = 1
    for (; following < words.length; following++) {
      const { flat, starts } = words[following]!
      const wanted = first!.flat[start]! + following
      const otherEnd = starts[candidate + 1]!
      while (at[following]! < otherEnd && flat[at[following]!]! < wanted) at[following]!++
      if (at[following] === otherEnd || flat[at[following]!] !== wanted) break
    }
    if (following === words.length) runs++
  }
  return runs
}
