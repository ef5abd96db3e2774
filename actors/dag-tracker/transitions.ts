/**
 * The states of runs and nodes, and which may follow which. Nothing changes a state but through these tables.
 *
 *   node:  pending → queued → running → completed | failed | skipped      run: pending → running ⇄ paused → …ended
 *
 * I1. Ended states (`completed`, `failed`, `skipped`, `cancelled`) have no successors.
 */
import { NodeState, RunState } from './protocol.ts'

export const NODE_TRANSITIONS = {
  pending: ['queued', 'skipped'],
  /** Completed without running: from the cache or by its fallback. Failed: its inputs could not be resolved. */
  queued: ['running', 'completed', 'failed', 'skipped'],
  /** Back to queued: a retry, or taken up again after a crash. */
  running: ['queued', 'completed', 'failed', 'skipped'],
  completed: [],
  failed: [],
  skipped: [],
} as const satisfies Readonly<Record<NodeState, readonly NodeState[]>>

export const RUN_TRANSITIONS = {
  pending: ['running', 'paused', 'failed', 'cancelled'],
  running: ['paused', 'waiting-for-input', 'completed', 'failed', 'cancelled'],
  paused: ['running', 'failed', 'cancelled'],
  'waiting-for-input': ['running', 'paused', 'failed', 'cancelled'],
  completed: [],
  failed: [],
  cancelled: [],
} as const satisfies Readonly<Record<RunState, readonly RunState[]>>

/** Node states as they are stored in typed arrays: the position in this list. */
export const NODE_STATES = ['pending', 'queued', 'running', 'completed', 'failed', 'skipped'] as const

export const PENDING = 0
export const QUEUED = 1
export const RUNNING = 2
export const COMPLETED = 3
export const FAILED = 4
export const SKIPPED = 5

/** `ALLOWED[from * 6 + to]` is 1 where the table has that transition. */
const ALLOWED = Uint8Array.from(
  NODE_STATES.flatMap((from) =>
    NODE_STATES.map((to) => ((NODE_TRANSITIONS[from] as readonly string[]).includes(to) ? 1 : 0)),
  ),
)

export function assertNodeTransition(from: number, to: number, node: number): void {
  if (ALLOWED[from * NODE_STATES.length + to] !== 1) {
    throw new Error(`node ${node} cannot go from ${NODE_STATES[from]} to ${NODE_STATES[to]}`)
  }
}

export function assertRunTransition(from: RunState, to: RunState): void {
  if (!(RUN_TRANSITIONS[from] as readonly RunState[]).includes(to)) {
    throw new Error(`a run cannot go from ${from} to ${to}`)
  }
}

export function isRunEnded(state: RunState): boolean {
  return RUN_TRANSITIONS[state].length === 0
}
