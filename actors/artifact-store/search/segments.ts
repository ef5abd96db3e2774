/**
 * The parts of a text index that are on the disk: each an immutable, sorted run of terms with their posting lists, in
 * pages of some KiB. Only what a query needs is read; nothing of it stays in memory but the page cache of SQLite.
 *
 *   page   | term | term | …
 *   term   | chars shared with the former term | length | rest of the term | documents | last slot |
 *          | docs length ×2 (+1: apart) | positions length | docs, positions – or the number of the list, when apart |
 *
 * I1. A segment that is not finished, or was replaced, is garbage: nothing reads it, and a crash leaves it so.
 */
import type { Catalog } from '../catalog.ts'
import { createSink, getVarint, putBytes, putVarint, takeSink, type Postings, type Source } from './postings.ts'

export interface TermList {
  readonly term: string
  readonly count: number
  readonly lastSlot: number
  readonly docs: Uint8Array
  positions(): Uint8Array
}

export interface SegmentWriter {
  /** In ascending order of terms. */
  add(term: string, list: Postings): void
  finish(): void
}

export interface Segments {
  /** Begins a segment, garbage until `keep`. */
  write(segment: number): SegmentWriter
  find(segment: number, term: string): TermList | null
  /** Terms from the first that begins with `prefix` to the last. */
  withPrefix(segment: number, prefix: string): IterableIterator<TermList>
  keep(segment: number): void
  discard(segment: number): void
  /** Deletes some garbage; false when there is none. */
  clearSome(): boolean
}

const PAGE_BYTES = 8 * 1024
/** Longer lists have rows of their own. */
const INLINE_BYTES_MAX = 2 * 1024
/** List numbers of one segment, at most. */
const LISTS_MAX = 2 ** 21
const CLEARED_AT_ONCE = 32

export const SEGMENTS_SCHEMA = `
  CREATE TABLE searchPages (
    segment INTEGER NOT NULL, first TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (segment, first)
  ) WITHOUT ROWID;
  CREATE TABLE searchLists (list INTEGER PRIMARY KEY, data BLOB NOT NULL);
  CREATE TABLE searchGarbage (segment INTEGER PRIMARY KEY);
`

