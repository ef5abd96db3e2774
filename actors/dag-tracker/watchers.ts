/** Who waits: for the end of a run, or for its next events. */
import type { Clock, PitError } from '../../runtime/index.ts'

export interface Watchers {
  /** Resolves at the run's durable end; rejects when the journal fails, or with the signal's reason. */
  end(runId: string, signal: AbortSignal): Promise<void>
  /** Resolves with the run's next durable events, its end, or after `waitMs`. */
  progress(runId: string, waitMs: number, signal: AbortSignal): Promise<void>
  advanced(runId: string): void
  ended(runId: string): void
  failed(failure: PitError): void
}

interface Waiter {
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** @param failure why nothing becomes durable at the moment, or null */
export function createWatchers(clock: Clock, failure: () => PitError | null): Watchers {
  const ends = new Map<string, Set<Waiter>>()
  const advances = new Map<string, Set<Waiter>>()

  function wait(where: Map<string, Set<Waiter>>, runId: string, signal: AbortSignal, waitMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const failed = failure()
      if (failed !== null) return reject(failed)
      const done = (settle: () => void) => (): void => {
        timer?.cancel()
        signal.removeEventListener('abort', onAbort)
        where.get(runId)?.delete(waiter)
        if (where.get(runId)?.size === 0) where.delete(runId)
        settle()
      }
      const waiter: Waiter = { resolve: done(resolve), reject: (error) => done(() => reject(error))() }
      const onAbort = (): void => waiter.reject(signal.reason as Error)
      const timer = Number.isFinite(waitMs) ? clock.setTimer(waitMs, waiter.resolve, { ref: true }) : null
      where.set(runId, (where.get(runId) ?? new Set()).add(waiter))
      signal.addEventListener('abort', onAbort, { once: true })
    })
  }

  function wake(where: Map<string, Set<Waiter>>, runId: string): void {
    for (const { resolve } of Array.from(where.get(runId) ?? [])) resolve()
  }

  return {
    end: (runId, signal) => wait(ends, runId, signal, Number.POSITIVE_INFINITY),
    progress: (runId, waitMs, signal) => wait(advances, runId, signal, waitMs),
    advanced: (runId) => wake(advances, runId),
    ended(runId) {
      wake(ends, runId)
      wake(advances, runId)
    },
    failed(failure) {
      for (const waiters of [...ends.values(), ...advances.values()]) {
        for (const { reject } of Array.from(waiters)) reject(failure)
      }
    },
  }
}
