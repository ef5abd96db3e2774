/**
 * A contended model's slots, in the books of the Arbitration Engine.
 *
 * The engine knows `model:<id>` with the capacity of its slots, but not the leases that were taken past it while nobody
 * waited. When contention begins these are presented to it as one grant in use by others, and given back one by one as
 * they end; so a ruling is only made for a slot that is free. A slot granted by a ruling is given back with the time
 * it was held, also after contention is over.
 */
import type { Ruling } from '../arbitration-engine/protocol.ts'
import { poolErrors } from './errors.ts'
import type { Pool, PooledModel } from './pool.ts'
import { drop, resourceRequest } from './waiting.ts'

/** Leases taken past the engine are nobody's queue position: they are charged to no real tenant. */
export const FAST_PATH_TENANT = '(fast path)'

/** A ruling, or a grant without one when there is no engine to ask. */
export type LeaseRuling =
  Exclude<Ruling, { outcome: 'deferred' }> | { readonly outcome: 'granted'; readonly grantId: null }

/** Puts everybody who waits before the engine. */
export function askForRulings(pool: Pool, model: PooledModel): void {
  if (model.asked === model.waiters.size) return
  if (model.presented === null) beginContention(pool, model)
  for (const waiter of model.waiters) {
    if (waiter.stage !== 'new') continue
    waiter.stage = 'asked'
    model.asked++
    pool.ports.arbiter.request(resourceRequest(model, waiter))
  }
}

/** The engine has decided about one who waits. */
export function ruled(pool: Pool, requestId: string, ruling: LeaseRuling): void {
  const found = pool.waiting.get(requestId)
  if (found === undefined) {
    // Decided too late: whoever asked is gone, and the cancellation crossed the ruling.
    return pool.ports.arbiter.cancel(requestId)
  }
  const { model, waiter } = found
  if (ruling.outcome === 'granted') {
    if (waiter.stage === 'granted') return
    waiter.stage = 'granted'
    waiter.grantId = ruling.grantId
    model.granted.push(waiter)
    return pool.settle(model)
  }
  const { rationale, reason, retryAfterMs } = ruling
  const { tenant } = waiter.request
  drop(
    pool,
    model,
    waiter,
    poolErrors.fail('LEASE_DENIED', { model: model.spec.id, tenant, rationale, reason, retryAfterMs }),
  )
}

/** Brings the engine's books to what the slots say: ended leases are given back. */
export function reconcile(pool: Pool, model: PooledModel): void {
  const { arbiter } = pool.ports
  for (const [slot, { lease }] of model.arbitrated) if (!pool.table.stands(lease)) giveBack(pool, model, slot)
  const { presented } = model
  if (presented === null) return
  const stillHeld = model.waiters.size === 0 ? 0 : heldPastEngine(pool, model)
  const ended = presented.units - stillHeld
  if (ended > 0) {
    arbiter.release({ grantId: presented.grantId, units: ended })
    presented.units = stillHeld
  }
  if (model.waiters.size === 0) model.presented = null
}

/** The lease the engine granted for that slot has ended. */
export function giveBack(pool: Pool, model: PooledModel, slot: number): void {
  const ended = model.arbitrated.get(slot)
  if (ended === undefined) return
  model.arbitrated.delete(slot)
  const usedMs = Math.max(0, pool.ports.clock.monotonicMs() - ended.since)
  pool.ports.arbiter.release({ grantId: ended.grantId, units: 1, usedMs })
}

/** After a restart of the engine, or when it has dropped a grant: says again what is held. */
export function presentAgain(
  pool: Pool,
  model: PooledModel,
  isWanted: (grantId: string) => boolean = () => true,
): void {
  const held = [...model.arbitrated.values()].map(({ grantId, request }) => ({ grantId, request, units: 1 }))
  const { presented } = model
  const past = presented !== null && presented.units > 0 ? [presented] : []
  const grants = [...held, ...past].filter(({ grantId }) => isWanted(grantId))
  if (grants.length > 0) pool.ports.arbiter.present(grants)
}

/** Grants that must not lapse: those in use, and those that wait for a slot. */
export function grantsInUse(model: PooledModel): readonly string[] {
  const waiting = model.granted.flatMap(({ grantId }) => (grantId === null ? [] : [grantId]))
  const past = model.presented !== null && model.presented.units > 0 ? [model.presented.grantId] : []
  return [...[...model.arbitrated.values()].map(({ grantId }) => grantId), ...waiting, ...past]
}

function beginContention(pool: Pool, model: PooledModel): void {
  const units = heldPastEngine(pool, model)
  const grantId = `pool:${pool.incarnation}:${++pool.presentations}`
  const request = { id: grantId, tenant: FAST_PATH_TENANT, resources: { [`model:${model.spec.id}`]: 1 }, units }
  model.presented = { grantId, request, units }
  if (units > 0) pool.ports.arbiter.present([{ grantId, request, units }])
}

function heldPastEngine(pool: Pool, model: PooledModel): number {
  return Math.max(0, pool.table.held(model.index) - model.arbitrated.size)
}
