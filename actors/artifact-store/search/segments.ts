/**
 * The parts of a text index that are on the disk: each an immutable, sorted run of terms with their posting lists, in
 * pages of some KiB. Only what a query needs is read; nothing of it stays in memory but the page cache of SQLite.
 *
 *   page   | term | term | …
 *   term   | bytes shared with the former term | length | rest of the term | documents ×2 (+1: apart) | list |
 *   list   | last slot | docs length | positions length | docs | positions |                     in the page, or apart:
 *          | number of the first row | chunks | documents, distance of the last slots | …        two rows per chunk
 *
 * I1. A segment that is not finished, or was replaced, is garbage: nothing reads it, and a crash leaves it so.
 * I2. Terms are in the order of their UTF-8 bytes, which is that of SQLite, and of JavaScript for folded words (`words.ts`).
 */
import type { Catalog } from '../catalog.ts'
import { bytesOfPart, createSink, getVarint, putBytes, putPart, putVarint, takeSink, whole } from './postings.ts'
import type { Chunk, Part, PostingList, Sink, Source } from './postings.ts'

export interface SegmentWriter {
  /** The next part of the list of the next term. The last one has to stay as it is until `term`, others until the next. */
  chunk(chunk: Chunk): void
  /** Ends the list of a term. In ascending order; without chunks it is left out. */
  term(term: string): void
  finish(): void
}

/** The terms of a segment one after the other; `term` is null before the first and after the last. */
export interface TermCursor {
  readonly term: string | null
  readonly list: PostingList
  next(): void
}

export interface Segments {
  /** Begins a segment, garbage until `keep`. */
  write(segment: number): SegmentWriter
  find(segment: number, term: string): PostingList | null
  /** The lists of all terms that begin so, in their order. */
  eachWithPrefix(segment: number, prefix: string, visit: (list: PostingList) => void): void
  terms(segment: number): TermCursor
  keep(segment: number): void
  discard(segment: number): void
  /** Deletes some garbage; false when there is none. */
  clearSome(): boolean
}

export interface SegmentLimits {
  /** Longer lists have rows of their own. */
  readonly inlineBytes: number
  readonly pageBytes: number
}

/** Rows of one segment, at most. */
const ROWS_MAX = 2 ** 24
const CLEARED_AT_ONCE = 32

export const SEGMENTS_SCHEMA = `
  CREATE TABLE searchPages (
    segment INTEGER NOT NULL, first TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (segment, first)
  ) WITHOUT ROWID;
  CREATE TABLE searchLists (list INTEGER PRIMARY KEY, data BLOB NOT NULL);
  CREATE TABLE searchGarbage (segment INTEGER PRIMARY KEY);
`

