/**
 * The search index of all artifacts, kept up to date: texts, attributes, and what orders results. Derived from the tables,
 * a little later than they change:
 *
 *   a change ─► pending row (same transaction) ─► drained: before the next query, or in the background ─► delta, columns
 *   delta full ─► segment, columns, dead marks and the end of the pending rows in one transaction
 *
 * I1. A slot is the artifact's id in the tables; ids are used again, so slots stay dense.
 * I2. What is only in memory belongs to pending artifacts. Opening takes them out of the segments and drains them again:
 *     the index is never built from the start, unless the tables are.
 * I3. Work is done in turns of bounded cost (units, about a posting each), never all at once.
 */
import { DEFAULT_CONTENT_TYPE, type ArtifactRow, type Artifacts } from '../artifacts.ts'
import type { Catalog } from '../catalog.ts'
import type { AttributeValue } from '../protocol.ts'
import { createAttributes, CUSTOM_PREFIX, type Attributes } from './attributes.ts'
import { clearBit, createBits, grown, setBit, type Bits } from './bits.ts'
import { createColumns, type Column } from './columns.ts'
import type { Searched } from './evaluation.ts'
import { addTexts, FIELDS, lengthCode, LENGTHS, textsOf, type Field } from './fields.ts'
import type { Job } from './merge.ts'
import { createSegments } from './segments.ts'
import { createTextIndex, type IndexLimits } from './text-index.ts'

export interface Documents {
  /** A new artifact with its text ('' when it has none). */
  put(id: number, body: string): void
  /** Something about the artifact changed, but not its text. */
  touch(id: number): void
  /** It went to the trash or came back; nothing else changed. */
  show(id: number, isVisible: boolean): void
  remove(id: number): void
  /** Makes everything written so far searchable. */
  drain(): void
  /** Does some of the work in the background; false when there is none left. */
  work(units: number): boolean
  /** As much work as a writer owes for what it wrote, when the background does not keep up. */
  pace(): void
  /** Of what can be seen, that is not in the trash. Valid until the next change. */
  readonly view: DocumentsView
  excerpt(id: number): string
}

export interface DocumentsView extends Searched {
  readonly visible: Bits
  readonly attributes: Attributes
  readonly createdAt: Float64Array
  readonly sizeBytes: Float64Array
  /** The first 32 bits of the hash. */
  readonly hashes: Uint32Array
}

export const DOCUMENTS_SCHEMA = `
  CREATE TABLE searchPending (id INTEGER PRIMARY KEY, generation INTEGER NOT NULL, body TEXT);
  CREATE TABLE searchExcerpts (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
`

/** Kept of each text, for highlights. */
const EXCERPT_CHARS = 4096
const BACKLOG_MAX = 64
const PENDING_MAX = 4096
/** Longer strings cannot be filtered by. */
export const ATTRIBUTE_CHARS_MAX = 256
const CUSTOM_KEY_CHARS_MAX = 128
const UNITS_PER_DOCUMENT = 400
const UNITS_PER_CLEARED = 500
const UNITS_OWED_PER_WRITE = 1000
/** About 3 ms: more is not asked of one writer. */
const UNITS_PER_TURN_MAX = 16_000

