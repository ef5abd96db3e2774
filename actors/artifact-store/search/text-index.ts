/**
 * An inverted index that is written a little at a time: a delta in memory, segments on the disk, merged level by level.
 *
 *   put ─► active delta ─► frozen delta ─► segment (level 0) ─┐
 *                                          8 of a level ──────┴─► one segment of the next level (3, when there is nothing else to do)
 *
 * I1. A document lives in one place only: putting or removing it marks it dead in every older place.
 * I2. What a job writes is garbage until the job ends; then it takes the place of its sources in one turn.
 * I3. The delta is not stored: who owns the index puts its documents again when it opens (`search.ts`).
 */
import type { Catalog } from '../catalog.ts'
import {
  bitsBytes,
  bitsFromBytes,
  bitsOf,
  countBits,
  createBits,
  grown,
  hasBit,
  intersect,
  setBit,
  subtract,
  unite,
  type Bits,
} from './bits.ts'
import { createDelta, type Delta, type Terms } from './delta.ts'
import { createMerge, type Job, type MergeSource } from './merge.ts'
import type { PostingList } from './postings.ts'
import type { Segments } from './segments.ts'

export interface Segment {
  readonly id: number
  readonly level: number
  /** Documents that were in it when it was made. */
  readonly members: Bits
  readonly memberCount: number
  /** Members that died since; null when there are none. */
  dead: Bits | null
  deadCount: number
  /** Differs from what is stored. */
  deadChanged: boolean
}

/** One place a query has to look into; a document is wholly in one. */
export interface Place {
  /** Documents that its lists have and that do not count; null when there are none. */
  readonly dead: Bits | null
  find(term: string): PostingList | null
  /** The lists of all terms that begin so. */
  eachWithPrefix(prefix: string, visit: (list: PostingList) => void): void
}

export interface TextIndex {
  put(slot: number, terms: Terms): void
  remove(slot: number): void
  places(): readonly Place[]
  /** Whether the delta is so large that it should become a segment. */
  readonly full: boolean
  /** Ends the active delta and writes it as a segment. */
  flush(): Job
  /** The merge that is due, or null; when there is nothing else to do, also one that only makes queries faster. */
  merge(isIdle: boolean): Job | null
  /** Segments wait to be merged that slow queries down. */
  readonly behind: boolean
  /** Writes which documents are dead. */
  saveDead(): void
}

export const TEXT_INDEX_SCHEMA = `
  CREATE TABLE searchSegments (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, level INTEGER NOT NULL, members BLOB NOT NULL, dead BLOB
  );
`

export interface IndexLimits {
  /** Segments of one level that become one of the next. */
  readonly fanout: number
  /** A delta with more becomes a segment. */
  readonly deltaPostings: number
  readonly deltaDocuments: number
  /** Documents of a list at which its next chunk begins. */
  readonly chunkPostings: number
  /** Lists up to this are in the pages of their terms. */
  readonly inlineBytes: number
  readonly pageBytes: number
}

/** Some megabytes of memory, chunks of about 10 KiB, and at a million documents at most 30 segments to look into, 12 at rest. */
export const INDEX_LIMITS: IndexLimits = {
  fanout: 8,
  deltaPostings: 65_536,
  deltaDocuments: 1024,
  chunkPostings: 8192,
  inlineBytes: 2048,
  pageBytes: 8192,
}

/** Fewer segments make faster queries; what that costs is work for each level more. */
const IDLE_FANOUT = 3
/** A segment with more dead than this is written again by itself. */
const DEAD_SHARE_MAX = 0.3

