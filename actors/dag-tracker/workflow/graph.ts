/**
 * A body's graph in compressed sparse rows: what the scheduler, validation and exports run on. Linear in nodes and
 * edges, iterative throughout, so a chain of 100,000 nodes is an ordinary input.
 *
 *   successorsStart  [0, 2, 3, 3]     edges of node i: successorsStart[i] … successorsStart[i + 1] - 1
 *   successors       [1, 2, 2]        target of each edge; edgeFrom, edgeOn, edgeLabel, edgeData run in parallel
 *   predecessors     [0, 0, 1]        sources, grouped by target; predecessorEdges gives the edge's number
 *
 * Invariants: I1 an edge appears once per distinct condition: a data edge and an `after` on success are one edge.
 * I2 `predecessorCount[i]` counts edges, so settling each edge once brings it to zero. I3 a map depends on what its
 * body uses. I4 a node named as a fallback is on `standby`: its edges are ordinary ones, but it runs only when the node
 * it stands in for has failed, and that node's output is then its output.
 */
import type { Body, Dependency, NodeDefinition, Outcome } from './definition.ts'
import { bindingsOf, isReference, outerReferencesOf, parseReference } from './references.ts'

/** Position in this list is the number stored in `edgeOn`. */
export const OUTCOMES = ['succeeded', 'failed', 'skipped', 'any'] as const satisfies readonly Outcome[]

export interface CompiledGraph {
  readonly nodes: readonly NodeDefinition[]
  readonly indexOf: ReadonlyMap<string, number>
  readonly successorsStart: Uint32Array
  readonly successors: Uint32Array
  /** Source of each edge. */
  readonly edgeFrom: Uint32Array
  /** Index into `OUTCOMES`: which outcome of the source lets the target go on. */
  readonly edgeOn: Uint8Array
  /** Of an edge from a branch: the case it belongs to, else null. */
  readonly edgeLabel: readonly (string | null)[]
  /** 1 where data flows, 0 for order alone. */
  readonly edgeData: Uint8Array
  readonly predecessorCount: Uint32Array
  readonly predecessorsStart: Uint32Array
  readonly predecessors: Uint32Array
  /** Number of the edge that belongs to each entry of `predecessors`. */
  readonly predecessorEdges: Uint32Array
  /** Node named in `fallback: { node }` of each node, or -1. */
  readonly fallback: Int32Array
  /** 1 for nodes that run only as somebody's fallback (I4). */
  readonly standby: Uint8Array
  /** Topological order; shorter than `nodes` when there is a cycle. */
  readonly order: Uint32Array
  /** Longest path from the start of a node to the end of a sink, in the units of `durationOf`. */
  readonly rank: Float64Array
  /** Nodes of the bodies around this one that it uses; true where every use can do without the value. */
  readonly outerReferences: ReadonlyMap<string, boolean>
}

export interface GraphOptions {
  /** Estimated duration of a node, for the rank. @default 1 for each */
  readonly durationOf?: (node: NodeDefinition, index: number) => number
}

interface Edge {
  readonly from: number
  readonly to: number
  readonly on: number
  readonly label: string | null
  readonly data: boolean
}

/** Compiles a validated body. References to nodes it does not define are left to `outerReferences`. */
export function compileGraph(body: Body, options: GraphOptions = {}): CompiledGraph {
  const { nodes } = body
  const indexOf = new Map(nodes.map((node, index) => [node.id, index]))
  const edges = nodes.flatMap((node, to) => edgesInto(node, to, indexOf))
  const forward = layOut(nodes.length, edges)
  const backward = reverse(nodes.length, forward)
  const fallback = Int32Array.from(nodes, (node) => fallbackIndex(node, indexOf))
  const standby = new Uint8Array(nodes.length)
  for (const index of fallback) if (index >= 0) standby[index] = 1
  const order = topologicalOrder(forward, backward.predecessorCount)
  const durationOf = options.durationOf ?? (() => 1)
  return {
    nodes,
    indexOf,
    ...forward,
    ...backward,
    fallback,
    standby,
    order,
    rank: ranks(nodes, order, forward, durationOf),
    outerReferences: outerReferencesOf(body),
  }
}

/** What an entry of `after` says, in its long form. */
export function resolveDependency(dependency: Dependency): { node: string; on: Outcome; label: string | null } {
  if (typeof dependency === 'string') return { node: dependency, on: 'succeeded', label: null }
  return { node: dependency.node, on: dependency.on ?? 'succeeded', label: dependency.label ?? null }
}

function fallbackIndex(node: NodeDefinition, indexOf: ReadonlyMap<string, number>): number {
  const { fallback } = node
  return fallback !== undefined && 'node' in fallback ? (indexOf.get(fallback.node) ?? -1) : -1
}

