/**
 * Resources of nodes: blocks of units granted by the Arbitration Engine, spent here without a message.
 *
 * Nodes of one tenant that need the same resources share a pool. At the end of a turn all pools that lack units ask in
 * one `arbitrate`; what is deferred is awaited. A unit whose node has ended goes to the next waiting node while its
 * grant lasts, else back to the engine with the time it was really used.
 *
 * I1. Units in use never exceed the units granted.
 * I2. Every unit goes back once: by `release`, or by itself when its grant expires unspent.
 */
import { canonicalJson, type ActorContext, type ActorRef, type Timer } from '../../runtime/index.ts'
import {
  DenialReason,
  type ArbitrationProtocol,
  type ResourceRequest,
  type ResourceVector,
  type Ruling,
} from '../arbitration-engine/protocol.ts'
import { dagErrors } from './errors.ts'
import { persist } from './peers.ts'

export interface Need {
  readonly tenant: string
  readonly resources: ResourceVector
  readonly runId: string
  readonly nodeId: string
  readonly signal: AbortSignal
}

/** One unit of a grant, held by one node. */
export interface Unit {
  /** Hands it back; `usedMs` is how long it was in use. Only the first call counts. */
  release(usedMs: number): void
}

export interface Grants {
  /** Settles with a unit; rejects with `RESOURCES_DENIED`, or with the signal's reason. */
  take(need: Need): Promise<Unit>
  /** After the engine's death: says again what is held. */
  present(): void
  /** Hands back what is unspent; for the end. */
  close(): void
}

interface Waiting {
  readonly need: Need
  readonly grant: (unit: Unit) => void
  readonly deny: (error: Error) => void
}

interface Grant {
  readonly id: string
  readonly request: ResourceRequest
  free: number
  inUse: number
  expiresAt: number
  /** Renewed for what is in use; its free units are given back rather than used again. */
  renewed: boolean
}

interface Pool {
  readonly tenant: string
  readonly resources: ResourceVector
  readonly waiting: Waiting[]
  readonly grants: Set<Grant>
  /** Units in requests that have no answer yet. */
  requested: number
}

/** A grant is not used any more this long before it expires: the way to the engine takes time, too. */
const MARGIN_MS = 1_000
const DENIED_RETRIES_MAX = 60

