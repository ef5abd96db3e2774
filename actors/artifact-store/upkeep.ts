/**
 * The store's background work: packing and freeing space, one task after the other, beside the calls.
 *
 *   put ──► timer (`packAfterMs`) ──► pack what is cold, a step at a time ──► free the old copies ──► timer, while some is left
 *
 * I1. One task at a time: two would copy the same content twice.
 * I2. In the background every step waits for a moment without calls, yet not for ever.
 */
import { isPitError, sleep, type ActorContext, type Timer } from '../../runtime/index.ts'
import { createCollector, purge } from './collection.ts'
import { compact } from './compaction.ts'
import { sameThreadCodec, threadPoolCodec } from './packing/codec.ts'
import type { Pausing } from './packing/examining.ts'
import { packCold, type PackingResult } from './packing/packer.ts'
import type { Storage } from './storage.ts'

export interface Upkeep {
  /** To be told of every call. */
  called(): void
  /** To be told of new content. */
  stored(): void
  /** Packs what is cold and frees what it took; resolves when it is done. */
  compact(storage: Storage, coldMs: number): Promise<PackingResult>
  /** Drops trash older than `before` for good, then frees what it took; returns how many artifacts that were. */
  collect(storage: Storage, before: number): Promise<number>
  /** To be told that there may be trash. */
  trashed(): void
  /** Frees what purged artifacts took. */
  reclaim(storage: Storage): Promise<void>
  /** Does another task when none of these is under way. */
  next<T>(task: (pausing: Pausing) => Promise<T>): Promise<T>
  /** Resolves when nothing is under way. */
  idle(): Promise<void>
  cancel(): void
}

export interface UpkeepOptions {
  readonly packAfterMs: number
  readonly packBytes: number
  /** Trash is collected after this time; infinity: only when asked. */
  readonly graceMs: number
  /** Told when trash is dropped. */
  readonly onPurged: () => void
  /** Everything on this thread, in one order. */
  readonly simulated: boolean
  /** The storage to work on, opened again when it has to be. */
  readonly storage: () => Promise<Storage>
  readonly ctx: ActorContext
}

/** Less than this is left for the next time. */
const WORTH_PACKING_BYTES = 1024 * 1024
/** Steps that are asked for follow each other at once, until they have taken this long together. */
const TURN_MS = 4
/** A step in the background follows the one before after this time, or later: */
const STEP_MS = 5
/** while there are calls, */
const CALLED_MS = 50
/** but not more often than this. */
const CALLED_WAITS_MAX = 4

export function createUpkeep({
  packAfterMs,
  packBytes,
  graceMs,
  onPurged,
  simulated,
  storage,
  ctx,
}: UpkeepOptions): Upkeep {
  const codec = simulated ? sameThreadCodec : threadPoolCodec
  let timer: Timer | null = null
  let running: Promise<unknown> = Promise.resolve()
  let calls = 0
  let callsSeen = 0
  let turnBeganAt = 0

  function next<T>(task: () => Promise<T>): Promise<T> {
    const done = running.then(() => {
      turnBeganAt = ctx.clock.monotonicMs()
      return task()
    })
    running = done.catch(() => {})
    return done
  }

  const wait = (delayMs: number): Promise<void> => sleep(ctx.clock, delayMs, ctx.stopping).catch(() => {})

  async function quiet(): Promise<void> {
    await wait(STEP_MS)
    for (let waits = 0; calls !== callsSeen && waits < CALLED_WAITS_MAX && !ctx.stopping.aborted; waits++) {
      callsSeen = calls
      await wait(CALLED_MS)
    }
  }

  async function pack(on: Storage, coldMs: number, pause: () => Promise<void>): Promise<PackingResult> {
    const before = on.log.physicalBytes()
    const result = await untilFull(() =>
      packCold(on, { coldSince: ctx.clock.now() - coldMs, codec, packBytes, pause, stopping: ctx.stopping }),
    )
    await compact(on, { pause, stopping: ctx.stopping })
    const freedBytes = before - on.log.physicalBytes()
    if (result.packed > 0) ctx.logger.info('artifacts packed', { ...result, freedBytes })
    return result
  }

  function arm(): void {
    if (timer !== null || packAfterMs === Infinity || ctx.stopping.aborted) return
    timer = ctx.clock.setTimer(packAfterMs, () => {
      timer = null
      next(inBackground).catch((error: unknown) => {
        ctx.logger.warn('artifacts not packed', { problem: String(error) })
        arm()
      })
    })
  }

  async function inBackground(): Promise<void> {
    const on = await storage()
    const coldSince = ctx.clock.now() - packAfterMs
    const cold = on.query(({ artifacts }) => artifacts.unpackedBytes(coldSince))
    if (cold >= WORTH_PACKING_BYTES) await pack(on, packAfterMs, quiet)
    if (on.query(({ artifacts }) => artifacts.unpackedBytes(Number.MAX_SAFE_INTEGER)) >= WORTH_PACKING_BYTES) arm()
  }

  /** Others have their turn when this one has lasted long enough. */
  async function soon(): Promise<void> {
    if (ctx.clock.monotonicMs() - turnBeganAt < TURN_MS) return
    await wait(0)
    turnBeganAt = ctx.clock.monotonicMs()
  }

  const reclaim = (on: Storage): Promise<void> => next(async () => void (await pack(on, Infinity, soon)))

  async function collect(on: Storage, before: number): Promise<number> {
    turnBeganAt = ctx.clock.monotonicMs()
    const purged = await purge(on, before, { pause: soon, stopping: ctx.stopping })
    if (purged > 0) onPurged()
    await reclaim(on)
    return purged
  }

  async function collectExpired(on: Storage, before: number): Promise<void> {
    const purged = await purge(on, before, { pause: quiet, stopping: ctx.stopping })
    if (purged === 0) return
    onPurged()
    await next(() => pack(on, Infinity, quiet))
  }

  const collector = createCollector({ graceMs, storage, collect: collectExpired, ctx })

  return {
    collect,
    trashed: () => collector.trashed(),
    called: () => void calls++,
    stored: arm,
    compact: (on, coldMs) => next(() => pack(on, coldMs, soon)),
    reclaim,
    next: (task) => next(() => task({ pause: soon, stopping: ctx.stopping })),
    idle: async () => void (await running),
    cancel() {
      timer?.cancel()
      collector.cancel()
    },
  }
}

/** A disk too full to write on is no error here: what could be done is. */
async function untilFull(task: () => Promise<PackingResult>): Promise<PackingResult> {
  try {
    return await task()
  } catch (error) {
    if (!isPitError(error, 'STORAGE_FULL') && !isPitError(error, 'LOG_FULL')) throw error
    return { packed: 0, packs: 0 }
  }
}
