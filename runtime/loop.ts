/**
 * When a thread pumps its endpoint, and how it sleeps in between.
 *
 * Evented: bells arrive as messages on ports; the thread sleeps in its event loop. Blocking: the thread sleeps in
 * `Atomics.wait` until a record, or its next timer, or a slice is due; between two sleeps it passes once through the event
 * loop, so that promises, timers and port messages have their turn.
 */
import { availableParallelism } from 'node:os'
import { systemClock, type Clock } from './common/clock.ts'
import { ownThread, type Deferred, type Thread } from './thread.ts'

export interface Loop {
  /** Pumps now (a bell rang). */
  readonly wake: () => void
  /** Pumps soon, after I/O had its turn. Idempotent until then. */
  readonly schedule: () => void
  readonly stop: () => void
}

/** What a pump has done. */
export const Pumped = {
  /** There was nothing to move. */
  Idle: 0,
  /** Everything there was is moved. */
  Drained: 1,
  /** The batch limit was reached; there may be more. */
  More: 2,
} as const
export type Pumped = (typeof Pumped)[keyof typeof Pumped]

/** The endpoint's part in the loop. */
export interface PumpedEndpoint {
  pump(): Pumped
  /** Declares this thread parked; `false` when there is work after all. */
  park(): boolean
  hasWork(): boolean
}

/**
 * A peer that is talking to this thread answers within microseconds; falling asleep and being woken takes many more, of
 * both threads. So a thread looks for a moment longer before it parks, as long as that pays. It pays only when both sides
 * do it: after some vain tries they try again within the same milliseconds of the clock that they share.
 */
const LINGER_MS = availableParallelism() > 1 ? 0.15 : 0
const VAIN_MAX = 8
const RETRY_EVERY_MS = 32

interface Linger {
  /** Whether it is worth a try now. */
  pays(): boolean
  /** Looks for a moment; `true` when work came. */
  look(endpoint: PumpedEndpoint): boolean
}

function createLinger({ own, sharedMs }: Thread): Linger {
  let vain = 0
  return {
    pays: () => own && LINGER_MS > 0 && (vain < VAIN_MAX || Math.floor(sharedMs()) % RETRY_EVERY_MS === 0),
    look(endpoint) {
      const endAt = sharedMs() + LINGER_MS
      do {
        if (endpoint.hasWork()) {
          vain = 0
          return true
        }
      } while (sharedMs() < endAt)
      vain++
      return false
    },
  }
}

export function createEventedLoop(pumped: () => PumpedEndpoint, thread: Thread): Loop {
  const linger = createLinger(thread)
  let deferred: Deferred | undefined
  let stopped = false

  function wake(): void {
    if (stopped) return
    const endpoint = pumped()
    const done = endpoint.pump()
    // Promises that now go on must run before it makes sense to look for their answers.
    if (done === Pumped.Drained && linger.pays()) return schedule()
    if (done === Pumped.Idle && linger.pays() && linger.look(endpoint)) {
      endpoint.pump()
      return schedule()
    }
    if (done === Pumped.More || !endpoint.park()) schedule()
  }

  function schedule(): void {
    if (stopped || deferred !== undefined) return
    deferred = thread.defer(() => {
      deferred = undefined
      wake()
    })
  }

  return {
    wake,
    schedule,
    stop() {
      stopped = true
      deferred?.cancel()
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
  /** Told after each sleep how long it was. */
  readonly onWake: (parkedMs: number) => void
}

export function createBlockingLoop(pumped: () => PumpedEndpoint, sleep: BlockingSleep): Loop {
  const linger = createLinger(ownThread)
  let immediate: NodeJS.Immediate | undefined
  let stopped = false

  function turn(): void {
    const endpoint = pumped()
    if (endpoint.pump() === Pumped.Idle && !(linger.pays() && linger.look(endpoint)) && endpoint.park()) {
      const parkedAt = systemClock.monotonicMs()
      Atomics.wait(sleep.words, sleep.index, sleep.mark, Math.min(SLICE_MS, Math.max(0, sleep.nextDueMs())))
      sleep.onWake(systemClock.monotonicMs() - parkedAt)
      endpoint.pump()
    }
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
