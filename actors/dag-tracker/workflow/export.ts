/**
 * Pictures and measures of a workflow: Mermaid, DOT, graphlib JSON, levels, critical path. Ids of the picture are
 * `n0`, `n1`, … in order of the nodes (a map's body below its map: `n2_0`), never the user's own; those are labels.
 */
import { Graph, json } from '@dagrejs/graphlib'
import type { Body, NodeDefinition, WorkflowDefinition } from './definition.ts'
import { compileGraph, OUTCOMES, type CompiledGraph, type GraphOptions } from './graph.ts'

interface Picture {
  /** The opening line of a group around a map's body, given its id and label. */
  readonly group: (id: string, label: string) => string
  readonly groupEnd: string
  readonly node: (id: string, node: NodeDefinition) => string
  readonly edge: (from: string, to: string, label: string | null) => string
}

/** A Mermaid flowchart, top down. */
export function workflowToMermaid(definition: WorkflowDefinition): string {
  const picture: Picture = {
    group: (id, label) => `subgraph ${id} ["${mermaidText(label)}"]`,
    groupEnd: 'end',
    node(id, node) {
      const [open, close] =
        node.kind === 'branch' ? ['{{"', '"}}'] : node.kind === 'join' ? ['(["', '"])'] : ['["', '"]']
      return `${id}${open}${mermaidText(labelOf(node))}${close}`
    },
    edge: (from, to, label) => (label === null ? `${from} --> ${to}` : `${from} -->|"${mermaidText(label)}"| ${to}`),
  }
  return ['flowchart TD', ...draw(definition, '', '  ', picture), ''].join('\n')
}

/** Graphviz DOT. */
export function workflowToDot(definition: WorkflowDefinition): string {
  const quoted = (text: string): string =>
    `"${text.replaceAll(/["\\]/g, String.raw`\$&`).replaceAll('\n', String.raw`\n`)}"`
  const picture: Picture = {
    group: (id, label) => `subgraph cluster_${id} { label=${quoted(label)}; ${id} [shape=point, style=invis]`,
    groupEnd: '}',
    node: (id, node) => `${id} [label=${quoted(labelOf(node))}, shape=${node.kind === 'branch' ? 'hexagon' : 'box'}]`,
    edge: (from, to, label) => `${from} -> ${to}${label === null ? '' : ` [label=${quoted(label)}]`}`,
  }
  return [`digraph ${quoted(definition.name)} {`, ...draw(definition, '', '  ', picture), '}', ''].join('\n')
}

function draw(body: Body, prefix: string, indent: string, picture: Picture): string[] {
  const graph = compileGraph(body)
  const idOf = (index: number): string => `n${prefix}${index}`
  const lines = graph.nodes.flatMap((node, index) => {
    if (node.kind !== 'map') return [`${indent}${picture.node(idOf(index), node)}`]
    const inside = draw(node.body, `${prefix}${index}_`, `${indent}  `, picture)
    return [`${indent}${picture.group(idOf(index), labelOf(node))}`, ...inside, `${indent}${picture.groupEnd}`]
  })
  const edges = Array.from(graph.successors, (to, edge) => {
    return `${indent}${picture.edge(idOf(graph.edgeFrom[edge]!), idOf(to), edgeLabel(graph, edge))}`
  })
  const standIns = Array.from(graph.fallback, (to, from) => ({ from, to })).filter(({ to }) => to >= 0)
  return [
    ...lines,
    ...edges,
    ...standIns.map(({ from, to }) => `${indent}${picture.edge(idOf(from), idOf(to), 'fallback')}`),
  ]
}

function labelOf(node: NodeDefinition): string {
  switch (node.kind) {
    case 'instrument':
      return `${node.id}: ${node.model}`
    case 'operator':
      return `${node.id}: ${typeof node.operator === 'string' ? node.operator : node.operator.export}`
    case 'branch':
    case 'map':
    case 'join':
      return `${node.id}: ${node.kind}`
  }
  return node satisfies never
}

function edgeLabel(graph: CompiledGraph, edge: number): string | null {
  const outcome = OUTCOMES[graph.edgeOn[edge]!]!
  const label = graph.edgeLabel[edge] ?? null
  return label ?? (outcome === 'succeeded' ? null : outcome)
}

/** Mermaid has no escape character, only entities. */
function mermaidText(text: string): string {
  return text.replaceAll(/[#"<>&`\\\n]/g, (character) => `#${character.codePointAt(0)};`)
}

/** The exchange form of `@dagrejs/graphlib` (its `json.write`), of the outermost body. */
export function workflowToGraphlib(definition: WorkflowDefinition): object {
  const graph = compileGraph(definition)
  const exchange = new Graph({ directed: true, multigraph: true })
  exchange.setGraph({ name: definition.name })
  for (const [index, { id, kind }] of graph.nodes.entries()) exchange.setNode(`n${index}`, { id, kind })
  for (const [edge, to] of graph.successors.entries()) {
    const value = {
      on: OUTCOMES[graph.edgeOn[edge]!]!,
      label: graph.edgeLabel[edge]!,
      data: graph.edgeData[edge] === 1,
    }
    exchange.setEdge(`n${graph.edgeFrom[edge]!}`, `n${to}`, value, `e${edge}`)
  }
  return json.write(exchange)
}

/** Ids by longest distance from a source: nodes of one level never depend on each other. */
export function levels(body: Body): readonly (readonly string[])[] {
  const graph = compileGraph(body)
  const levelOf = new Uint32Array(graph.nodes.length)
  const found: string[][] = []
  for (const node of graph.order) {
    const level = levelOf[node]!
    ;(found[level] ??= []).push(graph.nodes[node]!.id)
    for (const next of successorsOf(graph, node)) levelOf[next] = Math.max(levelOf[next]!, level + 1)
  }
  return found
}

/** The chain of nodes that takes longest, and how long: no parallelism makes a run shorter. */
export function criticalPath(
  body: Body,
  options: GraphOptions = {},
): { readonly ids: readonly string[]; readonly duration: number } {
  const graph = compileGraph(body, options)
  const highest = (candidates: Iterable<number>): number | null => {
    let best: number | null = null
    for (const node of candidates) if (best === null || graph.rank[node]! > graph.rank[best]!) best = node
    return best
  }
  const ids: string[] = []
  const start = highest(graph.order)
  for (let at = start; at !== null; at = highest(successorsOf(graph, at))) ids.push(graph.nodes[at]!.id)
  return { ids, duration: start === null ? 0 : graph.rank[start]! }
}

function successorsOf(graph: CompiledGraph, node: number): Uint32Array {
  return graph.successors.subarray(graph.successorsStart[node], graph.successorsStart[node + 1])
}
