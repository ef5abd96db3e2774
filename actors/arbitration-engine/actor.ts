/** The Arbitration Engine as an actor: checks what comes in, turns it into events, answers with rulings. */
import { defineActor, describe, type ActorContext, type CallContext } from '../../runtime/index.ts'
import { claimOf, isName, isResourceName } from './claim.ts'
import { detectConflicts } from './conflicts.ts'
import { standingRuling, unknownRuling } from './decisions.ts'
import { openEngine, type Engine } from './engine.ts'
import { arbitrationErrors } from './errors.ts'
import { isCapacity, isWeight, resolveArbitrationConfig, type ArbitrationConfig } from './options.ts'
import type { ArbitrationProtocol, ArbitrationStatus, Ruling } from './protocol.ts'
import type { Holder } from './queuing.ts'

interface EngineActor extends Engine {
  /** Newest life seen of each actor that holds or asks. */
  readonly holders: Map<string, number>
}

export const arbitrationEngineActor = defineActor<ArbitrationProtocol, EngineActor, ArbitrationConfig>({
  name: 'arbitration-engine',
  module: import.meta.url,
  // Everything waits here while resources are scarce: one `awaitGrant` per asker, and bursts of requests.
  inFlightMax: 8_192,
  init,
  handlers: {
    arbitrate: { redeliver: true, run: arbitrate },
    awaitGrant: {
      redeliver: true,
      run: async (engine, { requestIds }, ctx) => ({
        rulings: await engine.waiters.wait(requestIds, ctx.call.signal),
      }),
    },
    release: { redeliver: true, run: release },
    renew: { redeliver: true, run: renew },
    cancel: {
      redeliver: true,
      run: (engine, { requestIds }, ctx) => keepGoing(ctx, () => engine.apply({ kind: 'cancelled', requestIds })),
    },
    present: { redeliver: true, run: present },
    setCapacity: { redeliver: true, run: setCapacity },
    setTenant: { redeliver: true, run: setTenant },
    explain: { redeliver: true, run: (engine, { id }) => engine.audit.find(id) },
    decisions: { redeliver: true, run: (engine, query) => engine.audit.query(query) },
    verifyAudit: { redeliver: true, run: (engine) => engine.audit.verify() },
    status: { redeliver: true, run: status },
  },
  terminate: (engine) => engine.close(),
})

type Arg<K extends keyof ArbitrationProtocol> = Parameters<ArbitrationProtocol[K]>[0]

function init(config: ArbitrationConfig, ctx: ActorContext): EngineActor {
  const resolved = resolveArbitrationConfig(config)
  const engine = { ...openEngine(resolved, ctx), holders: new Map<string, number>() }
  const afresh = isNewProcess(engine.state.epoch, ctx.incarnation)
  engine.apply({ kind: 'opened', epoch: `${process.pid}x${ctx.incarnation}`, afresh })
  // What the host set at run time outlives a restart of this actor, but not of the process.
  const known = engine.state.ledger.capacity
  const capacity = Object.entries(resolved.capacity).filter(([resource]) => afresh || !known.has(resource))
  if (capacity.length > 0) engine.apply({ kind: 'capacity-set', capacity: Object.fromEntries(capacity) })
  for (const { tenant, weight } of afresh ? resolved.tenants : []) engine.apply({ kind: 'tenant-set', tenant, weight })
  for (const { holder } of [...engine.state.grants.byId.values(), ...engine.state.queue.byRequest.values()]) {
    watchHolder(engine, holder, ctx)
  }
  return engine
}

/** Within one process every life has a greater number than the ones before; a new process starts again from the bottom. */
function isNewProcess(lastEpoch: string, incarnation: number): boolean {
  const [pid, last] = lastEpoch.split('x').map(Number)
  return pid !== process.pid || last === undefined || incarnation <= last
}

function arbitrate(
  engine: EngineActor,
  { requests }: Arg<'arbitrate'>,
  ctx: CallContext,
): ReturnType<ArbitrationProtocol['arbitrate']> {
  const claims = listOf(requests, 'requests').map(claimOf)
  const outcome = engine.apply({ kind: 'requested', claims, holder: holderOf(engine, ctx) })
  const decided = new Map<string, Ruling>(outcome.rulings.map((ruling) => [ruling.requestId, ruling]))
  return {
    rulings: claims.map(
      ({ id }) => decided.get(id) ?? standingRuling(engine.state, id, engine.now()) ?? unknownRuling(id),
    ),
  }
}