export function createSegments(catalog: Catalog): Segments {
  const sql = {
    addPage: catalog.prepare('INSERT INTO searchPages VALUES (?, ?, ?)'),
    addList: catalog.prepare('INSERT INTO searchLists VALUES (?, ?)'),
    page: catalog.prepare(
      'SELECT first, data FROM searchPages WHERE segment = ? AND first <= ? ORDER BY first DESC LIMIT 1',
    ),
    nextPage: catalog.prepare(
      'SELECT first, data FROM searchPages WHERE segment = ? AND first > ? ORDER BY first LIMIT 1',
    ),
    list: catalog.prepare('SELECT data FROM searchLists WHERE list = ?'),
    discard: catalog.prepare('INSERT OR IGNORE INTO searchGarbage VALUES (?)'),
    keep: catalog.prepare('DELETE FROM searchGarbage WHERE segment = ?'),
    garbage: catalog.prepare('SELECT segment FROM searchGarbage LIMIT 1'),
    clearPages: catalog.prepare(
      `DELETE FROM searchPages WHERE segment = ?1 AND first IN
         (SELECT first FROM searchPages WHERE segment = ?1 LIMIT ${CLEARED_AT_ONCE})`,
    ),
    clearLists: catalog.prepare(
      `DELETE FROM searchLists WHERE list IN
         (SELECT list FROM searchLists WHERE list >= ? AND list < ? LIMIT ${CLEARED_AT_ONCE})`,
    ),
  }
  const listData = (list: number): Uint8Array => (sql.list.get(list) as { data: Uint8Array }).data

  function write(segment: number): SegmentWriter {
    sql.discard.run(segment)
    const page = createSink(PAGE_BYTES * 2)
    let first = ''
    let former = ''
    let lists = segment * LISTS_MAX

    function endPage(): void {
      if (page.length > 0) sql.addPage.run(segment, first, takeSink(page))
      page.length = 0
      former = ''
    }

    return {
      add(term, { count, lastSlot, docs, positions }) {
        if (page.length === 0) first = term
        const shared = sharedChars(former, term)
        const rest = Buffer.from(term.slice(shared))
        putVarint(page, shared)
        putVarint(page, rest.length)
        putBytes(page, rest)
        putVarint(page, count)
        putVarint(page, lastSlot)
        const apart = docs.length + positions.length > INLINE_BYTES_MAX
        putVarint(page, docs.length * 2 + (apart ? 1 : 0))
        putVarint(page, positions.length)
        if (apart) {
          putVarint(page, lists - segment * LISTS_MAX)
          sql.addList.run(lists++, docs)
          sql.addList.run(lists++, positions)
        } else {
          putBytes(page, docs)
          putBytes(page, positions)
        }
        former = term
        if (page.length >= PAGE_BYTES) endPage()
      },
      finish: endPage,
    }
  }

  function* terms(segment: number, data: Uint8Array): IterableIterator<TermList> {
    const source: Source = { bytes: data, at: 0 }
    let former = ''
    while (source.at < data.length) {
      const shared = getVarint(source)
      const restLength = getVarint(source)
      const term = former.slice(0, shared) + utf8(data, source.at, restLength)
      source.at += restLength
      former = term
      yield readList(segment, term, source)
    }
  }

  function readList(segment: number, term: string, source: Source): TermList {
    const head = readHead(source)
    const { count, lastSlot, docsLength, positionsLength, at } = head
    source.at = head.end
    if (head.apart) {
      const list = segment * LISTS_MAX + head.list
      let docs: Uint8Array | null = null
      return {
        term,
        count,
        lastSlot,
        get docs() {
          return (docs ??= listData(list))
        },
        positions: () => listData(list + 1),
      }
    }
    const docs = source.bytes.subarray(at, at + docsLength)
    const positions = source.bytes.subarray(at + docsLength, at + docsLength + positionsLength)
    return { term, count, lastSlot, docs, positions: () => positions }
  }

  return {
    write,
    find(segment, term) {
      const row = sql.page.get(segment, term) as Page | undefined
      if (row === undefined) return null
      const source = seek(row.data, term)
      return source === null ? null : readList(segment, term, source)
    },
    *withPrefix(segment, prefix) {
      // Page by page: a statement that stays open would hold the write-ahead log back.
      let page = (sql.page.get(segment, prefix) ?? sql.nextPage.get(segment, prefix)) as Page | undefined
      while (page !== undefined) {
        for (const list of terms(segment, page.data)) {
          if (list.term.startsWith(prefix)) yield list
          else if (list.term > prefix) return
        }
        page = sql.nextPage.get(segment, page.first) as Page | undefined
      }
    },
    keep: (segment) => void sql.keep.run(segment),
    discard: (segment) => void sql.discard.run(segment),
    clearSome() {
      const row = sql.garbage.get() as { segment: number } | undefined
      if (row === undefined) return false
      const { segment } = row
      const pages = Number(sql.clearPages.run(segment).changes)
      const lists = Number(sql.clearLists.run(segment * LISTS_MAX, (segment + 1) * LISTS_MAX).changes)
      if (pages === 0 && lists === 0) sql.keep.run(segment)
      return true
    },
  }
}

interface Page {
  readonly first: string
  readonly data: Uint8Array
}

interface ListHead {
  readonly count: number
  readonly lastSlot: number
  readonly docsLength: number
  readonly positionsLength: number
  readonly apart: boolean
  readonly list: number
  /** Where inline data begins. */
  readonly at: number
  /** Where the next term begins. */
  readonly end: number
}

function readHead(source: Source): ListHead {
  const count = getVarint(source)
  const lastSlot = getVarint(source)
  const docs = getVarint(source)
  const docsLength = docs >>> 1
  const apart = (docs & 1) === 1
  const positionsLength = getVarint(source)
  const list = apart ? getVarint(source) : 0
  const { at } = source
  return {
    count,
    lastSlot,
    docsLength,
    positionsLength,
    apart,
    list,
    at,
    end: apart ? at : at + docsLength + positionsLength,
  }
}

/** Finds a term in a page; stands behind it then. */
function seek(data: Uint8Array, wanted: string): Source | null {
  const source: Source = { bytes: data, at: 0 }
  let term = ''
  while (source.at < data.length) {
    const shared = getVarint(source)
    const restLength = getVarint(source)
    term = term.slice(0, shared) + utf8(data, source.at, restLength)
    source.at += restLength
    if (term === wanted) return source
    if (term > wanted) return null
    source.at = readHead(source).end
  }
  return null
}

function sharedChars(a: string, b: string): number {
  const max = Math.min(a.length, b.length)
  let shared = 0
  while (shared < max && a.charCodeAt(shared) === b.charCodeAt(shared)) shared++
  return shared
}

const decoder = new TextDecoder()

function utf8(data: Uint8Array, at: number, length: number): string {
  let text = ''
  for (let i = at; i < at + length; i++) {
    const byte = data[i]!
    if (byte > 127) return decoder.decode(data.subarray(at, at + length))
    text += String.fromCharCode(byte)
  }
  return text
}
