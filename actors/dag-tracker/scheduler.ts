/**
 * Which node may start next: dependency counters, outcome conditions, and the ready heap. Linear in edges, no
 * recursion over the graph, and no barrier: a node is ready in the very transition that ends its last dependency.
 *
 * I1. Every edge is settled once, when its source ends; at zero waiting edges a node becomes ready: to run, or, when
 *     an edge's condition did not hold (`Blocked`), to be skipped. A join's edges hold whatever the outcome.
 * I2. A node is in the heap at most once (`Ready`). What is popped may have ended meanwhile and is then dropped.
 * I3. Ageing: the key is `priority - floor(queuedAt / AGEING_MS)`, so each AGEING_MS of waiting weighs as much as one
 *     step of priority, and nothing waits for ever behind newcomers of bounded priority.
 */
import { Flag } from './node-table.ts'
import { addScope, definitionOf, graphOf, mapDefinitionOf, rankStep, scopeOf, type Run, type Scope } from './run.ts'
import { COMPLETED, FAILED, PENDING, QUEUED, RUNNING, SKIPPED } from './transitions.ts'
import { OUTCOMES } from './workflow/graph.ts'

export const AGEING_MS = 10_000

/** Takes the most urgent node that still wants attention; -1 when there is none. */
export function takeReady(run: Run): number {
  const { table, ready } = run
  for (;;) {
    const node = ready.pop()
    if (node < 0) return -1
    table.flags[node]! &= ~Flag.Ready
    if (wantsAttention(run, node)) return node
  }
}

/** False for what ended meanwhile, and for what waits for something else: the time of its retry, its stand-in. */
function wantsAttention(run: Run, node: number): boolean {
  const flags = run.table.flags[node]!
  switch (run.table.state[node]) {
    case RUNNING:
      return (flags & Flag.Ripe) !== 0
    case QUEUED:
      return (
        !run.retries.has(node) && ((flags & Flag.Awaiting) === 0 || run.table.state[standbyOf(run, node)]! > RUNNING)
      )
    default:
      return false
  }
}

/** The node that stands in for this one when it fails, or -1. */
export function standbyOf(run: Run, node: number): number {
  const scope = scopeOf(run, node)
  const standby = scope.graph.fallback[node - scope.base]!
  return standby < 0 ? -1 : scope.base + standby
}

export function pushReady(run: Run, node: number): void {
  const { table } = run
  if ((table.flags[node]! & Flag.Ready) !== 0) return
  table.flags[node]! |= Flag.Ready
  const priority = definitionOf(run, node).priority ?? 0
  run.ready.push(node, priority - Math.floor(table.queuedAt[node]! / AGEING_MS), table.rank[node]!)
}

/** Lets a scope's first nodes go. */
export function openScope(run: Run, scope: Scope, at: number): void {
  scope.opened = true
  const { graph, base } = scope
  for (let local = 0; local < graph.nodes.length; local++) {
    if (graph.predecessorCount[local] === 0) becomeReady(run, base + local, at)
  }
}

/** Settles the edges behind a node that has just ended, and what hangs on its scope. */
export function settle(run: Run, node: number, at: number): void {
  const scope = scopeOf(run, node)
  const { graph, base } = scope
  const local = node - base
  const { table } = run
  let handled = false
  for (let edge = graph.successorsStart[local]!; edge < graph.successorsStart[local + 1]!; edge++) {
    const next = base + graph.successors[edge]!
    if (!edgeHolds(run, scope, node, edge)) table.flags[next]! |= Flag.Blocked
    else handled = true
    table.waiting[next]!--
    if (table.waiting[next] === 0) becomeReady(run, next, at)
  }
  if (graph.standby[local] === 1) wakeAwaiting(run, scope, local)
  const standby = graph.fallback[local]!
  if (standby >= 0) reviewStandby(run, scope, standby)
  // An edge that holds for a failed node is somebody who deals with the failure; for a stand-in, its main node does.
  handled ||= graph.standby[local] === 1
  if (table.state[node] === FAILED && !handled) {
    if (scope.failure < 0) scope.failure = node
    if (scope.parent < 0) run.unhandled.push(node)
  }
  scope.remaining--
  if (scope.remaining === 0 && scope.parent >= 0) endItem(run, scope, at)
}

