/** The tables of the index, and what each record of the log does to them. */
import { isDeepStrictEqual } from 'node:util'
import {
  DEFAULT_CONTENT_TYPE,
  createArtifacts,
  type ArtifactRow,
  type Artifacts,
  type Frame,
  type NewRow,
} from './artifacts.ts'
import { createAliases, type Aliases } from './aliases.ts'
import { createAnswers, type Answers } from './answers.ts'
import type { Catalog } from './catalog.ts'
import { BLOCK_BYTES } from './content.ts'
import { createDedup, type Dedup } from './dedup.ts'
import type { ContentHash, PutResult } from './protocol.ts'
import { createMirrorTable, type MirrorTable } from './mirror/mirror-table.ts'
import { createPacks, type Packs } from './packing/packs.ts'
import {
  beginningOf,
  decodeBatch,
  positionsOf,
  type ContentPlace,
  type StoredPlace,
  type StoreRecord,
} from './records.ts'
import { createRelationships, type Relationships } from './relationships.ts'
import { createScores, type Scores } from './quality/scores.ts'
import { createSearchIndex, searchableText, type IndexLimits, type SearchIndex } from './search.ts'
import { createUses, type Uses } from './uses.ts'
import { createVersions, recordedVersion, type Versions } from './versioning.ts'

export interface Tables {
  readonly artifacts: Artifacts
  readonly packs: Packs
  readonly mirror: MirrorTable
  readonly versions: Versions
  readonly aliases: Aliases
  readonly relationships: Relationships
  readonly uses: Uses
  readonly scores: Scores
  readonly search: SearchIndex
  readonly dedup: Dedup
  readonly answers: Answers
}

/** A record as it is found in the log. */
export interface LoggedRecord {
  readonly record: StoreRecord
  readonly content: Uint8Array
  readonly position: number
  /** What it takes in the log. */
  readonly bytes: number
  /** Content somewhere else in the log; null when it cannot be read. */
  readonly contentAt: (place: StoredPlace) => Uint8Array | null
}

const NOTHING = new Uint8Array(0)
const ONE_INPUT = { inputs: 1, cacheHits: 0 }
const ONE_CACHE_HIT = { inputs: 0, cacheHits: 1 }

type RecordOf<T extends StoreRecord['t']> = StoreRecord & { readonly t: T }

export function createTables(catalog: Catalog, limits?: IndexLimits): Tables {
  const artifacts = createArtifacts(catalog)
  return {
    artifacts,
    packs: createPacks(catalog),
    mirror: createMirrorTable(catalog),
    versions: createVersions(catalog),
    aliases: createAliases(catalog),
    relationships: createRelationships(catalog),
    uses: createUses(catalog),
    scores: createScores(catalog),
    search: createSearchIndex(catalog, artifacts, limits),
    dedup: createDedup(catalog),
    answers: createAnswers(catalog),
  }
}

/** Deterministic: the same log gives the same tables. Records of unknown artifacts change nothing (I1 of `records.ts`). */
export function applyRecord(tables: Tables, logged: LoggedRecord): void {
  applyTo(tables, logged)
  tables.search.pace()
}

