/**
 * When a thread pumps its endpoint, and how it sleeps in between.
 *
 * Evented: bells arrive as messages on ports; the thread sleeps in its event loop. Blocking: the thread sleeps in
 * `Atomics.wait` until a record, or its next timer, or a slice is due; between two sleeps it passes once through the event
 * loop, so that promises, timers and port messages have their turn.
 */
import { systemClock, type Clock } from './common/clock.ts'

export interface Loop {
  /** Pumps now (a bell rang). */
  readonly wake: () => void
  /** Pumps soon, after I/O had its turn. Idempotent until then. */
  readonly schedule: () => void
  readonly stop: () => void
}

/** The endpoint's part in the loop. */
export interface Pumped {
  pump(): boolean
  park(): boolean
}

export function createEventedLoop(pumped: () => Pumped): Loop {
  let immediate: NodeJS.Immediate | undefined
  let stopped = false

  function wake(): void {
    if (stopped) return
    const endpoint = pumped()
    if (endpoint.pump() || !endpoint.park()) schedule()
  }

  function schedule(): void {
    if (stopped || immediate !== undefined) return
    immediate = setImmediate(() => {
      immediate = undefined
      wake()
    })
  }

  return {
    wake,
    schedule,
    stop() {
      stopped = true
      clearImmediate(immediate)
    },
  }
}

/** Longest sleep without a look at the event loop. */
const SLICE_MS = 1000

export interface BlockingSleep {
  readonly words: Int32Array
  readonly index: number
  readonly mark: number
  /** Time until the next timer of this thread is due. */
  readonly nextDueMs: () => number
}

export function createBlockingLoop(pumped: () => Pumped, sleep: BlockingSleep): Loop {
  let immediate: NodeJS.Immediate | undefined
  let stopped = false
  let idle = false

  function turn(): void {
    const endpoint = pumped()
    const busy = endpoint.pump()
    // Only a thread whose promises had their turn since the last record may sleep: they may have more to send.
    if (!busy && idle && endpoint.park()) {
      Atomics.wait(sleep.words, sleep.index, sleep.mark, Math.min(SLICE_MS, Math.max(0, sleep.nextDueMs())))
      endpoint.pump()
      idle = false
    } else idle = !busy && !idle
    next()
  }

  function next(): void {
    if (stopped || immediate !== undefined) return
    immediate = setImmediate(() => {
      immediate = undefined
      turn()
    })
  }

  return {
    wake: next,
    schedule: next,
    stop() {
      stopped = true
      clearImmediate(immediate)
    },
  }
}

/** A clock that knows when its next timer is due, so that a blocking thread does not sleep through it. */
export function createDueClock(): { readonly clock: Clock; readonly nextDueMs: () => number } {
  const dues = new Set<number>()
  return {
    clock: {
      now: () => systemClock.now(),
      monotonicMs: () => systemClock.monotonicMs(),
      setTimer(delayMs, fn, options) {
        // Timers count whole milliseconds: one that is due later than the sleep ends would be slept through once more.
        let due = systemClock.monotonicMs() + delayMs
        while (dues.has(due)) due += 1e-6
        dues.add(due)
        const timer = systemClock.setTimer(
          delayMs,
          () => {
            dues.delete(due)
            fn()
          },
          options,
        )
        return {
          cancel() {
            dues.delete(due)
            timer.cancel()
          },
        }
      },
    },
    nextDueMs: () => Math.min(...dues) - systemClock.monotonicMs(),
  }
}