export function createSegments(catalog: Catalog, { inlineBytes, pageBytes }: SegmentLimits): Segments {
  const sql = statements(catalog)
  const rowData = (row: number): Uint8Array => (sql.list.get(row) as { data: Uint8Array }).data

  function write(segment: number): SegmentWriter {
    sql.discard.run(segment)
    const page = createSink(pageBytes * 2)
    let first = ''
    let former: Uint8Array = NOTHING
    let row = segment * ROWS_MAX
    /** Chunks of the next term. The first one is held until it is known whether the list goes into the page. */
    let chunks: ChunkHead[] = []
    let held: Chunk | null = null
    let rowsFrom = row

    function putRows({ docs, positions }: Chunk): void {
      sql.addList.run(row++, bytesOfPart(docs))
      sql.addList.run(row++, bytesOfPart(positions))
    }

    function release(): void {
      if (held !== null) putRows(held)
      held = null
    }

    function putChunks(): void {
      release()
      putVarint(page, rowsFrom - segment * ROWS_MAX)
      putVarint(page, chunks.length)
      let before = 0
      for (const { count, lastSlot } of chunks) {
        putVarint(page, count)
        putVarint(page, lastSlot - before)
        before = lastSlot
      }
    }

    function endPage(): void {
      if (page.length > 0) sql.addPage.run(segment, first, takeSink(page))
      page.length = 0
      former = NOTHING
    }

    return {
      chunk(chunk) {
        release()
        if (chunks.length === 0) held = chunk
        else putRows(chunk)
        chunks.push({ count: chunk.count, lastSlot: chunk.lastSlot })
      },
      term(term) {
        if (chunks.length === 0) return
        const inline = held !== null && lengthOf(held.docs) + lengthOf(held.positions) <= inlineBytes ? held : null
        if (page.length === 0) first = term
        const bytes = Buffer.from(term)
        const shared = sharedBytes(former, bytes)
        putVarint(page, shared)
        putVarint(page, bytes.length - shared)
        putBytes(page, bytes.subarray(shared))
        putVarint(page, chunks.reduce((sum, { count }) => sum + count, 0) * 2 + (inline === null ? 1 : 0))
        if (inline === null) putChunks()
        else putInline(page, inline)
        former = bytes
        chunks = []
        held = null
        rowsFrom = row
        if (page.length >= pageBytes) endPage()
      },
      finish: endPage,
    }
  }

  function readList(segment: number, source: Source): PostingList {
    const head = getVarint(source)
    return (head & 1) === 0 ? readInline(source, head >>> 1) : readChunks(segment, source, head >>> 1)
  }

  function readChunks(segment: number, source: Source, count: number): PostingList {
    let row = segment * ROWS_MAX + getVarint(source)
    let lastSlot = 0
    const chunks = Array.from({ length: getVarint(source) }, () => {
      const count = getVarint(source)
      lastSlot += getVarint(source)
      const chunk = rowChunk(row, { count, lastSlot }, rowData)
      row += 2
      return chunk
    })
    return { count, chunks }
  }

  /** Page by page: a statement that stays open would hold the write-ahead log back. */
  const pageOf = (segment: number, term: string) => sql.page.get(segment, term) as Page | undefined
  const pageAfter = (segment: number, first: string) => sql.nextPage.get(segment, first) as Page | undefined

  return {
    write,
    find(segment, term) {
      const page = pageOf(segment, term)
      if (page === undefined) return null
      const source: Source = { bytes: page.data, at: 0 }
      const found = seek(source, Buffer.from(term))
      return found === 'exact' ? readList(segment, source) : null
    },
    eachWithPrefix(segment, prefix, visit) {
      const wanted = Buffer.from(prefix)
      for (
        let page = pageOf(segment, prefix) ?? pageAfter(segment, prefix);
        page !== undefined;
        page = pageAfter(segment, page.first)
      ) {
        const source: Source = { bytes: page.data, at: 0 }
        const found = seek(source, wanted)
        if (found === 'after') return
        if (found === 'end') continue
        visit(readList(segment, source))
        // The terms that follow and share the prefix are told by how much they share.
        while (source.at < page.data.length) {
          if (getVarint(source) < wanted.length) return
          const length = getVarint(source)
          source.at += length
          visit(readList(segment, source))
        }
      }
    },
    terms(segment) {
      let page = pageAfter(segment, '')
      let source: Source = { bytes: page?.data ?? NOTHING, at: 0 }
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
          if (page !== undefined && source.at >= source.bytes.length) {
            page = pageAfter(segment, page.first)
            source = { bytes: page?.data ?? NOTHING, at: 0 }
            term = null
          }
          if (page === undefined) return void (term = null)
          const shared = getVarint(source)
          const length = getVarint(source)
          term = termAfter(term ?? '', shared, source.bytes.subarray(source.at, source.at + length))
          source.at += length
          list = readList(segment, source)
        },
      }
    },
    keep: (segment) => void sql.keep.run(segment),
    discard: (segment) => void sql.discard.run(segment),
    clearSome() {
      const row = sql.garbage.get() as { segment: number } | undefined
      if (row === undefined) return false
      const { segment } = row
      const pages = Number(sql.clearPages.run(segment).changes)
      const lists = Number(sql.clearLists.run(segment * ROWS_MAX, (segment + 1) * ROWS_MAX).changes)
      if (pages === 0 && lists === 0) sql.keep.run(segment)
      return true
    },
  }
}

