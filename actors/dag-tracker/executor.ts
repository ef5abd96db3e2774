/**
 * Runs one run: takes ready nodes as slots allow, prepares and performs them, and records what came of it.
 *
 *   ready heap → slot → prepare (inputs, `when`, cache) → resources? → start → runner → output → record
 *                          └ skip, or answer from the cache            └ failed → retry | fallback | skip | fail
 *
 * I1. Every change of the run is a record, applied and appended in the same turn (`emit`).
 * I2. A result counts only while its node still waits for it: what comes after a cancel, a timeout or the end of the
 *     run is dropped (`isCurrent`).
 * I3. An operator that is not pure starts only when everything before it, and its own start, is on the disk.
 */
import { errorFromWire, type ActorContext, type PitError, type Timer } from '../../runtime/index.ts'
import type { ModelInfo } from '../pool-manager/protocol.ts'
import { createResolver } from './bindings.ts'
import { noteRecord, type ContentCache } from './cache.ts'
import type { Journal } from './checkpoint.ts'
import { endRun } from './ending.ts'
import { dagErrors } from './errors.ts'
import type { Grants, Unit } from './grants.ts'
import type { History } from './history.ts'
import type { Metrics } from './metrics.ts'
import { Flag } from './node-table.ts'
import { createRunOutputs } from './outputs.ts'
import { createSlots, type Slices, type Slots } from './parallel.ts'
import { createParking } from './parking.ts'
import { effectiveDefinition, prepare, type Prepared } from './preparation.ts'
import { applyRecord } from './progress.ts'
import { decide, toPitError } from './recovery.ts'
import type { RunRecord, StoredValue } from './record.ts'
import { definitionOf, nodePath, NODES_MAX, type Run } from './run.ts'
import { branchOutput, joinOutput } from './runners/control.ts'
import type { NodeResult, NodeRunner } from './runners/runner.ts'
import { traitsOf } from './runners/user-operator.ts'
import { pushReady, standbyOf, takeReady } from './scheduler.ts'
import { withLimit } from './timeout.ts'
import { COMPLETED, isRunEnded, RUNNING } from './transitions.ts'
import { isInline, toOutput, type Artifacts } from './values.ts'
import type { InstrumentNode, MapNode, NodeDefinition, OperatorNode } from './workflow/definition.ts'

export interface ExecutorOptions {
  readonly ctx: ActorContext
  readonly run: Run
  readonly journal: Journal
  readonly history: History
  readonly artifacts: Artifacts
  readonly cache: ContentCache
  readonly grants: Grants
  /** Of all runs together. */
  readonly slots: Slots
  readonly slices: Slices
  readonly metrics: Metrics
  readonly runners: { readonly instrument: NodeRunner<InstrumentNode>; readonly operator: NodeRunner<OperatorNode> }
  readonly models: ReadonlyMap<string, ModelInfo>
  /** Between a node's cancellation and its abandonment. */
  readonly graceMs: number
  /** Resolves when a failed journal works again. */
  readonly recovered: () => Promise<void>
  /** The run's last record is durable. */
  readonly onEnded: () => void
}

export interface Executor {
  readonly run: Run
  /** Takes the run up: arms its timers and starts what is ready. */
  start(): void
  /** Starts what is ready, as far as slots allow. */
  pump(): void
  pause(): void
  unpause(): void
  cancel(reason: string): void
  /** Ends all activity without a trace: the run goes on in another life. */
  stop(): void
}

type Fields<R> = R extends RunRecord ? Omit<R, 'run' | 'at'> : never

