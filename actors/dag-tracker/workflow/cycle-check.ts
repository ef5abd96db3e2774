/** The graph of a body as a whole: cycles, and outputs that are missing or unused. */
import { builtinOperators } from '../operators/index.ts'
import { checkBinding } from './binding-check.ts'
import type { Body, NodeDefinition } from './definition.ts'
import { compileGraph, resolveDependency, type CompiledGraph } from './graph.ts'
import { formatPath, ProblemCode, type Path, type ProblemCollector } from './problems.ts'
import { bindingsOf, isReference, outerReferencesOf, parseReference } from './references.ts'
import type { Scope } from './scope.ts'

/** A longer cycle is shown with its middle left out. */
const CYCLE_NODES_SHOWN_MAX = 12

/**
 * Reports a cycle from each knot of nodes that wait for each other, edge by edge. A knot that waits for another one may
 * only come to light once that one is undone.
 */
export function checkCycles(scope: Scope, problems: ProblemCollector): void {
  const graph = compileGraph(withFallbackOrder(scope.body))
  if (graph.order.length === graph.nodes.length) return
  const done = new Uint8Array(graph.nodes.length)
  for (const node of graph.order) done[node] = 1
  // Whatever is not in the order waits for something that is not in the order either, so walking back from any of
  // these nodes must come round. `walkOf` says in which walk a node was met first.
  const walkOf = new Int32Array(graph.nodes.length).fill(-1)
  for (let start = 0; start < graph.nodes.length; start++) {
    if (done[start] === 1 || walkOf[start] !== -1) continue
    const walk: number[] = []
    let at = start
    while (walkOf[at] === -1) {
      walkOf[at] = start
      walk.push(at)
      at = waitingPredecessor(graph, at, done)
    }
    if (walkOf[at] === start) reportCycle(graph, walk.slice(walk.indexOf(at)).reverse(), scope, problems)
  }
}

/** A node with a fallback is finished only when the fallback is: an edge that order has to respect, but no run follows. */
function withFallbackOrder(body: Body): Body {
  if (!body.nodes.some(({ fallback }) => fallback !== undefined && 'node' in fallback)) return body
  const nodes = body.nodes.map((node) => {
    if (node.fallback === undefined || !('node' in node.fallback)) return node
    return { ...node, after: [...(node.after ?? []), { node: node.fallback.node, on: 'any' as const }] }
  })
  return { nodes }
}

function waitingPredecessor(graph: CompiledGraph, node: number, done: Uint8Array): number {
  for (let i = graph.predecessorsStart[node]!; i < graph.predecessorsStart[node + 1]!; i++) {
    const predecessor = graph.predecessors[i]!
    if (done[predecessor] === 0) return predecessor
  }
  throw new Error('a node outside the topological order has no predecessor outside of it')
}

/** `cycle` lists nodes in the direction of the edges; the last leads back to the first. */
function reportCycle(graph: CompiledGraph, cycle: readonly number[], scope: Scope, problems: ProblemCollector): void {
  // A node that waits for itself is reported at its reference.
  if (cycle.length === 1) return
  const edges = cycle.map((to, i) => {
    const from = graph.nodes[cycle.at(i - 1)!]!.id
    const path = [...scope.path, 'nodes', to, ...edgePath(scope.body.nodes[to]!, from)]
    return { from, to: graph.nodes[to]!.id, path }
  })
  const arrows = [...edges.slice(1), edges[0]!].map(({ from, to, path }) => `${from} → ${to} (${formatPath(path)})`)
  const half = CYCLE_NODES_SHOWN_MAX / 2
  const shown =
    arrows.length <= CYCLE_NODES_SHOWN_MAX
      ? arrows
      : [...arrows.slice(0, half), `… ${arrows.length - 2 * half} more …`, ...arrows.slice(-half)]
  problems.add(ProblemCode.Cycle, edges[1]!.path, `${cycle.length} nodes wait for each other: ${shown.join(', ')}`)
}

/** Where in `node` it is said that it waits for `id`. */
function edgePath(node: NodeDefinition, id: string): Path {
  for (const { binding, path } of bindingsOf(node)) {
    const target = isReference(binding) ? parseReference(binding.from) : null
    if (target?.scope === 'node' && target.id === id) return [...path, 'from']
  }
  const after = (node.after ?? []).findIndex((dependency) => resolveDependency(dependency).node === id)
  if (after !== -1) return ['after', after]
  if (node.fallback !== undefined && 'node' in node.fallback && node.fallback.node === id) return ['fallback', 'node']
  return node.kind === 'map' && outerReferencesOf(node.body).has(id) ? ['body'] : []
}

/** What a body yields: do its outputs lead somewhere, does a map know what an item is, is work done for nothing. */
export function checkOutputs(scope: Scope, problems: ProblemCollector): void {
  const { outputs } = scope.body
  const used = new Set<string>()
  for (const [name, binding] of Object.entries(outputs ?? {})) {
    checkBinding(binding, 'any', [...scope.path, 'outputs', name], scope, problems)
    const target = isReference(binding) ? parseReference(binding.from) : null
    if (target?.scope === 'node') used.add(target.id)
  }
  const sinks = sinksOf(scope.body)
  if (outputs === undefined) {
    if (scope.outer === null || sinks.length === 1) return
    const names = sinks.slice(0, 5).map((node) => `"${node.id}"`)
    const message = `${sinks.length} nodes end this body (${names.join(', ')}): say in \`outputs\` what an item yields`
    return problems.add(ProblemCode.AmbiguousOutput, scope.path, message)
  }
  const isSink = new Set(sinks)
  for (const [index, node] of scope.body.nodes.entries()) {
    if (used.has(node.id) || !isSink.has(node) || !isWithoutEffect(node)) continue
    const message = `nothing uses the output of node "${node.id}"`
    problems.add(ProblemCode.UnusedOutput, [...scope.path, 'nodes', index], message, { severity: 'warning' })
  }
}

function sinksOf(body: Body): NodeDefinition[] {
  const graph = compileGraph(body)
  return body.nodes.filter(
    (_, i) => graph.successorsStart[i] === graph.successorsStart[i + 1] && graph.standby[i] === 0,
  )
}

function isWithoutEffect(node: NodeDefinition): boolean {
  if (node.kind === 'instrument') return true
  if (node.kind !== 'operator' || typeof node.operator !== 'string') return false
  return builtinOperators.get(node.operator)?.pure === true
}