function becomeReady(run: Run, node: number, at: number): void {
  const { table } = run
  if (table.state[node] !== PENDING) return
  table.state[node] = QUEUED
  run.counts[PENDING]!--
  run.counts[QUEUED]!++
  table.queuedAt[node] = at
  const scope = scopeOf(run, node)
  if (scope.graph.standby[node - scope.base] === 1) reviewStandby(run, scope, node - scope.base)
  else pushReady(run, node)
}

function edgeHolds(run: Run, scope: Scope, node: number, edge: number): boolean {
  const on = OUTCOMES[scope.graph.edgeOn[edge]!]!
  const state = run.table.state[node]!
  const output = run.table.outputs[node]
  const label = scope.graph.edgeLabel[edge] ?? null
  switch (on) {
    case 'any':
      return true
    case 'failed':
      return state === FAILED
    case 'skipped':
      return state === SKIPPED
    case 'succeeded': {
      // A node skipped with a default has an output, and who depends on it can go on.
      const succeeded = state === COMPLETED || (state === SKIPPED && output !== undefined)
      return succeeded && (label === null || labelOf(output) === label)
    }
  }
}

function labelOf(output: unknown): unknown {
  return (output as { value?: { label?: unknown } } | undefined)?.value?.label
}

/** A stand-in goes when somebody awaits it, and is not needed once everyone it stands in for has ended without it. */
export function reviewStandby(run: Run, scope: Scope, standby: number): void {
  const { table } = run
  const node = scope.base + standby
  if (table.state[node] !== QUEUED) return
  let open = false
  for (const main of mainsOf(scope, standby)) {
    const flags = table.flags[scope.base + main]!
    const state = table.state[scope.base + main]!
    if ((flags & Flag.Awaiting) !== 0 && state === QUEUED) return pushReady(run, node)
    open ||= state <= RUNNING
  }
  if (open) return
  table.flags[node]! |= Flag.Unneeded
  pushReady(run, node)
}

/** Whoever waited for this stand-in looks at how it ended. */
export function wakeAwaiting(run: Run, scope: Scope, standby: number): void {
  for (const main of mainsOf(scope, standby)) {
    const node = scope.base + main
    if ((run.table.flags[node]! & Flag.Awaiting) !== 0) pushReady(run, node)
  }
}

function* mainsOf(scope: Scope, standby: number): Generator<number> {
  const { fallback } = scope.graph
  for (let main = 0; main < fallback.length; main++) if (fallback[main] === standby) yield main
}

/** Adds the scopes of a map's items and opens as many as may be in flight. */
export function expandMap(run: Run, node: number, items: number, at: number): void {
  const definition = mapDefinitionOf(run, node)
  const graph = graphOf(run, definition.body)
  const outer = scopeOf(run, node)
  // Within the map's own band of ranks: earlier items first, so that items finish instead of all being half done.
  const band = rankStep(outer.graph, outer.width) / (items + 1)
  const firstScope = run.scopes.length
  for (let item = 0; item < items; item++) {
    const low = run.table.rank[node]! + band * (items - item - 1)
    addScope(run, { body: definition.body, graph, parent: node, item, low, width: band })
  }
  run.maps.set(node, { firstScope, items, opened: 0, inFlight: 0, ended: 0, failedItem: -1 })
  openItems(run, node, at)
}

function openItems(run: Run, node: number, at: number): void {
  const progress = run.maps.get(node)!
  const limit = mapDefinitionOf(run, node).concurrency ?? run.start.maxConcurrency
  while (progress.inFlight < limit && progress.opened < progress.items && progress.failedItem < 0) {
    progress.inFlight++
    openScope(run, run.scopes[progress.firstScope + progress.opened++]!, at)
  }
  if (progress.ended === progress.items || progress.failedItem >= 0) ripen(run, node)
}

function endItem(run: Run, scope: Scope, at: number): void {
  const progress = run.maps.get(scope.parent)!
  progress.inFlight--
  progress.ended++
  const fails = scope.failure >= 0 && mapDefinitionOf(run, scope.parent).onItemError !== 'skip'
  if (fails && progress.failedItem < 0) progress.failedItem = scope.item
  openItems(run, scope.parent, at)
}

function ripen(run: Run, node: number): void {
  run.table.flags[node]! |= Flag.Ripe
  pushReady(run, node)
}
