/**
 * Judges artifacts in the background: new ones by their content, used ones by their usage.
 *
 *   put, use ──► waiting (bounded; what finds no room is found by the sweep) ──► a few per turn ──► scores
 *
 * I1. A turn is short, and the next one waits while there are calls, yet not for ever.
 * I2. Nothing is lost that cannot be made again: after a start, a sweep finds what has no score.
 */
import { isPitError, type ActorContext, type Timer } from '../../../runtime/index.ts'
import type { ContentHash } from '../protocol.ts'
import type { Storage } from '../storage.ts'
import { judge, rescore } from './judging.ts'
import type { Scorer } from './scorer.ts'

export interface Rater {
  /** To be told of new content. */
  stored(hashes: readonly ContentHash[]): void
  /** To be told of reads, uses and feedback. */
  used(hashes: readonly ContentHash[]): void
  /** To be told of every call. */
  called(): void
  stop(): void
}

export interface RaterOptions {
  /** Puts come in groups: the first turn comes so long after one. */
  readonly afterMs: number
  readonly storage: () => Storage
  readonly scorer: Scorer | null
  /** Called after a turn that changed the index. */
  readonly changed: () => void
  readonly ctx: Pick<ActorContext, 'clock' | 'logger'>
}

const WAITING_MAX = 10_000
const PAUSE_MS = 10
const CALLED_MS = 50
const CALLED_WAITS_MAX = 4
/** Judged by content in a turn, some milliseconds each at most. */
const JUDGED_PER_TURN = 1
const RESCORED_PER_TURN = 50
const SWEPT_PER_TURN = 1000

export function createRater({ afterMs, storage, scorer, changed, ctx }: RaterOptions): Rater {
  const fresh = new Set<ContentHash>()
  const used = new Set<ContentHash>()
  let sweptTo: number | null = 0
  let timer: Timer | null = null
  let calls = 0
  let callsSeen = 0
  let waits = 0
  let stopped = false

  function arm(delayMs: number): void {
    if (!stopped && afterMs !== Infinity) timer ??= ctx.clock.setTimer(delayMs, () => void turn())
  }

  async function turn(): Promise<void> {
    if (calls !== callsSeen && waits < CALLED_WAITS_MAX) {
      callsSeen = calls
      waits++
      timer = null
      return arm(CALLED_MS)
    }
    waits = 0
    try {
      const more = await work()
      // Set until now: one turn at a time.
      timer = null
      if (more) arm(PAUSE_MS)
    } catch (error) {
      timer = null
      // What was waiting is found by the next sweep.
      if (!stopped && !isPitError(error, 'STORAGE_CLOSED'))
        ctx.logger.warn('artifacts not judged', { problem: String(error) })
    }
  }

  async function work(): Promise<boolean> {
    const on = storage()
    if (stopped || on.failed) return false
    for (const hash of taken(fresh, JUDGED_PER_TURN)) if (!stopped) await judge(on, hash, scorer)
    for (const hash of taken(used, RESCORED_PER_TURN)) if (!stopped) rescore(on, hash)
    if (fresh.size === 0 && sweptTo !== null && !stopped) sweptTo = await sweep(on, sweptTo)
    if (!stopped) changed()
    return fresh.size > 0 || used.size > 0 || sweptTo !== null
  }

  /** Up to the first ids without a score; null at the end. */
  async function sweep(on: Storage, from: number): Promise<number | null> {
    const to = from + SWEPT_PER_TURN
    const { missing, last } = on.query(({ scores }) => ({ missing: scores.missing(from, to), last: scores.lastId }))
    for (const [index, id] of missing.entries()) {
      if (index === JUDGED_PER_TURN) return missing[index - 1]!
      const row = on.query(({ artifacts }) => artifacts.byId(id))
      if (row !== null) await judge(on, row.hash, scorer)
    }
    return to >= last ? null : to
  }

  function add(to: Set<ContentHash>, hashes: readonly ContentHash[]): void {
    for (const hash of hashes) {
      if (to.size < WAITING_MAX) to.add(hash)
      else if (to === fresh) sweptTo = 0
    }
    arm(afterMs)
  }

  arm(afterMs)
  return {
    stored: (hashes) => add(fresh, hashes),
    used: (hashes) => add(used, hashes),
    called: () => void calls++,
    stop() {
      stopped = true
      timer?.cancel()
    },
  }
}

function taken<T>(set: Set<T>, count: number): readonly T[] {
  const first: T[] = []
  for (const one of set) {
    if (first.length === count) break
    first.push(one)
    set.delete(one)
  }
  return first
}