function applyTo(tables: Tables, logged: LoggedRecord): void {
  const { record, position } = logged
  const { artifacts, versions, answers } = tables
  switch (record.t) {
    case 'put':
      return applyPut(tables, record, logged)
    case 'state':
      return applyState(tables, record, logged)
    case 'chunk':
      return
    case 'pack': {
      const { id, size, base, label, sketch } = record
      const place = { id, position, bytes: logged.bytes, rawBytes: size, base: base ?? null }
      return tables.packs.put({ ...place, label: label ?? '', sketch: sketch ?? '' })
    }
    case 'batch': {
      const bytes = Math.ceil(logged.bytes / record.count)
      for (const one of decodeBatch(logged.content))
        applyRecord(tables, { ...logged, record: one, content: NOTHING, bytes })
      return
    }
    case 'tag':
      return withRow(tables, record.hash, (row) => {
        for (const tag of record.add) artifacts.addTag(row.id, tag)
        for (const tag of record.remove) artifacts.removeTag(row.id, tag)
        artifacts.update(row.id, { changedPosition: position })
        tables.search.touch(row.id)
      })
    case 'version': {
      const made = recordedVersion(record)
      versions.add(made, position)
      if (record.cause !== undefined) answers.put(record.cause, made)
      return withRow(tables, record.hash, ({ id }) => artifacts.update(id, { changedPosition: position }))
    }
    case 'version-tags':
      return versions.setTags(record.name, record.version, record.tags, position)
    case 'alias':
      return applyAlias(tables, record, position)
    case 'relate':
      return applyRelate(tables, record, position)
    case 'use':
      answers.put(record.cause, {})
      return eachRow(tables, record.hashes, ({ id }) => {
        tables.uses.add(id, { by: record.by, at: record.at })
        tables.scores.addUses(id, record.as === 'input' ? ONE_INPUT : ONE_CACHE_HIT)
        artifacts.update(id, { changedPosition: position })
      })
    case 'feedback':
      return withRow(tables, record.hash, ({ id }) => {
        const { by, score, at, comment } = record
        tables.scores.addFeedback(id, { by, score, at, ...(comment === undefined ? {} : { comment }) })
        artifacts.update(id, { changedPosition: position })
      })
    case 'unpin':
      return void artifacts.unpin(record.owner)
    case 'trash':
      return eachRow(tables, record.hashes, ({ id }) => {
        artifacts.update(id, { trashPlan: record.plan, trashedAt: record.at, changedPosition: position })
        tables.search.show(id, false)
      })
    case 'restore':
      answers.put(record.cause, { restored: record.hashes })
      return eachRow(tables, record.hashes, ({ id }) => {
        artifacts.update(id, { trashPlan: null, trashedAt: null, changedPosition: position })
        tables.search.show(id, true)
      })
    case 'purge':
      eachRow(tables, record.hashes, (row) => forget(tables, row))
      for (const hash of record.hashes) tables.mirror.oweDelete(hash, position)
      return
    case 'mirror':
      return tables.mirror.identify(record.id, position)
    case 'damaged':
      return withRow(tables, record.hash, ({ id }) => {
        tables.packs.setExtents(id, [])
        artifacts.update(id, { damaged: 1, changedPosition: position })
      })
    case 'access':
      for (const [hash, count, at] of record.counts) {
        withRow(tables, hash, ({ id, accessCount, lastAccessAt }) =>
          artifacts.update(id, { accessCount: accessCount + count, lastAccessAt: Math.max(lastAccessAt, at) }),
        )
      }
  }
}

function applyAlias({ aliases, answers }: Tables, record: RecordOf<'alias'>, position: number): void {
  const { name, alias, version, protected: isProtected, at, previous } = record
  if (version === null) {
    aliases.remove(name, alias, position)
    if (record.cause !== undefined) answers.put(record.cause, { removed: true })
    return
  }
  const set = { name, alias, version, protected: isProtected, changedAt: at }
  aliases.set({ ...set, position })
  const before = previous === undefined ? {} : { previousVersion: previous }
  if (record.cause !== undefined) answers.put(record.cause, { ...set, ...before })
}

/** Of an artifact whose beginning comes later, nothing: its `state` says it all. */
function applyRelate(tables: Tables, record: RecordOf<'relate'>, position: number): void {
  const { child, parent, kind, linked } = record
  withRow(tables, child, ({ id }) => {
    if (linked) tables.relationships.link(child, parent, kind)
    else tables.relationships.unlink(child, parent, kind)
    tables.artifacts.update(id, { changedPosition: position })
  })
}

function applyPut(tables: Tables, record: RecordOf<'put'>, logged: LoggedRecord): void {
  const { artifacts, relationships, answers } = tables
  const known = artifacts.find(record.hash)
  if (known === null && record.content === 'stored') return
  const isNew = known === null || known.trashPlan !== null || known.damaged === 1
  const id = known === null ? insertNew(tables, record, logged) : merge(tables, known, record, logged.position)
  if (record.content !== 'stored') {
    if (known !== null) place(tables, id, record, logged)
    tables.mirror.oweCopy(id, record.hash)
  }
  for (const tag of record.tags ?? []) artifacts.addTag(id, tag)
  if (record.by !== undefined) artifacts.addProducer(id, record.by)
  if (record.pin !== undefined) artifacts.pin(id, record.pin)
  for (const parent of record.from ?? []) relationships.link(record.hash, parent, 'derivedFrom')
  if (known === null) index(tables, id, record, logged)
  else if (contentTypeOf(known, record) !== known.contentType) indexAgain(tables, id, logged)
  else tables.search.touch(id)
  if (record.cause !== undefined) {
    answers.put(record.cause, { hash: record.hash, isNew, sizeBytes: record.size } satisfies PutResult)
  }
}