export function createGrants(ctx: ActorContext, engine: ActorRef<ArbitrationProtocol>): Grants {
  const pools = new Map<string, Pool>()
  const timers = new Set<Timer>()
  let scheduled = false

  function take(need: Need): Promise<Unit> {
    const pool = poolFor(need)
    return new Promise((resolve, reject) => {
      const entry: Waiting = { need, grant: resolve, deny: reject }
      const onAbort = (): void => {
        const at = pool.waiting.indexOf(entry)
        if (at >= 0) pool.waiting.splice(at, 1)
        reject(need.signal.reason as Error)
      }
      if (need.signal.aborted) return onAbort()
      need.signal.addEventListener('abort', onAbort, { once: true })
      pool.waiting.push(entry)
      schedule()
    })
  }

  function poolFor({ tenant, resources }: Need): Pool {
    const key = canonicalJson([tenant, resources])
    const known = pools.get(key)
    if (known !== undefined) return known
    const pool: Pool = { tenant, resources, waiting: [], grants: new Set(), requested: 0 }
    pools.set(key, pool)
    return pool
  }

  function schedule(): void {
    if (scheduled) return
    scheduled = true
    queueMicrotask(() => {
      scheduled = false
      settle()
    })
  }

  /** Spends what is there and asks for what is missing, all pools in one message. */
  function settle(): void {
    const requests: ResourceRequest[] = []
    const asked = new Map<string, Pool>()
    for (const [key, pool] of pools) {
      for (const grant of pool.grants) spend(pool, grant)
      if (isIdle(pool)) pools.delete(key)
      const units = pool.waiting.length - pool.requested
      if (units <= 0) continue
      const { tenant, resources } = pool
      const { runId, nodeId } = pool.waiting[0]!.need
      const request: ResourceRequest = { id: ctx.ids.next('req'), tenant, resources, units, runId, nodeId }
      pool.requested += units
      requests.push(request)
      asked.set(request.id, pool)
    }
    if (requests.length > 0) void negotiate(requests, asked, 0)
  }

  /** Needs are as many as workflows think of: pools that nobody uses must not pile up. */
  function isIdle({ waiting, grants, requested }: Pool): boolean {
    return waiting.length === 0 && grants.size === 0 && requested === 0
  }

  function spend(pool: Pool, grant: Grant): void {
    while (grant.free > 0 && pool.waiting.length > 0 && isUsable(grant)) {
      grant.free--
      grant.inUse++
      pool.waiting.shift()!.grant(unitOf(pool, grant))
    }
    if (grant.free === 0) return
    giveBack(grant, grant.free, 0)
    grant.free = 0
    drop(pool, grant)
  }

  function isUsable(grant: Grant): boolean {
    return !grant.renewed && ctx.clock.now() < grant.expiresAt - MARGIN_MS
  }

  function unitOf(pool: Pool, grant: Grant): Unit {
    let held = true
    return {
      release(usedMs) {
        if (!held) return
        held = false
        grant.inUse--
        if (pool.waiting.length > 0 && isUsable(grant)) {
          grant.free++
          schedule()
        } else {
          giveBack(grant, 1, usedMs)
        }
        drop(pool, grant)
      },
    }
  }

  function giveBack(grant: Grant, units: number, usedMs: number): void {
    if (ctx.stopping.aborted) return
    void persist(ctx, () => engine.ask.release({ releases: [{ grantId: grant.id, units, usedMs }] })).catch(() => {})
  }

  function drop(pool: Pool, grant: Grant): void {
    if (grant.inUse === 0 && grant.free === 0) pool.grants.delete(grant)
  }

  /** Asks until each request is decided; an engine that restarts meanwhile is asked again with the same ids. */
  async function negotiate(
    requests: readonly ResourceRequest[],
    asked: ReadonlyMap<string, Pool>,
    denials: number,
  ): Promise<void> {
    let open = requests
    try {
      while (open.length > 0) {
        let { rulings } = await persist(ctx, () => engine.ask.arbitrate({ requests: open }))
        open = apply(rulings, open, asked, denials)
        if (open.length === 0) return
        const requestIds = open.map(({ id }) => id)
        try {
          ;({ rulings } = await engine.ask.awaitGrant(
            { requestIds },
            { deadlineMs: Number.POSITIVE_INFINITY, signal: ctx.stopping },
          ))
          open = apply(rulings, open, asked, denials)
        } catch (error) {
          if (ctx.stopping.aborted) return
          ctx.logger.debug('waiting for resources was interrupted', { error: String(error) })
        }
      }
    } catch (error) {
      for (const request of open) refuse(asked.get(request.id)!, request, error as Error)
    }
  }

  /** Returns the requests that are still open. */
  function apply(
    rulings: readonly Ruling[],
    requests: readonly ResourceRequest[],
    asked: ReadonlyMap<string, Pool>,
    denials: number,
  ): ResourceRequest[] {
    const byId = new Map(rulings.map((ruling) => [ruling.requestId, ruling]))
    return requests.filter((request) => {
      const ruling = byId.get(request.id)
      if (ruling === undefined || ruling.outcome === 'deferred') return true
      const pool = asked.get(request.id)!
      if (ruling.outcome === 'granted') accept(pool, request, ruling.grantId, ruling.units, ruling.expiresAt)
      else if (ruling.reason === DenialReason.RateLimited && denials < DENIED_RETRIES_MAX) {
        later(pool, request, ruling.retryAfterMs, denials)
      } else refuse(pool, request, denialOf(request, ruling.rationale))
      return false
    })
  }

  function accept(pool: Pool, request: ResourceRequest, id: string, units: number, expiresAt: number): void {
    pool.requested -= request.units ?? 1
    const grant: Grant = { id, request, free: units, inUse: 0, expiresAt, renewed: false }
    pool.grants.add(grant)
    armRenewal(pool, grant)
    schedule()
  }

  function later(pool: Pool, request: ResourceRequest, delayMs: number, denials: number): void {
    const again = { ...request, id: ctx.ids.next('req') }
    const timer = ctx.clock.setTimer(
      delayMs,
      () => {
        timers.delete(timer)
        void negotiate([again], new Map([[again.id, pool]]), denials + 1)
      },
      { ref: true },
    )
    timers.add(timer)
  }

  function refuse(pool: Pool, request: ResourceRequest, error: Error): void {
    pool.requested -= request.units ?? 1
    for (const entry of pool.waiting.splice(0, request.units ?? 1)) entry.deny(error)
    schedule()
  }

  function denialOf(request: ResourceRequest, reason: string): Error {
    const { resources, nodeId } = request
    return dagErrors.fail('RESOURCES_DENIED', { resources, nodeId, reason })
  }

  /** Keeps what is in use alive past its time; units that come free after that go back. */
  function armRenewal(pool: Pool, grant: Grant): void {
    const leftMs = grant.expiresAt - ctx.clock.now()
    const timer = ctx.clock.setTimer(Math.max(leftMs / 2, leftMs - 5 * MARGIN_MS), () => {
      timers.delete(timer)
      if (!pool.grants.has(grant) || ctx.stopping.aborted) return
      grant.renewed = true
      void persist(ctx, () => engine.ask.renew({ grantIds: [grant.id] })).then(
        ({ expiresAt, lost }) => {
          if (lost.length > 0) return
          grant.expiresAt = expiresAt
          armRenewal(pool, grant)
        },
        () => {},
      )
    })
    timers.add(timer)
  }

  return {
    take,
    present() {
      const grants = [...pools.values()].flatMap((pool) =>
        [...pool.grants].map(({ id, request, free, inUse, expiresAt }) => ({
          grantId: id,
          request,
          units: free + inUse,
          expiresAt,
        })),
      )
      if (grants.length > 0) void persist(ctx, () => engine.ask.present({ grants })).catch(() => {})
    },
    close() {
      for (const timer of timers) timer.cancel()
    },
  }
}
