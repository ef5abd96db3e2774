/**
 * The store's work in the background – what was written goes from memory into the segments of the search index – in short
 * turns with pauses, so that callers come between.
 */
import type { ActorContext, Timer } from '../../runtime/index.ts'
import type { Storage } from './storage.ts'

export interface Tending {
  /** To be called after a change: there may be work soon. */
  poke(): void
  stop(): void
}

/** Changes come in groups: the work waits for the last of them. */
const BEGIN_AFTER_MS = 20
const PAUSE_MS = 2
/** About 2 ms. */
export const UNITS_PER_TURN = 10_000

export function createTending(ctx: Pick<ActorContext, 'clock' | 'logger'>, storage: () => Storage): Tending {
  let timer: Timer | null = null
  let stopped = false

  function turn(): void {
    timer = null
    if (stopped) return
    try {
      if (storage().maintain(UNITS_PER_TURN)) timer = ctx.clock.setTimer(PAUSE_MS, turn)
    } catch (error) {
      // Nothing is lost: the next change tries again.
      ctx.logger.warn('the search index could not be tended', { problem: String(error) })
    }
  }

  return {
    poke() {
      if (!stopped) timer ??= ctx.clock.setTimer(BEGIN_AFTER_MS, turn)
    },
    stop() {
      stopped = true
      timer?.cancel()
      timer = null
    },
  }
}