export function createDocuments(catalog: Catalog, artifacts: Artifacts, limits: IndexLimits): Documents {
  const sql = statements(catalog)
  const segments = createSegments(catalog, limits)
  const columns = createColumns(catalog)
  const attributes = createAttributes(catalog, columns)
  const createdAt = columns.float64('createdAt')
  const sizeBytes = columns.float64('sizeBytes')
  const hashes = columns.uint32('hash')
  const visibility = columns.uint8('visible')
  const lengths = {
    name: createLengths(columns.uint8('length.name')),
    label: createLengths(columns.uint8('length.label')),
    body: createLengths(columns.uint8('length.body')),
  }
  let visible = visibleBits(visibility.values)
  let documents = visibility.values.reduce((sum, each) => sum + each, 0)
  let segmentId = (sql.lastSegment.get() as { id: number }).id
  const nextSegmentId = (): number => ++segmentId
  const body = createTextIndex(catalog, segments, { kind: 'body', nextSegmentId, limits })
  const meta = createTextIndex(catalog, segments, { kind: 'meta', nextSegmentId, limits })

  let generation = (sql.lastGeneration.get() as { generation: number }).generation + 1
  /** Artifacts to be drained, with their text when it is new. */
  const touched = new Map<number, string | null>()
  let pendingCount = 0
  let flushing: Job | null = null
  let merging: Job | null = null
  let owed = 0
  reopenPending()

  /** I2. */
  function reopenPending(): void {
    for (const { id, body: text } of sql.pending.all() as { id: number; body: string | null }[]) {
      const known = sql.artifact.get(id) !== undefined
      if (known) touched.set(id, text)
      if (!known || text !== null) body.remove(id)
      if (!known) hide(id)
      meta.remove(id)
      pendingCount++
    }
  }

  function mark(id: number, text: string | null): void {
    sql.mark.run(id, generation, text)
    touched.set(id, text ?? touched.get(id) ?? null)
    pendingCount++
    owed += UNITS_OWED_PER_WRITE + (text?.length ?? 0)
  }

  function hide(id: number): void {
    setVisible(id, false)
    attributes.set(id, new Map())
    for (const field of FIELDS) lengths[field.name].set(id, 0)
  }

  function setVisible(id: number, isVisible: boolean): void {
    const was = visibility.values[id] === 1
    visibility.set(id, isVisible ? 1 : 0)
    visible = grown(visible, visibility.values.length)
    if (isVisible) setBit(visible, id)
    else clearBit(visible, id)
    documents += Number(isVisible) - Number(was)
  }

  function drainOne(id: number, text: string | null): number {
    touched.delete(id)
    const row = sql.artifact.get(id) as ArtifactRow | undefined
    if (row === undefined) return UNITS_PER_DOCUMENT
    createdAt.set(id, row.createdAt)
    sizeBytes.set(id, row.sizeBytes)
    hashes.set(id, Number.parseInt(row.hash.slice(0, 8), 16))
    setVisible(id, row.trashPlan === null)
    const tags = artifacts.tags(id)
    const custom = row.custom === null ? {} : (JSON.parse(row.custom) as Record<string, unknown>)
    attributes.set(id, attributesOf(row, tags, custom, artifacts.producers(id)))
    indexMeta(id, row.name ?? '', [...tags, ...textsOf(custom)])
    return UNITS_PER_DOCUMENT + (text === null ? 0 : indexBody(id, text))
  }

  function indexMeta(id: number, name: string, labels: readonly string[]): void {
    const terms = new Map<string, number[]>()
    const [nameField, labelField] = FIELDS as readonly [Field, Field]
    const inName = addTexts(terms, [name], nameField.mark)
    const inLabels = addTexts(terms, labels, labelField.mark)
    meta.put(id, terms)
    lengths.name.set(id, lengthCode(inName))
    lengths.label.set(id, lengthCode(inLabels))
  }

  function indexBody(id: number, text: string): number {
    const terms = new Map<string, number[]>()
    const words = addTexts(terms, [text], '')
    body.put(id, terms)
    const hadText = (lengths.body.codes[id] ?? 0) > 0
    lengths.body.set(id, lengthCode(words))
    if (text !== '') sql.keepExcerpt.run(id, text.slice(0, EXCERPT_CHARS))
    else if (hadText) sql.forgetExcerpt.run(id)
    return words
  }

  function full(): boolean {
    return body.full || meta.full || pendingCount >= PENDING_MAX
  }

  /** Everything touched is drained: what is in the deltas now has a pending row of this generation or an older one. */
  function flush(): Job {
    const upTo = generation++
    const jobs = [body.flush(), meta.flush()]
    return {
      step(units) {
        const progress = jobs[0]!.step(units)
        if (!progress.done) return progress
        jobs.shift()
        if (jobs.length > 0) return { ...progress, done: false }
        columns.save()
        body.saveDead()
        meta.saveDead()
        sql.unmark.run(upTo)
        pendingCount = (sql.pendingCount.get() as { count: number }).count
        return progress
      },
    }
  }

  function someWork(units: number, isIdle: boolean): number {
    const [next] = touched
    if (next !== undefined) return drainOne(...next)
    if (flushing === null && full()) flushing = flush()
    if (flushing !== null) {
      const { spent, done } = flushing.step(units)
      if (done) flushing = null
      return spent + 1
    }
    merging ??= body.merge(false) ?? meta.merge(false)
    if (isIdle) merging ??= body.merge(true) ?? meta.merge(true)
    if (merging !== null) {
      const { spent, done } = merging.step(units)
      if (done) merging = null
      return spent + 1
    }
    return segments.clearSome() ? UNITS_PER_CLEARED : 0
  }

  function work(units: number, isIdle: boolean): boolean {
    catalog.begin()
    for (let left = units; left > 0;) {
      const spent = someWork(left, isIdle)
      if (spent === 0) return false
      left -= spent
    }
    return true
  }

  return {
    put: (id, text) => mark(id, text),
    touch: (id) => mark(id, null),
    show(id, isVisible) {
      if (touched.has(id)) return
      sql.mark.run(id, generation, null)
      pendingCount++
      setVisible(id, isVisible)
    },
    remove(id) {
      mark(id, '')
      touched.delete(id)
      body.remove(id)
      meta.remove(id)
      hide(id)
      sql.forgetExcerpt.run(id)
    },
    drain() {
      if (touched.size > 0) catalog.begin()
      for (const [id, text] of touched) drainOne(id, text)
    },
    work: (units) => work(units, true),
    pace() {
      owed = Math.min(owed, UNITS_PER_TURN_MAX)
      if (touched.size <= BACKLOG_MAX && !full() && !body.behind && !meta.behind) return
      work(owed, false)
      owed = 0
    },
    get view() {
      const places = { body: body.places(), meta: meta.places() }
      return {
        capacity: visible.length * 32,
        documents,
        visible,
        attributes,
        createdAt: createdAt.values,
        sizeBytes: sizeBytes.values,
        hashes: hashes.values,
        fields: FIELDS.map((field) => ({
          ...field,
          places: places[field.index],
          lengths: lengths[field.name].codes,
          lengthMean: lengths[field.name].mean,
        })),
      }
    },
    excerpt: (id) => (sql.excerpt.get(id) as { text: string } | undefined)?.text ?? '',
  }
}

