/**
 * Time that passes only when a test says so. Timers run in order of their due times, those of the same time in order of
 * their making; between two of them, promises have their turn.
 */
import type { Clock } from '../common/clock.ts'

export interface VirtualClock extends Clock {
  /** Lets that much time pass and runs what becomes due in it. */
  advance(ms: number): Promise<void>
  /** Timers that are set. */
  timers(): number
}

interface VirtualTimer {
  readonly dueMs: number
  readonly fn: () => void
}

/** `startMs` is the wall time at which it begins. @default 2026-01-01T00:00:00Z */
export function createVirtualClock(startMs: number = Date.UTC(2026, 0, 1)): VirtualClock {
  // Insertion order is the order of making.
  const timers = new Set<VirtualTimer>()
  let nowMs = 0

  function nextDue(untilMs: number): VirtualTimer | undefined {
    let next: VirtualTimer | undefined
    for (const timer of timers) {
      if (timer.dueMs <= untilMs && (next === undefined || timer.dueMs < next.dueMs)) next = timer
    }
    return next
  }

  return {
    now: () => startMs + nowMs,
    monotonicMs: () => nowMs,
    setTimer(delayMs, fn) {
      const timer: VirtualTimer = { dueMs: nowMs + Math.max(0, delayMs), fn }
      timers.add(timer)
      return { cancel: () => void timers.delete(timer) }
    },
    async advance(ms) {
      const untilMs = nowMs + ms
      await settle()
      for (let timer = nextDue(untilMs); timer !== undefined; timer = nextDue(untilMs)) {
        timers.delete(timer)
        nowMs = Math.max(nowMs, timer.dueMs)
        timer.fn()
        await settle()
      }
      nowMs = untilMs
    },
    timers: () => timers.size,
  }
}

/** Everything that promises can do without time is done after one turn of the event loop. */
function settle(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}
