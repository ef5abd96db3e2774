/**
 * Staying awake for a moment after a message, because the next one is often microseconds away.
 *
 * A peer that is talking to this thread answers within microseconds; falling asleep and being woken takes many more, of
 * both threads. So a thread that has just moved something looks a moment longer before it rests, as long as that pays.
 *
 * It spins, because a short sleep in `Atomics.wait` is no bargain: setting a timer that is due before the kernel's next
 * tick costs more than being woken does (there and back 15 µs with a timeout of 0.2 ms, 3 µs with one of a second, on a
 * virtual machine, where each such timer is a way out to its host).
 *
 * I1. What is spent in vain is bounded: after `TRUST_MAX` vain looks in a row a thread gives up, and tries again only in one
 *     of `RETRY_EVERY_MS` milliseconds. An idle thread does not linger at all.
 * I2. The event loop waits for a linger at most `SPIN_MS`.
 */
import { availableParallelism } from 'node:os'
import { systemClock, type Clock } from './common/clock.ts'

/** Between what it costs to wake a thread on a busy machine (20 µs) and on an idle virtual one (100 µs). */
const SPIN_MS = availableParallelism() > 1 ? 0.05 : 0
/** Looks between two readings of the clock, which costs as much as a look. */
const LOOKS_PER_READING = 8
const TRUST_MAX = 8
/** Lingering pays when both sides do it: those who gave up try again in the same milliseconds of the clock they share. */
const RETRY_EVERY_MS = 32

export interface Linger {
  /** Whether it is worth a try now. */
  pays(): boolean
  /** Looks for a moment whether work comes. */
  look(hasWork: () => boolean): boolean
}

export function createLinger(clock: Pick<Clock, 'monotonicMs'> = systemClock): Linger {
  let trust = TRUST_MAX

  function spin(hasWork: () => boolean, endAt: number): boolean {
    do {
      for (let look = 0; look < LOOKS_PER_READING; look++) if (hasWork()) return true
    } while (clock.monotonicMs() < endAt)
    return false
  }

  return {
    pays: () => SPIN_MS > 0 && (trust > 0 || Math.floor(clock.monotonicMs()) % RETRY_EVERY_MS === 0),
    look(hasWork) {
      const success = spin(hasWork, clock.monotonicMs() + SPIN_MS)
      trust = success ? TRUST_MAX : Math.max(0, trust - 1)
      return success
    },
  }
}