export function createTextIndex(
  catalog: Catalog,
  segments: Segments,
  { kind, nextSegmentId, limits }: { kind: string; nextSegmentId: () => number; limits: IndexLimits },
): TextIndex {
  const sql = {
    all: catalog.prepare('SELECT id, level, members, dead FROM searchSegments WHERE kind = ? ORDER BY id'),
    add: catalog.prepare('INSERT INTO searchSegments VALUES (?, ?, ?, ?, ?)'),
    remove: catalog.prepare('DELETE FROM searchSegments WHERE id = ?'),
    saveDead: catalog.prepare('UPDATE searchSegments SET dead = ? WHERE id = ?'),
  }
  let live = (sql.all.all(kind) as unknown as SegmentRow[]).map(segmentOfRow)
  let active = createDelta()
  let frozen: Delta | null = null
  /** What dies while jobs write: it may be in their segments already. */
  const dying = new Set<{ bits: Bits }>()

  function kill(slot: number): void {
    for (const segment of live) {
      if (!hasBit(segment.members, slot)) continue
      segment.dead ??= new Uint32Array(segment.members.length)
      if (hasBit(segment.dead, slot)) continue
      setBit(segment.dead, slot)
      segment.deadCount++
      segment.deadChanged = true
    }
    for (const each of dying) setBit((each.bits = grown(each.bits, slot + 1)), slot)
    frozen?.remove(slot)
  }

  function write(sources: readonly MergeSource[], level: number, retire: () => void): Job {
    const id = nextSegmentId()
    const merge = createMerge(sources, segments.write(id), limits.chunkPostings)
    const members = unionOfLiving(sources)
    const died = { bits: createBits(0) }
    dying.add(died)
    return {
      step(units) {
        const progress = merge.step(units)
        if (progress.done) {
          dying.delete(died)
          retire()
          adopt(id, level, members, died.bits)
        }
        return progress
      },
    }
  }

  function adopt(id: number, level: number, members: Bits, died: Bits): void {
    const memberCount = countBits(members)
    const dead = createBits(members.length * 32)
    unite(dead, died)
    intersect(dead, members)
    const deadCount = countBits(dead)
    if (deadCount === memberCount) return
    sql.add.run(id, kind, level, bitsBytes(members), deadCount === 0 ? null : bitsBytes(dead))
    segments.keep(id)
    live.push({ id, level, members, memberCount, dead: deadCount === 0 ? null : dead, deadCount, deadChanged: false })
  }

  return {
    put(slot, terms) {
      kill(slot)
      if (terms.size === 0) active.remove(slot)
      else active.put(slot, terms)
    },
    remove(slot) {
      kill(slot)
      active.remove(slot)
    },
    places: () => [
      ...live.map((segment) => segmentPlace(segments, segment)),
      ...(frozen === null ? [] : [deltaPlace(frozen)]),
      deltaPlace(active),
    ],
    get full() {
      return active.postings >= limits.deltaPostings || active.documents >= limits.deltaDocuments
    },
    flush() {
      const delta = active
      frozen = delta
      active = createDelta()
      return write([deltaSource(delta)], 0, () => (frozen = null))
    },
    merge(isIdle) {
      const due = chooseMerge(live, isIdle ? Math.min(limits.fanout, IDLE_FANOUT) : limits.fanout)
      if (due === null) return null
      const level = due.length === 1 ? due[0]!.level : due[0]!.level + 1
      const sources = due.map((segment) => segmentSource(segments, segment))
      return write(sources, level, () => {
        for (const { id } of due) {
          sql.remove.run(id)
          segments.discard(id)
        }
        live = live.filter((segment) => !due.includes(segment))
      })
    },
    get behind() {
      return live.filter(({ level }) => level === 0).length > limits.fanout * 2
    },
    saveDead() {
      for (const segment of live) {
        if (segment.deadChanged) sql.saveDead.run(bitsBytes(segment.dead!), segment.id)
        segment.deadChanged = false
      }
    },
  }
}

/** The oldest segments of the lowest level that has enough of them, or one of which much is dead. */
export function chooseMerge(segments: readonly Segment[], fanout: number): readonly Segment[] | null {
  const levels = Map.groupBy(segments, ({ level }) => level)
  for (const level of [...levels.keys()].sort((a, b) => a - b)) {
    const some = levels.get(level)!
    if (some.length >= fanout) return some.slice(0, fanout)
  }
  const dying = segments.find(({ memberCount, deadCount }) => deadCount > memberCount * DEAD_SHARE_MAX)
  return dying === undefined ? null : [dying]
}

interface SegmentRow {
  readonly id: number
  readonly level: number
  readonly members: Uint8Array
  readonly dead: Uint8Array | null
}

function segmentOfRow({ id, level, ...row }: SegmentRow): Segment {
  const members = bitsFromBytes(row.members)
  const dead = row.dead === null ? null : bitsFromBytes(row.dead, members.length)
  const deadCount = dead === null ? 0 : countBits(dead)
  return { id, level, members, memberCount: countBits(members), dead, deadCount, deadChanged: false }
}

function unionOfLiving(sources: readonly MergeSource[]): Bits {
  const union = new Uint32Array(Math.max(...sources.map(({ members }) => members.length)))
  for (const { members, dead } of sources) {
    if (dead === null) unite(union, members)
    else {
      const living = members.slice()
      subtract(living, dead)
      unite(union, living)
    }
  }
  return union
}

function segmentPlace(segments: Segments, { id, dead }: Segment): Place {
  return {
    dead,
    find: (term) => segments.find(id, term),
    eachWithPrefix: (prefix, visit) => segments.eachWithPrefix(id, prefix, visit),
  }
}

function deltaPlace(delta: Delta): Place {
  return {
    dead: null,
    find: (term) => delta.find(term),
    eachWithPrefix: (prefix, visit) => delta.eachWithPrefix(prefix, visit),
  }
}

function segmentSource(segments: Segments, { id, members, dead }: Segment): MergeSource {
  return { members, dead, terms: segments.terms(id) }
}

function deltaSource(delta: Delta): MergeSource {
  return { members: bitsOf(delta.slots), dead: null, terms: delta.terms() }
}
