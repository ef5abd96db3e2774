/**
 * What happens by the clock: offers lapse, idle models go, back-offs end, grants are renewed, and every model with
 * something pending is looked at again, so that a lost message costs a moment and nothing else. The timer runs only
 * while something is due; an idle pool sleeps.
 */
import { unloadIfIdle } from './cooling.ts'
import { grantsInUse, presentAgain } from './contention.ts'
import { retryAfterMs } from './health.ts'
import { settle } from './leasing.ts'
import { enter, noteRoom, type Pool, type PooledModel } from './pool.ts'
import { ModelState } from './protocol.ts'
import { TransitionReason } from './transitions.ts'

/** How soon a lost message is made up for. */
const PENDING_MS = 100
/** Well within the time to live of a grant. */
const RENEW_MS = 8_000
const IDLE_CHECK_MIN_MS = 50
const IDLE_CHECK_MAX_MS = 60_000

export function runUpkeep(pool: Pool): void {
  if (!pool.ports.alive()) return
  lapseOffers(pool)
  for (const model of pool.models.values()) {
    noteUse(pool, model)
    heal(pool, model)
    if (isPending(model)) settle(pool, model)
    unloadWhenIdle(pool, model)
  }
  noteRoom(pool)
  renewGrants(pool)
  pool.armUpkeep()
}

/** Time until upkeep has something to do; null when nothing is due. */
export function upkeepDelayMs(pool: Pool): number | null {
  const now = pool.ports.clock.monotonicMs()
  const delays: number[] = pool.roomListeners.size > 0 ? [PENDING_MS] : []
  const [offer] = pool.offers
  if (offer !== undefined) delays.push(offer.lapsesAt - now)
  for (const model of pool.models.values()) {
    if (isPending(model)) delays.push(PENDING_MS)
    if (model.lifecycle.state === ModelState.Failed) delays.push(Math.max(PENDING_MS, retryAfterMs(model.health, now)))
    if (mayIdleOut(model)) {
      delays.push(Math.min(IDLE_CHECK_MAX_MS, Math.max(IDLE_CHECK_MIN_MS, model.spec.keepAliveMs / 4)))
    }
  }
  return delays.length === 0 ? null : Math.max(0, Math.min(...delays))
}

/** Somebody waits, or something held has to be noticed when it ends. */
function isPending(model: PooledModel): boolean {
  return model.waiters.size > 0 || model.arbitrated.size > 0 || model.drained !== null || model.orphaned
}

function mayIdleOut(model: PooledModel): boolean {
  return model.lifecycle.state === ModelState.Hot && !model.pinned && Number.isFinite(model.spec.keepAliveMs)
}

function lapseOffers(pool: Pool): void {
  const now = pool.ports.clock.monotonicMs()
  while (pool.offers.length > 0 && pool.offers[0]!.lapsesAt <= now) {
    const { model, offer } = pool.offers.shift()!
    if (pool.table.withdraw(offer)) settle(pool, model)
  }
}

/** Leases on the fast path are seen by their count only. */
function noteUse(pool: Pool, model: PooledModel): void {
  const { clock } = pool.ports
  const { count } = pool.table.uses(model.index)
  if (count === model.usesSeen && pool.table.held(model.index) === 0) return
  model.usesSeen = count
  model.idleSince = clock.monotonicMs()
  model.lastUsedAt = clock.now()
}

function unloadWhenIdle(pool: Pool, model: PooledModel): void {
  if (!mayIdleOut(model) || model.waiters.size > 0) return
  const idleMs = pool.ports.clock.monotonicMs() - model.idleSince
  if (idleMs < model.spec.keepAliveMs || pool.table.held(model.index) > 0) return
  const detail = `not used for ${Math.round(idleMs)} ms`
  void unloadIfIdle(pool, model, { reason: TransitionReason.AutomaticTimeout, detail })
}

/** A failure is not for ever: after its back-off the model is cold, and the next request tries it. */
function heal(pool: Pool, model: PooledModel): void {
  if (model.lifecycle.state !== ModelState.Failed || model.loading !== null || model.cooling !== null) return
  if (retryAfterMs(model.health, pool.ports.clock.monotonicMs()) > 0) return
  enter(pool, model, ModelState.Cold, { reason: TransitionReason.ErrorRecovery, detail: 'the back-off is over' })
}

function renewGrants(pool: Pool): void {
  const { arbiter, clock, alive } = pool.ports
  const now = clock.monotonicMs()
  if (now - pool.renewedAt < RENEW_MS) return
  pool.renewedAt = now
  const grantIds = [...pool.models.values()].flatMap(grantsInUse)
  if (grantIds.length === 0) return
  arbiter
    .renew(grantIds)
    .then((lost) => {
      if (!alive() || lost.length === 0) return
      for (const model of pool.models.values()) presentAgain(pool, model, (grantId) => lost.includes(grantId))
    })
    // An engine that does not answer is restarting, and then everything is presented again.
    .catch(() => {})
}
