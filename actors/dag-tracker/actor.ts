/**
 * The DAG Tracker as an actor: opens the journal, takes unfinished runs up, and answers.
 *
 * Files: `<dataDir>/dag/journal` (transitions and snapshots) and `<dataDir>/dag/history` (records of ended runs).
 */
import { join } from 'node:path'
import {
  choiceOption,
  defineActor,
  integerOption,
  stringOption,
  type ActorContext,
  type CallContext,
} from '../../runtime/index.ts'
import { memoryFiles, openLog, type FileLayer, type Log } from '../../runtime/persistence/index.ts'
import { arbitrationEngine } from '../arbitration-engine/protocol.ts'
import { artifactStore } from '../artifact-store/protocol.ts'
import { LEASE_REGION, LeaseClient, poolManager } from '../pool-manager/protocol.ts'
import { dagErrors } from './errors.ts'
import { createGrants, type Grants } from './grants.ts'
import { createHistory, type History } from './history.ts'
import { createSlots } from './parallel.ts'
import type { DagTrackerProtocol, ExecutionResult, RunEvent } from './protocol.ts'
import { eventOf, nodeReports, resultOf } from './reports.ts'
import type { Run } from './run.ts'
import { createCpuPool, type CpuPool } from './runners/cpu-pool.ts'
import { createInstrumentRunner } from './runners/instrument.ts'
import { createOperatorRunner } from './runners/operator.ts'
import { createTracker, type Tracker } from './tracker.ts'
import { createArtifacts, type Artifacts } from './values.ts'

export interface DagTrackerConfig {
  /** The Pit's data directory, or `:memory:`. */
  readonly dataDir: string
  /** Whether unfinished runs go on by themselves. @default 'auto' */
  readonly resume?: 'auto' | 'manual'
  /** Nodes that run at once over all runs, at most. @default 1_024 */
  readonly maxConcurrency?: number
  /** Threads of the pool for CPU-bound operators. @default one per core */
  readonly poolThreads?: number
  /** From a node's cancellation to its abandonment. @default 1_000 */
  readonly graceMs?: number
  /** Ended runs to remember. @default 200 */
  readonly runsMax?: number
  /** Journal bytes between snapshots. @default 16 MiB */
  readonly snapshotEveryBytes?: number
  /** Stands between the logs and the disk; for tests, on one thread. */
  readonly files?: FileLayer
}

interface State {
  readonly tracker: Tracker
  readonly history: History
  readonly artifacts: Artifacts
  readonly grants: Grants
  readonly cpuPool: CpuPool
  readonly logs: readonly Log[]
}

const EVENTS_DEFAULT = 1_000
const EVENTS_MAX = 10_000
const EVENTS_WAIT_MAX_MS = 60_000

export const dagTrackerActor = defineActor<DagTrackerProtocol, State, DagTrackerConfig>({
  name: 'dag-tracker',
  module: import.meta.url,
  peers: ['artifact-store', 'pool-manager', 'arbitration-engine'],
  init,
  handlers: {
    start: { redeliver: true, run: ({ tracker }, request, ctx) => tracker.start(request, ctx.call) },
    status: { redeliver: true, run: ({ tracker }, { runId }) => tracker.summary(runId) },
    wait: { redeliver: true, run: wait },
    events: { redeliver: true, run: events },
    list: { redeliver: true, run: ({ tracker }, arg) => tracker.list(arg) },
    inspect: { redeliver: true, run: inspect },
    resume: { redeliver: true, run: async ({ tracker }, { runId }) => ({ resumed: await tracker.resume(runId) }) },
    pause: { redeliver: true, run: ({ tracker }, { runId }) => tracker.pause(runId) },
    cancel: { redeliver: true, run: ({ tracker }, { runId, reason }) => tracker.cancel(runId, reason ?? 'by request') },
    metrics: { redeliver: true, run: ({ tracker }) => tracker.metrics() },
  },
  async terminate({ tracker, grants, cpuPool, logs }) {
    tracker.stop()
    grants.close()
    await cpuPool.close()
    for (const log of logs) await log.close()
  },
})

