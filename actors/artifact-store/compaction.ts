/**
 * Frees the space of purged artifacts: what still lives in the oldest segments is written again at the end, then those
 * segments are dropped.
 *
 *   before   | A x x | x B x | C D E | F →        x: purged
 *   after            dropped | C D E | F A' B' →
 *
 * I1. Only a prefix of the log is dropped, and only when nothing in the index depends on it any more and all that was
 *     written again is durable: the log that remains is complete by itself.
 *     A pack keeps its id when it moves, so nobody who refers to it has to.
 * I2. Readers never see it: reading is synchronous, and an artifact's place changes in the same turn as its copy is made.
 */
import { isPitError, type LogPosition } from '../../runtime/index.ts'
import type { ArtifactRow } from './artifacts.ts'
import { writeContent } from './content.ts'
import type { PackRow } from './packing/packs.ts'
import { decodeRecord, type StoredPlace } from './records.ts'
import { stateOf, writeBatch, type StateRecord } from './states.ts'
import type { Storage } from './storage.ts'

export interface SegmentUse {
  readonly bytes: number
  readonly liveBytes: number
}

/** Less than this to gain is not worth copying the rest. */
const DEAD_SHARE_MIN = 0.3

/** How many segments from the front to drop: the longest prefix of which at least `DEAD_SHARE_MIN` is dead. */
export function choosePrefix(segments: readonly SegmentUse[]): number {
  let bytes = 0
  let liveBytes = 0
  let chosen = 0
  for (const [index, segment] of segments.entries()) {
    bytes += segment.bytes
    liveBytes += segment.liveBytes
    if (segment.bytes > 0 && bytes - liveBytes >= bytes * DEAD_SHARE_MIN) chosen = index + 1
  }
  return chosen
}

const COPY_BATCH = 128
const PACK_BATCH = 8
/** Copied before others have their turn, a single larger content aside. */
const TURN_BYTES = 2 * 1024 * 1024

/** Resolves when the space is free, or early and harmlessly when `stopping`. A disk too full to copy on is no error: what could be freed is. */
export async function compact(storage: Storage, stopping?: AbortSignal): Promise<void> {
  const segments = storage.log.segments()
  const uses = storage.query(({ artifacts, packs }) =>
    segments.map(({ start, end }) => ({
      bytes: end - start,
      liveBytes: artifacts.liveBytes(start, end) + packs.liveBytes(start, end),
    })),
  )
  const prefix = choosePrefix(uses)
  if (prefix === 0) return
  try {
    if (prefix === segments.length) await storage.log.rotate()
    // One segment at a time: each frees its space before the next one needs some.
    const ends = storage.log
      .segments()
      .slice(0, prefix)
      .map(({ end }) => end)
    for (const end of ends) await dropBefore(storage, end, stopping)
  } catch (error) {
    if (!isPitError(error, 'STORAGE_FULL') && !isPitError(error, 'LOG_FULL')) throw error
  }
}

async function dropBefore(storage: Storage, cutoff: LogPosition, stopping: AbortSignal | undefined): Promise<void> {
  for (;;) {
    if (stopping?.aborted === true) return
    await storage.admit()
    const packs = storage.query((tables) => tables.packs.livingBefore(cutoff, PACK_BATCH))
    for (const pack of packs) movePack(storage, pack)
    const rows = packs.length > 0 ? [] : storage.query(({ artifacts }) => artifacts.since(cutoff, COPY_BATCH))
    moveArtifacts(storage, oneTurn(rows), cutoff)
    const versions = storage.query((tables) => tables.versions.before(cutoff, COPY_BATCH))
    writeBatch(
      storage,
      versions.map(({ name, version, hash, createdAt, message }) => {
        const said = message === undefined ? {} : { message }
        return { t: 'version', name, version, hash, at: createdAt, ...said }
      }),
    )
    await storage.durable()
    if (packs.length === 0 && rows.length === 0 && versions.length === 0) break
  }
  storage.log.truncateBefore(cutoff)
  storage.note(({ packs }) => packs.forgetBefore(cutoff))
}

function oneTurn(rows: readonly ArtifactRow[]): readonly ArtifactRow[] {
  let sizeBytes = 0
  const end = rows.findIndex((row) => (sizeBytes += row.packing === 'packed' ? 0 : row.sizeBytes) > TURN_BYTES)
  return end === -1 ? rows : rows.slice(0, Math.max(1, end))
}

/** As it is. The contents of a damaged one, and of those told by it, are lost. */
function movePack(storage: Storage, { id, position }: PackRow): void {
  const payload = readUndamaged(storage, position)
  const found = payload === null ? null : decodeRecord(payload)
  if (found?.kind === 'known' && found.record.t === 'pack') return void storage.write(found.record, found.content)
  const lost = storage.query(({ artifacts, packs }) => packs.dependents(id).map((artifact) => artifacts.byId(artifact)))
  const states = lost.flatMap((row) => (row === null ? [] : [lostState(storage, row)]))
  writeBatch(storage, states)
}

function readUndamaged(storage: Storage, position: LogPosition): Uint8Array | null {
  try {
    return storage.log.readAt(position)
  } catch (error) {
    if (isPitError(error, 'LOG_CORRUPT') || isPitError(error, 'LOG_POSITION_INVALID')) return null
    throw error
  }
}

function lostState(storage: Storage, row: ArtifactRow): StateRecord {
  return { ...storage.query((tables) => stateOf(tables, row, [])), damaged: true }
}

/** Content that is before `cutoff` is written again; state alone goes together with others. */
function moveArtifacts(storage: Storage, rows: readonly ArtifactRow[], cutoff: LogPosition): void {
  const states: StateRecord[] = []
  for (const row of rows) {
    const place = JSON.parse(row.frames) as StoredPlace
    if ('packed' in place || (place.length > 0 && place.every((position) => position >= cutoff))) {
      states.push(storage.query((tables) => stateOf(tables, row, place)))
      continue
    }
    const read = storage.read(row)
    if (read.kind === 'content') {
      writeContent(
        storage,
        storage.query((tables) => stateOf(tables, row, 'here')),
        read.content,
      )
    } else states.push(lostState(storage, row))
  }
  writeBatch(storage, states)
  const settled = rows.filter(({ packing }) => packing === 'settled')
  if (settled.length === 0) return
  storage.note(({ artifacts }) => {
    for (const { id } of settled) artifacts.update(id, { packing: 'settled' })
  })
}
