/**
 * Long synchronous loops would never see their abort signal, because a signal fires only when the event loop turns.
 * A breath counts work and, when enough has piled up, lets the loop turn once and then checks the signal. Work is
 * counted in units rather than by a clock, so that what is computed never depends on how fast the machine is.
 *
 * ```ts
 * for (const row of rows) {
 *   if (breath.due(row.length)) await breath.take()
 *   …
 * }
 * ```
 */
import { setImmediate as nextTurn } from 'node:timers/promises'

/** Multiply-adds between two breaths: some ten milliseconds on a slow core. */
const UNITS_BETWEEN = 4_000_000

export interface Breath {
  /** Notes `units` of work (one is about a nanosecond's worth); true when it is time to `take()` a breath. */
  due(units: number): boolean
  /** Lets the event loop turn. Rejects with the signal's reason once it has aborted. */
  take(): Promise<void>
}

export function createBreath(signal: AbortSignal): Breath {
  signal.throwIfAborted()
  let units = 0
  return {
    due(more) {
      units += more
      return units >= UNITS_BETWEEN
    },
    async take() {
      units = 0
      await nextTurn()
      signal.throwIfAborted()
    },
  }
}
