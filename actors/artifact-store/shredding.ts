/**
 * Crypto-shredding: artifacts are forgotten, and the keys of all records that tell of their content or describe them are destroyed.
 *
 *   others out of their packs ─► purge ─► find the records in the log ─► what else is in those is written again ─► keys destroyed
 *                                                                                                          └► index built anew
 *
 * Of an artifact every `put`, `state` and `tag`, the blocks of its content, packs that ever held it, batches with its state, and
 * versions of it (whose numbers stay, without message and tags). What remains, sealed, until compaction drops it: that there was a
 * hash, who referred to it, and when it was read, put into the trash and purged.
 *
 * I1. Nothing of others is lost: what they have in such a record is durable elsewhere before its key goes.
 * I2. An interruption loses nothing of others either, and the same call again finishes it: what to destroy is found in the log,
 *     not in the index.
 * I3. What is put again after the purge is new, and stays.
 */
import type { LogPosition } from '../../runtime/index.ts'
import { writeContent } from './content.ts'
import { artifactErrors } from './errors.ts'
import type { ContentHash, ShredResult } from './protocol.ts'
import {
  decodeBatch,
  decodeRecord,
  positionsOf,
  type BatchedRecord,
  type StoredPlace,
  type StoreRecord,
} from './records.ts'
import { stateOf, writeBatch } from './states.ts'
import type { Storage } from './storage.ts'
import type { Tables } from './tables.ts'
import { versionRecord } from './versioning.ts'

export type ShredRequest = { readonly hashes: readonly ContentHash[] } | { readonly tenant: string }

const BATCH = 128

/** To be called when nothing else moves records. Error: `STORE_NOT_ENCRYPTED`. */
export async function shred(storage: Storage, request: ShredRequest): Promise<ShredResult> {
  const { sealed } = storage
  if (sealed?.state !== 'encrypted') throw artifactErrors.fail('STORE_NOT_ENCRYPTED', { dir: 'this store' })
  const { wanted, kept } = storage.query((tables) => choose(tables, request))
  if (wanted.size === 0) return { shredded: [], kept }
  const packs = packsOf(storage, wanted)
  await moveOthersOut(storage, packs, wanted)
  const purgedAt = storage.write({ t: 'purge', hashes: [...wanted] })
  await storage.durable()
  const found = recordsOf(storage, wanted, packs, purgedAt)
  await writeAgain(storage, found.others, wanted)
  const known = [...wanted].filter((hash) => found.seen.has(hash))
  const unknown = [...wanted].filter((hash) => !found.seen.has(hash))
  await storage.destroy(found.positions)
  return { shredded: known, kept: [...kept, ...unknown.map((hash) => ({ hash, reason: 'unknown' }))] }
}

type Kept = ShredResult['kept'][number]

function choose(tables: Tables, request: ShredRequest): { readonly wanted: Set<ContentHash>; readonly kept: Kept[] } {
  const { artifacts, aliases } = tables
  const kept: Kept[] = []
  const wanted = new Set<ContentHash>()
  const rows =
    'hashes' in request
      ? request.hashes.map((hash) => artifacts.find(hash) ?? { hash, id: null })
      : artifacts.byTenant(request.tenant).flatMap((id) => artifacts.byId(id) ?? [])
  for (const { hash, id } of rows) {
    const owners = id === null ? [] : artifacts.owners(id)
    const protecting = id === null ? [] : aliases.protecting(hash)
    const others =
      'hashes' in request || id === null
        ? []
        : artifacts.producers(id).flatMap(({ tenant }) => (tenant === request.tenant ? [] : [tenant ?? 'nobody']))
    if (others.length > 0) kept.push({ hash, reason: `also of tenant ${others.join(', ')}` })
    else if (owners.length > 0) kept.push({ hash, reason: `pinned by ${owners.join(', ')}` })
    else if (protecting.length > 0) kept.push({ hash, reason: `protected by ${protecting.join(', ')}` })
    else wanted.add(hash)
  }
  return { wanted, kept }
}

/** Packs that hold or held content of these, whether or not they still are of use. */
function packsOf(storage: Storage, wanted: ReadonlySet<ContentHash>): Set<number> {
  const packs = new Set<number>()
  for (const { record, batched } of recordsIn(storage)) {
    for (const one of [record, ...batched]) {
      if (one.t !== 'state' || !wanted.has(one.hash) || typeof one.content === 'string') continue
      if ('packed' in one.content) for (const [pack] of one.content.packed) packs.add(pack)
    }
  }
  return packs
}

