/**
 * Merges sorted runs of posting lists into a new segment, a little at a time.
 *
 * I1. A document is in one source only, or dead in all but one; dead ones are left out.
 * I2. Sources whose slots follow one another and have nothing dead are joined without decoding (postings.ts, I2).
 */
import { firstBit, hasBit, lastBit, type Bits } from './bits.ts'
import { createCursor, createPostingsWriter, type PostingsCursor, type PostingsWriter } from './postings.ts'
import type { SegmentWriter, TermList } from './segments.ts'

export interface MergeSource {
  readonly members: Bits
  /** As it is now: it may grow while the merge goes on. */
  readonly dead: () => Bits | null
  /** In ascending order of terms. */
  readonly lists: IterableIterator<TermList>
}

/** Work that is done some at a time. */
export interface Job {
  /** Returns what it cost – a unit is about a posting – and true when it was the rest. */
  step(units: number): { readonly spent: number; readonly done: boolean }
}

/** What a term costs beside its postings, and a posting that is only copied. */
const UNITS_PER_TERM = 8
const UNITS_PER_COPIED = 0.1

interface Run {
  readonly source: MergeSource
  list: TermList | null
}

export function createMerge(sources: readonly MergeSource[], into: SegmentWriter): Job {
  const writer = createPostingsWriter()
  const sorted = [...sources].sort((a, b) => firstBit(a.members) - firstBit(b.members))
  const inOrder = sorted.every((source, i) => i === 0 || lastBit(sorted[i - 1]!.members) < firstBit(source.members))
  let runs: Run[] | null = null

  function mergeTerm(some: readonly Run[], term: string): number {
    const copied = inOrder && some.every(({ source }) => source.dead() === null)
    let postings = 0
    for (const { list } of some) postings += list!.count
    if (copied) {
      for (const { list } of some) {
        const { count, lastSlot, docs } = list!
        writer.append({ count, lastSlot, docs, positions: list!.positions() })
      }
    } else mergeDecoded(some, writer)
    if (writer.count > 0) into.add(term, writer.take())
    for (const run of some) run.list = nextList(run.source)
    return UNITS_PER_TERM + (copied ? postings * UNITS_PER_COPIED : postings)
  }

  return {
    step(units) {
      runs ??= sorted.map((source) => ({ source, list: nextList(source) }))
      let spent = 0
      while (spent < units) {
        const term = leastTerm(runs)
        if (term === null) {
          into.finish()
          return { spent, done: true }
        }
        spent += mergeTerm(
          runs.filter(({ list }) => list?.term === term),
          term,
        )
      }
      return { spent, done: false }
    },
  }
}

/** Documents of several lists in the order of their slots. */
function mergeDecoded(runs: readonly Run[], writer: PostingsWriter): void {
  const cursors = runs.map(({ source, list }) => {
    const { count, docs } = list!
    return { dead: source.dead(), cursor: createCursor({ count, docs, positions: list!.positions() }) }
  })
  let open = cursors.filter(({ cursor }) => cursor.next())
  while (open.length > 0) {
    let least = open[0]!
    for (const each of open) if (each.cursor.slot < least.cursor.slot) least = each
    const { cursor, dead } = least
    if (dead === null || !hasBit(dead, cursor.slot)) copyDocument(cursor, writer)
    if (!cursor.next()) open = open.filter((each) => each !== least)
  }
}

function copyDocument(cursor: PostingsCursor, writer: PostingsWriter): void {
  writer.addEncoded(cursor.slot, cursor.frequency, cursor.encodedPositions())
}

function nextList(source: MergeSource): TermList | null {
  const next = source.lists.next()
  return next.done === true ? null : next.value
}

function leastTerm(runs: readonly Run[]): string | null {
  let least: string | null = null
  for (const { list } of runs) if (list !== null && (least === null || list.term < least)) least = list.term
  return least
}
