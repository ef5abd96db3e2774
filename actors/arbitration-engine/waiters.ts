/** Askers that wait for one of several requests to be decided. */
import type { Ruling } from './protocol.ts'

export interface Waiters {
  /** Settles with the rulings of all decided requests among these, as soon as there is one; rejects when `signal` aborts. */
  wait(requestIds: readonly string[], signal: AbortSignal): Promise<readonly Ruling[]>
  /** Looks again at whoever waits for one of these. */
  wake(requestIds: Iterable<string>): void
}

/** `decided` answers for a request that need not be waited for any more, else undefined. */
export function createWaiters(decided: (requestId: string) => Ruling | undefined): Waiters {
  const byRequest = new Map<string, Set<() => boolean>>()

  const rulingsOf = (requestIds: readonly string[]): Ruling[] =>
    requestIds.map(decided).filter((ruling) => ruling !== undefined)

  return {
    wait(requestIds, signal) {
      const ready = rulingsOf(requestIds)
      if (ready.length > 0 || requestIds.length === 0) return Promise.resolve(ready)
      return new Promise((resolve, reject) => {
        const leave = (): void => {
          signal.removeEventListener('abort', onAbort)
          for (const id of requestIds) {
            byRequest.get(id)?.delete(look)
            if (byRequest.get(id)?.size === 0) byRequest.delete(id)
          }
        }
        const onAbort = (): void => {
          leave()
          reject(signal.reason as Error)
        }
        const look = (): boolean => {
          const rulings = rulingsOf(requestIds)
          if (rulings.length === 0) return false
          leave()
          resolve(rulings)
          return true
        }
        for (const id of requestIds) byRequest.set(id, (byRequest.get(id) ?? new Set()).add(look))
        signal.addEventListener('abort', onAbort, { once: true })
        if (signal.aborted) onAbort()
      })
    },
    wake(requestIds) {
      for (const id of requestIds) for (const look of byRequest.get(id) ?? []) look()
    },
  }
}