/** What is in the same packs, or told by them, becomes raw; it will be packed again in time. */
async function moveOthersOut(
  storage: Storage,
  packs: ReadonlySet<number>,
  wanted: ReadonlySet<ContentHash>,
): Promise<void> {
  const ids = new Set(storage.query((tables) => [...packs].flatMap((pack) => tables.packs.dependents(pack))))
  for (const id of ids) {
    const row = storage.query(({ artifacts }) => artifacts.byId(id))
    if (row === null || wanted.has(row.hash)) continue
    const read = storage.read(row)
    if (read.kind === 'damaged') {
      writeBatch(storage, [{ ...storage.query((tables) => stateOf(tables, row, [])), damaged: true }])
    } else {
      const state = storage.query((tables) => stateOf(tables, row, 'here'))
      writeContent(storage, state, read.content)
    }
    await storage.admit()
  }
  await storage.durable()
}

interface Found {
  readonly positions: readonly LogPosition[]
  /** What else is in these records. */
  readonly others: readonly BatchedRecord[]
  readonly seen: ReadonlySet<ContentHash>
}

function recordsOf(
  storage: Storage,
  wanted: ReadonlySet<ContentHash>,
  packs: ReadonlySet<number>,
  before: LogPosition,
): Found {
  const positions = new Set<LogPosition>()
  const blocks = new Set<LogPosition>()
  const others = new Map<string, BatchedRecord>()
  const seen = new Set<ContentHash>()
  const versions = new Set<string>()
  const isOfWanted = (record: StoreRecord): boolean => 'hash' in record && wanted.has(record.hash)

  function note(record: StoreRecord): void {
    if (!isOfWanted(record)) return
    if ('hash' in record) seen.add(record.hash)
    if ('content' in record && typeof record.content === 'object') {
      for (const position of positionsOf(record.content)) blocks.add(position)
    }
    if (record.t !== 'version') return
    versions.add(versionKey(record))
    const { name, version, hash, at, parent } = record
    others.set(versionKey(record), {
      t: 'version',
      name,
      version,
      hash,
      at,
      ...(parent === undefined ? {} : { parent }),
    })
  }

  for (const { record, batched, position } of recordsIn(storage)) {
    if (position >= before) break
    for (const one of [record, ...batched]) note(one)
    const isTags = record.t === 'version-tags' && versions.has(versionKey(record))
    const isPack = record.t === 'pack' && packs.has(record.id)
    const isBatch = batched.some(isOfWanted)
    if (isOfWanted(record) || isTags || isPack || isBatch) positions.add(position)
    if (!isBatch) continue
    for (const one of batched.filter((other) => !isOfWanted(other))) {
      others.set(one.t === 'version' ? versionKey(one) : one.hash, one)
    }
  }
  const shared = blocks.size === 0 ? new Set<LogPosition>() : placesInUse(storage)
  for (const position of blocks) if (!shared.has(position) && position >= storage.log.start) positions.add(position)
  return { positions: [...positions].sort((a, b) => a - b), others: [...others.values()], seen }
}

function versionKey({ name, version }: { readonly name: string; readonly version: number }): string {
  return `${name}@${version}`
}

function* recordsIn(storage: Storage): Generator<{
  readonly record: StoreRecord
  readonly batched: readonly BatchedRecord[]
  readonly position: LogPosition
}> {
  for (const { position, payload } of storage.log.read(storage.log.start, { onDamage() {} })) {
    const decoded = decodeRecord(payload)
    if (decoded.kind === 'unknown') continue
    const { record, content } = decoded
    yield { record, batched: record.t === 'batch' ? decodeBatch(content) : [], position }
  }
}

/** Where artifacts that are left have content. */
function placesInUse(storage: Storage): Set<LogPosition> {
  return storage.query(({ artifacts }) => {
    const used = new Set<LogPosition>()
    for (const frames of artifacts.places()) {
      for (const position of positionsOf(JSON.parse(frames) as StoredPlace)) used.add(position)
    }
    return used
  })
}

/** As it is now: the newest state of an artifact, and of a version what the index has of it. */
async function writeAgain(
  storage: Storage,
  others: readonly BatchedRecord[],
  wanted: ReadonlySet<ContentHash>,
): Promise<void> {
  for (let at = 0; at < others.length; at += BATCH) {
    const records = others.slice(at, at + BATCH).flatMap((one) => {
      return storage.query((tables): BatchedRecord[] => {
        if (one.t === 'version') {
          const now = tables.versions.known(one.name, one.version)
          return now === null || wanted.has(one.hash) ? [one] : [versionRecord({ ...now, position: 0 })]
        }
        const row = tables.artifacts.find(one.hash)
        return row === null ? [] : [stateOf(tables, row, JSON.parse(row.frames) as StoredPlace)]
      })
    })
    writeBatch(storage, records)
    await storage.admit()
  }
  await storage.durable()
}
