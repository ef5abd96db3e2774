/**
 * The Pool Manager's state: models, what they are charged, who waits. Its parts (`loading`, `cooling`, `leasing`,
 * `contention`, `upkeep`) are functions over it; what they need of the outside world comes through `PoolPorts`.
 */
import type { Clock, Logger, Random } from '../../runtime/index.ts'
import type { CachedModel, CacheLimits } from './cache.ts'
import { poolErrors } from './errors.ts'
import { type Health, healthStatus } from './health.ts'
import { type LeaseTable, type LeaseToken } from './lease-table.ts'
import { type ModelLifecycle, transition } from './lifecycle.ts'
import type { ModelMetrics } from './metrics.ts'
import { precision, type PrewarmAction } from './prewarming.ts'
import { type AllocateRequest, type LeaseGrant, type ModelInfo, ModelState, type PoolStats } from './protocol.ts'
import type { ResolvedModelSpec } from './spec.ts'
import { type Cause, codeOf } from './transitions.ts'
import type { ReleaseRequest, ResourceRequest } from '../arbitration-engine/protocol.ts'

/** Somebody who waits for a lease. */
export interface Waiter {
  /** The request's id at the Arbitration Engine. */
  readonly id: string
  readonly request: AllocateRequest
  /** Incarnation the slot will belong to. */
  readonly holder: number
  /** Wall time after which nobody waits any more; `Infinity` for never. */
  readonly deadlineAt: number
  /** The model was hot when the request came. */
  readonly warm: boolean
  /** `new`: not told to the engine. `asked`: the engine decides. `granted`: the next free slot is theirs. */
  stage: 'new' | 'asked' | 'granted'
  grantId: string | null
  succeed(grant: LeaseGrant): void
  fail(error: Error): void
}

/** A lease the Arbitration Engine has granted, until its slot is free again. */
export interface ArbitratedLease {
  readonly grantId: string
  readonly request: ResourceRequest
  readonly lease: LeaseToken
  /** Monotonic time of the grant. */
  readonly since: number
}

export interface PooledModel {
  /** Row in the lease table. */
  readonly index: number
  spec: ResolvedModelSpec
  lifecycle: ModelLifecycle
  health: Health
  metrics: ModelMetrics
  pinned: boolean
  /** Memory reserved for it, from before its load until it is really back; null when it takes none. */
  chargedBytes: number | null
  /** Running load or unload; never rejects. */
  loading: Promise<void> | null
  cooling: Promise<void> | null
  /** Why the last load failed. */
  loadError: Error | null
  /** Leases are held on it, and its host has forgotten it: it must be loaded again though nobody new waits. */
  orphaned: boolean
  /** Called when the last lease of a draining model is gone. */
  drained: (() => void) | null
  readonly waiters: Set<Waiter>
  /** Of the waiters: those with a ruling, in the order of the rulings. */
  readonly granted: Waiter[]
  /** Waiters the engine knows of. */
  asked: number
  /** Leases the engine knows as "in use by others" since contention began: its grant and units; null when uncontended. */
  presented: { readonly grantId: string; readonly request: ResourceRequest; units: number } | null
  readonly arbitrated: Map<number, ArbitratedLease>
  /** Use counter at the last look, and the monotonic time when it last changed. */
  usesSeen: number
  idleSince: number
  lastUsedAt: number | null
  usesAtHot: number
}

/** A slot offered and perhaps not claimed. */
export interface StandingOffer {
  readonly model: PooledModel
  readonly offer: LeaseToken
  /** Monotonic time when it is withdrawn. */
  readonly lapsesAt: number
}

/** What the pool asks of the Arbitration Engine; rulings come back through `ruled`. */
export interface Arbiter {
  setCapacity(model: string, slots: number): void
  request(request: ResourceRequest): void
  cancel(requestId: string): void
  release(release: ReleaseRequest): void
  present(
    grants: readonly { readonly grantId: string; readonly request: ResourceRequest; readonly units: number }[],
  ): void
  /** Answers those that are gone. */
  renew(grantIds: readonly string[]): Promise<readonly string[]>
}

export interface Hosts {
  load(host: number, spec: ResolvedModelSpec): Promise<{ readonly memoryBytes: number }>
  unload(host: number, model: string): Promise<void>
  /** Ends the host's thread. */
  stop(host: number): Promise<void>
}

export interface PoolPorts {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly arbiter: Arbiter
  readonly hosts: Hosts
  /** False once this life of the pool is over: what finishes later must not touch the table, another life owns it. */
  readonly alive: () => boolean
}

