/**
 * All runs: the ones being executed, the ones that have ended, and what callers may do with them.
 *
 * I1. A caller hears of something only when it is durable: starts, ends and events wait for the journal's sync.
 * I2. A run is in `live` from its first record until its last one is durable, then in the history.
 * I3. Unfinished runs with the same definition, inputs and tenant are twins: a start attaches rather than doing the same
 *     work twice, unless told otherwise.
 */
import type { ActorContext, ActorRef, Call, Log, PitError } from '../../runtime/index.ts'
import type { ModelInfo, PoolManagerProtocol } from '../pool-manager/protocol.ts'
import { createContentCache, noteRecord } from './cache.ts'
import { createJournal, replayLog } from './checkpoint.ts'
import { dagErrors } from './errors.ts'
import { createExecutor, type Executor, type ExecutorOptions } from './executor.ts'
import type { EndedRun, History } from './history.ts'
import { createMetrics } from './metrics.ts'
import { createSlices, type Slots } from './parallel.ts'
import { applyRecord, beginRun, replayRun } from './progress.ts'
import type { DagMetrics, RunState, RunSummary, StartRequest } from './protocol.ts'
import type { RecordOf, RunRecord } from './record.ts'
import { summaryOf } from './reports.ts'
import type { Run } from './run.ts'
import { decodeState, encodeState } from './snapshot.ts'
import { findModels, modelsOf, resolveStart, twinKey } from './start.ts'
import { isRunEnded } from './transitions.ts'
import { createWatchers, type Watchers } from './watchers.ts'

export interface TrackerOptions extends Pick<ExecutorOptions, 'artifacts' | 'grants' | 'runners' | 'graceMs'> {
  readonly ctx: ActorContext
  readonly pool: ActorRef<PoolManagerProtocol>
  readonly log: Log
  readonly history: History
  readonly slots: Slots
  readonly snapshotEveryBytes?: number
}

export interface Tracker {
  /** Who waits for runs and events. */
  readonly watchers: Watchers
  start(request: StartRequest, call: Call): Promise<{ readonly runId: string; readonly attached: boolean }>
  /** A run that has not ended, or a look at one that has. Throws `RUN_NOT_FOUND`. */
  find(runId: string): { readonly run: Run; readonly active: boolean } | { readonly ended: EndedRun }
  summary(runId: string): RunSummary
  list(options: { readonly limit?: number; readonly state?: RunState }): readonly RunSummary[]
  resume(runId?: string): Promise<readonly string[]>
  pause(runId: string): Promise<RunSummary>
  cancel(runId: string, reason: string): Promise<RunSummary>
  metrics(): DagMetrics
  /** Ends all activity; what is unfinished goes on in the next life. */
  stop(): void
}

interface Live {
  readonly run: Run
  /** Null until somebody takes the run up. */
  executor: Executor | null
  /** Being taken up. */
  starting: Promise<void> | null
}

const LIST_DEFAULT = 100

