/**
 * The Pool Manager's conversation with the Arbitration Engine: what accumulates goes out together, questions about deferred
 * requests stand open in small groups (a ruling on one makes only its group be asked for again), and whatever fails on
 * the way is asked again under the same ids, which the engine answers with the ruling that stands.
 *
 * I1. Every request leads to exactly one ruling, unless it is cancelled first.
 * I2. Without an engine (a system that has none) requests are granted in their order.
 */
import { type ActorRef, type Clock, isPitError, type Logger, sleep } from '../../runtime/index.ts'
import {
  type ArbitrationProtocol,
  DenialReason,
  type ReleaseRequest,
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
  /** `ctx.detach`: what is asked here is for many, not for the call that happens to begin it. */
  readonly detach: <T>(work: () => T) => T
  readonly onRuling: (requestId: string, ruling: LeaseRuling) => void
  /** The engine has restarted and may have forgotten capacities and grants: say them again, before anything is asked. */
  readonly onForgotten: () => void
}

const BATCH_MAX = 512
/** Requests in one open question, and open questions at once. */
const GROUP_MAX = 32
const GROUPS_MAX = 128
/** A group is asked for again at least this often; then it takes in requests that are in no group. */
const GROUP_DEADLINE_MS = 2_000
const RETRY_FIRST_MS = 50
const RETRY_MAX_MS = 2_000
const GRANT_TTL_MS = 30_000

export function createArbiter(options: ArbiterOptions): Arbiter {
  const { engine, clock, logger, alive, detach, onRuling, onForgotten } = options
  const unsent = new Map<string, ResourceRequest>()
  const deferred = new Map<string, ResourceRequest>()
  /** To be asked again after the back-off. */
  const resting = new Map<string, ResourceRequest>()
  let isFlushing = false
  /** Of the deferred: those no open question speaks of. */
  const loose = new Set<string>()
  let groups = 0
  let releases: ReleaseRequest[] = []
  let retryMs = RETRY_FIRST_MS

  function flushSoon(): void {
    if (isFlushing) return
    isFlushing = true
    queueMicrotask(() => {
      void detach(flush).finally(() => {
        isFlushing = false
        // Something may have come between the last look and here.
        if (alive() && unsent.size > 0) flushSoon()
      })
    })
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
        hear((await engine.ask.arbitrate({ requests: batch })).rulings)
        for (const { id } of batch) if (deferred.has(id)) loose.add(id)
        while (groups < GROUPS_MAX && loose.size > 0) void listen(takeLoose([]))
      } catch (error) {
        await recover(
          error,
          batch.map(({ id }) => id),
        )
      }
    }
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

  /** Fills a group up with requests that are in none. */
  function takeLoose(group: readonly string[]): readonly string[] {
    const filled = [...group]
    for (const id of loose) {
      if (filled.length >= GROUP_MAX) break
      loose.delete(id)
      filled.push(id)
    }
    return filled
  }

  /** Keeps a question open until every request of the group is decided or cancelled. */
  async function listen(first: readonly string[]): Promise<void> {
    groups++
    let group = first
    try {
      while (alive() && group.length > 0) {
        const { rulings } = await engine.ask
          .awaitGrant({ requestIds: group }, { deadlineMs: GROUP_DEADLINE_MS })
          .catch((error: unknown) => {
            if (isPitError(error, 'DEADLINE_EXCEEDED')) return { rulings: [] }
            throw error
          })
        hear(rulings)
        group = takeLoose(group.filter((id) => deferred.has(id)))
      }
    } catch (error) {
      await recover(error, group)
    } finally {
      groups--
    }
  }

  /** A question was not answered: what it was about is asked again after a while, or granted if there is nobody to ask. */
  async function recover(error: unknown, ids: readonly string[]): Promise<void> {
    if (!alive()) return
    const requests = ids.flatMap((id) => deferred.get(id) ?? [])
    for (const { id } of requests) deferred.delete(id)
    if (isPitError(error, 'ACTOR_NOT_FOUND') || isPitError(error, 'ACTOR_STOPPED')) {
      for (const { id } of requests) onRuling(id, { outcome: 'granted', grantId: null })
      return
    }
    logger.warn('arbitration did not answer, asking again', { error: String(error), requests: requests.length })
    await askAgain(requests)
  }

  function releaseSoon(release: ReleaseRequest): void {
    releases.push(release)
    if (releases.length > 1) return
    queueMicrotask(() => {
      const batch = releases
      releases = []
      if (alive()) engine.tell.release({ releases: batch })
    })
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
      loose.delete(requestId)
      resting.delete(requestId)
      engine.tell.cancel({ requestIds: [requestId] })
    },
    release: releaseSoon,
    present(grants) {
      const expiresAt = clock.now() + GRANT_TTL_MS
      engine.tell.present({ grants: grants.map((grant) => ({ ...grant, expiresAt })) })
    },
    async renew(grantIds) {
      return (await engine.ask.renew({ grantIds })).lost
    },
  }
}