export interface Pool {
  readonly ports: PoolPorts
  readonly table: LeaseTable
  readonly limits: CacheLimits
  readonly hostThreads: number
  /** Unique in the system: part of the ids of grants that are presented. */
  readonly incarnation: number
  readonly models: Map<string, PooledModel>
  readonly offers: StandingOffer[]
  /** Everybody who waits, by request id. */
  readonly waiting: Map<string, { readonly model: PooledModel; readonly waiter: Waiter }>
  /** Loads wait for room one after the other, so that a small one cannot overtake a large one for ever. */
  roomQueue: Promise<void>
  /** Called whenever room may have come free. */
  readonly roomListeners: Set<() => void>
  ledger: readonly PrewarmAction[]
  /** Sequence of offers and of presented grants. */
  sequence: number
  presentations: number
  renewedAt: number
  /** Does what the model's state, slots and waiters call for now (`leasing.ts`). */
  settle: (model: PooledModel) => void
  /** Makes the next upkeep come soon enough for what is pending. */
  armUpkeep: () => void
}

/** Throws `UNKNOWN_MODEL` naming the known ones. */
export function findModel(pool: Pool, id: string): PooledModel {
  const model = pool.models.get(id)
  if (model !== undefined) return model
  const known = [...pool.models.keys()].sort()
  throw poolErrors.fail('UNKNOWN_MODEL', { model: id, known: known.join(', ') || 'none' })
}

/** Moves a model on, in its lifecycle and on the shared board. */
export function enter(pool: Pool, model: PooledModel, to: ModelState, cause: Cause): void {
  const { clock, logger } = pool.ports
  model.lifecycle = transition(model.lifecycle, to, cause, clock.now())
  publish(pool, model)
  if (to === ModelState.Hot) {
    model.orphaned = false
    model.usesAtHot = pool.table.uses(model.index).count
    model.idleSince = clock.monotonicMs()
  }
  logger.debug('model state', { model: model.spec.id, to, reason: cause.reason, detail: cause.detail })
  pool.armUpkeep()
}

/** Writes the state word: holders are told to speak up while somebody waits for a slot or for the last one. */
export function publish(pool: Pool, model: PooledModel): void {
  const { state } = model.lifecycle
  const wanted = state === ModelState.Cooling || (state === ModelState.Hot && model.waiters.size > 0)
  pool.table.publish(model.index, codeOf(state), wanted)
}

/** Tells loads that wait for memory to look again. */
export function noteRoom(pool: Pool): void {
  for (const listener of pool.roomListeners) listener()
}

/** What takes memory, as the cache sees it. */
export function cacheEntries(pool: Pool): readonly CachedModel[] {
  return [...pool.models.values()].flatMap((model) => {
    if (model.chargedBytes === null) return []
    const { state } = model.lifecycle
    return [
      {
        model: model.spec.id,
        bytes: model.chargedBytes,
        lastUse: pool.table.uses(model.index).lastUse,
        leased: pool.table.held(model.index) > 0 || model.waiters.size > 0,
        pinned: model.pinned,
        inTransit: state !== ModelState.Hot,
        leaving: state === ModelState.Cooling,
      },
    ]
  })
}

export function infoOf(pool: Pool, model: PooledModel): ModelInfo {
  const { spec, lifecycle, metrics } = model
  return {
    id: spec.id,
    state: lifecycle.state,
    backend: spec.backend.kind,
    version: spec.version,
    deterministic: spec.deterministic,
    slots: spec.slots,
    leased: pool.table.held(model.index),
    memoryBytes: model.chargedBytes ?? 0,
    pinned: model.pinned,
    loads: lifecycle.loads,
    failures: lifecycle.failures,
    invocations: metrics.invocations,
    lastUsedAt: model.lastUsedAt,
    stateSince: lifecycle.since,
    reason: lifecycle.reason,
    health: healthStatus(model.health, lifecycle.loads > 0, pool.ports.clock.monotonicMs()),
  }
}

export function statsOf(pool: Pool): PoolStats {
  const models = [...pool.models.values()]
  const sum = (of: (model: PooledModel) => number): number => models.reduce((total, model) => total + of(model), 0)
  return {
    models: models.length,
    loaded: models.filter(({ chargedBytes }) => chargedBytes !== null).length,
    chargedBytes: sum(({ chargedBytes }) => chargedBytes ?? 0),
    budgetBytes: pool.limits.budgetBytes,
    leases: sum(({ index }) => pool.table.uses(index).count),
    coldLeases: sum(({ metrics }) => metrics.coldLeases),
    loads: sum(({ lifecycle }) => lifecycle.loads),
    loadMs: sum(({ metrics }) => metrics.loadMs),
    evictions: sum(({ metrics }) => metrics.evictions),
    waiting: pool.waiting.size,
    prewarms: pool.ledger.length,
    prewarmPrecision: precision(pool.ledger),
  }
}