function insertNew({ artifacts, packs }: Tables, record: RecordOf<'put'>, logged: LoggedRecord): number {
  const { position } = logged
  const at = placeOf(record.content, position)
  const id = artifacts.insert({
    hash: record.hash,
    sizeBytes: record.size,
    contentType: record.type ?? DEFAULT_CONTENT_TYPE,
    name: record.name ?? null,
    custom: record.custom === undefined ? null : JSON.stringify(record.custom),
    createdAt: record.at,
    puts: 1,
    lastAccessAt: record.at,
    accessCount: 0,
    damaged: 0,
    trashPlan: null,
    trashedAt: null,
    ...columnsOf(at),
    sincePosition: position,
    changedPosition: position,
  })
  artifacts.addFrames(id, framesOf(at, record, logged))
  if ('packed' in at) packs.setExtents(id, at.packed)
  return id
}

/** A put of known content: it counts, adds what it says, and brings the artifact back from the trash. */
function merge(tables: Tables, row: ArtifactRow, record: RecordOf<'put'>, position: number): number {
  const custom = { ...(row.custom === null ? {} : (JSON.parse(row.custom) as object)), ...record.custom }
  tables.artifacts.update(row.id, {
    puts: row.puts + 1,
    name: row.name ?? record.name ?? null,
    contentType: contentTypeOf(row, record),
    custom: Object.keys(custom).length === 0 ? null : JSON.stringify(custom),
    trashPlan: null,
    trashedAt: null,
    lastAccessAt: Math.max(row.lastAccessAt, record.at),
    changedPosition: position,
    ...(record.content === 'stored' ? {} : { damaged: 0 }),
  })
  return row.id
}

/** The first type that says more than that there are bytes. */
function contentTypeOf(row: ArtifactRow, { type }: RecordOf<'put'>): string {
  return row.contentType === DEFAULT_CONTENT_TYPE ? (type ?? row.contentType) : row.contentType
}

function applyState(tables: Tables, record: RecordOf<'state'>, logged: LoggedRecord): void {
  const { artifacts, relationships } = tables
  const row: NewRow = {
    hash: record.hash,
    sizeBytes: record.size,
    contentType: record.type ?? DEFAULT_CONTENT_TYPE,
    name: record.name ?? null,
    custom: record.custom === undefined ? null : JSON.stringify(record.custom),
    createdAt: record.at,
    puts: record.puts,
    lastAccessAt: record.lastAccessAt,
    accessCount: record.accessCount,
    damaged: record.damaged ? 1 : 0,
    trashPlan: record.trash?.plan ?? null,
    trashedAt: record.trash?.at ?? null,
    frames: '[]',
    packing: 'raw',
    sincePosition: logged.position,
    changedPosition: logged.position,
  }
  const known = artifacts.find(record.hash)
  const id = known === null ? artifacts.insert(row) : known.id
  const tagsBefore = artifacts.tags(id)
  if (known !== null) {
    artifacts.update(id, row)
    artifacts.clear(id)
    tables.uses.clear(id)
    tables.scores.clear(id)
  }
  place(tables, id, record, logged)
  for (const tag of record.tags ?? []) artifacts.addTag(id, tag)
  for (const producer of record.producers) artifacts.addProducer(id, producer)
  for (const owner of record.pins) artifacts.pin(id, owner)
  relationships.setParents(record.hash, 'derivedFrom', record.from ?? [])
  relationships.setParents(record.hash, 'partOf', record.partOf ?? [])
  for (const use of record.uses ?? []) tables.uses.add(id, use)
  if (record.useCounts !== undefined) tables.scores.addUses(id, record.useCounts)
  for (const feedback of record.feedback ?? []) tables.scores.addFeedback(id, feedback)
  if (known === null) {
    index(tables, id, record, logged)
    tables.mirror.oweCopy(id, record.hash)
  }
  // Packing and compaction write the state of many artifacts as it is: the search index has nothing to learn then.
  else if (differs(known, row) || !isDeepStrictEqual(tagsBefore, artifacts.tags(id))) tables.search.touch(id)
}

