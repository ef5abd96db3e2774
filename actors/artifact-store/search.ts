/** Full text and filters over the index: SQLite's FTS5, ranked by BM25, a match in the name counting most. */
import type { ArtifactRow } from './artifacts.ts'
import type { Catalog } from './catalog.ts'
import { artifactErrors } from './errors.ts'
import type { ArtifactQuery } from './protocol.ts'
import { toMatchExpression } from './query.ts'

export interface FoundRow {
  readonly row: ArtifactRow
  readonly score: number
  readonly highlight?: string
}

export interface SearchIndex {
  /** Of an artifact that is not in it yet; without any text it stays out until it has some. */
  put(id: number, text: { readonly name: string; readonly tags: readonly string[]; readonly body: string }): void
  /** Replaces name and tags, keeps the body. */
  describe(id: number, text: { readonly name: string; readonly tags: readonly string[] }): void
  remove(id: number): void
  search(query: ArtifactQuery): { readonly found: readonly FoundRow[]; readonly total: number }
}

/** Weights of name, tags and body in the rank. */
const WEIGHTS = '8.0, 4.0, 1.0'
const HIGHLIGHT_TOKENS = 24
const LIMIT_DEFAULT = 20
const LIMIT_MAX = 1000

/** The text that is indexed of one artifact, at most. */
const BODY_BYTES_MAX = 1024 * 1024

const TEXT_TYPE = /^(text\/.*|application\/(.*\+)?(json|xml|yaml|x-yaml|javascript|typescript|x-sh|toml|sql|markdown))$/

/** The searchable text of a content, or '' when its type or its bytes are not text. */
export function searchableText(contentType: string, content: Uint8Array): string {
  if (!TEXT_TYPE.test(contentType.split(';')[0]!.trim().toLowerCase())) return ''
  const text = new TextDecoder().decode(content.subarray(0, BODY_BYTES_MAX))
  return text.includes('\0') ? '' : text
}

export function createSearchIndex(catalog: Catalog): SearchIndex {
  const put = catalog.prepare('INSERT INTO texts (rowid, name, tags, body) VALUES (?, ?, ?, ?)')
  const describe = catalog.prepare('UPDATE texts SET name = ?, tags = ? WHERE rowid = ?')
  const remove = catalog.prepare('DELETE FROM texts WHERE rowid = ?')
  return {
    put(id, { name, tags, body }) {
      if (name !== '' || tags.length > 0 || body !== '') put.run(id, name, tags.join(' '), body)
    },
    describe(id, { name, tags }) {
      const { changes } = describe.run(name, tags.join(' '), id)
      if (changes === 0 && (name !== '' || tags.length > 0)) put.run(id, name, tags.join(' '), '')
    },
    remove: (id) => void remove.run(id),
    search(query) {
      const { from, where, values } = conditions(query)
      const limit = count(query, 'limit', LIMIT_DEFAULT, LIMIT_MAX)
      const offset = count(query, 'offset', 0, Number.MAX_SAFE_INTEGER)
      const ranked = query.text !== undefined
      const columns = ranked
        ? `artifacts.*, -bm25(texts, ${WEIGHTS}) AS score, snippet(texts, -1, '«', '»', '…', ${HIGHLIGHT_TOKENS}) AS highlight`
        : 'artifacts.*, 0 AS score, NULL AS highlight'
      const order = ranked ? 'score DESC, artifacts.hash' : 'artifacts.createdAt DESC, artifacts.hash'
      const rows = catalog
        .prepare(`SELECT ${columns} FROM ${from} WHERE ${where} ORDER BY ${order} LIMIT ? OFFSET ?`)
        .all(...values, limit, offset) as unknown as (ArtifactRow & { score: number; highlight: string | null })[]
      const { total } = catalog.prepare(`SELECT count(*) AS total FROM ${from} WHERE ${where}`).get(...values) as {
        total: number
      }
      return { total, found: rows.map(foundRow) }
    },
  }
}

function foundRow({ score, highlight, ...row }: ArtifactRow & { score: number; highlight: string | null }): FoundRow {
  return { row, score, ...(highlight === null ? {} : { highlight }) }
}

function conditions(query: ArtifactQuery): { from: string; where: string; values: (string | number)[] } {
  const all: string[] = ['artifacts.trashPlan IS NULL']
  const values: (string | number)[] = []
  let from = 'artifacts'
  const and = (condition: string, ...bound: (string | number)[]): void => {
    all.push(condition)
    values.push(...bound)
  }
  if (query.text !== undefined) {
    from = 'texts JOIN artifacts ON artifacts.id = texts.rowid'
    and('texts MATCH ?', toMatchExpression(query.text))
  }
  for (const tag of query.tags ?? []) and('artifacts.id IN (SELECT artifact FROM tags WHERE tag = ?)', tag)
  if (query.contentType !== undefined) {
    const type = query.contentType.toLowerCase()
    if (type.endsWith('/*')) and('substr(lower(artifacts.contentType), 1, ?) = ?', type.length - 1, type.slice(0, -1))
    else and("(lower(artifacts.contentType) = ? OR lower(artifacts.contentType) LIKE ? || ';%')", type, type)
  }
  if (query.runId !== undefined) and('artifacts.id IN (SELECT artifact FROM producers WHERE runId = ?)', query.runId)
  if (query.createdAfter !== undefined) and('artifacts.createdAt > ?', query.createdAfter)
  if (query.createdBefore !== undefined) and('artifacts.createdAt < ?', query.createdBefore)
  return { from, where: all.join(' AND '), values }
}

function count(query: ArtifactQuery, key: 'limit' | 'offset', fallback: number, max: number): number {
  const value = query[key] ?? fallback
  if (Number.isSafeInteger(value) && value >= 0 && value <= max) return value
  const problem = `${key} must be a whole number from 0 to ${max}`
  throw artifactErrors.fail('QUERY_INVALID', { query: query.text ?? '', problem })
}
