/**
 * What the store does, call by call, over its storage. Every change is one turn: decide on the tables, write the records;
 * then wait until they are durable. `actor.ts` gives it messages, time and its end.
 */
import { sha256Hex, type Logger } from '../../runtime/index.ts'
import type { Accesses } from './accesses.ts'
import type { ArtifactRow } from './artifacts.ts'
import { BLOCK_BYTES, writeContent } from './content.ts'
import { artifactErrors } from './errors.ts'
import type { About, ResolvedInput } from './input.ts'
import type { ArtifactInfo, ContentHash, PutResult, SearchHit, TrashResult } from './protocol.ts'
import type { Cause, StoreRecord } from './records.ts'
import { searchableText, type FoundRow } from './search.ts'
import type { Storage } from './storage.ts'
import type { Tables } from './tables.ts'

/** The message a change comes from. */
export interface Origin {
  readonly callId: string
  readonly redelivered: boolean
  readonly now: number
}

/** A put that is checked and hashed, but not written. */
export interface PreparedPut {
  readonly hash: ContentHash
  readonly sizeBytes: number
  readonly about: About
  /** What was asked, in short: see `Cause`. */
  readonly digest: string
  /** Writes the record with the content; it was not there, or damaged. */
  readonly write: (storage: Storage, record: StoreRecord & { readonly t: 'put' }) => void
}

export function preparePut({ content, ...about }: ResolvedInput): PreparedPut {
  const hash = sha256Hex(content) as ContentHash
  return {
    hash,
    sizeBytes: content.length,
    about,
    digest: `put ${hash}`,
    write: (storage, record) => writeContent(storage, record, content),
  }
}

/** All or nothing as far as checks go: an unknown parent refuses every item. Parents may be items before it. */
export function putAll(storage: Storage, puts: readonly PreparedPut[], origin: Origin): readonly PutResult[] {
  const given = new Set<ContentHash>()
  for (const { hash, about } of puts) {
    for (const parent of about.described.from ?? []) {
      const known =
        given.has(parent) || parent === hash || storage.query((tables) => tables.artifacts.find(parent)) !== null
      if (!known) throw artifactErrors.fail('ARTIFACT_NOT_FOUND', { hash: parent })
    }
    given.add(hash)
  }
  return puts.map((put, item) => putOne(storage, put, item, origin))
}

/** The result of this very put before a crash, or null. */
export function putBefore(storage: Storage, digest: string, origin: Origin): PutResult | null {
  return answered(storage, { key: `${origin.callId}#0`, digest }, origin) as PutResult | null
}

function putOne(storage: Storage, put: PreparedPut, item: number, origin: Origin): PutResult {
  const { hash, sizeBytes } = put
  const { described, by, pin } = put.about
  const cause: Cause = { key: `${origin.callId}#${item}`, digest: put.digest }
  const before = answered(storage, cause, origin)
  if (before !== null) return before as PutResult
  const row = storage.query((tables) => tables.artifacts.find(hash))
  const from = storage.query((tables) => tables.relationships.acyclicParents(hash, described.from ?? []))
  const record = {
    t: 'put',
    hash,
    size: sizeBytes,
    at: origin.now,
    content: 'stored',
    ...described,
    ...(from.length === 0 ? { from: [] } : { from }),
    ...(by === undefined ? {} : { by }),
    ...(pin === undefined ? {} : { pin }),
    cause,
  } as const
  if (row === null || row.damaged === 1) put.write(storage, record)
  else storage.write(record)
  return { hash, isNew: row === null || row.damaged === 1 || row.trashPlan !== null, sizeBytes }
}

/** The answer given to this very message before a crash, or null. */
export function answered(storage: Storage, cause: Cause, origin: Origin): unknown {
  return origin.redelivered ? storage.query(({ answers }) => answers.find(cause)) : null
}

/** The artifact when readers may see it: known and not in the trash. */
export function visible(storage: Storage, hash: ContentHash): ArtifactRow | null {
  const row = storage.query(({ artifacts }) => artifacts.find(hash))
  return row === null || row.trashPlan !== null ? null : row
}

export function required(storage: Storage, hash: ContentHash): ArtifactRow {
  const row = visible(storage, hash)
  if (row === null) throw artifactErrors.fail('ARTIFACT_NOT_FOUND', { hash })
  return row
}

/** A part of content to read. */
export interface Range {
  readonly offset: number
  readonly length: number
}

/** Resolves when nothing that is known of the artifact can be undone by a crash. */
export async function settled(storage: Storage, row: ArtifactRow): Promise<void> {
  if (row.changedPosition >= storage.log.syncedEnd) await storage.durable()
}

