/**
 * The Pool Manager: wires the pool's parts to timers, files, model hosts and the Arbitration Engine.
 *
 * Leases on hot, uncontended models never come here (`lease-table.ts`); what comes is cold, contended, or about models.
 */
import { type ActorContext, type CallContext, defineActor, type Timer } from '../../runtime/index.ts'
import { arbitrationEngine } from '../arbitration-engine/protocol.ts'
import { createArbiter } from './arbiter.ts'
import { type PoolManagerConfig, type ResolvedPoolConfig, resolvePoolConfig } from './config.ts'
import { presentAgain, ruled } from './contention.ts'
import { drainAndUnload } from './cooling.ts'
import { poolErrors } from './errors.ts'
import { failedOnce, FRESH, isBackendFailure, succeeded } from './health.ts'
import { createHosts } from './hosts.ts'
import { LEASE_REGION, LeaseTable } from './lease-table.ts'
import { allocate, dropHolder, settle } from './leasing.ts'
import { bornCold } from './lifecycle.ts'
import { ensureLoaded, hostLost, wantLoaded } from './loading.ts'
import { countInvocation, NO_METRICS } from './metrics.ts'
import {
  cacheEntries,
  enter,
  findModel,
  infoOf,
  noteRoom,
  type Pool,
  type PooledModel,
  type PoolPorts,
  statsOf,
} from './pool.ts'
import { choosePrewarms, record } from './prewarming.ts'
import { type ModelInfo, ModelState, type PoolManagerProtocol } from './protocol.ts'
import { recover } from './recovery.ts'
import { readRegistry, writeRegistry } from './registry.ts'
import { shutDown } from './shutdown.ts'
import { type ResolvedModelSpec, resolveModelSpec, sameSpec } from './spec.ts'
import { TransitionReason } from './transitions.ts'
import { runUpkeep, upkeepDelayMs } from './upkeep.ts'

interface PoolState {
  readonly pool: Pool
  readonly config: ResolvedPoolConfig
  /** Specs registered at run time, by id. */
  readonly registered: Map<string, ResolvedModelSpec>
  /** Writes of the registry, one after the other. */
  writing: Promise<void>
  readonly watched: Set<string>
  /** Last incarnation seen of each sender. */
  readonly holders: Map<string, number>
}

/** Messages that wait here: leases on cold and contended models. */
const IN_FLIGHT_MAX = 4_096

const USER: Readonly<Record<'load' | 'unload' | 'replace', { reason: TransitionReason; detail: string }>> = {
  load: { reason: TransitionReason.UserRequest, detail: 'loading was asked for' },
  unload: { reason: TransitionReason.UserRequest, detail: 'unloading was asked for' },
  replace: { reason: TransitionReason.UserRequest, detail: 'the model was registered anew' },
}

export const poolManagerActor = defineActor<PoolManagerProtocol, PoolState, PoolManagerConfig>({
  name: 'pool-manager',
  module: import.meta.url,
  peers: ['arbitration-engine'],
  inFlightMax: IN_FLIGHT_MAX,
  init,
  handlers: {
    register: { redeliver: true, run: (state, { spec }) => register(state, resolveModelSpec(spec)) },
    list: { redeliver: true, run: ({ pool }) => [...pool.models.values()].map((model) => infoOf(pool, model)) },
    info: { redeliver: true, run: ({ pool }, { model }) => infoOf(pool, findModel(pool, model)) },
    allocate: {
      redeliver: true,
      run(state, request, ctx) {
        noteHolder(state, ctx)
        return allocate(state.pool, request, ctx)
      },
    },
    attach: { redeliver: true, run: (state, _, ctx) => noteHolder(state, ctx) },
    slotFreed: {
      redeliver: true,
      run({ pool }, { model }) {
        const freed = pool.models.get(model)
        if (freed === undefined) return
        settle(pool, freed)
        noteRoom(pool)
      },
    },
    report: (state, arg, ctx) => report(state.pool, arg, ctx),
    load: { redeliver: true, run: ({ pool }, { model }) => load(pool, findModel(pool, model)) },
    unload: { redeliver: true, run: ({ pool }, { model }) => unload(pool, findModel(pool, model)) },
    pin: {
      redeliver: true,
      run({ pool }, { model, pinned }) {
        const pinnable = findModel(pool, model)
        pinnable.pinned = pinned
        noteRoom(pool)
        pool.armUpkeep()
        return infoOf(pool, pinnable)
      },
    },
    plan: { redeliver: true, run: ({ pool }, { runId, models }) => prewarm(pool, runId, models) },
    stats: { redeliver: true, run: ({ pool }) => statsOf(pool) },
    explain: {
      redeliver: true,
      run({ pool }, { model }) {
        const explained = findModel(pool, model)
        const history = explained.lifecycle.history.map(({ from, to, at, reason, detail, durationMs }) => ({
          from,
          to,
          at,
          reason: `${detail} (${reason})`,
          durationMs,
        }))
        return { info: infoOf(pool, explained), history }
      },
    },
  },
  terminate: ({ pool }) => shutDown(pool),
})

