/**
 * Documents of one place in which words follow one another: the lists are walked side by side, positions are read only
 * where all words are.
 */
import { hasBit } from './bits.ts'
import { createCursor, decodePositions, type PostingsCursor } from './postings.ts'
import type { PlacedList } from './text-index.ts'

export interface PhraseMatches {
  readonly count: number
  readonly slots: readonly number[]
  /** How often the phrase is in the document. */
  readonly frequencies: readonly number[]
}

/** `lists` in the order of the phrase, at least two. */
export function matchPhrase(lists: readonly PlacedList[]): PhraseMatches {
  const { dead } = lists[0]!
  const cursors = lists.map((list) => {
    const { count, docs } = list
    return createCursor({ count, docs, positions: list.positions() })
  })
  const slots: number[] = []
  const frequencies: number[] = []
  const positions: number[][] = cursors.map(() => [])
  if (cursors.every((cursor) => cursor.next())) {
    for (let slot = commonSlot(cursors); slot >= 0; slot = cursors[0]!.next() ? commonSlot(cursors) : -1) {
      if (dead !== null && hasBit(dead, slot)) continue
      for (const [i, cursor] of cursors.entries()) decodePositions(cursor.encodedPositions(), positions[i]!)
      const frequency = countRuns(positions)
      if (frequency === 0) continue
      slots.push(slot)
      frequencies.push(frequency)
    }
  }
  return { count: slots.length, slots, frequencies }
}

/** Moves all cursors to the next slot they share; -1 when there is none. */
function commonSlot(cursors: readonly PostingsCursor[]): number {
  let slot = cursors[0]!.slot
  for (let agreed = 0; agreed < cursors.length;) {
    agreed = 0
    for (const cursor of cursors) {
      while (cursor.slot < slot) if (!cursor.next()) return -1
      if (cursor.slot === slot) agreed++
      else slot = cursor.slot
    }
  }
  return slot
}

/** How often a position of the first word is followed by the others. */
function countRuns(positions: readonly (readonly number[])[]): number {
  const [first, ...rest] = positions
  const at = rest.map(() => 0)
  let runs = 0
  for (const start of first!) {
    let found = true
    for (const [i, list] of rest.entries()) {
      const wanted = start + i + 1
      while (at[i]! < list.length && list[at[i]!]! < wanted) at[i]!++
      if (list[at[i]!] !== wanted) {
        found = false
        break
      }
    }
    if (found) runs++
  }
  return runs
}