/** The edges into one node, each distinct condition once (I1). */
function edgesInto(node: NodeDefinition, to: number, indexOf: ReadonlyMap<string, number>): Edge[] {
  const found = new Map<string, Edge>()
  const add = (id: string, on: Outcome, label: string | null, data: boolean): void => {
    const from = indexOf.get(id)
    if (from === undefined) return
    const key = `${from} ${on}${label === null ? '' : ` ${label}`}`
    const known = found.get(key)
    found.set(key, { from, to, on: OUTCOMES.indexOf(on), label, data: data || known?.data === true })
  }
  // A join waits for everything whatever became of it; elsewhere a missing input only passes with a default.
  const lenient = node.kind === 'join'
  for (const { binding } of bindingsOf(node)) {
    if (!isReference(binding)) continue
    const target = parseReference(binding.from)
    const on = lenient || Object.hasOwn(binding, 'default') ? 'any' : 'succeeded'
    if (target?.scope === 'node') add(target.id, on, null, true)
  }
  if (node.kind === 'map') {
    for (const [id, tolerant] of outerReferencesOf(node.body)) add(id, tolerant ? 'any' : 'succeeded', null, true)
  }
  for (const dependency of node.after ?? []) {
    const { node: id, on, label } = resolveDependency(dependency)
    add(id, lenient && typeof dependency === 'string' ? 'any' : on, label, false)
  }
  return [...found.values()]
}

type Forward = Pick<CompiledGraph, 'successorsStart' | 'successors' | 'edgeFrom' | 'edgeOn' | 'edgeLabel' | 'edgeData'>
type Backward = Pick<CompiledGraph, 'predecessorsStart' | 'predecessors' | 'predecessorEdges' | 'predecessorCount'>

/** Counting sort by source: edges of one node stay in the order of their targets. */
function layOut(nodeCount: number, edges: readonly Edge[]): Forward {
  const successorsStart = new Uint32Array(nodeCount + 1)
  for (const { from } of edges) successorsStart[from + 1]!++
  accumulate(successorsStart)
  const next = successorsStart.slice()
  const successors = new Uint32Array(edges.length)
  const edgeFrom = new Uint32Array(edges.length)
  const edgeOn = new Uint8Array(edges.length)
  const edgeData = new Uint8Array(edges.length)
  const edgeLabel = Array.from<string | null>({ length: edges.length }).fill(null)
  for (const edge of edges) {
    const at = next[edge.from]!++
    successors[at] = edge.to
    edgeFrom[at] = edge.from
    edgeOn[at] = edge.on
    edgeLabel[at] = edge.label
    edgeData[at] = edge.data ? 1 : 0
  }
  return { successorsStart, successors, edgeFrom, edgeOn, edgeLabel, edgeData }
}

function reverse(nodeCount: number, { successors, edgeFrom }: Forward): Backward {
  const predecessorsStart = new Uint32Array(nodeCount + 1)
  for (const to of successors) predecessorsStart[to + 1]!++
  const predecessorCount = predecessorsStart.slice(1)
  accumulate(predecessorsStart)
  const next = predecessorsStart.slice()
  const predecessors = new Uint32Array(successors.length)
  const predecessorEdges = new Uint32Array(successors.length)
  for (let edge = 0; edge < successors.length; edge++) {
    const at = next[successors[edge]!]!++
    predecessors[at] = edgeFrom[edge]!
    predecessorEdges[at] = edge
  }
  return { predecessorsStart, predecessors, predecessorEdges, predecessorCount }
}

function accumulate(counts: Uint32Array): void {
  for (let i = 1; i < counts.length; i++) counts[i]! += counts[i - 1]!
}

/** Kahn's algorithm (1962): nodes whose predecessors are all listed, first found first. */
function topologicalOrder(graph: Forward, predecessorCount: Uint32Array): Uint32Array {
  const waiting = predecessorCount.slice()
  const order = new Uint32Array(waiting.length)
  let listed = 0
  for (let node = 0; node < waiting.length; node++) if (waiting[node] === 0) order[listed++] = node
  for (let taken = 0; taken < listed; taken++) {
    const node = order[taken]!
    for (let edge = graph.successorsStart[node]!; edge < graph.successorsStart[node + 1]!; edge++) {
      const next = graph.successors[edge]!
      waiting[next]!--
      if (waiting[next] === 0) order[listed++] = next
    }
  }
  return order.subarray(0, listed)
}

/** Upward rank (HEFT, Topcuoglu et al. 2002, without communication): own duration plus the largest rank behind it. */
function ranks(
  nodes: readonly NodeDefinition[],
  order: Uint32Array,
  graph: Forward,
  durationOf: (node: NodeDefinition, index: number) => number,
): Float64Array {
  const rank = new Float64Array(nodes.length)
  for (let at = order.length - 1; at >= 0; at--) {
    const node = order[at]!
    let behind = 0
    for (let edge = graph.successorsStart[node]!; edge < graph.successorsStart[node + 1]!; edge++) {
      behind = Math.max(behind, rank[graph.successors[edge]!]!)
    }
    rank[node] = durationOf(nodes[node]!, node) + behind
  }
  return rank
}