async function init(options: PoolManagerConfig, ctx: ActorContext): Promise<PoolState> {
  const config = resolvePoolConfig(options)
  const alive = (): boolean => !ctx.stopping.aborted
  const hosts = createHosts(ctx, (host, why) => {
    if (alive()) for (const model of modelsOn(pool, host)) hostLost(pool, model, why)
  })
  const arbiter = createArbiter({
    engine: ctx.ref(arbitrationEngine),
    clock: ctx.clock,
    logger: ctx.logger,
    alive,
    detach: (work) => ctx.detach(work),
    onRuling: (requestId, ruling) => ruled(pool, requestId, ruling),
    onForgotten: () => engineLost(pool),
  })
  const { clock, random, logger } = ctx
  const pool = createPool({ clock, random, logger, arbiter, hosts, alive }, ctx, config)
  const registered = config.dataDir === null ? [] : await readRegistry(config.dataDir, ctx.logger)
  const state: PoolState = {
    pool,
    config,
    registered: new Map(),
    writing: Promise.resolve(),
    watched: new Set(),
    holders: new Map(),
  }
  // What is configured now beats what was registered once.
  for (const spec of config.models.map(resolveModelSpec)) addModel(pool, config, spec)
  for (const spec of registered) {
    if (pool.models.has(spec.id)) continue
    state.registered.set(spec.id, spec)
    addModel(pool, config, spec)
  }
  const children = new Set(await ctx.children.list())
  for (const model of pool.models.values()) {
    const { host } = pool.table.residence(model.index)
    if (children.has(`model-host-${host}`)) hosts.adopt(host)
  }
  watchHolder(state, ctx, 'dag-tracker')
  ctx.monitor(arbitrationEngine.name, () => {
    if (alive()) engineLost(pool)
  })
  recover(pool, children)
  return state
}

function createPool(ports: PoolPorts, ctx: ActorContext, config: ResolvedPoolConfig): Pool {
  let timer: { readonly at: number; readonly timer: Timer } | null = null
  const pool: Pool = {
    ports,
    table: new LeaseTable(ctx.shared(LEASE_REGION)),
    limits: { budgetBytes: config.memoryBudgetBytes, loadedMax: config.loadedMax },
    hostThreads: config.hostThreads,
    incarnation: ctx.incarnation,
    models: new Map(),
    offers: [],
    waiting: new Map(),
    roomQueue: Promise.resolve(),
    roomListeners: new Set(),
    ledger: [],
    sequence: 0,
    presentations: 0,
    renewedAt: ports.clock.monotonicMs(),
    settle: (model) => settle(pool, model),
    armUpkeep() {
      const delayMs = upkeepDelayMs(pool)
      if (delayMs === null || !ports.alive()) return
      const at = ports.clock.monotonicMs() + delayMs
      if (timer !== null && timer.at <= at) return
      timer?.timer.cancel()
      const run = (): void => {
        timer = null
        runUpkeep(pool)
      }
      timer = { at, timer: ports.clock.setTimer(delayMs, run) }
    },
  }
  return pool
}

function addModel(pool: Pool, config: ResolvedPoolConfig, spec: ResolvedModelSpec): PooledModel {
  const index = pool.models.size < config.modelsMax ? pool.table.row(spec.id) : null
  if (index === null) {
    const modelsMax = Math.min(config.modelsMax, pool.table.modelsMax)
    throw poolErrors.fail('MODEL_TABLE_FULL', { model: spec.id, modelsMax })
  }
  const model: PooledModel = {
    index,
    spec,
    lifecycle: bornCold(spec.id, pool.ports.clock.now()),
    health: FRESH,
    metrics: NO_METRICS,
    pinned: false,
    chargedBytes: null,
    loading: null,
    cooling: null,
    loadError: null,
    orphaned: false,
    drained: null,
    waiters: new Set(),
    granted: [],
    asked: 0,
    presented: null,
    arbitrated: new Map(),
    usesSeen: 0,
    idleSince: pool.ports.clock.monotonicMs(),
    lastUsedAt: null,
    usesAtHot: 0,
  }
  // Slots still held since an earlier life must stay in sight, also when the model has fewer now.
  pool.table.setSlots(index, pool.table.held(index) > 0 ? Math.max(spec.slots, pool.table.slots(index)) : spec.slots)
  pool.models.set(spec.id, model)
  pool.ports.arbiter.setCapacity(spec.id, spec.slots)
  return model
}