export function createTracker(options: TrackerOptions): Tracker {
  const { ctx, log, history } = options
  const live = new Map<string, Live>()
  const byNumber = new Map<number, Run>()
  const twins = new Map<string, string>()
  const cache = createContentCache()
  const metrics = createMetrics()
  const slices = createSlices(ctx.clock)
  let nextRun = 1
  /** While the journal does not work: what resolves when it does again. Outlasts failed tries. */
  let recovery: PromiseWithResolvers<void> | null = null

  replayLog(log, restore, replayRecord)
  const journal = createJournal({
    log,
    clock: ctx.clock,
    snapshot: () => encodeState({ nextRun, ended: history.list(), unfinished: unfinished() }, cache),
    ...(options.snapshotEveryBytes === undefined ? {} : { snapshotEveryBytes: options.snapshotEveryBytes }),
    onDurable,
    onFailure,
  })
  const watchers = createWatchers(ctx.clock, () => journal.failure)

  // —— Replay ——

  function restore(state: Uint8Array): void {
    const restored = decodeState(state, cache)
    nextRun = restored.nextRun
    for (const ended of restored.ended) history.add(ended)
    for (const records of restored.unfinished) {
      const run = replayRun(records)
      register(run)
      if (run.ended !== null) retire(run)
    }
  }

  function replayRecord(record: RunRecord): void {
    noteRecord(cache, record)
    if (record.kind === 'run-started') {
      nextRun = Math.max(nextRun, record.run + 1)
      const run = beginRun(record)
      run.durableSeq = 1
      return register(run)
    }
    const run = byNumber.get(record.run)
    // The rest of a run that is in the snapshot as ended.
    if (run === undefined) return
    applyRecord(run, record)
    run.durableSeq = run.records.length
    if (run.ended !== null) retire(run)
  }

  function register(run: Run): void {
    live.set(run.start.runId, { run, executor: null, starting: null })
    byNumber.set(run.number, run)
    twins.set(twinKey(run.start), run.start.runId)
  }

  /** From live to history. */
  function retire(run: Run): void {
    const { runId, definitionHash, inputsHash } = run.start
    live.delete(runId)
    byNumber.delete(run.number)
    if (twins.get(twinKey(run.start)) === runId) twins.delete(twinKey(run.start))
    history.add({ number: run.number, summary: summaryOf(run), definitionHash, inputsHash, end: run.ended! }, run)
  }

  function unfinished(): RunRecord[][] {
    return [...live.values()].map(({ run }) => run.records)
  }

  // —— Journal ——

  function onDurable(records: readonly RunRecord[]): void {
    const touched = new Set<Run>()
    for (const record of records) {
      const run = byNumber.get(record.run)
      if (run === undefined) continue
      run.durableSeq++
      touched.add(run)
    }
    for (const run of touched) watchers.advanced(run.start.runId)
  }

  function onFailure(failure: PitError): void {
    ctx.logger.error('the journal cannot be written; runs are on hold', { code: failure.code, error: failure.message })
    recovery ??= Promise.withResolvers()
    watchers.failed(failure)
  }

  /** Tries a failed journal again; everything that was on hold goes on when it works. */
  function recover(): void {
    if (journal.failure === null) return
    if (!journal.retry()) throw journal.failure
    recovery?.resolve()
    recovery = null
    for (const { executor } of live.values()) executor?.pump()
  }

  // —— Runs ——

  async function start(request: StartRequest, call: Call): Promise<{ runId: string; attached: boolean }> {
    recover()
    const given = resolveStart(request, request.runId ?? ctx.ids.next('run'), call.id)
    const known = existing(request, given, call)
    if (known !== null) return known
    const models = await findModels(ctx, options.pool, modelsOf(given.definition))
    // Somebody may have started the same meanwhile.
    const twin = existing(request, given, call)
    if (twin !== null) return twin
    const record: RecordOf<'run-started'> = { kind: 'run-started', run: nextRun++, at: ctx.clock.now(), start: given }
    const run = beginRun(record)
    register(run)
    journal.append(record)
    const entry = live.get(given.runId)!
    entry.starting = journal.commit().then(() => execute(entry, models))
    await entry.starting.finally(() => (entry.starting = null))
    return { runId: given.runId, attached: false }
  }

  function existing(
    request: StartRequest,
    given: ReturnType<typeof resolveStart>,
    call: Call,
  ): { runId: string; attached: boolean } | null {
    if (request.runId !== undefined) {
      const same = sameRun(request.runId, given)
      if (same === false) throw dagErrors.fail('RUN_ID_TAKEN', { runId: request.runId })
      return same === null ? null : { runId: request.runId, attached: true }
    }
    const twin = twins.get(twinKey(given))
    if (twin === undefined) return null
    // A start that was delivered before a crash finds the run it made then.
    const own = call.redelivered > 0 && live.get(twin)?.run.start.callId === call.id
    return own || request.attach !== false ? { runId: twin, attached: !own } : null
  }

  /** Whether the run with this id is of the same workflow and inputs; null when there is none. */
  function sameRun(runId: string, given: ReturnType<typeof resolveStart>): boolean | null {
    const known = live.get(runId)?.run.start ?? history.find(runId)
    if (known === null) return null
    return known.definitionHash === given.definitionHash && known.inputsHash === given.inputsHash
  }

  function execute(entry: Live, models: ReadonlyMap<string, ModelInfo>): void {
    const { run } = entry
    if (ctx.stopping.aborted || live.get(run.start.runId) !== entry) return
    entry.executor = createExecutor({
      ...options,
      run,
      journal,
      cache,
      slices,
      metrics,
      models,
      recovered: () => recovery?.promise ?? Promise.resolve(),
      onEnded: () => ended(run),
    })
    const wanted = [...modelsOf(run.start.definition).keys()]
    if (wanted.length > 0) options.pool.tell.plan({ runId: run.start.runId, models: wanted })
    entry.executor.start()
  }

  function ended(run: Run): void {
    retire(run)
    watchers.ended(run.start.runId)
  }

  /** Takes up a run that nobody executes in this life. */
  function takeUp(entry: Live): Promise<void> {
    entry.starting ??= (async () => {
      const models = await findModels(ctx, options.pool, modelsOf(entry.run.start.definition))
      if (ctx.stopping.aborted) return
      note(entry.run, { kind: 'run-resumed', run: entry.run.number, at: ctx.clock.now() })
      execute(entry, models)
    })().finally(() => (entry.starting = null))
    return entry.starting
  }

  function note(run: Run, record: RunRecord): void {
    applyRecord(run, record)
    journal.append(record)
  }

  function liveRun(runId: string): Live {
    const entry = live.get(runId)
    if (entry !== undefined) return entry
    const known = history.find(runId)
    if (known === null) throw dagErrors.fail('RUN_NOT_FOUND', { runId })
    throw dagErrors.fail('RUN_ENDED', { runId, state: known.summary.state })
  }

  async function resumeOne(entry: Live): Promise<boolean> {
    const { run } = entry
    const interrupted = entry.executor === null
    if (interrupted) await takeUp(entry)
    if (run.state === 'paused' && entry.executor !== null) {
      entry.executor.unpause()
      return true
    }
    return interrupted
  }

  function summary(runId: string): RunSummary {
    const entry = live.get(runId)
    if (entry !== undefined) return summaryOf(entry.run, entry.executor !== null)
    const known = history.find(runId)
    if (known === null) throw dagErrors.fail('RUN_NOT_FOUND', { runId })
    return known.summary
  }

  return {
    watchers,
    start,
    summary,
    find(runId) {
      const entry = live.get(runId)
      if (entry !== undefined) return { run: entry.run, active: entry.executor !== null }
      const known = history.find(runId)
      if (known === null) throw dagErrors.fail('RUN_NOT_FOUND', { runId })
      return { ended: known }
    },
    list({ limit = LIST_DEFAULT, state }) {
      const all = [...history.list().map(({ summary }) => summary), ...[...live.keys()].map(summary)]
      const wanted = state === undefined ? all : all.filter((run) => run.state === state)
      return wanted.sort((a, b) => b.createdAt - a.createdAt || (b.runId > a.runId ? 1 : -1)).slice(0, limit)
    },
    async resume(runId) {
      recover()
      const entries = runId === undefined ? [...live.values()] : [liveRun(runId)]
      const resumed: string[] = []
      for (const entry of entries) if (await resumeOne(entry)) resumed.push(entry.run.start.runId)
      await journal.commit()
      return resumed
    },
    async pause(runId) {
      const entry = liveRun(runId)
      if (entry.run.state === 'running' && entry.executor !== null) entry.executor.pause()
      await journal.commit()
      return summary(runId)
    },
    async cancel(runId, reason) {
      const entry = live.get(runId)
      if (entry === undefined) return summary(runId)
      await entry.starting
      if (entry.executor !== null) entry.executor.cancel(reason)
      else if (!isRunEnded(entry.run.state)) {
        // Nobody has taken it up: it still ends in the ordinary way, its artifacts let go and its history written.
        note(entry.run, {
          kind: 'run-state',
          run: entry.run.number,
          at: ctx.clock.now(),
          state: 'cancelled',
          message: reason,
        })
        execute(entry, new Map())
      }
      await journal.commit()
      return summary(runId)
    },
    metrics: () => ({
      runs: live.size,
      nodesRunning: options.slots.active,
      nodesPeak: options.slots.peak,
      nodesMax: options.slots.max,
      cacheEntries: cache.size,
      journalBytes: log.physicalBytes(),
      kinds: metrics.kinds(),
    }),
    stop() {
      for (const { executor } of live.values()) executor?.stop()
      journal.halt()
      recovery?.resolve()
    },
  }
}
