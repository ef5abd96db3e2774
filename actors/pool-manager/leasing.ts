/**
 * From a request to an offered slot.
 *
 * Everything is level-triggered: `settle(model)` looks at what is (state, free slots, waiters, rulings) and does what
 * follows. It runs after every event and in every upkeep, so a lost message costs time, never a slot or a waiter.
 *
 * I1. While a hot model has waiters its fast path is closed, and closed before the last look for a free slot.
 * I2. A slot given to somebody who waited goes by the engine's ruling; without waiters no ruling is needed.
 * I3. An offer that is not claimed lapses; a waiter who is gone gets none.
 */
import type { CallContext } from '../../runtime/index.ts'
import { askForRulings, giveBack, reconcile } from './contention.ts'
import { nextSequence, type LeaseToken } from './lease-table.ts'
import { wantLoaded } from './loading.ts'
import { add } from './metrics.ts'
import { hostName } from './placement.ts'
import { findModel, type Pool, type PooledModel, publish, type Waiter } from './pool.ts'
import { type AllocateRequest, type LeaseGrant, ModelState } from './protocol.ts'
import { drop, resourceRequest, startWaiting, stopWaiting, timedOut } from './waiting.ts'

/** A holder whose thread is busy for longer than this asks again. */
export const OFFER_TTL_MS = 5_000

/** Offers a slot to the caller as soon as one is his. */
export function allocate(pool: Pool, request: AllocateRequest, ctx: CallContext): Promise<LeaseGrant> {
  const model = findModel(pool, request.model)
  return new Promise((resolve, reject) => {
    const { id, senderIncarnation, deadlineAt, signal } = ctx.call
    const { deadlineMs } = request
    const timeOut = (): void => drop(pool, model, waiter, timedOut(model, deadlineMs))
    const timer = deadlineMs === undefined || deadlineMs === Infinity ? null : ctx.clock.setTimer(deadlineMs, timeOut)
    const finish = (): void => {
      timer?.cancel()
      signal.removeEventListener('abort', timeOut)
    }
    const waiter: Waiter = {
      id: `lease:${id}`,
      request,
      holder: senderIncarnation,
      deadlineAt: Math.min(deadlineAt, ctx.clock.now() + (deadlineMs ?? Infinity)),
      warm: model.lifecycle.state === ModelState.Hot,
      stage: 'new',
      grantId: null,
      succeed: (grant) => (finish(), resolve(grant)),
      fail: (error) => (finish(), reject(error)),
    }
    if (signal.aborted) return waiter.fail(timedOut(model, deadlineMs))
    signal.addEventListener('abort', timeOut, { once: true })
    if (!waiter.warm) model.metrics = add(model.metrics, 'coldLeases')
    startWaiting(pool, model, waiter)
    settle(pool, model)
  })
}

/** Does what the model's state, slots and waiters call for now. */
export function settle(pool: Pool, model: PooledModel): void {
  if (!pool.ports.alive()) return
  const { table } = pool
  if (model.drained !== null && table.held(model.index) === 0) model.drained()
  reconcile(pool, model)
  if (model.lifecycle.state !== ModelState.Hot) {
    const isNeeded = model.waiters.size > 0 || (model.orphaned && table.held(model.index) > 0)
    if (isNeeded) wantLoaded(pool, model)
    return
  }
  serve(pool, model)
  if (model.waiters.size > 0 && !table.wanted(model.index)) {
    publish(pool, model)
    // A slot may have come free between the look and the word; from the word on, whoever frees one tells.
    serve(pool, model)
  }
  if (model.waiters.size > 0) askForRulings(pool, model)
  else if (table.wanted(model.index)) publish(pool, model)
  reconcile(pool, model)
  if (model.waiters.size > 0 || model.arbitrated.size > 0) pool.armUpkeep()
}

/** Gives free slots to those who may have them. */
function serve(pool: Pool, model: PooledModel): void {
  while (model.granted.length > 0) {
    const waiter = model.granted[0]!
    const offer = makeOffer(pool, model, waiter)
    if (offer === null) return
    remember(pool, model, waiter, offer)
    hand(pool, model, waiter, offer)
  }
  if (model.asked > 0) return
  for (const waiter of model.waiters) {
    const offer = makeOffer(pool, model, waiter)
    if (offer === null) return
    hand(pool, model, waiter, offer)
  }
}

function makeOffer(pool: Pool, model: PooledModel, waiter: Waiter): LeaseToken | null {
  pool.sequence = nextSequence(pool.sequence)
  return pool.table.offer(model.index, waiter.holder, pool.sequence, waiter.grantId !== null)
}

/** The grant is the lease: it goes back to the engine when the slot is free. */
function remember(pool: Pool, model: PooledModel, waiter: Waiter, lease: LeaseToken): void {
  if (waiter.grantId === null) return
  // The slot's last lease may have ended since the last look.
  giveBack(pool, model, lease.slot)
  const since = pool.ports.clock.monotonicMs()
  model.arbitrated.set(lease.slot, { grantId: waiter.grantId, request: resourceRequest(model, waiter), lease, since })
}

function hand(pool: Pool, model: PooledModel, waiter: Waiter, offer: LeaseToken): void {
  stopWaiting(pool, model, waiter)
  pool.offers.push({ model, offer, lapsesAt: pool.ports.clock.monotonicMs() + OFFER_TTL_MS })
  pool.armUpkeep()
  waiter.succeed({
    leaseId: `lease_${offer.modelIndex}.${offer.slot}.${offer.token.toString(16)}`,
    model: model.spec.id,
    version: model.spec.version,
    host: hostName(pool.table.residence(model.index).host),
    ...offer,
    warm: waiter.warm,
  })
}

/** A holder has died: its slots are free, and it waits for nothing any more. */
export function dropHolder(pool: Pool, incarnation: number): void {
  for (const model of pool.models.values()) {
    for (const waiter of model.waiters) {
      if (waiter.holder === incarnation) drop(pool, model, waiter, timedOut(model, waiter.request.deadlineMs))
    }
    pool.table.reclaim(model.index, (holder) => holder === incarnation)
    settle(pool, model)
  }
}
