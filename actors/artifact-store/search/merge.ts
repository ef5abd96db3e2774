/**
 * Merges sorted runs of posting lists into a new segment, a little at a time.
 *
 * I1. A document is in one source only, or dead in all but one; dead ones are left out. What dies while the merge goes on
 *     may be in the result: who adopts it marks it dead there.
 * I2. Sources whose slots follow one another and have nothing dead are joined without decoding (postings.ts, I2).
 */
import { firstBit, hasBit, lastBit, type Bits } from './bits.ts'
import { NO_SLOT, PostingsCursor } from './cursor.ts'
import { createPostingsWriter, type Chunk } from './postings.ts'
import type { SegmentWriter, TermCursor } from './segments.ts'

export interface MergeSource {
  readonly members: Bits
  readonly dead: Bits | null
  readonly terms: TermCursor
}

/** Work that is done some at a time. */
export interface Job {
  /** Returns what it cost – a unit is about a posting – and true when it was the rest. */
  step(units: number): { readonly spent: number; readonly done: boolean }
}

/** What a term costs beside its postings, and a posting that is only copied. */
const UNITS_PER_TERM = 8
const UNITS_PER_COPIED = 0.1
/** Documents that are decoded between two looks at the budget. */
const DECODED_AT_ONCE = 1024

export function createMerge(sources: readonly MergeSource[], into: SegmentWriter, chunkPostings: number): Job {
  const pieces = merging(sources, into, chunkPostings)
  return {
    step(units) {
      let spent = 0
      while (spent < units) {
        const { value, done } = pieces.next()
        if (done === true) return { spent, done: true }
        spent += value
      }
      return { spent, done: false }
    },
  }
}

/** Yields what each piece has cost. */
function* merging(
  sources: readonly MergeSource[],
  into: SegmentWriter,
  chunkPostings: number,
): Generator<number, undefined> {
  const sorted = [...sources].sort((a, b) => firstBit(a.members) - firstBit(b.members))
  const inOrder = sorted.every((source, i) => i === 0 || lastBit(sorted[i - 1]!.members) < firstBit(source.members))
  const isCopied = inOrder && sources.every(({ dead }) => dead === null)
  const writer = createListWriter(into, chunkPostings)
  let open = sorted.filter(({ terms }) => advance(terms))
  const some: MergeSource[] = []
  while (open.length > 0) {
    const term = leastTerm(open)
    some.length = 0
    for (const source of open) if (source.terms.term === term) some.push(source)
    yield* isCopied ? copy(some, writer) : decode(some, writer)
    writer.end(term)
    let ended = false
    for (const { terms } of some) if (!advance(terms)) ended = true
    if (ended) open = open.filter(({ terms }) => terms.term !== null)
    yield UNITS_PER_TERM
  }
  into.finish()
}

function advance(terms: TermCursor): boolean {
  terms.next()
  return terms.term !== null
}

function leastTerm(sources: readonly MergeSource[]): string {
  let least = sources[0]!.terms.term!
  for (const { terms } of sources) if (terms.term! < least) least = terms.term!
  return least
}

function* copy(sources: readonly MergeSource[], writer: ListWriter): Generator<number, undefined> {
  const isAlone = sources.length === 1
  for (const { terms } of sources) {
    for (const chunk of terms.list.chunks) {
      if (isAlone) writer.pass(chunk)
      else writer.append(chunk)
      if (chunk.count >= DECODED_AT_ONCE) yield chunk.count * UNITS_PER_COPIED
    }
  }
}

/** Documents of several lists in the order of their slots. */
function* decode(sources: readonly MergeSource[], writer: ListWriter): Generator<number, undefined> {
  let open = sources.map(({ dead, terms }) => {
    const cursor = new PostingsCursor(terms.list.chunks)
    cursor.next()
    return { dead, cursor }
  })
  let decoded = 0
  while (open.length > 0) {
    let least = open[0]!
    for (const each of open) if (each.cursor.slot < least.cursor.slot) least = each
    const { cursor, dead } = least
    if (dead === null || !hasBit(dead, cursor.slot)) writer.copy(cursor)
    cursor.next()
    if (cursor.slot === NO_SLOT) open = open.filter((each) => each !== least)
    if (++decoded % DECODED_AT_ONCE === 0) yield DECODED_AT_ONCE
  }
  yield decoded % DECODED_AT_ONCE
}

interface ListWriter {
  /** A chunk as it is. */
  pass(chunk: Chunk): void
  append(chunk: Chunk): void
  copy(cursor: PostingsCursor): void
  end(term: string): void
}

/** Makes chunks of what comes. */
function createListWriter(into: SegmentWriter, chunkPostings: number): ListWriter {
  const writer = createPostingsWriter()
  return {
    pass: (chunk) => into.chunk(chunk),
    append(chunk) {
      if (writer.count > 0 && writer.count + chunk.count > chunkPostings) into.chunk(writer.take())
      writer.append(chunk)
    },
    copy(cursor) {
      if (writer.count >= chunkPostings) into.chunk(writer.take())
      cursor.copyTo(writer)
    },
    end(term) {
      if (writer.count > 0) into.chunk(writer.chunk)
      into.term(term)
      writer.clear()
    },
  }
}
