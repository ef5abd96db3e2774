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
import { aliasRecord } from './aliases.ts'
import type { ArtifactRow } from './artifacts.ts'
import { writeBlock, writeContent } from './content.ts'
import type { Pausing } from './packing/examining.ts'
import type { PackRow } from './packing/packs.ts'
import { decodeRecord, positionsOf, type Block, type StoredPlace } from './records.ts'
import { stateOf, writeBatch, type StateRecord } from './states.ts'
import type { Storage } from './storage.ts'
import { versionRecord } from './versioning.ts'

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

const COPY_BATCH = 64
const PACK_BATCH = 4
const BLOCKS_PER_TURN = 4
/** Segments of which the living bytes are summed. */
const SUMS_PER_TURN = 4
/** Copied before others have their turn, a single larger content aside. */
const TURN_BYTES = 2 * 1024 * 1024

/** A slice a turn. Resolves when the space is free, or early and harmlessly when `stopping`. A disk too full to copy on is no error: what could be freed is. */
export async function compact(storage: Storage, options: Pausing): Promise<void> {
  const segments = storage.log.segments()
  const uses: SegmentUse[] = []
  for (const { start, end } of segments) {
    const liveBytes = storage.query(
      ({ artifacts, packs }) => artifacts.liveBytes(start, end) + packs.liveBytes(start, end),
    )
    uses.push({ bytes: end - start, liveBytes })
    if (uses.length % SUMS_PER_TURN === 0) await options.pause()
  }
  const prefix = choosePrefix(uses)
  if (prefix === 0) return
  try {
    if (prefix === segments.length) await storage.log.rotate()
    // One segment at a time: each frees its space before the next one needs some.
    const ends = storage.log
      .segments()
      .slice(0, prefix)
      .map(({ end }) => end)
      .filter((end) => end <= storage.heldFrom)
    for (const end of ends) await dropBefore(storage, end, options)
  } catch (error) {
    if (!isPitError(error, 'STORAGE_FULL') && !isPitError(error, 'LOG_FULL')) throw error
  }
}

/**
 * Writes everything that lives before `position` again and drops what is there. False when it could not: when `stopping`, or
 * while an upload holds the log.
 */
export async function rewriteBefore(storage: Storage, position: LogPosition, options: Pausing): Promise<boolean> {
  while (storage.log.start < position) {
    if (storage.log.segments().length === 1) await storage.log.rotate()
    const [first, second] = storage.log.segments()
    if (second === undefined || first!.end > storage.heldFrom) return false
    await dropBefore(storage, first!.end, options)
    if (options.stopping.aborted) return false
  }
  return true
}

async function dropBefore(storage: Storage, cutoff: LogPosition, options: Pausing): Promise<void> {
  for (;;) {
    if (options.stopping.aborted) return
    await storage.admit()
    const packs = storage.query((tables) => tables.packs.livingBefore(cutoff, PACK_BATCH))
    for (const pack of packs) movePack(storage, pack)
    const rows = packs.length > 0 ? [] : storage.query(({ artifacts }) => artifacts.since(cutoff, COPY_BATCH))
    await moveArtifacts(storage, oneTurn(rows), cutoff, options)
    const versions = storage.query((tables) => tables.versions.before(cutoff, COPY_BATCH))
    writeBatch(storage, versions.map(versionRecord))
    const aliases = storage.query((tables) => tables.aliases.before(cutoff, COPY_BATCH))
    for (const alias of aliases) storage.write(aliasRecord(alias))
    for (const record of storage.query((tables) => tables.mirror.carry(cutoff))) storage.write(record)
    await storage.durable()
    if (packs.length === 0 && rows.length === 0 && versions.length === 0 && aliases.length === 0) break
    await options.pause()
  }
  storage.log.truncateBefore(cutoff)
  storage.note(({ packs }) => packs.forgetBefore(cutoff))
}

function oneTurn(rows: readonly ArtifactRow[]): readonly ArtifactRow[] {
  let sizeBytes = 0
  const end = rows.findIndex(
    (row) => (sizeBytes += row.packing === 'packed' ? row.frames.length : row.sizeBytes) > TURN_BYTES,
  )
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
async function moveArtifacts(
  storage: Storage,
  rows: readonly ArtifactRow[],
  cutoff: LogPosition,
  options: Pausing,
): Promise<void> {
  const states: StateRecord[] = []
  const large: ArtifactRow[] = []
  for (const row of rows) {
    const place = JSON.parse(row.frames) as StoredPlace
    const positions = positionsOf(place)
    if ('packed' in place || (positions.length > 0 && positions.every((position) => position >= cutoff))) {
      states.push(storage.query((tables) => stateOf(tables, row, place)))
    } else if ('blocks' in place) large.push(row)
    else {
      const read = storage.read(row)
      if (read.kind === 'damaged') states.push(lostState(storage, row))
      else
        writeContent(
          storage,
          storage.query((tables) => stateOf(tables, row, 'here')),
          read.content,
        )
    }
  }
  writeBatch(storage, states)
  keepSettled(storage, rows)
  for (const row of large) await moveBlocks(storage, row, cutoff, options)
}

/** Block by block: the whole may not fit into memory. */
async function moveBlocks(storage: Storage, row: ArtifactRow, cutoff: LogPosition, { pause }: Pausing): Promise<void> {
  const place = JSON.parse(row.frames) as { readonly blocks: readonly Block[] }
  const blocks: Block[] = []
  let offset = 0
  for (const block of place.blocks) {
    const [position, bytes] = block
    const read = position < cutoff ? storage.readRange(row, offset, bytes) : null
    offset += bytes
    if (read?.kind === 'damaged') return writeBatch(storage, [lostState(storage, row)])
    blocks.push(read === null ? block : writeBlock(storage, read.content))
    if (blocks.length % BLOCKS_PER_TURN > 0) continue
    await storage.durable()
    await pause()
  }
  const now = storage.query(({ artifacts }) => artifacts.byId(row.id))
  if (now?.hash !== row.hash || now.frames !== row.frames) return
  writeBatch(storage, [storage.query((tables) => stateOf(tables, now, { blocks }))])
  keepSettled(storage, [row])
}

function keepSettled(storage: Storage, rows: readonly ArtifactRow[]): void {
  const settled = rows.filter(({ packing }) => packing === 'settled')
  if (settled.length === 0) return
  storage.note(({ artifacts }) => {
    for (const { id } of settled) artifacts.update(id, { packing: 'settled' })
  })
}
