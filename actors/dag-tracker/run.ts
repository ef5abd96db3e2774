/**
 * One run in memory: its nodes, the scopes they live in, and what has happened so far. Only records change it
 * (`progress.ts`), so the same records always give the same run: that is recovery, history and inspection in one.
 *
 *   scope 0   [ files ][ docs: map ][ report ]                     the workflow's own nodes
 *   scope 1                          [ read ][ summary ]           docs[0]: one scope per item, same graph
 *   scope 2                                              [ read ][ summary ]   docs[1]
 *
 * I1. The nodes of a scope are consecutive, in the order of the body: node number = scope.base + index in the graph.
 * I2. Edges never leave a scope: a map depends on what its body uses, and its items' ends are counted by the map.
 */
import { addRows, createNodeTable, type NodeTable } from './node-table.ts'
import type { NodeFailure, RunState } from './protocol.ts'
import { createReadyHeap, type ReadyHeap } from './ready-heap.ts'
import type { RecordOf, RunRecord, RunStart } from './record.ts'
import { NODE_STATES } from './transitions.ts'
import type { Body, MapNode, NodeDefinition } from './workflow/definition.ts'
import { compileGraph, type CompiledGraph } from './workflow/graph.ts'

export interface Scope {
  readonly graph: CompiledGraph
  readonly body: Body
  /** Number of its first node. */
  readonly base: number
  /** The map node it is an item of, or -1. */
  readonly parent: number
  readonly item: number
  /** Width of the band of ranks its nodes share. */
  readonly width: number
  /** Nodes that have not ended. */
  remaining: number
  opened: boolean
  /** The first node whose failure nothing in the scope deals with, or -1. */
  failure: number
}

/** Where a map stands. */
export interface MapProgress {
  /** Number of its first item's scope; item k is scope `firstScope + k`. */
  readonly firstScope: number
  readonly items: number
  /** Items opened so far, in order. */
  opened: number
  inFlight: number
  ended: number
  /** The item that failed the map (under `onItemError: fail`), or -1. */
  failedItem: number
}

export interface Run {
  /** Its number in the journal. */
  readonly number: number
  readonly start: RunStart
  readonly createdAt: number
  state: RunState
  resumed: number
  readonly table: NodeTable
  readonly scopes: Scope[]
  readonly maps: Map<number, MapProgress>
  readonly ready: ReadyHeap
  /** Why nodes failed or were skipped, by node number. */
  readonly errors: Map<number, { readonly code: string; readonly message: string }>
  /** Nodes of the workflow itself whose failure nothing deals with: they fail the run. */
  readonly unhandled: number[]
  /** Wall time of the next attempt of nodes that wait for one. */
  readonly retries: Map<number, number>
  readonly usage: Map<string, { invocations: number; totalMs: number }>
  /** Nodes by state, in the order of `NODE_STATES`. */
  readonly counts: number[]
  cached: number
  /** Every record so far; the event with `seq` n is entry n - 1. */
  readonly records: RunRecord[]
  /** Events up to this one are on the disk and may be shown. */
  durableSeq: number
  ended: RecordOf<'run-ended'> | null
  /** Graphs of map bodies: compiled once for all items. */
  readonly graphs: Map<Body, CompiledGraph>
  /** Paths of scopes, filled in when asked for. */
  readonly paths: Map<number, string>
}

/** Nodes of one run, expanded ones included. */
export const NODES_MAX = 2_000_000

export function createRun(record: RecordOf<'run-started'>): Run {
  const { definition } = record.start
  const run: Run = {
    number: record.run,
    start: record.start,
    createdAt: record.at,
    state: 'running',
    resumed: 0,
    table: createNodeTable(),
    scopes: [],
    maps: new Map(),
    ready: createReadyHeap(),
    errors: new Map(),
    unhandled: [],
    retries: new Map(),
    usage: new Map(),
    counts: NODE_STATES.map(() => 0),
    cached: 0,
    records: [],
    durableSeq: 0,
    ended: null,
    graphs: new Map(),
    paths: new Map(),
  }
  addScope(run, { body: definition, graph: graphOf(run, definition), parent: -1, item: 0, low: 0, width: 1 })
  return run
}

/** Adds the nodes of one body. Their ranks are spread over `[low, low + width)`, critical path first. */
export function addScope(
  run: Run,
  spec: Pick<Scope, 'body' | 'graph' | 'parent' | 'item' | 'width'> & { readonly low: number },
): Scope {
  const { graph, body, parent, item, low, width } = spec
  const { table } = run
  const base = addRows(table, graph.nodes.length)
  const remaining = graph.nodes.length
  const scope: Scope = { graph, body, base, parent, item, width, remaining, opened: false, failure: -1 }
  table.scope.fill(run.scopes.length, base, table.count)
  table.waiting.set(graph.predecessorCount, base)
  const step = rankStep(graph, width)
  for (let local = 0; local < graph.nodes.length; local++) table.rank[base + local] = low + graph.rank[local]! * step
  run.counts[0]! += graph.nodes.length
  run.scopes.push(scope)
  return scope
}

/** Width of the band of ranks that a node of this scope spreads its own items over. */
export function rankStep(graph: CompiledGraph, width: number): number {
  return width / (longestPath(graph) + 1)
}

function longestPath(graph: CompiledGraph): number {
  // The first node in topological order need not be the longest path's, but some source is.
  let longest = 0
  for (const node of graph.order) {
    if (graph.predecessorCount[node] !== 0) break
    longest = Math.max(longest, graph.rank[node]!)
  }
  return longest
}

export function graphOf(run: Run, body: Body): CompiledGraph {
  const known = run.graphs.get(body)
  if (known !== undefined) return known
  const graph = compileGraph(body)
  run.graphs.set(body, graph)
  return graph
}

export function scopeOf(run: Run, node: number): Scope {
  return run.scopes[run.table.scope[node]!]!
}

export function definitionOf(run: Run, node: number): NodeDefinition {
  const scope = scopeOf(run, node)
  return scope.graph.nodes[node - scope.base]!
}

export function mapDefinitionOf(run: Run, node: number): MapNode {
  const definition = definitionOf(run, node)
  if (definition.kind !== 'map') throw new Error(`node ${nodePath(run, node)} is no map`)
  return definition
}

/** `<id>`, or `<map>[<n>].<id>` for a node of a map's item. */
export function nodePath(run: Run, node: number): string {
  return `${scopePath(run, run.table.scope[node]!)}${definitionOf(run, node).id}`
}

function scopePath(run: Run, index: number): string {
  const scope = run.scopes[index]!
  if (scope.parent < 0) return ''
  const known = run.paths.get(index)
  if (known !== undefined) return known
  const path = `${nodePath(run, scope.parent)}[${scope.item}].`
  run.paths.set(index, path)
  return path
}

/** The node with this id as seen from inside `scope`: its own, or one of the scopes around it; -1 if there is none. */
export function resolveNode(run: Run, from: Scope, id: string): number {
  for (let scope = from; ;) {
    const local = scope.graph.indexOf.get(id)
    if (local !== undefined) return scope.base + local
    if (scope.parent < 0) return -1
    scope = scopeOf(run, scope.parent)
  }
}

export function failureOf(run: Run, node: number): NodeFailure {
  const error = run.errors.get(node) ?? { code: 'UNKNOWN', message: 'failed without a reason' }
  return { nodeId: nodePath(run, node), ...error }
}
