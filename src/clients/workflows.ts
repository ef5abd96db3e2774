/** `pit.workflows`: runs, from start to end. */
import {
  dagTracker,
  type ExecutionResult,
  type NodeReport,
  type RunEvent,
  type RunState,
  type RunSummary,
  type StartRequest,
} from '../../actors/dag-tracker/protocol.ts'
import type { CallOptions } from '../../runtime/index.ts'
import { split } from '../call-options.ts'
import type { Host } from '../host.ts'
import { loadWorkflow, type WorkflowSource } from '../workflow-source.ts'

/** How a run is started: all of `StartRequest` but the definition. */
export type StartOptions = Omit<StartRequest, 'definition'>

export interface EventsOptions {
  /** Events after this one; 0 from the beginning. @default 0 */
  readonly afterSeq?: number
  readonly signal?: AbortSignal
}

export interface WorkflowsClient {
  /**
   * Starts a run, or attaches to the unfinished one of the same workflow and inputs; resolves when that is durable.
   * Errors: `WORKFLOW_INVALID`, `WORKFLOW_NOT_FOUND`, `UNKNOWN_MODEL`, `RUN_ID_TAKEN`, `RUN_INPUT_INVALID`.
   */
  start(
    workflow: WorkflowSource,
    options?: StartOptions & CallOptions,
  ): Promise<{ readonly runId: string; readonly attached: boolean }>
  /** Settles when the run has ended; giving up the wait leaves the run as it is. @default deadlineMs Infinity */
  wait(runId: string, options?: CallOptions): Promise<ExecutionResult>
  /** Every event of the run in order and once, live, until the run's last; survives restarts of the actors. */
  events(runId: string, options?: EventsOptions): AsyncIterableIterator<RunEvent>
  status(runId: string, options?: CallOptions): Promise<RunSummary>
  inspect(
    runId: string,
    options?: CallOptions,
  ): Promise<{ readonly run: ExecutionResult; readonly nodes: readonly NodeReport[] }>
  /** Newest first. */
  list(options?: { readonly limit?: number; readonly state?: RunState } & CallOptions): Promise<readonly RunSummary[]>
  /** Takes unfinished runs up again: this one, or all. */
  resume(runId?: string, options?: CallOptions): Promise<{ readonly resumed: readonly string[] }>
  pause(runId: string, options?: CallOptions): Promise<RunSummary>
  cancel(runId: string, options?: { readonly reason?: string } & CallOptions): Promise<RunSummary>
}

/** How long one question for events stays open, and how many come at once. */
const EVENTS_WAIT_MS = 10_000
const EVENTS_LIMIT = 500
/** After a crash of the tracker: its restart, with back-off, and the replay of its journal. */
const RESUME_DEADLINE_MS = 120_000

export function createWorkflowsClient(host: Host): WorkflowsClient {
  const taken = keepGoing(host)
  return {
    async start(workflow, options = {}) {
      const { call, rest } = split(options)
      const definition = await loadWorkflow(workflow)
      const defaults = { tenant: host.config.tenant, maxConcurrency: host.config.maxConcurrency }
      const started = await host.ref(dagTracker).ask.start({ ...defaults, ...rest, definition }, call)
      if (!started.attached) taken.add(started.runId)
      return started
    },
    async wait(runId, options) {
      const result = await host.ref(dagTracker).ask.wait({ runId }, { deadlineMs: Infinity, ...options })
      taken.delete(runId)
      return result
    },
    events: (runId, options = {}) => followEvents(host, runId, options),
    status: async (runId, options) => host.ref(dagTracker).ask.status({ runId }, options),
    inspect: async (runId, options) => host.ref(dagTracker).ask.inspect({ runId }, options),
    async list(options = {}) {
      const { call, rest } = split(options)
      return host.ref(dagTracker).ask.list(rest, call)
    },
    async resume(runId, options) {
      const result = await host.ref(dagTracker).ask.resume(runId === undefined ? {} : { runId }, options)
      for (const id of result.resumed) taken.add(id)
      return result
    },
    pause: async (runId, options) => host.ref(dagTracker).ask.pause({ runId }, options),
    async cancel(runId, options = {}) {
      const { call, rest } = split(options)
      return host.ref(dagTracker).ask.cancel({ runId, ...rest }, call)
    },
  }
}

/**
 * With resume 'manual' no run of an earlier process goes on by itself. A crash of the tracker is not that: the runs this
 * process has started or resumed, remembered here, are taken up again.
 */
function keepGoing(host: Host): Set<string> {
  const taken = new Set<string>()
  if (host.config.resume === 'auto') return taken
  host.system.monitor(dagTracker.name, ({ restarting }) => {
    if (!restarting) return
    for (const runId of taken) {
      const resumed = host.ref(dagTracker).ask.resume({ runId }, { deadlineMs: RESUME_DEADLINE_MS })
      // It has ended, or nobody will ever know more of it than its waiter does.
      resumed.catch(() => taken.delete(runId))
    }
  })
  return taken
}

async function* followEvents(host: Host, runId: string, options: EventsOptions): AsyncGenerator<RunEvent, undefined> {
  const { signal } = options
  let afterSeq = options.afterSeq ?? 0
  for (;;) {
    const call = { deadlineMs: EVENTS_WAIT_MS * 3, ...(signal === undefined ? {} : { signal }) }
    const question = { runId, afterSeq, limit: EVENTS_LIMIT, waitMs: EVENTS_WAIT_MS }
    const { events, done } = await host.ref(dagTracker).ask.events(question, call)
    for (const event of events) {
      afterSeq = event.seq
      yield event
    }
    if (done) return
  }
}