export function createExecutor(options: ExecutorOptions): Executor {
  const { ctx, run, journal, artifacts, cache, metrics, slices } = options
  const { table } = run
  const slots = createSlots(run.start.maxConcurrency, options.slots)
  const resolver = createResolver(run, artifacts)
  const outputs = createRunOutputs(run, artifacts)
  const controllers = new Map<number, AbortController>()
  const parking = createParking(run, options.grants)
  const timers = new Map<number, Timer>()
  let phase: 'new' | 'active' | 'ending' | 'stopped' = 'new'

  function emit(fields: Fields<RunRecord>): void {
    const record = { run: run.number, at: ctx.clock.now(), ...fields } as RunRecord
    applyRecord(run, record)
    noteRecord(cache, record)
    journal.append(record)
  }

  function pump(): void {
    if (phase !== 'active' || journal.failure !== null) return
    while (run.state === 'running' && run.ready.size > 0) {
      if (!slices.mayRun(pump)) return
      if (!slots.enter()) return slots.whenLeft(pump)
      const node = takeReady(run)
      if (node >= 0) attend(node)
      else slots.leave()
    }
    review()
  }

  /** Sees to a node that is ready; takes over the slot. */
  function attend(node: number): void {
    const flags = table.flags[node]!
    if ((flags & Flag.Awaiting) !== 0) settleByStandby(node)
    else if ((flags & (Flag.Blocked | Flag.Unneeded)) !== 0 || definitionOf(run, node).enabled === false) skip(node)
    else return void work(node).finally(leaveSlot)
    slots.leave()
  }

  function leaveSlot(): void {
    slots.leave()
    pump()
  }

  function skip(node: number): void {
    const blocked = (table.flags[node]! & Flag.Blocked) !== 0
    const { code, message } = blocked ? dagErrors.fail('NODE_UPSTREAM') : { code: '', message: '' }
    emit({ kind: 'node-skipped', node, code, message, output: null })
  }

  /** Never rejects: whatever goes wrong is the node's failure. */
  async function work(node: number): Promise<void> {
    const controller = new AbortController()
    controllers.set(node, controller)
    try {
      if ((table.flags[node]! & Flag.Ripe) !== 0) return await finishMap(node, controller)
      const held = parking.collect(node)
      const prepared = held?.prepared ?? (await prepare(node, { ...options, resolver }))
      if (!isCurrent(node, controller)) return held?.unit.release(0)
      if (prepared.kind === 'unwanted') return emit({ kind: 'node-skipped', node, code: '', message: '', output: null })
      if (prepared.kind === 'cached') return completeCached(node, prepared)
      const { resources } = definitionOf(run, node)
      if (resources !== undefined && held === undefined) return park(node, prepared)
      await perform(node, prepared, controller, held?.unit)
    } catch (error) {
      if (isCurrent(node, controller)) settleFailure(node, toPitError(error, nodePath(run, node)))
    } finally {
      if (controllers.get(node) === controller) controllers.delete(node)
    }
  }

  function isCurrent(node: number, controller: AbortController): boolean {
    return phase !== 'stopped' && controllers.get(node) === controller && table.state[node]! <= RUNNING
  }

  /** Waits for resources without holding a slot; comes back through the ready heap. */
  function park(node: number, prepared: Prepared): void {
    const controller = new AbortController()
    controllers.set(node, controller)
    const current = (): boolean => isCurrent(node, controller)
    void parking
      .park(node, prepared, { signal: controller.signal, isCurrent: current })
      .catch((error: unknown) => {
        if (current()) settleFailure(node, toPitError(error, nodePath(run, node)))
      })
      .finally(() => {
        if (controllers.get(node) === controller) controllers.delete(node)
        pump()
      })
  }

  async function perform(
    node: number,
    { inputs, key }: Extract<Prepared, { kind: 'run' }>,
    controller: AbortController,
    unit: Unit | undefined,
  ): Promise<void> {
    const startedAt = ctx.clock.monotonicMs()
    const definition = effectiveDefinition(run, node)
    try {
      if (definition.kind === 'map') return await expand(node, definition, controller)
      emit({ kind: 'node-started', node, attempt: attemptOf(node) })
      if (definition.kind === 'operator' && !traitsOf(definition).pure) await durable()
      if (!isCurrent(node, controller)) return
      const { output, usage } = await execute(node, definition, inputs, controller)
      if (!isCurrent(node, controller)) return
      if (await complete(node, output, { key, usage, controller })) {
        metrics.observe(definition.kind, 'completed', ctx.clock.monotonicMs() - startedAt)
      }
    } catch (error) {
      metrics.observe(definition.kind, 'failed', ctx.clock.monotonicMs() - startedAt)
      throw error
    } finally {
      unit?.release(ctx.clock.monotonicMs() - startedAt)
    }
  }

  /** The first attempt is 1; a crash does not count, a known failure does. */
  function attemptOf(node: number): number {
    return Math.max(1, table.attempts[node]!)
  }

  async function durable(): Promise<void> {
    while (!isStopped()) {
      try {
        return await journal.commit()
      } catch {
        await options.recovered()
      }
    }
  }

  async function execute(
    node: number,
    definition: Exclude<NodeDefinition, MapNode>,
    inputs: Readonly<Record<string, unknown>>,
    controller: AbortController,
  ): Promise<NodeResult> {
    const { runId, tenant, roots } = run.start
    const nodeId = nodePath(run, node)
    const idempotencyKey = `${runId}/${nodeId}/${attemptOf(node)}`
    switch (definition.kind) {
      case 'branch': {
        const variables = await resolver.variables(node, inputs)
        return { output: branchOutput(definition, resolver.plan(definition), variables), usage: null }
      }
      case 'join':
        return { output: joinOutput(inputs), usage: null }
      case 'instrument':
      case 'operator': {
        const timeoutMs = definition.timeoutMs ?? Number.POSITIVE_INFINITY
        const onTimeout = (): Error => dagErrors.fail('NODE_TIMEOUT', { nodeId, timeoutMs })
        return withLimit({ clock: ctx.clock, controller, timeoutMs, graceMs: options.graceMs, onTimeout }, (signal) => {
          const task = { nodeId, runId, tenant, inputs, roots, signal, idempotencyKey }
          if (definition.kind === 'operator') return options.runners.operator.run({ ...task, definition })
          return options.runners.instrument.run({ ...task, definition })
        })
      }
    }
  }

  async function expand(node: number, definition: MapNode, controller: AbortController): Promise<void> {
    emit({ kind: 'node-started', node, attempt: attemptOf(node) })
    const items = (await resolver.items(node)).length
    if (!isCurrent(node, controller)) return
    if (table.count + items * definition.body.nodes.length > NODES_MAX) {
      throw dagErrors.fail('MAP_TOO_LARGE', { nodeId: nodePath(run, node), items, nodesMax: NODES_MAX })
    }
    emit({ kind: 'nodes-added', node, items })
  }

  async function finishMap(node: number, controller: AbortController): Promise<void> {
    const { failedItem, firstScope } = run.maps.get(node)!
    if (failedItem < 0) {
      await complete(node, await resolver.mapOutput(node), { key: null, usage: null, controller })
    } else {
      const failed = run.scopes[firstScope + failedItem]!.failure
      const { code, message: reason } = run.errors.get(failed)!
      const failedNodeId = nodePath(run, failed)
      settleFailure(node, dagErrors.fail('MAP_ITEM_FAILED', { index: failedItem, failedNodeId, code, reason }))
    }
    resolver.forget(node)
  }

  /** Returns false when the result came too late. */
  async function complete(
    node: number,
    value: unknown,
    { key, usage, controller }: Pick<NodeResult, 'usage'> & { key: string | null; controller: AbortController },
  ): Promise<boolean> {
    const output = toOutput(value, nodePath(run, node))
    const stored = isInline(output) ? { value: output.value } : await outputs.store(node, output)
    if (!isCurrent(node, controller)) return false
    emit({ kind: 'node-completed', node, output: stored, cached: false, key, usage })
    outputs.later(node)
    return true
  }

  function completeCached(node: number, { key, output }: Extract<Prepared, { kind: 'cached' }>): void {
    emit({ kind: 'node-completed', node, output, cached: true, key, usage: null })
    noteOutput(node, output)
    metrics.observe(definitionOf(run, node).kind, 'cached', 0)
  }

  function noteOutput(node: number, output: StoredValue): void {
    if ('artifact' in output) outputs.known(node, output.artifact)
    else outputs.later(node)
  }

  function settleFailure(node: number, error: PitError): void {
    const definition = definitionOf(run, node)
    const { code, message } = error
    const attempt = attemptOf(node)
    const fellBack = (table.flags[node]! & Flag.FellBack) !== 0
    const decision = decide(definition, { attempt, fellBack, error }, ctx.random)
    switch (decision.kind) {
      case 'retry': {
        const dueAt = ctx.clock.now() + decision.delayMs
        emit({ kind: 'node-retried', node, attempt: attempt + 1, dueAt, fallback: false, code, message })
        armRetry(node, dueAt)
        break
      }
      case 'fallback':
        emit({ kind: 'node-retried', node, attempt: attempt + 1, dueAt: 0, fallback: true, code, message })
        break
      case 'value': {
        const output = { value: toOutput(decision.value, nodePath(run, node)).value }
        emit({ kind: 'node-completed', node, output, cached: false, key: null, usage: null })
        outputs.later(node)
        break
      }
      case 'skip': {
        const output = decision.hasDefault ? { value: toOutput(decision.default, nodePath(run, node)).value } : null
        emit({ kind: 'node-skipped', node, code, message, output })
        break
      }
      case 'fail':
        emit({ kind: 'node-failed', node, code, message })
    }
    if (run.maps.has(node)) abortEnded(error)
  }

  /** The node that stands in for this one has ended. */
  function settleByStandby(node: number): void {
    const standby = standbyOf(run, node)
    const output = table.outputs[standby]
    if (table.state[standby] === COMPLETED && output !== undefined) {
      emit({ kind: 'node-completed', node, output, cached: false, key: null, usage: null })
      return noteOutput(node, output)
    }
    const error = run.errors.get(node)!
    settleFailure(node, errorFromWire({ ...error, status: 500, action: 'give-up', fields: {} }))
  }

  function armRetry(node: number, dueAt: number): void {
    const timer = ctx.clock.setTimer(
      dueAt - ctx.clock.now(),
      () => {
        timers.delete(node)
        if (!run.retries.delete(node) || phase === 'stopped') return
        pushReady(run, node)
        pump()
      },
      { ref: true },
    )
    timers.set(node, timer)
  }

  /** Aborts the work of nodes that have been ended from elsewhere, and hands back what they hold. */
  function abortEnded(reason: Error): void {
    for (const [node, controller] of controllers) if (table.state[node]! > RUNNING) controller.abort(reason)
    parking.releaseEnded()
  }

  /** Ends the run when nothing is left to do, or nothing can be done any more. */
  function review(): void {
    if (phase !== 'active' || slots.active > 0 || parking.waiting > 0) return
    const { remaining } = run.scopes[0]!
    if (remaining === 0) return void end()
    if (run.state !== 'running' || run.ready.size > 0 || run.retries.size > 0) return
    emit({ kind: 'run-state', state: 'failed', message: String(remaining) })
    void end()
  }

  async function end(): Promise<void> {
    phase = 'ending'
    const ending = await endRun({ ...options, resolver, outputs })
    if (isStopped()) return
    emit({ kind: 'run-ended', ...ending })
    await durable()
    if (!isStopped()) options.onEnded()
  }

  // A function, because the compiler does not see that `phase` may change while something is awaited.
  function isStopped(): boolean {
    return phase === 'stopped'
  }

  // A run belongs to no call: whatever sets it going must not end it with its own deadline.
  return {
    run,
    pump: () => ctx.detach(pump),
    start() {
      phase = 'active'
      // What the life before this one may not have stored any more, in the order in which it ended.
      for (const record of run.records) {
        if (record.kind === 'node-completed') noteOutput(record.node, record.output)
      }
      for (const [node, dueAt] of run.retries) armRetry(node, dueAt)
      ctx.detach(pump)
    },
    pause: () => emit({ kind: 'run-state', state: 'paused', message: '' }),
    unpause() {
      emit({ kind: 'run-state', state: 'running', message: '' })
      ctx.detach(pump)
    },
    cancel(reason) {
      if (isRunEnded(run.state)) return
      emit({ kind: 'run-state', state: 'cancelled', message: reason })
      abortEnded(dagErrors.fail('RUN_CANCELLED', { runId: run.start.runId, reason }))
      ctx.detach(review)
    },
    stop() {
      phase = 'stopped'
      for (const timer of timers.values()) timer.cancel()
      for (const controller of controllers.values()) controller.abort(dagErrors.fail('RUN_INTERRUPTED'))
    },
  }
}
