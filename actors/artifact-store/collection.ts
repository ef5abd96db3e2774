/**
 * Garbage collection: two phases, which writers may cross at any time, and no moment when everything stands still.
 *
 *   trash ──(grace)──► purge, a batch a turn ──► compaction, a slice a turn ──► whole segments dropped
 *     └───── restore, or a put of the same content: back
 *
 * I1. A turn looks and writes: what a put or a restore brought back since the turn before is not in the trash any more, and a
 *     put after the purge writes its content anew.
 * I2. What is to be collected is due within `COLLECT_EVERY_MS` after its grace; compaction follows at once.
 */
import type { ActorContext, Timer } from '../../runtime/index.ts'
import type { Pausing } from './packing/examining.ts'
import type { Storage } from './storage.ts'

/** About 5 ms: each artifact takes its rows in a dozen tables along. */
const BATCH = 64
const COLLECT_EVERY_MS = 20_000

/** Forgets trash older than `before`, durably; compaction frees the space. Returns how many artifacts that were. */
export async function purge(storage: Storage, before: number, { pause, stopping }: Pausing): Promise<number> {
  for (let purged = 0; ;) {
    const rows = storage.query(({ artifacts }) => artifacts.trashedBefore(before, BATCH))
    if (rows.length > 0) storage.write({ t: 'purge', hashes: rows.map(({ hash }) => hash) })
    await storage.durable()
    purged += rows.length
    if (rows.length < BATCH || stopping.aborted) return purged
    await pause()
  }
}

export interface Collector {
  /** To be told that there may be trash. */
  trashed(): void
  cancel(): void
}

export interface CollectorOptions {
  /** How long trash can be brought back; infinity leaves it to `purge`. */
  readonly graceMs: number
  readonly storage: () => Promise<Storage>
  /** Purges what was trashed before, and frees the space. */
  readonly collect: (storage: Storage, before: number) => Promise<unknown>
  readonly ctx: Pick<ActorContext, 'clock' | 'logger' | 'stopping'>
}

/** Collects by itself what was in the trash for `graceMs`. */
export function createCollector({ graceMs, storage, collect, ctx }: CollectorOptions): Collector {
  let timer: Timer | null = null
  /** Not before: what expires one by one is collected together. */
  let earliestAt = 0

  async function arm(): Promise<void> {
    const oldestAt = (await storage()).query(({ artifacts }) => artifacts.oldestTrash())
    if (oldestAt === null || timer !== null || ctx.stopping.aborted) return
    const now = ctx.clock.now()
    const delayMs = Math.max(oldestAt + graceMs + 1, earliestAt, now) - now
    timer = ctx.clock.setTimer(delayMs, () => void run())
  }

  async function run(): Promise<void> {
    timer = null
    const now = ctx.clock.now()
    earliestAt = now + COLLECT_EVERY_MS
    try {
      await collect(await storage(), now - graceMs)
    } catch (error) {
      ctx.logger.warn('trash not collected', { problem: String(error) })
    }
    again()
  }

  function again(): void {
    if (graceMs === Infinity || timer !== null || ctx.stopping.aborted) return
    arm().catch((error: unknown) => ctx.logger.warn('trash not collected', { problem: String(error) }))
  }

  return { trashed: again, cancel: () => timer?.cancel() }
}
