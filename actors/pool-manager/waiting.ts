/** Those who wait for a lease: how they leave, served or not. */
import type { PitError } from '../../runtime/index.ts'
import type { ResourceRequest } from '../arbitration-engine/protocol.ts'
import { poolErrors } from './errors.ts'
import type { Pool, PooledModel, Waiter } from './pool.ts'

export function startWaiting(pool: Pool, model: PooledModel, waiter: Waiter): void {
  model.waiters.add(waiter)
  pool.waiting.set(waiter.id, { model, waiter })
}

export function stopWaiting(pool: Pool, model: PooledModel, waiter: Waiter): void {
  model.waiters.delete(waiter)
  pool.waiting.delete(waiter.id)
  if (waiter.stage !== 'new') model.asked--
  const place = model.granted.indexOf(waiter)
  if (place >= 0) model.granted.splice(place, 1)
}

/** Somebody does not wait any more: cancelled, too late, denied, or dead. */
export function drop(pool: Pool, model: PooledModel, waiter: Waiter, error: Error): void {
  if (!model.waiters.has(waiter)) return
  // Cancelling also gives back a grant that was not used.
  if (waiter.stage !== 'new') pool.ports.arbiter.cancel(waiter.id)
  stopWaiting(pool, model, waiter)
  waiter.fail(error)
  pool.settle(model)
}

export function failWaiters(pool: Pool, model: PooledModel, error: Error): void {
  for (const waiter of model.waiters) {
    if (waiter.stage !== 'new') pool.ports.arbiter.cancel(waiter.id)
    stopWaiting(pool, model, waiter)
    waiter.fail(error)
  }
}

/** A waiter's request as the Arbitration Engine reads it. */
export function resourceRequest(model: PooledModel, waiter: Waiter): ResourceRequest {
  const { tenant, priority } = waiter.request
  return {
    id: waiter.id,
    tenant,
    ...(priority === undefined ? {} : { priority }),
    resources: { [`model:${model.spec.id}`]: 1 },
    ...(Number.isFinite(waiter.deadlineAt) ? { deadlineAt: waiter.deadlineAt } : {}),
  }
}

export function timedOut(model: PooledModel, deadlineMs: number | undefined): PitError {
  return poolErrors.fail('LEASE_TIMEOUT', { model: model.spec.id, deadlineMs: deadlineMs ?? 'the given number of' })
}
