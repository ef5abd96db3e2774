/**
 * Search: a query is answered from an index of its own (`search/`), derived from the tables and in the same file.
 *
 *   query ─► what is not indexed yet is ─► filters and words give sets of documents ─► count, facets, the first of the order
 *
 * Every class of query costs some ns per posting and document it touches; there is no query that costs more than a pass
 * over all documents per word. Nothing of the posting lists stays in memory; per document it is about 60 bytes.
 */
import type { ArtifactRow, Artifacts } from './artifacts.ts'
import type { Catalog } from './catalog.ts'
import type { ArtifactQuery, FacetCount } from './protocol.ts'
import { ATTRIBUTES_SCHEMA } from './search/attributes.ts'
import { countBits, intersect, type Bits } from './search/bits.ts'
import { COLUMNS_SCHEMA } from './search/columns.ts'
import { createDocuments, DOCUMENTS_SCHEMA, type Documents, type DocumentsView } from './search/documents.ts'
import { createEvaluator } from './search/evaluation.ts'
import { applyFilter, applyTimes, countFacet } from './search/facets.ts'
import { createHighlighter, type Highlighter } from './search/highlight.ts'
import { pageOf, type Order } from './search/ranking.ts'
import { resolveQuery, type ResolvedQuery } from './search/resolved-query.ts'
import { SEGMENTS_SCHEMA } from './search/segments.ts'
import { INDEX_LIMITS, TEXT_INDEX_SCHEMA, type IndexLimits } from './search/text-index.ts'

export type { IndexLimits } from './search/text-index.ts'

export interface FoundRow {
  readonly row: ArtifactRow
  readonly score: number
  readonly highlights: readonly string[]
}

export interface Found {
  readonly found: readonly FoundRow[]
  readonly total: number
  readonly facets?: Readonly<Record<string, readonly FacetCount[]>>
}

/** The whole text of an artifact; '' when it has none. */
export type TextOf = (row: ArtifactRow) => string

export interface SearchIndex extends Omit<Documents, 'view' | 'excerpt' | 'drain'> {
  /** Everything written before the call counts. Error: `QUERY_INVALID`. */
  search(query: ArtifactQuery, textOf: TextOf): Found
}

export const SEARCH_SCHEMA = [
  SEGMENTS_SCHEMA,
  TEXT_INDEX_SCHEMA,
  COLUMNS_SCHEMA,
  ATTRIBUTES_SCHEMA,
  DOCUMENTS_SCHEMA,
].join('')

/** The text that is indexed of one artifact, at most. */
const BODY_BYTES_MAX = 1024 * 1024
/** Whole texts read for the highlights of one search, when the match is not in the excerpt. */
const HIGHLIGHT_CHARS_MAX = 4 * 1024 * 1024

const TEXT_TYPE = /^(text\/.*|application\/(.*\+)?(json|xml|yaml|x-yaml|javascript|typescript|x-sh|toml|sql|markdown))$/

/** The searchable text of a content, or '' when its type or its bytes are not text. */
export function searchableText(contentType: string, content: Uint8Array): string {
  if (!TEXT_TYPE.test(contentType.split(';')[0]!.trim().toLowerCase())) return ''
  const text = new TextDecoder().decode(content.subarray(0, BODY_BYTES_MAX))
  return text.includes('\0') ? '' : text
}

export function createSearchIndex(
  catalog: Catalog,
  artifacts: Artifacts,
  limits: IndexLimits = INDEX_LIMITS,
): SearchIndex {
  const rowOf = catalog.prepare('SELECT * FROM artifacts WHERE id = ?')
  let opened: Documents | null = null
  const evaluate = createEvaluator()
  // Opened with the first use: a store that is only read by hash does not load it.
  const documents = (): Documents => (opened ??= createDocuments(catalog, artifacts, limits))

  function search(query: ArtifactQuery, textOf: TextOf): Found {
    const wanted = resolveQuery(query)
    const index = documents()
    index.drain()
    const { view } = index
    const { members, scores } = membersFor(wanted, view)
    const highlights = highlighting(wanted, artifacts, { index, textOf })
    const found = pageOf(members, wanted, orderOf(wanted, view, scores)).map((id) => {
      const row = rowOf.get(id) as unknown as ArtifactRow
      return { row, score: scores?.[id] ?? 0, highlights: highlights(row) }
    })
    const total = countBits(members)
    if (wanted.facets.length === 0) return { found, total }
    const facets = wanted.facets.map((name) => [name, countFacet(members, name, view.attributes)])
    return { found, total, facets: Object.fromEntries(facets) as Record<string, readonly FacetCount[]> }
  }

  function membersFor(
    wanted: ResolvedQuery,
    view: DocumentsView,
  ): { readonly members: Bits; readonly scores: Float32Array | null } {
    const members = view.visible.slice()
    for (const filter of wanted.filters) applyFilter(members, filter, view.attributes)
    if (wanted.createdAfter > Number.NEGATIVE_INFINITY || wanted.createdBefore < Number.POSITIVE_INFINITY) {
      applyTimes(members, view.createdAt, wanted.createdAfter, wanted.createdBefore)
    }
    if (wanted.text === null) return { members, scores: null }
    const { found, scores } = evaluate(wanted.text, view)
    intersect(members, found)
    return { members, scores }
  }

  return {
    put: (id, body) => documents().put(id, body),
    touch: (id) => documents().touch(id),
    show: (id, isVisible) => documents().show(id, isVisible),
    remove: (id) => documents().remove(id),
    work: (units) => documents().work(units),
    pace: () => documents().pace(),
    search,
  }
}

function orderOf({ sort }: ResolvedQuery, view: DocumentsView, scores: Float32Array | null): Order {
  const ties = view.hashes
  switch (sort) {
    case 'relevance':
      return { keys: scores ?? view.createdAt, descending: true, ties }
    case 'newest':
      return { keys: view.createdAt, descending: true, ties }
    case 'oldest':
      return { keys: view.createdAt, descending: false, ties }
    case 'largest':
      return { keys: view.sizeBytes, descending: true, ties }
    case 'smallest':
      return { keys: view.sizeBytes, descending: false, ties }
  }
}

/** Of the text first, then of the name and the tags. */
function highlighting(
  { text }: ResolvedQuery,
  artifacts: Artifacts,
  { index, textOf }: { readonly index: Documents; readonly textOf: TextOf },
): (row: ArtifactRow) => readonly string[] {
  if (text === null) return () => []
  const highlight: Highlighter = createHighlighter(text)
  let charsLeft = HIGHLIGHT_CHARS_MAX
  return (row) => {
    const pieces = [index.excerpt(row.id), row.name ?? '', artifacts.tags(row.id).join(' ')].map(highlight)
    const found = pieces.filter((piece) => piece !== null)
    if (found.length > 0 || charsLeft <= 0) return found
    const whole = textOf(row)
    charsLeft -= whole.length
    const piece = highlight(whole)
    return piece === null ? [] : [piece]
  }
}