/** Notes where the content is, and what that and the state take in the log. */
function place(
  { artifacts, packs }: Tables,
  id: number,
  record: RecordOf<'put' | 'state'>,
  logged: LoggedRecord,
): void {
  const at = placeOf(record.content, logged.position)
  artifacts.clearFrames(id)
  artifacts.addFrames(id, framesOf(at, record, logged))
  packs.setExtents(id, 'packed' in at ? at.packed : [])
  artifacts.update(id, columnsOf(at))
}

function columnsOf(at: StoredPlace): Pick<NewRow, 'frames' | 'packing'> {
  return { frames: JSON.stringify(at), packing: 'packed' in at ? 'packed' : 'raw' }
}

function framesOf(at: StoredPlace, record: RecordOf<'put' | 'state'>, logged: LoggedRecord): readonly Frame[] {
  const positions = positionsOf(at)
  const own = { position: logged.position, bytes: logged.bytes }
  const bytes = Math.ceil(record.size / Math.max(1, positions.length))
  const others = positions.filter((position) => position !== own.position).map((position) => ({ position, bytes }))
  return [own, ...others]
}

function placeOf(content: ContentPlace, here: number): StoredPlace {
  if (content === 'here') return [here]
  return content === 'stored' ? [] : content
}

/** The text of content in packs waits for `indexTexts`: a pack that had to move comes later in the log. */
function index(tables: Tables, id: number, record: RecordOf<'put' | 'state'>, logged: LoggedRecord): void {
  const { content } = record
  if (typeof content !== 'string' && 'packed' in content) tables.artifacts.addUnindexed(id)
  const [first] = typeof content === 'string' ? [] : positionsOf(content)
  const found = first === undefined ? logged.content : (logged.contentAt([first]) ?? NOTHING)
  tables.search.put(id, searchableText(record.type ?? DEFAULT_CONTENT_TYPE, found))
}

/** The content turns out to be text. Where it cannot be read now, it comes later in the log, and `indexTexts` finds it. */
function indexAgain(tables: Tables, id: number, { contentAt }: LoggedRecord): void {
  tables.search.touch(id)
  tables.scores.forget(id)
  if (!indexStored(tables, id, contentAt)) tables.artifacts.addUnindexed(id)
}

/** Catches up on what `index` left. */
export function indexTexts(tables: Tables, contentAt: LoggedRecord['contentAt']): void {
  for (const id of tables.artifacts.unindexed()) if (indexStored(tables, id, contentAt)) tables.search.pace()
  tables.artifacts.clearUnindexed()
}

function indexStored({ artifacts, search }: Tables, id: number, contentAt: LoggedRecord['contentAt']): boolean {
  const row = artifacts.byId(id)
  if (row === null) return false
  const place = JSON.parse(row.frames) as StoredPlace
  // Of content in blocks, the first is as long as what is indexed; of content in chunks as many.
  const [first] = positionsOf(place)
  const content = contentAt(first === undefined ? beginningOf(place, BLOCK_BYTES) : [first])
  if (content === null) return false
  search.put(id, searchableText(row.contentType, content))
  return true
}

const DESCRIBED = ['name', 'contentType', 'custom', 'createdAt', 'trashPlan'] as const

function differs(known: ArtifactRow, row: NewRow): boolean {
  return DESCRIBED.some((key) => known[key] !== row[key])
}

function forget(tables: Tables, row: ArtifactRow): void {
  tables.search.remove(row.id)
  tables.relationships.setParents(row.hash, 'derivedFrom', [])
  tables.relationships.setParents(row.hash, 'partOf', [])
  tables.uses.clear(row.id)
  tables.scores.clear(row.id)
  tables.scores.forget(row.id)
  tables.packs.setExtents(row.id, [])
  tables.mirror.forget(row.id)
  tables.artifacts.remove(row.id)
}

function withRow(tables: Tables, hash: ContentHash, change: (row: ArtifactRow) => void): void {
  const row = tables.artifacts.find(hash)
  if (row !== null) change(row)
}

function eachRow(tables: Tables, hashes: readonly ContentHash[], change: (row: ArtifactRow) => void): void {
  for (const hash of hashes) withRow(tables, hash, change)
}