function statements(catalog: Catalog) {
  return {
    artifact: catalog.prepare('SELECT * FROM artifacts WHERE id = ?'),
    pending: catalog.prepare('SELECT id, body FROM searchPending ORDER BY id'),
    pendingCount: catalog.prepare('SELECT count(*) AS count FROM searchPending'),
    mark: catalog.prepare(
      `INSERT INTO searchPending VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE
       SET generation = excluded.generation, body = coalesce(excluded.body, body)`,
    ),
    unmark: catalog.prepare('DELETE FROM searchPending WHERE generation <= ?'),
    lastGeneration: catalog.prepare('SELECT coalesce(max(generation), 0) AS generation FROM searchPending'),
    lastSegment: catalog.prepare(
      `SELECT max(coalesce((SELECT max(id) FROM searchSegments), 0),
                  coalesce((SELECT max(segment) FROM searchGarbage), 0)) AS id`,
    ),
    excerpt: catalog.prepare('SELECT text FROM searchExcerpts WHERE id = ?'),
    keepExcerpt: catalog.prepare('INSERT OR REPLACE INTO searchExcerpts VALUES (?, ?)'),
    forgetExcerpt: catalog.prepare('DELETE FROM searchExcerpts WHERE id = ?'),
  }
}

/** Length codes of a field and their mean, over the artifacts that have the field. */
function createLengths(column: Column<Uint8Array>) {
  let count = 0
  let sum = 0
  for (const code of column.values) {
    if (code > 0) count++
    sum += LENGTHS[code]!
  }
  return {
    get codes() {
      return column.values
    },
    get mean() {
      return count === 0 ? 0 : sum / count
    },
    set(slot: number, code: number): void {
      const former = column.values[slot] ?? 0
      count += Number(code > 0) - Number(former > 0)
      sum += LENGTHS[code]! - LENGTHS[former]!
      column.set(slot, code)
    },
  }
}

function visibleBits(values: Uint8Array): Bits {
  const bits = createBits(values.length)
  for (let slot = 0; slot < values.length; slot++) if (values[slot] === 1) setBit(bits, slot)
  return bits
}

function attributesOf(
  row: ArtifactRow,
  tags: readonly string[],
  custom: Record<string, unknown>,
  producers: ReturnType<Artifacts['producers']>,
): ReadonlyMap<string, readonly AttributeValue[]> {
  const found = new Map<string, readonly AttributeValue[]>([
    ['tags', tags],
    ['contentType', [(row.contentType || DEFAULT_CONTENT_TYPE).toLowerCase()]],
  ])
  for (const key of ['tenant', 'runId', 'nodeId', 'model'] as const) {
    found.set(
      key,
      producers.map((producer) => producer[key]).filter((value) => value !== undefined),
    )
  }
  for (const [key, value] of Object.entries(custom)) {
    if (key.length > CUSTOM_KEY_CHARS_MAX) continue
    found.set(CUSTOM_PREFIX + key, (Array.isArray(value) ? value : [value]).filter(isAttributeValue))
  }
  return found
}

function isAttributeValue(value: unknown): value is AttributeValue {
  if (typeof value === 'string') return value.length <= ATTRIBUTE_CHARS_MAX
  return typeof value === 'number' || typeof value === 'boolean'
}
