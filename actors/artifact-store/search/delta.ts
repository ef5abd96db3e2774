/**
 * The part of a text index that is in memory: what was written since the last segment. Bounded by its owner, which turns
 * it into a segment.
 */
import { createPostingsWriter, type Postings } from './postings.ts'

/** Terms of one document with their positions, ascending. */
export type Terms = ReadonlyMap<string, readonly number[]>

interface Entry {
  readonly slot: number
  /** False when the document was replaced or removed since. */
  live: boolean
}

interface DeltaList {
  readonly entries: Entry[]
  readonly positions: (readonly number[])[]
}

export interface Delta {
  /** Postings in it, dead ones too. */
  readonly postings: number
  readonly slots: Iterable<number>
  readonly documents: number
  /** Replaces what it holds of the document. */
  put(slot: number, terms: Terms): void
  remove(slot: number): void
  find(term: string): Postings | null
  termsWithPrefix(prefix: string): string[]
}

export function createDelta(): Delta {
  const lists = new Map<string, DeltaList>()
  const entries = new Map<number, Entry>()
  const writer = createPostingsWriter()
  let postings = 0

  function remove(slot: number): void {
    const entry = entries.get(slot)
    if (entry !== undefined) entry.live = false
    entries.delete(slot)
  }

  return {
    get postings() {
      return postings
    },
    get slots() {
      return entries.keys()
    },
    get documents() {
      return entries.size
    },
    put(slot, terms) {
      remove(slot)
      const entry: Entry = { slot, live: true }
      entries.set(slot, entry)
      for (const [term, positions] of terms) {
        let list = lists.get(term)
        if (list === undefined) lists.set(term, (list = { entries: [], positions: [] }))
        list.entries.push(entry)
        list.positions.push(positions)
        postings++
      }
    },
    remove,
    find(term) {
      const list = lists.get(term)
      if (list === undefined) return null
      for (const index of inSlotOrder(list.entries)) writer.add(list.entries[index]!.slot, list.positions[index]!)
      return writer.count === 0 ? null : writer.take()
    },
    termsWithPrefix(prefix) {
      const found: string[] = []
      for (const term of lists.keys()) if (term.startsWith(prefix)) found.push(term)
      return found.sort()
    },
  }
}

/** Indexes of the live entries; slots are used again, so the order of writing is not theirs. */
function inSlotOrder(entries: readonly Entry[]): readonly number[] {
  const live: number[] = []
  let sorted = true
  for (const [index, { slot, live: isLive }] of entries.entries()) {
    if (!isLive) continue
    if (live.length > 0 && entries[live.at(-1)!]!.slot > slot) sorted = false
    live.push(index)
  }
  return sorted ? live : live.sort((a, b) => entries[a]!.slot - entries[b]!.slot)
}
