/** Time that only moves when told to; timers fire in order. */
import type { Clock } from '../../runtime/index.ts'

export interface ManualClock extends Clock {
  /** Moves time on, firing the timers on the way. */
  advance(ms: number): void
}

export function manualClock(startAt = 1_000_000): ManualClock {
  let now = startAt
  const timers = new Set<{ readonly at: number; readonly fn: () => void }>()
  return {
    now: () => now,
    monotonicMs: () => now,
    setTimer(delayMs, fn) {
      const timer = { at: now + delayMs, fn }
      timers.add(timer)
      return { cancel: () => void timers.delete(timer) }
    },
    advance(ms) {
      const until = now + ms
      for (;;) {
        const next = [...timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0]
        if (next === undefined) break
        timers.delete(next)
        now = Math.max(now, next.at)
        next.fn()
      }
      now = until
    },
  }
}
