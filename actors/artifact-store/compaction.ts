/**
 * Frees the space of purged artifacts: what still lives in the oldest segments is written again at the end, then those
 * segments are dropped.
 *
 *   before   | A x x | x B x | C D E | F →        x: purged
 *   after            dropped | C D E | F A' B' →
 *
 * I1. Only a prefix of the log is dropped, and only when nothing in the index depends on it any more and all that was
 *     written again is durable: the log that remains is complete by itself.
 * I2. Readers never see it: reading is synchronous, and an artifact's place changes in the same turn as its copy is made.
 */
import { isPitError, type LogPosition } from '../../runtime/index.ts'
import type { ArtifactRow } from './artifacts.ts'
import { writeContent } from './content.ts'
import type { StoreRecord } from './records.ts'
import type { Storage } from './storage.ts'
import type { Tables } from './tables.ts'

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

const COPY_BATCH = 32

/** Resolves when the space is free, or early and harmlessly when `stopping`. A disk too full to copy on is no error: what could be freed is. */
export async function compact(storage: Storage, stopping?: AbortSignal): Promise<void> {
  const segments = storage.log.segments()
  const uses = storage.query(({ artifacts }) =>
    segments.map(({ start, end }) => ({ bytes: end - start, liveBytes: artifacts.liveBytes(start, end) })),
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
    const rows = storage.query(({ artifacts }) => artifacts.since(cutoff, COPY_BATCH))
    for (const row of rows) copy(storage, row, cutoff)
    const versions = storage.query((tables) => tables.versions.before(cutoff, COPY_BATCH))
    for (const { createdAt, position: _, ...version } of versions)
      storage.write({ t: 'version', ...version, at: createdAt })
    await storage.durable()
    if (rows.length === 0 && versions.length === 0) break
  }
  storage.log.truncateBefore(cutoff)
}

function copy(storage: Storage, row: ArtifactRow, cutoff: LogPosition): void {
  const positions = JSON.parse(row.frames) as LogPosition[]
  const state = storage.query((tables) => stateOf(tables, row))
  if (positions.length > 0 && positions.every((position) => position >= cutoff)) {
    storage.write({ ...state, content: positions })
    return
  }
  const read = storage.read(row)
  if (read.kind === 'content') writeContent(storage, state, read.content)
  else storage.write({ ...state, content: [], damaged: true })
}

function stateOf(tables: Tables, row: ArtifactRow): StoreRecord & { readonly t: 'state' } {
  const { artifacts, relationships } = tables
  return {
    t: 'state',
    hash: row.hash,
    size: row.sizeBytes,
    at: row.createdAt,
    content: 'here',
    type: row.contentType,
    ...(row.name === null ? {} : { name: row.name }),
    ...(row.custom === null ? {} : { custom: JSON.parse(row.custom) as Record<string, unknown> }),
    tags: artifacts.tags(row.id),
    from: relationships.parents(row.hash),
    puts: row.puts,
    producers: artifacts.producers(row.id),
    pins: artifacts.owners(row.id),
    accessCount: row.accessCount,
    lastAccessAt: row.lastAccessAt,
    damaged: row.damaged === 1,
    ...(row.trashPlan === null ? {} : { trash: { plan: row.trashPlan, at: row.trashedAt ?? 0 } }),
  }
}
