/**
 * What a restarted pool knows: the board's rows and slots, and which hosts live on.
 *
 * I1. Offers of the earlier life are withdrawn: whoever got one in time has claimed it, the others ask again.
 * I2. A model found hot stays hot without a pause; its host is asked to load it, which does nothing if it is there.
 * I3. A load or unload that was under way is finished or undone; held leases make a lost model load again.
 */
import { finishUnload } from './cooling.ts'
import { bornCold, foundHot } from './lifecycle.ts'
import { hostLost } from './loading.ts'
import { hostName, hostNumber } from './placement.ts'
import { type Pool, type PooledModel, publish } from './pool.ts'
import { ModelState } from './protocol.ts'
import { stateOf, TransitionReason } from './transitions.ts'

/** Brings the models of a new life of the pool to where the earlier one left them. Quick; the rest happens by itself. */
export function recover(pool: Pool, aliveHosts: ReadonlySet<string>): void {
  for (const model of pool.models.values()) {
    pool.table.reclaim(model.index, (_, offered) => offered)
    const found = stateOf(pool.table.state(model.index)) ?? ModelState.Cold
    const host = hostNumber(model.spec.backend, model.index, pool.hostThreads)
    const isHostAlive = aliveHosts.has(hostName(host))
    switch (found) {
      case ModelState.Hot:
        recoverHot(pool, model, host, isHostAlive)
        break
      case ModelState.Cooling:
        recoverCooling(pool, model)
        break
      case ModelState.Warming:
      case ModelState.Failed:
      case ModelState.Cold:
        recoverCold(pool, model)
    }
  }
}

/** The load is asked for again by whoever still waits: their requests are delivered to this life. */
function recoverCold(pool: Pool, model: PooledModel): void {
  model.lifecycle = bornCold(model.spec.id, pool.ports.clock.now())
  model.orphaned = pool.table.held(model.index) > 0
  publish(pool, model)
  pool.settle(model)
}

function recoverHot(pool: Pool, model: PooledModel, host: number, isHostAlive: boolean): void {
  const { clock, hosts, alive } = pool.ports
  model.lifecycle = foundHot(model.spec.id, clock.now())
  model.chargedBytes = pool.table.residence(model.index).memoryBytes
  model.usesSeen = pool.table.uses(model.index).count
  model.usesAtHot = model.usesSeen
  model.idleSince = clock.monotonicMs()
  publish(pool, model)
  if (!isHostAlive) return hostLost(pool, model, `${hostName(host)} is gone`)
  pool.armUpkeep()
  hosts.load(host, model.spec).catch((error: unknown) => {
    if (alive()) hostLost(pool, model, `${hostName(host)} cannot load it again: ${String(error)}`)
  })
}

function recoverCooling(pool: Pool, model: PooledModel): void {
  const { clock } = pool.ports
  const cause = { reason: TransitionReason.ErrorRecovery, detail: 'the pool restarted in the middle of an unload' }
  model.chargedBytes = pool.table.residence(model.index).memoryBytes
  if (pool.table.held(model.index) > 0) {
    // The drain had not ended, so the model is still there: whoever wanted it gone asks again.
    model.lifecycle = foundHot(model.spec.id, clock.now())
    publish(pool, model)
    return pool.settle(model)
  }
  model.lifecycle = { ...foundHot(model.spec.id, clock.now()), state: ModelState.Cooling, reason: cause.detail }
  publish(pool, model)
  model.cooling = finishUnload(pool, model, cause).finally(() => {
    model.cooling = null
    pool.settle(model)
  })
}
