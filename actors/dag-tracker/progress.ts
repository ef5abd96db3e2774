/**
 * What each record does to a run: the one place where a run changes, live and in replay alike.
 *
 * I1. `applyRecord` is deterministic and reads neither clock nor chance: times and decisions are in the record.
 * I2. A record for a node that has ended is a mistake of the caller; late results are dropped before they get here.
 */
import { Flag } from './node-table.ts'
import { createRun, definitionOf, scopeOf, type Run } from './run.ts'
import type { RecordOf, RunRecord } from './record.ts'
import { expandMap, openScope, pushReady, reviewStandby, settle, wakeAwaiting } from './scheduler.ts'
import {
  assertNodeTransition,
  assertRunTransition,
  COMPLETED,
  FAILED,
  isRunEnded,
  QUEUED,
  RUNNING,
  SKIPPED,
} from './transitions.ts'

/** A run from its first record on. */
export function beginRun(record: RecordOf<'run-started'>): Run {
  const run = createRun(record)
  run.records.push(record)
  openScope(run, run.scopes[0]!, record.at)
  return run
}

/** A run from all of its records. */
export function replayRun(records: readonly RunRecord[]): Run {
  const [first, ...rest] = records
  if (first?.kind !== 'run-started') throw new Error("a run's records begin with run-started")
  const run = beginRun(first)
  for (const record of rest) applyRecord(run, record)
  run.durableSeq = run.records.length
  return run
}

export function applyRecord(run: Run, record: RunRecord): void {
  run.records.push(record)
  switch (record.kind) {
    case 'run-started':
      throw new Error('a run starts once')
    case 'run-resumed':
      run.resumed++
      return requeueInterrupted(run)
    case 'run-state':
      return enterState(run, record)
    case 'nodes-added':
      return expandMap(run, record.node, record.items, record.at)
    case 'node-started':
      moveNode(run, record.node, RUNNING)
      run.table.attempts[record.node] = record.attempt
      run.table.startedAt[record.node] = record.at
      return
    case 'node-completed':
      return complete(run, record)
    case 'node-failed':
      return fail(run, record)
    case 'node-skipped':
      if (record.code !== '') run.errors.set(record.node, { code: record.code, message: record.message })
      if (record.output !== null) run.table.outputs[record.node] = record.output
      return endNode(run, record.node, SKIPPED, record.at)
    case 'node-retried':
      return retry(run, record)
    case 'run-ended':
      if (!isRunEnded(run.state)) assertRunTransition(run.state, record.state)
      run.state = record.state
      run.ended = record
  }
}

function enterState(run: Run, { state, at }: RecordOf<'run-state'>): void {
  assertRunTransition(run.state, state)
  run.state = state
  if (isRunEnded(state)) abandonScope(run, 0, at)
}

function complete(run: Run, record: RecordOf<'node-completed'>): void {
  const { node, usage } = record
  run.table.outputs[node] = record.output
  if (record.cached) {
    run.table.flags[node]! |= Flag.Cached
    run.cached++
  }
  if (usage !== null) {
    const sum = run.usage.get(usage.model) ?? { invocations: 0, totalMs: 0 }
    sum.invocations++
    sum.totalMs += usage.durationMs
    run.usage.set(usage.model, sum)
  }
  run.errors.delete(node)
  endNode(run, node, COMPLETED, record.at)
}

function fail(run: Run, { node, code, message, at }: RecordOf<'node-failed'>): void {
  run.errors.set(node, { code, message })
  abandonItems(run, node, at)
  endNode(run, node, FAILED, at)
}

function retry(run: Run, record: RecordOf<'node-retried'>): void {
  const { node } = record
  if (run.table.state[node] !== QUEUED) moveNode(run, node, QUEUED)
  run.table.attempts[node] = record.attempt
  run.table.queuedAt[node] = record.at
  run.errors.set(node, { code: record.code, message: record.message })
  if (!record.fallback) return void run.retries.set(node, record.dueAt)
  run.table.flags[node]! |= Flag.FellBack
  abandonItems(run, node, record.at)
  const scope = scopeOf(run, node)
  const standby = scope.graph.fallback[node - scope.base]!
  if (standby < 0) return pushReady(run, node)
  run.table.flags[node]! |= Flag.Awaiting
  // The stand-in may have ended already, for another node; else it goes as soon as its own dependencies have ended.
  if (run.table.state[scope.base + standby]! > RUNNING) wakeAwaiting(run, scope, standby)
  else reviewStandby(run, scope, standby)
}

/** A crash interrupted these: they go again, as the same logical attempt. An expanded map just goes on. */
function requeueInterrupted(run: Run): void {
  const { table } = run
  for (let node = 0; node < table.count; node++) {
    if (table.state[node] !== RUNNING || run.maps.has(node)) continue
    moveNode(run, node, QUEUED)
    pushReady(run, node)
  }
}

function endNode(run: Run, node: number, state: number, at: number): void {
  moveNode(run, node, state)
  run.table.endedAt[node] = at
  run.retries.delete(node)
  settle(run, node, at)
}

function moveNode(run: Run, node: number, to: number): void {
  const from = run.table.state[node]!
  assertNodeTransition(from, to, node)
  run.table.state[node] = to
  run.counts[from]!--
  run.counts[to]!++
}

/** A map that has failed leaves its unfinished items. */
function abandonItems(run: Run, node: number, at: number): void {
  const map = run.maps.get(node)
  for (let item = 0; item < (map?.items ?? 0); item++) abandonScope(run, map!.firstScope + item, at)
}

/** Skips everything in a scope (and below) that has not ended; nothing depends on it any more. */
function abandonScope(run: Run, index: number, at: number): void {
  const stack = [index]
  while (stack.length > 0) {
    const scope = run.scopes[stack.pop()!]!
    if (scope.remaining === 0) continue
    scope.remaining = 0
    for (let node = scope.base; node < scope.base + scope.graph.nodes.length; node++) {
      if (run.table.state[node]! > RUNNING) continue
      moveNode(run, node, SKIPPED)
      run.table.endedAt[node] = at
      run.retries.delete(node)
      const map = definitionOf(run, node).kind === 'map' ? run.maps.get(node) : undefined
      for (let item = 0; item < (map?.items ?? 0); item++) stack.push(map!.firstScope + item)
    }
  }
}
