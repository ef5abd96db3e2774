/**
 * Time limits of a node's attempt, from its start: cancel (the signal aborts), grace, then abandon. An attempt that does
 * not heed its signal is left to itself: its slot is free again and its late result is dropped.
 */
import type { Clock } from '../../runtime/index.ts'

export interface LimitOptions {
  readonly clock: Clock
  readonly controller: AbortController
  /** Infinity for none. */
  readonly timeoutMs: number
  /** Between abort and abandon. */
  readonly graceMs: number
  readonly onTimeout: () => Error
}

/**
 * The result of `work`. Rejects with `onTimeout()` when the time is over, or with the reason of the controller's signal
 * when that was aborted from outside; in both cases as soon as the work has ended, at the latest after the grace.
 */
export function withLimit<T>(options: LimitOptions, work: (signal: AbortSignal) => T | Promise<T>): Promise<T> {
  const { clock, controller, timeoutMs, graceMs } = options
  const { signal } = controller
  return new Promise<T>((resolve, reject) => {
    const giveUp = (): void => reject(signal.reason as Error)
    let grace: { cancel(): void } | null = null
    const onAbort = (): void => {
      grace = clock.setTimer(graceMs, giveUp, { ref: true })
    }
    signal.addEventListener('abort', onAbort, { once: true })
    const limit = Number.isFinite(timeoutMs)
      ? clock.setTimer(timeoutMs, () => controller.abort(options.onTimeout()), { ref: true })
      : null
    void Promise.resolve()
      .then(() => work(signal))
      .then(
        (result) => (signal.aborted ? giveUp() : resolve(result)),
        (error: unknown) => (signal.aborted ? giveUp() : reject(error as Error)),
      )
      .finally(() => {
        limit?.cancel()
        grace?.cancel()
        signal.removeEventListener('abort', onAbort)
      })
  })
}