function release(engine: EngineActor, { releases }: Arg<'release'>, ctx: CallContext): void {
  for (const { grantId, units, usedMs = 0 } of listOf(releases, 'releases')) {
    const fail = (field: string, expected: string): Error =>
      arbitrationErrors.fail('REQUEST_INVALID', { id: `release of ${describe(grantId)}`, field, expected })
    if (!Number.isSafeInteger(units) || units < 0) throw fail('units', 'a whole number, 0 or more')
    if (!(usedMs >= 0 && usedMs < Infinity)) throw fail('usedMs', 'milliseconds, 0 or more')
  }
  keepGoing(ctx, () => engine.apply({ kind: 'released', releases, messageId: ctx.call.id }))
}

function renew(
  engine: EngineActor,
  { grantIds }: Arg<'renew'>,
  ctx: CallContext,
): ReturnType<ArbitrationProtocol['renew']> {
  keepGoing(ctx, () => engine.apply({ kind: 'renewed', grantIds }))
  return {
    expiresAt: engine.state.now + engine.state.settings.grantTtlMs,
    lost: grantIds.filter((id) => !engine.state.grants.byId.has(id)),
  }
}

function present(
  engine: EngineActor,
  { grants }: Arg<'present'>,
  ctx: CallContext,
): ReturnType<ArbitrationProtocol['present']> {
  const presented = grants.map(({ grantId, request, units }) => ({ grantId, units, claim: claimOf(request) }))
  const holder = holderOf(engine, ctx)
  keepGoing(ctx, () => engine.apply({ kind: 'presented', grants: presented, holder }))
}

function setCapacity(
  engine: EngineActor,
  { capacity }: Arg<'setCapacity'>,
  ctx: CallContext,
): ReturnType<ArbitrationProtocol['setCapacity']> {
  if (!isCapacity(capacity)) {
    const bad = Object.entries(capacity ?? {}).find(
      ([name, amount]) => !isResourceName(name) || !isCapacity({ amount }),
    )
    throw arbitrationErrors.fail('CAPACITY_INVALID', {
      resource: describe(bad?.[0]),
      expected: 'a number, 0 or more',
      value: describe(bad?.[1]),
    })
  }
  keepGoing(ctx, () => engine.apply({ kind: 'capacity-set', capacity }))
}

function setTenant(
  engine: EngineActor,
  { tenant, weight }: Arg<'setTenant'>,
  ctx: CallContext,
): ReturnType<ArbitrationProtocol['setTenant']> {
  const fields = { tenant: describe(tenant), value: describe(weight) }
  if (!isName(tenant))
    throw arbitrationErrors.fail('TENANT_INVALID', { ...fields, field: 'tenant', expected: 'a name' })
  if (!isWeight(weight)) {
    throw arbitrationErrors.fail('TENANT_INVALID', { ...fields, field: 'weight', expected: 'a number above 0' })
  }
  keepGoing(ctx, () => engine.apply({ kind: 'tenant-set', tenant, weight }))
}

function listOf<T>(value: readonly T[], field: string): readonly T[] {
  if (Array.isArray(value)) return value
  throw arbitrationErrors.fail('REQUEST_INVALID', { id: '(none)', field, expected: 'a list' })
}

function status(engine: EngineActor): ArbitrationStatus {
  const { ledger, queue, shares, strategy, decisions } = engine.state
  return {
    strategy: strategy.name,
    capacity: Object.fromEntries(ledger.capacity),
    inUse: Object.fromEntries([...ledger.used].filter(([, amount]) => amount > 0)),
    queued: queue.byRequest.size,
    decisions,
    tenants: [...shares.accounts.values()].map(({ slot: _s, out: _o, ...tenant }) => tenant),
    conflicts: detectConflicts(ledger, queue.demanded),
  }
}

/** What already happened is not undone because the audit cannot be written now: it is kept and written later. */
function keepGoing(ctx: ActorContext, work: () => unknown): void {
  try {
    work()
  } catch (error) {
    ctx.logger.error('arbitration decisions are held back', { error: String(error) })
  }
}

function holderOf(engine: EngineActor, ctx: CallContext): Holder {
  const holder = { name: ctx.call.sender, incarnation: ctx.call.senderIncarnation }
  watchHolder(engine, holder, ctx)
  return holder
}

/** When a holder dies, what it held and asked for returns. A newer life of it says as much as a death notice. */
function watchHolder(engine: EngineActor, { name, incarnation }: Holder, ctx: ActorContext): void {
  const last = engine.holders.get(name)
  if (last !== undefined && last >= incarnation) return
  engine.holders.set(name, incarnation)
  const lose = (lost: number): void => void engine.apply({ kind: 'holder-lost', holder: { name, incarnation: lost } })
  if (last === undefined && name !== 'host') ctx.monitor(name, (notice) => lose(notice.incarnation))
  if (last !== undefined) lose(incarnation - 1)
}
