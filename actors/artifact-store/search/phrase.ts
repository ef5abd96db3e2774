/**
 * Documents of one place in which words follow one another. The lists are walked side by side, led by the shortest one;
 * positions are decoded only where all words are, and stepped over elsewhere.
 */
import { NO_SLOT, PostingsCursor } from './cursor.ts'
import type { PostingList } from './postings.ts'

/** Is told a document and how often it has the phrase. */
export type VisitMatch = (slot: number, times: number) => void

/** The positions of a word in the current document. */
interface Word {
  readonly cursor: PostingsCursor
  positions: Uint32Array
  count: number
  at: number
}

/** `lists` in the order of the phrase. */
export function eachMatch(lists: readonly PostingList[], visit: VisitMatch): void {
  eachRuns(lists, (slot, _, times) => visit(slot, times))
}

/** `visit` is told where in the document the phrase begins; the array is used again. */
function eachRuns(
  lists: readonly PostingList[],
  visit: (slot: number, starts: Uint32Array, count: number) => void,
): void {
  const words = lists.map(wordOf)
  const runs: Runs = { starts: new Uint32Array(64), count: 0 }
  const [lead, ...others] = words
    .map(({ cursor }, i) => ({ cursor, count: lists[i]!.count }))
    .sort((a, b) => a.count - b.count)
    .map(({ cursor }) => cursor) as [PostingsCursor, ...PostingsCursor[]]
  for (lead.next(); lead.slot !== NO_SLOT;) {
    const { slot } = lead
    const after = seekAll(others, slot)
    if (after > slot) {
      if (after === NO_SLOT) return
      lead.seek(after)
      continue
    }
    findRuns(words, runs)
    if (runs.count > 0) visit(slot, runs.starts, runs.count)
    lead.next()
  }
}

/** The slot that all of them may have next. */
function seekAll(cursors: readonly PostingsCursor[], slot: number): number {
  for (let i = 0; i < cursors.length; i++) {
    const cursor = cursors[i]!
    cursor.seek(slot)
    if (cursor.slot > slot) return cursor.slot
  }
  return slot
}

/** Where a phrase begins in a document. */
interface Runs {
  starts: Uint32Array
  count: number
}

/** The positions of the first word that are followed by those of the others. */
function findRuns(words: readonly Word[], into: Runs): void {
  for (let i = 0; i < words.length; i++) load(words[i]!)
  const first = words[0]!
  if (into.starts.length < first.count) into.starts = new Uint32Array(first.count * 2)
  const { starts } = into
  let count = 0
  for (let i = 0; i < first.count; i++) {
    const start = first.positions[i]!
    let following = 1
    for (; following < words.length; following++) {
      const word = words[following]!
      const wanted = start + following
      let { at } = word
      while (at < word.count && word.positions[at]! < wanted) at++
      word.at = at
      if (at === word.count || word.positions[at] !== wanted) break
    }
    if (following === words.length) starts[count++] = start
  }
  into.count = count
}

/** For phrases whose last word is one of many: what comes before is looked up once for all of them. */
export interface Beginning {
  /** Looks up what comes before; forgets what it had. */
  begin(lists: readonly PostingList[]): void
  eachMatch(last: PostingList, visit: VisitMatch): void
}

/** It keeps 4 bytes per slot, and per document and place where the phrase begins. */
export function createBeginning(capacity: number): Beginning {
  /** Document by document: slot, how many, where each begins. */
  let kept = new Uint32Array(1024)
  let length = 0
  /** By slot: where in `kept` it is how many; 0 when it is not there. */
  const places = new Uint32Array(capacity)
  const word = wordOf({ count: 0, chunks: [] })
  let words = 0

  function keep(slot: number, starts: Uint32Array, count: number): void {
    if (length + count + 2 > kept.length) {
      const longer = new Uint32Array(Math.max(kept.length * 2, length + count + 2))
      longer.set(kept)
      kept = longer
    }
    kept[length++] = slot
    places[slot] = length
    kept[length++] = count
    for (let i = 0; i < count; i++) kept[length++] = starts[i]!
  }

  /** How often the loaded word comes right behind what begins at this place. */
  function followed(place: number): number {
    const end = place + 1 + kept[place]!
    let times = 0
    for (let at = place + 1, i = 0; at < end && i < word.count;) {
      const distance = word.positions[i]! - kept[at]! - words
      if (distance === 0) times++
      if (distance <= 0) i++
      if (distance >= 0) at++
    }
    return times
  }

  return {
    begin(lists) {
      for (let at = 0; at < length; at += kept[at + 1]! + 2) places[kept[at]!] = 0
      length = 0
      words = lists.length
      eachRuns(lists, keep)
    },
    eachMatch({ chunks }, visit) {
      const { cursor } = word
      cursor.begin(chunks)
      for (cursor.next(); cursor.slot !== NO_SLOT; cursor.next()) {
        const place = places[cursor.slot]!
        if (place === 0) continue
        load(word)
        const times = followed(place)
        if (times > 0) visit(cursor.slot, times)
      }
    },
  }
}

function wordOf({ chunks }: PostingList): Word {
  const cursor = new PostingsCursor()
  cursor.begin(chunks)
  return { cursor, positions: new Uint32Array(64), count: 0, at: 0 }
}

/** Reads the positions of the current document. */
function load(word: Word): void {
  const { cursor } = word
  const count = cursor.frequency
  if (word.positions.length < count) word.positions = new Uint32Array(count * 2)
  cursor.positions(word.positions)
  word.count = count
  word.at = 0
}
