/**
 * The nodes of a run in parallel typed arrays, growing as maps add nodes: about 60 bytes a node beside its output.
 * A node's number is its position; nodes are never removed.
 */
import type { StoredValue } from './record.ts'

/** Bits of `flags`. */
export const Flag = {
  /** A dependency ended with an outcome that this node does not go on with: it will be skipped. */
  Blocked: 1,
  /** Is in the ready heap. */
  Ready: 2,
  /** A map all of whose items have ended (or one has failed it). */
  Ripe: 4,
  /** Failed, and waits for the node that stands in for it. */
  Awaiting: 8,
  /** Its fallback has taken over: there is no second one. */
  FellBack: 16,
  /** A stand-in that nobody needed. */
  Unneeded: 32,
  /** Answered from the content cache. */
  Cached: 64,
} as const

export interface NodeTable {
  count: number
  state: Uint8Array
  flags: Uint8Array
  /** Logical attempts so far; the first is 1. */
  attempts: Uint16Array
  /** Dependencies (edges) that have not ended yet. */
  waiting: Uint32Array
  /** Number of the scope it belongs to. */
  scope: Uint32Array
  rank: Float64Array
  /** Wall times in milliseconds; NaN where it has not happened. */
  queuedAt: Float64Array
  startedAt: Float64Array
  endedAt: Float64Array
  readonly outputs: (StoredValue | undefined)[]
}

export function createNodeTable(): NodeTable {
  return {
    count: 0,
    state: new Uint8Array(0),
    flags: new Uint8Array(0),
    attempts: new Uint16Array(0),
    waiting: new Uint32Array(0),
    scope: new Uint32Array(0),
    rank: new Float64Array(0),
    queuedAt: new Float64Array(0),
    startedAt: new Float64Array(0),
    endedAt: new Float64Array(0),
    outputs: [],
  }
}

/** Adds `nodes` empty rows; returns the number of the first. Capacity doubles, so growing is linear over all. */
export function addRows(table: NodeTable, nodes: number): number {
  const first = table.count
  table.count += nodes
  if (table.count > table.state.length) reserve(table, Math.max(table.count, table.state.length * 2))
  for (const times of [table.queuedAt, table.startedAt, table.endedAt]) times.fill(Number.NaN, first, table.count)
  return first
}

function reserve(table: NodeTable, capacity: number): void {
  table.state = grown(table.state, new Uint8Array(capacity))
  table.flags = grown(table.flags, new Uint8Array(capacity))
  table.attempts = grown(table.attempts, new Uint16Array(capacity))
  table.waiting = grown(table.waiting, new Uint32Array(capacity))
  table.scope = grown(table.scope, new Uint32Array(capacity))
  table.rank = grown(table.rank, new Float64Array(capacity))
  table.queuedAt = grown(table.queuedAt, new Float64Array(capacity))
  table.startedAt = grown(table.startedAt, new Float64Array(capacity))
  table.endedAt = grown(table.endedAt, new Float64Array(capacity))
}

function grown<T extends { set(from: T): void }>(from: T, into: T): T {
  into.set(from)
  return into
}