/** Verified content, or a part of it. Damage is recorded, so that nobody is told again that the artifact is there. */
export async function readVerified(
  storage: Storage,
  row: ArtifactRow,
  logger: Logger,
  range?: Range,
): Promise<Uint8Array> {
  const read = range === undefined ? storage.read(row) : storage.readRange(row, range.offset, range.length)
  if (read.kind === 'content') {
    await settled(storage, row)
    return read.content
  }
  if (row.damaged === 0) {
    logger.error('an artifact is damaged', { hash: row.hash, problem: read.problem })
    storage.write({ t: 'damaged', hash: row.hash })
    await storage.durable()
  }
  throw artifactErrors.fail('ARTIFACT_CORRUPT', { hash: row.hash, problem: read.problem })
}

/** What keeps an artifact from cleanup. */
function holdersOf({ artifacts, aliases }: Tables, row: ArtifactRow): readonly string[] {
  return [...artifacts.owners(row.id), ...aliases.protecting(row.hash).map((alias) => `alias ${alias}`)]
}

export function infoOf(tables: Tables, row: ArtifactRow, accesses: Accesses): ArtifactInfo {
  const { artifacts, versions, relationships } = tables
  const { hash, id, sizeBytes, contentType, createdAt } = row
  const [createdBy] = artifacts.producers(id)
  const unwritten = accesses.of(hash)
  return {
    hash,
    sizeBytes,
    contentType,
    ...(row.name === null ? {} : { name: row.name }),
    tags: artifacts.tags(id),
    createdAt,
    lastAccessAt: Math.max(row.lastAccessAt, unwritten.at),
    accessCount: row.accessCount + unwritten.count,
    ...(createdBy === undefined ? {} : { createdBy }),
    ...(row.custom === null ? {} : { custom: JSON.parse(row.custom) as Record<string, unknown> }),
    pinnedBy: holdersOf(tables, row),
    versions: versions.labelsOf(hash),
    usedByCount: relationships.usedByCount(hash),
  }
}

export function hitOf(tables: Tables, { row, score, highlights }: FoundRow, accesses: Accesses): SearchHit {
  const [highlight] = highlights
  return { info: infoOf(tables, row, accesses), score, ...(highlight === undefined ? {} : { highlight }), highlights }
}

/** What the index read of an artifact, for highlights; '' when it cannot be read. */
export function searchedText(storage: Storage, row: ArtifactRow): string {
  const read = storage.readRange(row, 0, BLOCK_BYTES)
  return read.kind === 'content' ? searchableText(row.contentType, read.content) : ''
}

/** Moves what is neither unknown nor pinned. What this plan moved before counts as moved: the call may come twice. */
export function trash(storage: Storage, hashes: readonly ContentHash[], planId: string, now: number): TrashResult {
  const moved: ContentHash[] = []
  const fresh: ContentHash[] = []
  const kept: { hash: ContentHash; reason: string }[] = []
  let bytes = 0
  for (const hash of hashes) {
    const row = storage.query(({ artifacts }) => artifacts.find(hash))
    const owners = row === null ? [] : storage.query((tables) => holdersOf(tables, row))
    if (row === null) kept.push({ hash, reason: 'unknown' })
    else if (row.trashPlan !== null && row.trashPlan !== planId) {
      kept.push({ hash, reason: `in the trash by plan ${row.trashPlan}` })
    } else if (owners.length > 0) kept.push({ hash, reason: `pinned by ${owners.join(', ')}` })
    else {
      moved.push(hash)
      bytes += row.sizeBytes
      if (row.trashPlan === null) fresh.push(hash)
    }
  }
  for (const batch of batches(fresh)) storage.write({ t: 'trash', plan: planId, hashes: batch, at: now })
  return { moved, kept, bytes }
}

export function restore(
  storage: Storage,
  planId: string,
  origin: Origin,
): { readonly restored: readonly ContentHash[] } {
  const cause: Cause = { key: origin.callId, digest: `restore ${planId}` }
  const before = answered(storage, cause, origin)
  if (before !== null) return before as { restored: ContentHash[] }
  const restored = storage.query(({ artifacts }) => artifacts.inPlan(planId)).map(({ hash }) => hash)
  if (restored.length > 0) storage.write({ t: 'restore', plan: planId, hashes: restored, cause })
  return { restored }
}

/** A record names at most this many artifacts, so that none grows without bound. */
const HASHES_PER_RECORD = 10_000

function* batches(hashes: readonly ContentHash[]): Generator<readonly ContentHash[]> {
  for (let at = 0; at < hashes.length; at += HASHES_PER_RECORD) yield hashes.slice(at, at + HASHES_PER_RECORD)
}