interface ChunkHead {
  readonly count: number
  readonly lastSlot: number
}

interface Page {
  readonly first: string
  readonly data: Uint8Array
}

const NOTHING = new Uint8Array(0)

function statements(catalog: Catalog) {
  return {
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
}

function lengthOf({ from, to }: Part): number {
  return to - from
}

function putInline(page: Sink, { lastSlot, docs, positions }: Chunk): void {
  putVarint(page, lastSlot)
  putVarint(page, lengthOf(docs))
  putVarint(page, lengthOf(positions))
  putPart(page, docs.bytes, docs.from, docs.to)
  putPart(page, positions.bytes, positions.from, positions.to)
}

function readInline(source: Source, count: number): PostingList {
  const { bytes } = source
  const lastSlot = getVarint(source)
  const docsLength = getVarint(source)
  const positionsLength = getVarint(source)
  const from = source.at
  const middle = from + docsLength
  const to = middle + positionsLength
  source.at = to
  const docs = { bytes, from, to: middle }
  return { count, chunks: [{ count, lastSlot, docs, positions: { bytes, from: middle, to } }] }
}

/** Read when it is needed. */
function rowChunk(row: number, { count, lastSlot }: ChunkHead, rowData: (row: number) => Uint8Array): Chunk {
  let docs: Part | null = null
  let positions: Part | null = null
  return {
    count,
    lastSlot,
    get docs() {
      return (docs ??= whole(rowData(row)))
    },
    get positions() {
      return (positions ??= whole(rowData(row + 1)))
    },
  }
}

/** Steps over a list. */
function skipList(source: Source): void {
  const head = getVarint(source)
  getVarint(source)
  if ((head & 1) === 0) {
    const docsLength = getVarint(source)
    const positionsLength = getVarint(source)
    source.at += docsLength + positionsLength
    return
  }
  for (let left = getVarint(source) * 2; left > 0; left--) getVarint(source)
}

/**
 * Stands before the list of the first term that begins with `wanted`: it is that term (`exact`), or a longer one. When there
 * is none, the page ends before it (`end`), or has a greater term (`after`). No term is put together: of each is known how
 * much it shares with the one before, and of that one how much it shares with `wanted`.
 */
function seek(source: Source, wanted: Uint8Array): 'exact' | 'longer' | 'after' | 'end' {
  const { bytes } = source
  let common = 0
  while (source.at < bytes.length) {
    const shared = getVarint(source)
    const length = getVarint(source)
    const from = source.at
    source.at += length
    if (shared < common) return 'after'
    if (shared === common) {
      let i = 0
      while (i < length && common < wanted.length && bytes[from + i] === wanted[common]) {
        i++
        common++
      }
      if (common === wanted.length) return i === length ? 'exact' : 'longer'
      if (i < length && bytes[from + i]! > wanted[common]!) return 'after'
    }
    skipList(source)
  }
  return 'end'
}

function sharedBytes(a: Uint8Array, b: Uint8Array): number {
  const max = Math.min(a.length, b.length)
  let shared = 0
  while (shared < max && a[shared] === b[shared]) shared++
  return shared
}

const decoder = new TextDecoder()

/** `former` up to `shared` bytes, and `rest`. */
function termAfter(former: string, shared: number, rest: Uint8Array): string {
  let term = former.slice(0, shared)
  // Bytes are characters as long as all are ASCII; otherwise a character may be divided between the two.
  if (!isAscii(term, rest)) return decoder.decode(Buffer.concat([Buffer.from(former).subarray(0, shared), rest]))
  for (const byte of rest) term += String.fromCharCode(byte)
  return term
}

function isAscii(text: string, bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte > 127) return false
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false
  return true
}
