/** Time as a dependency: production uses `systemClock`, tests a virtual one (`runtime/testing/virtual-clock.ts`). */

export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Wall time, milliseconds since the epoch. May jump. */
  now(): number
  /** Milliseconds on a clock that never goes back, the same in all threads; for durations and deadlines in a process. */
  monotonicMs(): number
  /** Calls `fn` once after `delayMs`. The timer does not keep the process alive unless `ref` is true. */
  setTimer(delayMs: number, fn: () => void, options?: { ref?: boolean }): Timer
}

/** Node fires a timer with a longer delay at once; longer waits are cut into slices. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1

/**
 * `performance.now()` counts from the thread's own start; the process's monotonic clock is the same in every thread.
 * The thread may be put aside between the two readings, which makes a difference too small: the largest of some is right.
 */
function threadStartMs(): number {
  const differences = Array.from({ length: 8 }, () => {
    const processMs = Number(process.hrtime.bigint()) / 1e6
    return processMs - performance.now()
  })
  return Math.max(...differences)
}

const THREAD_START_MS = threadStartMs()

export const systemClock: Clock = Object.freeze({
  now: () => Date.now(),
  monotonicMs: () => THREAD_START_MS + performance.now(),
  setTimer(delayMs: number, fn: () => void, options: { ref?: boolean } = {}): Timer {
    let handle: NodeJS.Timeout
    const arm = (leftMs: number): void => {
      const sliceMs = Math.min(Math.max(leftMs, 0), TIMEOUT_MAX_MS)
      handle = setTimeout(() => (leftMs > sliceMs ? arm(leftMs - sliceMs) : fn()), sliceMs)
      if (options.ref !== true) handle.unref()
    }
    arm(delayMs)
    return { cancel: () => clearTimeout(handle) }
  },
})

/** Resolves after `delayMs`, or rejects with the signal's reason as soon as it aborts. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason as Error)
    const onAbort = (): void => {
      timer.cancel()
      reject(signal?.reason as Error)
    }
    const timer = clock.setTimer(
      delayMs,
      () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      },
      { ref: true },
    )
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
