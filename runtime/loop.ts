/**
 * When a thread pumps its endpoint, and how it sleeps in between.
 *
 *   macrotask (bell, immediate) ─► pump ─► something moved? ─ yes ─► tick: promises go on ─► pump …
 *                                                          └ no ──► linger (linger.ts) ─ work ─► pump …
 *                                                                                      └ none ─► rest
 *
 * Between two rounds every promise that now can go on does so, which costs a fraction of a turn of the event loop. After `BATCH_MS` of them the event loop has its turn, so that I/O and timers are
 * not starved. Where threads are simulated, each round is a task of the scheduler, and nobody lingers.
 *
 * Evented: rests in its event loop; bells arrive as messages on ports. Blocking: dozes in `Atomics.wait` until a record,
 * or its next timer, or a slice is due; before each long doze it passes once through the event loop, so that timers and
 * port messages have their turn.
 */
import { systemClock, type Clock } from './common/clock.ts'
import { createLinger } from './linger.ts'
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
  /** Sleeps in `Atomics.wait` until a peer wakes it or the time is over; not at all when there is work. */
  doze(timeoutMs: number): void
  readonly hasWork: () => boolean
}

/** Rounds without a turn of the event loop. */
const BATCH_MS = 1

/** How a thread that has lingered in vain goes on. */
type Next =
  /** It sleeps in the event loop until it is woken. */
  | 'asleep'
  /** It pumps again after a turn of the event loop. */
  | 'after-io'
  /** It has slept, and pumps again now. */
  | 'awake'

/** `fresh`: the event loop had its turn, and nothing has moved since. */
type Rest = (endpoint: PumpedEndpoint, fresh: boolean) => Next

function createLoop(pumped: () => PumpedEndpoint, thread: Thread, rest: Rest): Loop {
  const linger = createLinger()
  let deferred: Deferred | undefined
  let stopped = false
  let batchEndAt = 0
  // Something moved since this thread last rested, and it pays to look whether more follows.
  let warm = false

  const tick = (): void => round(false)
  // Ticks asked for in a tick come before the promises: only one asked for by a promise job comes after all of them.
  const afterPromises = (): void => process.nextTick(tick)

  /** `fresh`: the first of its batch. */
  function round(fresh: boolean): void {
    if (stopped) return
    const endpoint = pumped()
    if (!fresh && warm && !linger.look(endpoint.hasWork)) return sleep(endpoint, false)
    const idle = endpoint.pump() === Pumped.Idle
    if (!idle) warm = thread.own && linger.pays()
    if (!warm) return sleep(endpoint, fresh && idle)
    next()
  }

  function next(): void {
    if (thread.own && systemClock.monotonicMs() < batchEndAt) queueMicrotask(afterPromises)
    else schedule()
  }

  function sleep(endpoint: PumpedEndpoint, fresh: boolean): void {
    warm = false
    const slept = rest(endpoint, fresh)
    if (slept === 'after-io') return schedule()
    if (slept === 'asleep') return
    batchEndAt = systemClock.monotonicMs() + BATCH_MS
    next()
  }

  function wake(): void {
    batchEndAt = systemClock.monotonicMs() + BATCH_MS
    round(true)
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

export function createEventedLoop(pumped: () => PumpedEndpoint, thread: Thread): Loop {
  return createLoop(pumped, thread, (endpoint) => (endpoint.park() ? 'asleep' : 'after-io'))
}

/** Longest sleep without a look at the event loop. */
const SLICE_MS = 1000

/** `nextDueMs` is the time until the next timer of this thread is due. */
export function createBlockingLoop(pumped: () => PumpedEndpoint, nextDueMs: () => number): Loop {
  const loop = createLoop(pumped, ownThread, (endpoint, fresh) => {
    if (!fresh) return 'after-io'
    endpoint.doze(Math.min(SLICE_MS, Math.max(0, nextDueMs())))
    return 'awake'
  })
  return { ...loop, wake: loop.schedule }
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
