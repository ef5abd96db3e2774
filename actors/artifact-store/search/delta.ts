/**
 * The part of a text index that is in memory: what was written since the last segment. Bounded by its owner, which turns
 * it into a segment.
 *
 *   term ─► first posting ─► next posting ─► … ─► last posting          in the order of writing
 *   posting = entry (a document as it was put), how often, where its positions begin
 *
 * All of it is numbers in a few arrays, some 20 bytes a posting, so that the collector has nothing to follow.
 */
import { createPostingsWriter, createSink, putVarint } from './postings.ts'
import type { Chunk, PostingList, PostingsWriter } from './postings.ts'
import type { TermCursor } from './segments.ts'

/** Terms of one document with their positions, ascending. */
export type Terms = ReadonlyMap<string, readonly number[]>

export interface Delta {
  /** Postings in it, dead ones too. */
  readonly postings: number
  readonly slots: Iterable<number>
  readonly documents: number
  /** Replaces what it holds of the document. */
  put(slot: number, terms: Terms): void
  remove(slot: number): void
  find(term: string): PostingList | null
  eachWithPrefix(prefix: string, visit: (list: PostingList) => void): void
  /** All of them, as they are now. */
  terms(): TermCursor
}

const NONE = -1
const GROUPED_CHARS = 3

export function createDelta(): Delta {
  const termIds = new Map<string, number>()
  /** By term. */
  const first: number[] = []
  const last: number[] = []
  /** By posting. */
  let nexts = new Int32Array(1024)
  let entryOf = new Int32Array(1024)
  let frequencies = new Int32Array(1024)
  let positionsAt = new Int32Array(1024)
  const positions = createSink(4096)
  /** By entry: its slot, or -1 when the document was replaced or removed since. */
  const slotOf: number[] = []
  const entries = new Map<number, number>()
  const writer = createPostingsWriter()
  let postings = 0

  function remove(slot: number): void {
    const entry = entries.get(slot)
    if (entry !== undefined) slotOf[entry] = NONE
    entries.delete(slot)
  }

  function grow(): void {
    nexts = longer(nexts)
    entryOf = longer(entryOf)
    frequencies = longer(frequencies)
    positionsAt = longer(positionsAt)
  }

  function add(term: string, entry: number, at: readonly number[]): void {
    if (postings === nexts.length) grow()
    const posting = postings++
    const id = termIds.get(term)
    if (id === undefined) {
      termIds.set(term, first.length)
      first.push(posting)
      last.push(posting)
    } else {
      nexts[last[id]!] = posting
      last[id] = posting
    }
    nexts[posting] = NONE
    entryOf[posting] = entry
    frequencies[posting] = at.length
    positionsAt[posting] = positions.length
    let former = 0
    for (const position of at) {
      putVarint(positions, position - former)
      former = position
    }
  }

  function collect(id: number, into: PostingsWriter): void {
    for (const posting of inSlotOrder(id)) {
      const to = posting + 1 < postings ? positionsAt[posting + 1]! : positions.length
      into.add(slotOf[entryOf[posting]!]!, frequencies[posting]!, positions.bytes, positionsAt[posting]!, to)
    }
  }

  function listOf(id: number): PostingList | null {
    collect(id, writer)
    return writer.count === 0 ? null : listOfChunk(writer.take())
  }

  /** Living postings; slots are used again, so the order of writing is not theirs. */
  function inSlotOrder(id: number): readonly number[] {
    const living: number[] = []
    let former = NONE
    let sorted = true
    for (let posting = first[id]!; posting !== NONE; posting = nexts[posting]!) {
      const slot = slotOf[entryOf[posting]!]!
      if (slot === NONE) continue
      if (slot < former) sorted = false
      former = slot
      living.push(posting)
    }
    return sorted ? living : living.sort((a, b) => slotOf[entryOf[a]!]! - slotOf[entryOf[b]!]!)
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
      const entry = slotOf.push(slot) - 1
      entries.set(slot, entry)
      for (const [term, at] of terms) add(term, entry, at)
    },
    remove,
    find(term) {
      const id = termIds.get(term)
      return id === undefined ? null : listOf(id)
    },
    eachWithPrefix(prefix, visit) {
      for (const [term, id] of termIds) {
        if (!term.startsWith(prefix)) continue
        const list = listOf(id)
        if (list !== null) visit(list)
      }
    },
    terms() {
      const inOrder = createPostingsWriter()
      const sorted = inOrderOf(termIds)
      let term: string | null = null
      let list: PostingList = { count: 0, chunks: [] }
      return {
        get term() {
          return term
        },
        get list() {
          return list
        },
        next() {
          for (;;) {
            const { value, done } = sorted.next()
            term = done === true ? null : value
            if (term === null) return
            inOrder.clear()
            collect(termIds.get(term)!, inOrder)
            if (inOrder.count === 0) continue
            list = listOfChunk(inOrder.chunk)
            return
          }
        },
      }
    },
  }
}

/** Sorted some at a time, by their first characters first: all at once would keep the thread for long. */
function* inOrderOf(terms: ReadonlyMap<string, number>): Generator<string, null> {
  const groups = Map.groupBy(terms.keys(), (term) => term.slice(0, GROUPED_CHARS))
  for (const start of [...groups.keys()].sort()) yield* groups.get(start)!.sort()
  return null
}

function listOfChunk(chunk: Chunk): PostingList {
  return { count: chunk.count, chunks: [chunk] }
}

function longer(values: Int32Array): Int32Array<ArrayBuffer> {
  const made = new Int32Array(values.length * 2)
  made.set(values)
  return made
}
