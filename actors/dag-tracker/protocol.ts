/** What others may ask of the DAG Tracker: run workflows durably, watch them, steer them. */
import { actorKey } from '../../runtime/index.ts'
import type { ContentHash } from '../artifact-store/protocol.ts'
import type { WorkflowDefinition } from './workflow/definition.ts'

export type { WorkflowDefinition } from './workflow/definition.ts'

export const RunState = {
  Pending: 'pending',
  Running: 'running',
  Paused: 'paused',
  WaitingForInput: 'waiting-for-input',
  Completed: 'completed',
  Failed: 'failed',
  Cancelled: 'cancelled',
} as const
export type RunState = (typeof RunState)[keyof typeof RunState]

export const NodeState = {
  Pending: 'pending',
  Queued: 'queued',
  Running: 'running',
  Completed: 'completed',
  Failed: 'failed',
  Skipped: 'skipped',
} as const
export type NodeState = (typeof NodeState)[keyof typeof NodeState]

/** A value of a node's port: small ones in place, larger ones (over 4 KiB) as the artifact that holds their canonical JSON. */
export type PortValue =
  | { readonly value: unknown }
  | {
      readonly artifact: ContentHash
      readonly sizeBytes: number
      /** `text/plain` for a string (its UTF-8 bytes), else `application/json` (canonical). */
      readonly contentType?: string
    }

export interface StartRequest {
  readonly definition: WorkflowDefinition
  readonly inputs?: Readonly<Record<string, unknown>>
  /** @default a new id; an existing id of the same workflow and inputs attaches to that run */
  readonly runId?: string
  /** @default 'default' */
  readonly tenant?: string
  /** Attach to an unfinished run of the same definition and inputs instead of starting a second. @default true */
  readonly attach?: boolean
  /** Nodes that run at once, at most. @default 64 */
  readonly maxConcurrency?: number
  /** Folders the file operators may read and write below, absolute. @default none */
  readonly roots?: readonly string[]
  /** Read cached results and write new ones. @default true */
  readonly cache?: boolean
}

export interface NodeFailure {
  readonly nodeId: string
  readonly code: string
  readonly message: string
}

export interface RunCounts {
  readonly total: number
  readonly pending: number
  readonly queued: number
  readonly running: number
  readonly completed: number
  readonly failed: number
  readonly skipped: number
  /** Of the completed: answered from the content cache. */
  readonly cached: number
}

export interface RunSummary {
  readonly runId: string
  readonly workflow: string
  readonly tenant: string
  readonly state: RunState
  readonly createdAt: number
  readonly endedAt: number | null
  readonly counts: RunCounts
  /** How often this run was taken up again after a crash or restart. */
  readonly resumed: number
}

/** How a run ended, or stands. */
export interface ExecutionResult extends RunSummary {
  readonly outputs: Readonly<Record<string, unknown>>
  readonly failures: readonly NodeFailure[]
  readonly modelsUsed: readonly { readonly model: string; readonly invocations: number; readonly totalMs: number }[]
  /**
   * Output artifact of each completed node that has one (null has none), by path; and of the run's own outputs that are
   * texts or large, as `outputs.<name>`.
   */
  readonly artifacts: Readonly<Record<string, ContentHash>>
}

export interface NodeReport {
  /** Path of the node: its id, or `<map>[3].<id>` for an expanded one. */
  readonly nodeId: string
  readonly kind: string
  readonly state: NodeState
  readonly attempts: number
  readonly queuedAt: number | null
  readonly startedAt: number | null
  readonly endedAt: number | null
  readonly cached: boolean
  readonly output?: PortValue
  readonly error?: NodeFailure
}

/** One step of a run's history; `seq` counts up from 1 without gaps per run. */
export interface RunEvent {
  readonly seq: number
  readonly at: number
  readonly type:
    | 'run-started'
    | 'run-resumed'
    | 'run-state'
    | 'nodes-added'
    | 'node-started'
    | 'node-completed'
    | 'node-failed'
    | 'node-skipped'
    | 'node-retried'
    | 'run-ended'
  readonly nodeId?: string
  readonly cached?: boolean
  readonly durationMs?: number
  readonly state?: RunState
  readonly code?: string
  readonly message?: string
  readonly count?: number
}

/** Nodes of one kind so far. */
export interface KindMetrics {
  readonly kind: string
  readonly completed: number
  readonly failed: number
  /** Answered from the cache; not in the durations. */
  readonly cached: number
  readonly totalMs: number
  /** How many took at most 1, 2, 5, 10, 20, 50, 100, 200, 500, 1 000, 2 000, 5 000, 10 000, 60 000 ms, and longer. */
  readonly durationBuckets: readonly number[]
}

export interface DagMetrics {
  /** Runs that have not ended. */
  readonly runs: number
  readonly nodesRunning: number
  /** The most nodes that ever ran at once, and how many may. */
  readonly nodesPeak: number
  readonly nodesMax: number
  readonly cacheEntries: number
  readonly journalBytes: number
  readonly kinds: readonly KindMetrics[]
}

export interface DagTrackerProtocol {
  /** Validates, journals and starts; resolves when the start is durable. */
  start(arg: StartRequest): { readonly runId: string; readonly attached: boolean }
  status(arg: { readonly runId: string }): RunSummary
  /** Settles when the run has ended, at once when it has already. */
  wait(arg: { readonly runId: string }): ExecutionResult
  /** Events after `afterSeq`; waits up to `waitMs` for the first one. Ends with `done` after the run's last event. */
  events(arg: {
    readonly runId: string
    readonly afterSeq: number
    readonly limit?: number
    readonly waitMs?: number
  }): {
    readonly events: readonly RunEvent[]
    readonly done: boolean
  }
  list(arg: { readonly limit?: number; readonly state?: RunState }): readonly RunSummary[]
  inspect(arg: { readonly runId: string }): { readonly run: ExecutionResult; readonly nodes: readonly NodeReport[] }
  /** Takes unfinished runs up again (all, or one); done by itself at open unless told not to. */
  resume(arg: { readonly runId?: string }): { readonly resumed: readonly string[] }
  /** Starts no further nodes; running ones finish. Undone by `resume`. */
  pause(arg: { readonly runId: string }): RunSummary
  /** Aborts running nodes and ends the run; no effect on one that has ended. */
  cancel(arg: { readonly runId: string; readonly reason?: string }): RunSummary
  metrics(arg: Record<string, never>): DagMetrics
}

export const dagTracker = actorKey<DagTrackerProtocol>('dag-tracker')