function init(config: DagTrackerConfig, ctx: ActorContext): State {
  const dataDir = stringOption(config, 'dataDir', ':memory:')
  const inMemory = dataDir === ':memory:'
  const files = config.files ?? (inMemory ? memoryFiles() : undefined)
  const open = (name: string): Log =>
    openLog({ dir: join(inMemory ? '/' : dataDir, 'dag', name), ...(files === undefined ? {} : { files }) })
  const log = open('journal')
  const historyLog = open('history')
  const history = createHistory({ log: historyLog, runsMax: integerOption(config, 'runsMax', 200, { min: 1 }) })
  const pool = ctx.ref(poolManager)
  const artifacts = createArtifacts(ctx, ctx.ref(artifactStore))
  const grants = createGrants(ctx, ctx.ref(arbitrationEngine))
  const cpuPool = createCpuPool(config.poolThreads)
  const leases = new LeaseClient({
    pool,
    region: ctx.shared(LEASE_REGION),
    incarnation: ctx.incarnation,
    clock: ctx.clock,
  })
  const tracker = createTracker({
    ctx,
    pool,
    log,
    history,
    artifacts,
    grants,
    runners: {
      instrument: createInstrumentRunner({ ctx, pool, leases }),
      operator: createOperatorRunner({ ctx, artifacts, cpuPool }),
    },
    slots: createSlots(integerOption(config, 'maxConcurrency', 1_024, { min: 1 })),
    graceMs: integerOption(config, 'graceMs', 1_000, { min: 0 }),
    ...(config.snapshotEveryBytes === undefined ? {} : { snapshotEveryBytes: config.snapshotEveryBytes }),
  })
  ctx.stopping.addEventListener('abort', () => tracker.stop(), { once: true })
  ctx.monitor('arbitration-engine', ({ restarting }) => {
    if (restarting) grants.present()
  })
  if (choiceOption(config, 'resume', 'auto', ['auto', 'manual']) === 'auto') takeUpAll(tracker, ctx)
  return { tracker, history, artifacts, grants, cpuPool, logs: [log, historyLog] }
}

/** Not awaited: the peers that the runs need may still be starting. */
function takeUpAll(tracker: Tracker, ctx: ActorContext): void {
  for (const { runId, state } of tracker.list({ limit: Number.POSITIVE_INFINITY, state: 'pending' })) {
    tracker.resume(runId).catch((error: unknown) => {
      if (!ctx.stopping.aborted) ctx.logger.error('a run cannot be taken up', { runId, state, error: String(error) })
    })
  }
}

async function wait(state: State, { runId }: { runId: string }, ctx: CallContext): Promise<ExecutionResult> {
  const found = state.tracker.find(runId)
  if ('run' in found) await state.tracker.watchers.end(runId, ctx.call.signal)
  return endedResult(state, runId, ctx)
}

async function endedResult(state: State, runId: string, ctx: ActorContext): Promise<ExecutionResult> {
  const { run, active } = look(state, runId)
  return await resultOf(run, (stored) => loadOrNull(state.artifacts, stored, ctx), active)
}

/** Outputs of old runs may have been cleaned up. */
async function loadOrNull(
  artifacts: Artifacts,
  stored: Parameters<Artifacts['load']>[0],
  ctx: ActorContext,
): Promise<unknown> {
  try {
    return await artifacts.load(stored)
  } catch (error) {
    ctx.logger.warn('the output of a run is gone', { error: String(error) })
    return null
  }
}

/** Any run as a whole. Throws `RUN_NOT_FOUND`, also when its history has been dropped. */
function look(state: State, runId: string): { readonly run: Run; readonly active: boolean } {
  const found = state.tracker.find(runId)
  if ('run' in found) return found
  const run = state.history.load(found.ended)
  if (run === null) throw dagErrors.fail('RUN_NOT_FOUND', { runId })
  return { run, active: true }
}

async function inspect(
  state: State,
  { runId }: { runId: string },
  ctx: CallContext,
): Promise<ReturnType<DagTrackerProtocol['inspect']>> {
  return { run: await endedResult(state, runId, ctx), nodes: nodeReports(look(state, runId).run) }
}

async function events(
  state: State,
  arg: Parameters<DagTrackerProtocol['events']>[0],
  ctx: CallContext,
): Promise<{ events: readonly RunEvent[]; done: boolean }> {
  const { runId, afterSeq } = arg
  const limit = Math.min(arg.limit ?? EVENTS_DEFAULT, EVENTS_MAX)
  const waitMs = Math.min(arg.waitMs ?? 0, EVENTS_WAIT_MAX_MS)
  const { run } = look(state, runId)
  if (afterSeq >= run.durableSeq && !isOver(run) && waitMs > 0) {
    await state.tracker.watchers.progress(runId, waitMs, ctx.call.signal)
  }
  const end = Math.min(run.durableSeq, afterSeq + limit)
  const shown = run.records.slice(afterSeq, end).map((record, at) => eventOf(run, record, afterSeq + at + 1))
  return { events: shown, done: isOver(run) && end >= run.records.length }
}

function isOver(run: Run): boolean {
  return run.ended !== null && run.durableSeq >= run.records.length
}
