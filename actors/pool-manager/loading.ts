/**
 * Cold → warming → hot, single-flight, loads of different models beside each other.
 *
 * I1. Memory is reserved before the load begins, in one synchronous step with the check that there is room.
 * I2. Whoever waits for a model whose load failed is told why; nobody waits for a load that nobody runs.
 */
import { describe, isPitError, type PitError } from '../../runtime/index.ts'
import { leastRecentlyUsed, planRoom } from './cache.ts'
import { evict, drainAndUnload } from './cooling.ts'
import { poolErrors } from './errors.ts'
import { opened, probing, retryAfterMs, succeeded } from './health.ts'
import { hostNumber, isOwnHost } from './placement.ts'
import { cacheEntries, enter, noteRoom, type Pool, type PooledModel } from './pool.ts'
import { add } from './metrics.ts'
import { ModelState } from './protocol.ts'
import { type Cause, TransitionReason } from './transitions.ts'
import { failWaiters } from './waiting.ts'

/** How long a load waits for leased models before the least recently used one stops granting and drains. */
const WAIT_FOR_ROOM_MAX_MS = 2_000

const DEMAND: Cause = { reason: TransitionReason.UserRequest, detail: 'a lease was asked for' }

/** Starts a load unless one runs. Those who wait for the model learn how it went; `loading` settles either way. */
export function wantLoaded(pool: Pool, model: PooledModel, cause: Cause = DEMAND): void {
  if (model.loading !== null || model.cooling !== null) return
  const { state } = model.lifecycle
  if (state === ModelState.Failed) {
    const waitMs = retryAfterMs(model.health, pool.ports.clock.monotonicMs())
    if (waitMs > 0) return failWaiters(pool, model, unavailable(model, waitMs))
  } else if (state !== ModelState.Cold) return
  model.loading = load(pool, model, cause).finally(() => {
    model.loading = null
    pool.settle(model)
  })
}

/** Loads now, also when the last failure is not long ago. Throws what the load failed with. */
export async function ensureLoaded(pool: Pool, model: PooledModel, cause: Cause): Promise<void> {
  while (model.lifecycle.state !== ModelState.Hot) {
    model.health = probing(model.health)
    wantLoaded(pool, model, cause)
    const wasLoading = model.loading !== null
    await (model.loading ?? model.cooling)
    if (wasLoading && model.loadError !== null) throw model.loadError
    if (!pool.ports.alive()) throw poolErrors.fail('POOL_STOPPING', { model: model.spec.id })
  }
}

/**
 * The host of a hot or draining model has died, and has forgotten it. Its leases stand and their requests wait at the host,
 * so it is loaded again if there are any; else it is cold now.
 */
export function hostLost(pool: Pool, model: PooledModel, detail: string): void {
  const cause = { reason: TransitionReason.ErrorRecovery, detail }
  const isHeld = pool.table.held(model.index) > 0
  if (model.lifecycle.state === ModelState.Cooling) {
    // Without leases the unload goes on and finds nothing left to do.
    if (!isHeld) return
    enter(pool, model, ModelState.Hot, cause)
    model.drained?.()
  }
  if (model.lifecycle.state !== ModelState.Hot) return
  enter(pool, model, ModelState.Failed, cause)
  enter(pool, model, ModelState.Cold, cause)
  if (!isHeld) {
    model.chargedBytes = null
    noteRoom(pool)
  }
  model.orphaned = isHeld
  pool.settle(model)
}

async function load(pool: Pool, model: PooledModel, cause: Cause): Promise<void> {
  const { clock, hosts, alive } = pool.ports
  const { spec } = model
  model.loadError = null
  try {
    if (model.lifecycle.state === ModelState.Failed) {
      enter(pool, model, ModelState.Cold, { reason: TransitionReason.ErrorRecovery, detail: 'the back-off is over' })
    }
    if (model.chargedBytes === null) await reserveRoom(pool, model)
    if (!alive()) return
    enter(pool, model, ModelState.Warming, cause)
    const startedAt = clock.monotonicMs()
    const host = hostNumber(spec.backend, model.index, pool.hostThreads)
    pool.table.setResidence(model.index, { host, memoryBytes: spec.memoryBytes })
    const { memoryBytes } = await hosts.load(host, spec)
    if (!alive()) return
    model.chargedBytes = memoryBytes
    pool.table.setResidence(model.index, { host, memoryBytes })
    model.health = succeeded(model.health)
    model.metrics = add(model.metrics, 'loadMs', clock.monotonicMs() - startedAt)
    enter(pool, model, ModelState.Hot, { ...cause, detail: `loaded on host ${host}: ${cause.detail}` })
  } catch (error) {
    if (alive()) await loadFailed(pool, model, error)
  }
}

