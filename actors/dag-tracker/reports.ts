/** Pictures of a run for others: summary, result, node reports, events. Nothing here changes anything. */
import { sha256Hex } from '../../runtime/index.ts'
import type { ContentHash } from '../artifact-store/protocol.ts'
import { Flag } from './node-table.ts'
import type { ExecutionResult, NodeReport, RunCounts, RunEvent, RunSummary } from './protocol.ts'
import type { RunRecord, StoredValue } from './record.ts'
import { definitionOf, failureOf, nodePath, type Run } from './run.ts'
import { COMPLETED, NODE_STATES, SKIPPED } from './transitions.ts'
import { contentOf } from './values.ts'

/** @param active false for an unfinished run that nobody has taken up: it is pending */
export function summaryOf(run: Run, active = true): RunSummary {
  const { runId, definition, tenant } = run.start
  const [pending, queued, running, completed, failed, skipped] = run.counts as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const counts: RunCounts = {
    total: run.table.count,
    pending,
    queued,
    running,
    completed,
    failed,
    skipped,
    cached: run.cached,
  }
  return {
    runId,
    workflow: definition.name,
    tenant,
    state: active || run.state !== 'running' ? run.state : 'pending',
    createdAt: run.createdAt,
    endedAt: run.ended?.at ?? null,
    counts,
    resumed: run.resumed,
  }
}

/** @param load fetches large outputs; what is gone becomes null */
export async function resultOf(
  run: Run,
  load: (stored: StoredValue) => unknown,
  active = true,
): Promise<ExecutionResult> {
  const named = Object.entries(run.ended?.outputs ?? {})
  const values = await Promise.all(named.map(async ([name, stored]) => [name, await load(stored)] as const))
  return {
    ...summaryOf(run, active),
    outputs: Object.fromEntries(values),
    failures: [...run.unhandled.map((node) => failureOf(run, node)), ...(run.ended?.failures ?? [])],
    modelsUsed: [...run.usage].map(([model, usage]) => ({ model, ...usage })),
    artifacts: artifactsOf(run),
  }
}

/** Small outputs are stored under the hash of the very content that `contentOf` gives, so it need not be remembered. */
function artifactsOf(run: Run): ExecutionResult['artifacts'] {
  const found: [string, ContentHash][] = []
  for (let node = 0; node < run.table.count; node++) {
    const stored = run.table.outputs[node]
    if (run.table.state[node] !== COMPLETED || stored === undefined) continue
    if ('artifact' in stored) found.push([nodePath(run, node), stored.artifact])
    else if (stored.value !== null) {
      found.push([nodePath(run, node), sha256Hex(contentOf(stored.value).content) as ContentHash])
    }
  }
  for (const [name, stored] of Object.entries(run.ended?.outputs ?? {})) {
    if ('artifact' in stored) found.push([`outputs.${name}`, stored.artifact])
  }
  return Object.fromEntries(found)
}

export function nodeReports(run: Run): NodeReport[] {
  return Array.from({ length: run.table.count }, (_, node) => nodeReport(run, node))
}

function nodeReport(run: Run, node: number): NodeReport {
  const { table } = run
  const state = table.state[node]!
  const output = table.outputs[node]
  const error = state === COMPLETED || !run.errors.has(node) ? {} : { error: failureOf(run, node) }
  return {
    nodeId: nodePath(run, node),
    kind: definitionOf(run, node).kind,
    state: NODE_STATES[state]!,
    attempts: table.attempts[node]!,
    queuedAt: timeOrNull(table.queuedAt[node]!),
    startedAt: timeOrNull(table.startedAt[node]!),
    endedAt: timeOrNull(table.endedAt[node]!),
    cached: (table.flags[node]! & Flag.Cached) !== 0,
    ...((state === COMPLETED || state === SKIPPED) && output !== undefined ? { output } : {}),
    ...error,
  }
}

function timeOrNull(timeMs: number): number | null {
  return Number.isNaN(timeMs) ? null : timeMs
}

/** The event that a record is. `seq` is its position in the run's records, from 1. */
export function eventOf(run: Run, record: RunRecord, seq: number): RunEvent {
  const common = { seq, at: record.at, type: record.kind }
  switch (record.kind) {
    case 'run-started':
    case 'run-resumed':
      return common
    case 'run-state':
      return { ...common, state: record.state, ...(record.message === '' ? {} : { message: record.message }) }
    case 'run-ended':
      return { ...common, state: record.state }
    case 'nodes-added':
      return { ...common, nodeId: nodePath(run, record.node), count: addedNodes(run, record.node) }
    case 'node-started':
      return { ...common, nodeId: nodePath(run, record.node) }
    case 'node-completed': {
      const startedAt = run.table.startedAt[record.node]!
      const durationMs = Number.isNaN(startedAt) ? 0 : record.at - startedAt
      return { ...common, nodeId: nodePath(run, record.node), cached: record.cached, durationMs }
    }
    case 'node-failed':
    case 'node-retried':
      return { ...common, nodeId: nodePath(run, record.node), code: record.code, message: record.message }
    case 'node-skipped': {
      const reason = record.code === '' ? {} : { code: record.code, message: record.message }
      return { ...common, nodeId: nodePath(run, record.node), ...reason }
    }
  }
}

function addedNodes(run: Run, map: number): number {
  const progress = run.maps.get(map)
  return progress === undefined || progress.items === 0
    ? 0
    : progress.items * run.scopes[progress.firstScope]!.graph.nodes.length
}
