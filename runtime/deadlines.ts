/**
 * One timer for many deadlines. Most messages settle long before theirs, so nothing is kept per message: the owner's
 * own table is looked through when the earliest known deadline passes, and tells when to look again.
 */
import type { Clock, Timer } from './common/clock.ts'

export interface DeadlineSweep {
  /** Makes sure that `sweep` runs at that time (`monotonicMs`); `Infinity` is none. */
  note(deadlineAt: number): void
  /** Nothing waits any more: the timer would keep all that hangs on it for as long as the longest deadline. */
  stop(): void
}

/** Expires what is due at `now` and returns the earliest deadline that is left (`Infinity` for none). */
export type Sweep = (now: number) => number

export function createDeadlineSweep(clock: Clock, sweep: Sweep): DeadlineSweep {
  let armedAt = Infinity
  let timer: Timer | undefined

  function arm(at: number): void {
    timer?.cancel()
    armedAt = at
    timer = at === Infinity ? undefined : clock.setTimer(Math.ceil(at - clock.monotonicMs()), fire)
  }

  function fire(): void {
    timer = undefined
    armedAt = Infinity
    const next = sweep(clock.monotonicMs())
    if (next < armedAt) arm(next)
  }

  return {
    note(deadlineAt) {
      if (deadlineAt < armedAt) arm(deadlineAt)
    },
    stop() {
      arm(Infinity)
    },
  }
}