async function loadFailed(pool: Pool, model: PooledModel, error: unknown): Promise<void> {
  const { clock, random, logger } = pool.ports
  const { spec } = model
  model.loadError = loadError(spec.id, error)
  if (model.lifecycle.state === ModelState.Warming) {
    const reason = describe(error instanceof Error ? error.message : error)
    model.health = opened(model.health, reason, clock.monotonicMs(), random)
    enter(pool, model, ModelState.Failed, { reason: TransitionReason.ErrorRecovery, detail: `load failed: ${reason}` })
    logger.warn('model load failed', { model: spec.id, error: reason })
    await giveBack(pool, model)
  }
  failWaiters(pool, model, model.loadError)
}

/** What a failed load may have left behind on its host. */
async function giveBack(pool: Pool, model: PooledModel): Promise<void> {
  const { host } = pool.table.residence(model.index)
  const { hosts } = pool.ports
  const { id, backend } = model.spec
  await (isOwnHost(backend) ? hosts.stop(host) : hosts.unload(host, id)).catch(() => {})
  model.chargedBytes = null
  noteRoom(pool)
}

/** Reserves the model's memory, evicting what it must. Throws `MODEL_TOO_LARGE` when that cannot ever work. */
async function reserveRoom(pool: Pool, model: PooledModel): Promise<void> {
  // What takes no memory needs no turn, unless the number of models is limited too.
  if (model.spec.memoryBytes === 0 && !Number.isFinite(pool.limits.loadedMax)) {
    model.chargedBytes = 0
    return
  }
  const turn = pool.roomQueue.then(() => takeRoom(pool, model))
  pool.roomQueue = turn.catch(() => {})
  return turn
}

async function takeRoom(pool: Pool, model: PooledModel): Promise<void> {
  const { memoryBytes, id } = model.spec
  const { clock, alive } = pool.ports
  let patientUntil = clock.monotonicMs() + WAIT_FOR_ROOM_MAX_MS
  while (alive()) {
    const plan = planRoom(cacheEntries(pool), memoryBytes, pool.limits)
    switch (plan.kind) {
      case 'fits':
        model.chargedBytes = memoryBytes
        return
      case 'never':
        throw poolErrors.fail('MODEL_TOO_LARGE', { model: id, memoryBytes, freeableBytes: plan.freeableBytes })
      case 'evict':
        await evict(pool, plan.victims, id)
        break
      case 'wait':
        if (plan.for === 'leases' && clock.monotonicMs() >= patientUntil) {
          drainOldest(pool, id)
          patientUntil = clock.monotonicMs() + WAIT_FOR_ROOM_MAX_MS
        }
        await roomNoted(pool)
    }
  }
}

/** A model under steady load would never be evicted: after a while the oldest one stops granting, so that nobody starves. */
function drainOldest(pool: Pool, wanted: string): void {
  const oldest = leastRecentlyUsed(cacheEntries(pool))
  const victim = oldest === null ? undefined : pool.models.get(oldest)
  if (victim === undefined) return
  const detail = `${wanted} has waited ${WAIT_FOR_ROOM_MAX_MS} ms for room`
  void drainAndUnload(pool, victim, { reason: TransitionReason.ResourcePressure, detail })
}

/** Resolves when room may have come free; upkeep says so too, as leases on the fast path end without a word. */
function roomNoted(pool: Pool): Promise<void> {
  return new Promise((resolve) => {
    const listener = (): void => {
      pool.roomListeners.delete(listener)
      resolve()
    }
    pool.roomListeners.add(listener)
    pool.armUpkeep()
  })
}

function unavailable(model: PooledModel, waitMs: number): PitError {
  const fields = { model: model.spec.id, retryAfterMs: waitMs, reason: model.health.lastError ?? 'it failed' }
  return poolErrors.fail('MODEL_UNAVAILABLE', fields, { cause: model.loadError ?? undefined })
}

/** What will never work is said as it is; the rest may be tried again. */
function loadError(model: string, error: unknown): Error {
  if (isPitError(error) && error.action === 'give-up') return error
  const reason = error instanceof Error ? error.message : describe(error)
  return poolErrors.fail('MODEL_LOAD_FAILED', { model, reason }, { cause: error })
}
