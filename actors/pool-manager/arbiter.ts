/**
 * The Pool Manager's conversation with the Arbitration Engine: requests of one turn go out together, one question stands
 * open for all that are deferred, and whatever fails on the way is asked again under the same ids, which the engine
 * answers with the ruling that stands.
 *
 * I1. Every request leads to exactly one ruling, unless it is cancelled first.
 * I2. Without an engine (a system that has none) requests are granted in their order.
 */
import { type ActorRef, type Clock, isPitError, type Logger, sleep } from '../../runtime/index.ts'
import {
  type ArbitrationProtocol,
  DenialReason,
  type ResourceRequest,
  type Ruling,
} from '../arbitration-engine/protocol.ts'
import type { LeaseRuling } from './contention.ts'
import type { Arbiter } from './pool.ts'

export interface ArbiterOptions {
  readonly engine: ActorRef<ArbitrationProtocol>
  readonly clock: Clock
  readonly logger: Logger
  readonly alive: () => boolean
  readonly onRuling: (requestId: string, ruling: LeaseRuling) => void
  /** The engine has restarted and may have forgotten capacities and grants: say them again, before anything is asked. */
  readonly onForgotten: () => void
}

const BATCH_MAX = 512
/** New waiters join the open question after this time: it is not asked anew for each. */
const WATCH_DELAY_MS = 2
const RETRY_FIRST_MS = 50
const RETRY_MAX_MS = 2_000
const GRANT_TTL_MS = 30_000

export function createArbiter({ engine, clock, logger, alive, onRuling, onForgotten }: ArbiterOptions): Arbiter {
  const unsent = new Map<string, ResourceRequest>()
  const deferred = new Map<string, ResourceRequest>()
  /** To be asked again after the back-off. */
  const resting = new Map<string, ResourceRequest>()
  let isFlushing = false
  let watch: AbortController | null = null
  let isWatchDue = false
  let retryMs = RETRY_FIRST_MS

  function flushSoon(): void {
    if (isFlushing) return
    isFlushing = true
    queueMicrotask(() => void flush().finally(() => (isFlushing = false)))
  }

  async function flush(): Promise<void> {
    while (alive() && unsent.size > 0) {
      const batch = [...unsent.values()].slice(0, BATCH_MAX)
      // From here on a ruling may come, and a cancellation must reach the engine.
      for (const request of batch) {
        unsent.delete(request.id)
        deferred.set(request.id, request)
      }
      try {
        const { rulings } = await engine.ask.arbitrate({ requests: batch })
        hear(rulings)
      } catch (error) {
        if (!(await recover(error))) return
      }
    }
    watchSoon()
  }

  function hear(rulings: readonly Ruling[]): void {
    if (!alive()) return
    const forgotten: ResourceRequest[] = []
    for (const ruling of rulings) {
      const request = deferred.get(ruling.requestId)
      if (ruling.outcome === 'deferred' || request === undefined) continue
      deferred.delete(request.id)
      if (isForgotten(request, ruling)) forgotten.push(request)
      else onRuling(request.id, ruling)
    }
    if (forgotten.length < rulings.length) retryMs = RETRY_FIRST_MS
    if (forgotten.length > 0) void askAgain(forgotten)
  }

  /** A model has at least one slot, so "there is none" in time means: the engine does not know the model, or the request. */
  function isForgotten(request: ResourceRequest, ruling: Ruling): boolean {
    if (ruling.outcome !== 'denied' || ruling.reason !== DenialReason.ResourceUnavailable) return false
    return (request.deadlineAt ?? Infinity) > clock.now()
  }

  async function askAgain(requests: readonly ResourceRequest[]): Promise<void> {
    for (const request of requests) resting.set(request.id, request)
    const delayMs = retryMs
    retryMs = Math.min(RETRY_MAX_MS, retryMs * 2)
    await sleep(clock, delayMs)
    if (!alive()) return
    // Only those nobody has cancelled meanwhile.
    for (const { id } of requests) {
      const request = resting.get(id)
      if (request !== undefined && resting.delete(id)) unsent.set(id, request)
    }
    onForgotten()
    flushSoon()
  }

  function watchSoon(): void {
    if (isWatchDue) return
    isWatchDue = true
    clock.setTimer(WATCH_DELAY_MS, () => {
      isWatchDue = false
      watch?.abort()
      if (alive() && deferred.size > 0) void listen()
    })
  }

  async function listen(): Promise<void> {
    const mine = new AbortController()
    watch = mine
    while (alive() && deferred.size > 0 && !mine.signal.aborted) {
      try {
        hear((await engine.ask.awaitGrant({ requestIds: [...deferred.keys()] }, { signal: mine.signal })).rulings)
      } catch (error) {
        if (mine.signal.aborted) return
        if (isPitError(error, 'DEADLINE_EXCEEDED')) continue
        await recover(error)
        return
      }
    }
  }

  /** Asks everything again after a while; false when there is no engine and everything is granted. */
  async function recover(error: unknown): Promise<boolean> {
    if (!alive()) return false
    const requests = [...deferred.values()]
    deferred.clear()
    if (isPitError(error, 'ACTOR_NOT_FOUND') || isPitError(error, 'ACTOR_STOPPED')) {
      const all = [...requests, ...unsent.values(), ...resting.values()]
      unsent.clear()
      resting.clear()
      for (const { id } of all) onRuling(id, { outcome: 'granted', grantId: null })
      return false
    }
    logger.warn('arbitration did not answer, asking again', { error: String(error), requests: requests.length })
    await askAgain(requests)
    return true
  }

  return {
    setCapacity(model, slots) {
      engine.tell.setCapacity({ capacity: { [`model:${model}`]: slots } })
    },
    request(request) {
      unsent.set(request.id, request)
      flushSoon()
    },
    cancel(requestId) {
      unsent.delete(requestId)
      deferred.delete(requestId)
      resting.delete(requestId)
      engine.tell.cancel({ requestIds: [requestId] })
    },
    release(release) {
      engine.tell.release({ releases: [release] })
    },
    present(grants) {
      const expiresAt = clock.now() + GRANT_TTL_MS
      engine.tell.present({ grants: grants.map((grant) => ({ ...grant, expiresAt })) })
    },
    async renew(grantIds) {
      return (await engine.ask.renew({ grantIds })).lost
    },
  }
}
