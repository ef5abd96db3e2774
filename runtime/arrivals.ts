/**
 * Calls to actors that are not attached yet: each waits, within its deadline, until its actor is or never will be.
 */
import { DEADLINE_DEFAULT_MS } from './asks.ts'
import type { ResolvedCallOptions } from './call-options.ts'
import { sleep, type Clock } from './common/clock.ts'
import type { PitError } from './common/errors.ts'
import { fail } from './errors.ts'
import type { Outgoing, Peer } from './peer.ts'
import { HOST } from './wiring.ts'

/** Where a call goes. */
export interface Route {
  readonly peer: Peer
  readonly out: Outgoing
}

export interface ArrivalHost {
  readonly name: string
  readonly clock: Clock
  /** Whether an unknown actor is known to the supervisor and will be attached. */
  readonly reachable: (name: string) => Promise<boolean>
  readonly outgoing: (to: string) => Route | undefined
  /** One more call waits, or one less. */
  readonly onWaiting: () => void
}

type Patience = Pick<ResolvedCallOptions, 'signal' | 'deadlineMs'>

export interface Arrivals {
  /** Resolves when the actor is attached; rejects when it never will be. */
  arrival(to: string): Promise<void>
  /** Where the call goes once its actor is attached, and what is left of its deadline; `at` is an inherited one. */
  until(to: string, call: string, patience: Patience, at: number): Promise<Route & { readonly leftMs: number }>
  arrived(name: string): void
  fail(error: PitError): void
  /** Calls that wait. */
  waiting(): number
}

export function createArrivals(host: ArrivalHost): Arrivals {
  const { clock } = host
  const arrivals = new Map<string, PromiseWithResolvers<void>>()
  let waitingCount = 0

  async function arrival(to: string): Promise<void> {
    if (to === HOST || !(await host.reachable(to))) throw fail('ACTOR_NOT_FOUND', { actor: to, from: host.name })
    if (host.outgoing(to) !== undefined) return
    const waiting = arrivals.get(to) ?? Promise.withResolvers<void>()
    arrivals.set(to, waiting)
    await waiting.promise
  }

  async function until(
    to: string,
    call: string,
    { signal, deadlineMs: wantedMs = DEADLINE_DEFAULT_MS }: Patience,
    at: number,
  ): Promise<Route & { readonly leftMs: number }> {
    const startedAt = clock.monotonicMs()
    const deadlineMs = Math.min(wantedMs, at - startedAt)
    const late = new AbortController()
    waitingCount++
    host.onWaiting()
    try {
      await Promise.race([
        arrival(to),
        sleep(clock, deadlineMs, signal ? AbortSignal.any([signal, late.signal]) : late.signal),
      ])
    } catch (error) {
      if (signal?.aborted === true) throw fail('CANCELLED', { actor: to, call }, { cause: signal.reason })
      throw error
    } finally {
      late.abort()
      waitingCount--
      host.onWaiting()
    }
    const found = host.outgoing(to)
    const leftMs = deadlineMs - (clock.monotonicMs() - startedAt)
    if (found === undefined) throw fail('DEADLINE_EXCEEDED', { actor: to, call, deadlineMs: Math.ceil(deadlineMs) })
    return { ...found, leftMs }
  }

  return {
    arrival,
    until,
    arrived(name) {
      arrivals.get(name)?.resolve()
      arrivals.delete(name)
    },
    fail(error) {
      for (const waiting of arrivals.values()) waiting.reject(error)
      arrivals.clear()
    },
    waiting: () => waitingCount,
  }
}