async function register(state: PoolState, spec: ResolvedModelSpec): Promise<ModelInfo> {
  const { pool, config } = state
  const present = pool.models.get(spec.id)
  if (present === undefined) {
    const added = addModel(pool, config, spec)
    await remember(state, spec)
    return infoOf(pool, added)
  }
  if (!sameSpec(present.spec, spec)) await replace(pool, present, spec)
  await remember(state, spec)
  return infoOf(pool, present)
}

/** Leases on the old model end first: they were granted for what it was. */
async function replace(pool: Pool, model: PooledModel, spec: ResolvedModelSpec): Promise<void> {
  const { Cold, Failed } = ModelState
  while (model.lifecycle.state !== Cold && model.lifecycle.state !== Failed) {
    await (model.loading ?? drainAndUnload(pool, model, USER.replace))
  }
  if (model.lifecycle.state === Failed) enter(pool, model, Cold, USER.replace)
  model.spec = spec
  model.health = FRESH
  pool.table.setSlots(model.index, spec.slots)
  pool.ports.arbiter.setCapacity(spec.id, spec.slots)
  pool.settle(model)
}

async function remember(state: PoolState, spec: ResolvedModelSpec): Promise<void> {
  const { dataDir } = state.config
  state.registered.set(spec.id, spec)
  if (dataDir === null) return
  state.writing = state.writing.catch(() => {}).then(() => writeRegistry(dataDir, [...state.registered.values()]))
  await state.writing
}

async function load(pool: Pool, model: PooledModel): Promise<ModelInfo> {
  await ensureLoaded(pool, model, USER.load)
  return infoOf(pool, model)
}

async function unload(pool: Pool, model: PooledModel): Promise<ModelInfo> {
  await model.loading
  await drainAndUnload(pool, model, USER.unload)
  return infoOf(pool, model)
}

function report(pool: Pool, arg: Parameters<PoolManagerProtocol['report']>[0], ctx: CallContext): void {
  const model = pool.models.get(arg.model)
  if (model === undefined) return
  const failed = arg.failed === true
  model.metrics = countInvocation(model.metrics, arg.usage, failed)
  if (!failed) {
    model.health = model.lifecycle.state === ModelState.Hot ? succeeded(model.health) : model.health
    return
  }
  if (!isBackendFailure(arg.errorCode)) return
  model.health = failedOnce(model.health, arg.errorCode ?? '', ctx.clock.monotonicMs(), ctx.random)
  if (model.health.openUntil === null || model.lifecycle.state !== ModelState.Hot) return
  const detail = `too many failures in a row: ${arg.errorCode ?? ''}`
  enter(pool, model, ModelState.Failed, { reason: TransitionReason.HealthCheckFailure, detail })
}

function prewarm(pool: Pool, runId: string, ids: readonly string[]): void {
  const entries = cacheEntries(pool)
  const bytes = pool.limits.budgetBytes - entries.reduce((sum, entry) => sum + entry.bytes, 0)
  const planned = ids.flatMap((id) => pool.models.get(id) ?? [])
  const candidates = planned.map(({ spec, lifecycle, loading }) => ({
    model: spec.id,
    isCold: lifecycle.state === ModelState.Cold && loading === null,
    memoryBytes: spec.memoryBytes,
  }))
  for (const id of choosePrewarms(candidates, { bytes, places: pool.limits.loadedMax - entries.length })) {
    pool.ledger = record(pool.ledger, { model: id, runId, at: pool.ports.clock.now(), outcome: 'open' })
    const detail = `run ${runId} will need it`
    wantLoaded(pool, findModel(pool, id), { reason: TransitionReason.PredictivePrewarm, detail, causeId: runId })
  }
}

function modelsOn(pool: Pool, host: number): readonly PooledModel[] {
  return [...pool.models.values()].filter(
    (model) => model.chargedBytes !== null && pool.table.residence(model.index).host === host,
  )
}

/** The engine has lost what was not in its log: capacities, and what is held. What waits is asked again by the arbiter. */
function engineLost(pool: Pool): void {
  for (const model of pool.models.values()) {
    pool.ports.arbiter.setCapacity(model.spec.id, model.spec.slots)
    presentAgain(pool, model)
  }
}

/** A later life of an actor ends the leases of its earlier ones, also when the death itself was missed. */
function noteHolder(state: PoolState, ctx: CallContext): void {
  const { sender, senderIncarnation } = ctx.call
  if (state.holders.get(sender) === senderIncarnation) return
  state.holders.set(sender, senderIncarnation)
  watchHolder(state, ctx, sender)
  const ended = state.pool.table.noteHolder(sender, senderIncarnation)
  if (ended !== null) dropHolder(state.pool, ended)
}

function watchHolder(state: PoolState, ctx: ActorContext, name: string): void {
  if (state.watched.has(name)) return
  state.watched.add(name)
  ctx.monitor(name, ({ incarnation }) => {
    if (!ctx.stopping.aborted) dropHolder(state.pool, incarnation)
  })
}
