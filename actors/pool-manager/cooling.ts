/**
 * Hot → cooling → cold: no new leases, the held ones end, the host lets go, and only then is the memory free.
 *
 * I1. A model is unloaded only while every slot is 0; whoever takes a slot after the state says cooling gives it back.
 * I2. A failed unload leaves the memory charged: the pool believes what is, not what it wanted.
 */
import { describe } from '../../runtime/index.ts'
import { add } from './metrics.ts'
import { isOwnHost } from './placement.ts'
import { enter, noteRoom, type Pool, type PooledModel } from './pool.ts'
import { closeAction } from './prewarming.ts'
import { ModelState } from './protocol.ts'
import { type Cause, TransitionReason } from './transitions.ts'

/** Unloads a hot model once its leases have ended. Settles when it is cold, or was not hot. */
export function drainAndUnload(pool: Pool, model: PooledModel, cause: Cause): Promise<void> {
  return startCooling(pool, model, cause, true)
}

/** Unloads a hot model if nobody holds a lease, else leaves it hot. */
export function unloadIfIdle(pool: Pool, model: PooledModel, cause: Cause): Promise<void> {
  return startCooling(pool, model, cause, false)
}

/** Makes room: `victims` were idle a moment ago; those that are not any more stay. */
export async function evict(pool: Pool, victims: readonly string[], wanted: string): Promise<void> {
  const cause = { reason: TransitionReason.ResourcePressure, detail: `evicted for ${wanted}` }
  const unloads = victims
    .flatMap((id) => pool.models.get(id) ?? [])
    .map((victim) => {
      victim.metrics = add(victim.metrics, 'evictions')
      return unloadIfIdle(pool, victim, cause)
    })
  await Promise.all(unloads)
}

function startCooling(pool: Pool, model: PooledModel, cause: Cause, waitForLeases: boolean): Promise<void> {
  if (model.cooling !== null) return model.cooling
  if (model.lifecycle.state !== ModelState.Hot) return Promise.resolve()
  model.cooling = cool(pool, model, cause, waitForLeases).finally(() => {
    model.cooling = null
    noteRoom(pool)
    pool.settle(model)
  })
  return model.cooling
}

async function cool(pool: Pool, model: PooledModel, cause: Cause, waitForLeases: boolean): Promise<void> {
  enter(pool, model, ModelState.Cooling, cause)
  if (pool.table.held(model.index) > 0) {
    if (!waitForLeases) {
      return enter(pool, model, ModelState.Hot, { ...cause, detail: 'a lease came before the unload' })
    }
    await drained(pool, model)
  }
  if (!pool.ports.alive() || model.lifecycle.state !== ModelState.Cooling) return
  await finishUnload(pool, model, cause)
}

/** The second half of cooling, also of one that an earlier life of the pool began. No lease is held any more. */
export async function finishUnload(pool: Pool, model: PooledModel, cause: Cause): Promise<void> {
  const { hosts, logger, alive } = pool.ports
  const { id, backend } = model.spec
  const { host } = pool.table.residence(model.index)
  const wasUsed = pool.table.uses(model.index).count !== model.usesAtHot
  pool.ledger = closeAction(pool.ledger, id, wasUsed ? 'useful' : 'wasted')
  try {
    await hosts.unload(host, id)
    if (isOwnHost(backend)) await hosts.stop(host)
    if (!alive() || model.lifecycle.state !== ModelState.Cooling) return
    enter(pool, model, ModelState.Cold, cause)
    model.chargedBytes = null
  } catch (error) {
    if (!alive() || model.lifecycle.state !== ModelState.Cooling) return
    logger.error('model unload failed, its memory stays charged', { model: id, error: describe(error) })
    enter(pool, model, ModelState.Failed, { ...cause, detail: `unload failed: ${describe(error)}` })
  }
}

function drained(pool: Pool, model: PooledModel): Promise<void> {
  return new Promise((resolve) => {
    model.drained = () => {
      model.drained = null
      resolve()
    }
    pool.armUpkeep()
  })
}
