/**
 * Staying awake for a moment after a message, because the next one is often microseconds away.
 *
 * A peer that is talking to this thread answers within microseconds; falling asleep in the event loop and being woken
 * takes many more, of both threads. So a thread that has just moved something first spins, then dozes in `Atomics.wait`
 * (which leaves the core to others, the peer among them), and only then rests. Each of the two is done while it pays.
 *
 * I1. What is spent in vain is bounded: a phase that fails more often than not is given up, and tried again only for a
 *     few of each `RETRY_EVERY_MS`. An idle thread does not linger at all.
 * I2. The event loop waits for a linger at most `SPIN_MS + DOZE_MS`.
 */
import { availableParallelism } from 'node:os'
import { systemClock, type Clock } from './common/clock.ts'
import type { PumpedEndpoint } from './loop.ts'

/** About what it costs to be woken: spinning longer would cost more than it can save. */
const SPIN_MS = availableParallelism() > 1 ? 0.05 : 0
const DOZE_MS = 0.2
/** Looks between two readings of the clock, which costs as much as a look. */
const LOOKS_PER_READING = 8

/** A phase starts with this much trust; a success gives one back, a failure takes one. */
const TRUST_MAX = 8
/** Lingering pays when both sides do it: those who gave up try again in the same milliseconds of the clock they share. */
const RETRY_EVERY_MS = 32

export interface Linger {
  /** Looks for a moment whether work comes; `false` when none came, or it does not pay to look. */
  look(endpoint: Pick<PumpedEndpoint, 'hasWork' | 'doze'>): boolean
}

interface Habit {
  pays(now: number): boolean
  note(success: boolean): void
}

function createHabit(): Habit {
  let trust = TRUST_MAX
  return {
    pays: (now) => trust > 0 || Math.floor(now) % RETRY_EVERY_MS === 0,
    note(success) {
      trust = success ? Math.min(TRUST_MAX, trust + 1) : Math.max(0, trust - 1)
    },
  }
}

export function createLinger(clock: Pick<Clock, 'monotonicMs'> = systemClock): Linger {
  const spinning = createHabit()
  const dozing = createHabit()

  function spin(endpoint: Pick<PumpedEndpoint, 'hasWork'>, endAt: number): boolean {
    do {
      for (let look = 0; look < LOOKS_PER_READING; look++) if (endpoint.hasWork()) return true
    } while (clock.monotonicMs() < endAt)
    return false
  }

  return {
    look(endpoint) {
      const now = clock.monotonicMs()
      if (SPIN_MS > 0 && spinning.pays(now)) {
        const success = spin(endpoint, now + SPIN_MS)
        spinning.note(success)
        if (success) return true
      }
      if (!dozing.pays(now)) return false
      endpoint.doze(DOZE_MS)
      const success = endpoint.hasWork()
      dozing.note(success)
      return success
    },
  }
}
