import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Graph, json } from '@dagrejs/graphlib'
import { expect, test } from 'vitest'
import {
  criticalPath,
  levels,
  parseWorkflow,
  workflowToDot,
  workflowToGraphlib,
  workflowToMermaid,
  type NodeDefinition,
  type WorkflowDefinition,
} from '../../actors/dag-tracker/workflow/index.ts'

const DEFINITION: WorkflowDefinition = {
  schemaVersion: 1,
  name: 'a "quoted" \\ name',
  nodes: [
    { id: '__proto__', kind: 'operator', operator: 'noop' },
    { id: 'which', kind: 'branch', cases: [{ label: 'say "yes"', when: 'true' }], after: ['__proto__'] },
    { id: 'end; <b>', kind: 'instrument', model: 'm', after: [{ node: 'which', label: 'say "yes"' }] },
    { id: 'each', kind: 'map', over: { from: '__proto__.x' }, body: { nodes: [{ id: 'in\nside', kind: 'join' }] } },
    {
      id: 'safe',
      kind: 'operator',
      operator: 'noop',
      after: [{ node: 'each', on: 'failed' }],
      fallback: { node: 'other' },
    },
    { id: 'other', kind: 'join' },
  ],
}

test('Mermaid: structure by made-up ids, labels escaped', () => {
  expect(workflowToMermaid(DEFINITION)).toBe(`flowchart TD
  n0["__proto__: noop"]
  n1{{"which: branch"}}
  n2["end; #60;b#62;: m"]
  subgraph n3 ["each: map"]
    n3_0(["in#10;side: join"])
  end
  n4["safe: noop"]
  n5(["other: join"])
  n0 --> n1
  n0 --> n3
  n1 -->|"say #34;yes#34;"| n2
  n3 -->|"failed"| n4
  n4 -->|"fallback"| n5
`)
})

test('DOT: quotes and backslashes escaped', () => {
  const dot = workflowToDot(DEFINITION)
  expect(dot).toContain(String.raw`digraph "a \"quoted\" \\ name" {`)
  expect(dot).toContain(String.raw`n3_0 [label="in\nside: join", shape=box]`)
  expect(dot).toContain(String.raw`n1 -> n2 [label="say \"yes\""]`)
  expect(dot.match(/[{}]/g)).toHaveLength(4)
})

test('graphlib JSON reads back, with ids as data, and pollutes nothing', () => {
  const graph: Graph = json.read(workflowToGraphlib(DEFINITION) as never)
  expect(graph.nodes()).toEqual(['n0', 'n1', 'n2', 'n3', 'n4', 'n5'])
  expect(graph.node('n0')).toEqual({ id: '__proto__', kind: 'operator' })
  expect(graph.edges()).toHaveLength(4)
  expect(({} as Record<string, unknown>).id).toBeUndefined()
})

test('levels and critical path', () => {
  expect(levels(DEFINITION)).toEqual([
    ['__proto__', 'other'],
    ['which', 'each'],
    ['end; <b>', 'safe'],
  ])
  const durationOf = (node: NodeDefinition): number => (node.id === 'safe' ? 5 : 1)
  expect(criticalPath(DEFINITION, { durationOf })).toEqual({ ids: ['__proto__', 'each', 'safe'], duration: 7 })
  expect(criticalPath({ nodes: [] })).toEqual({ ids: [], duration: 0 })
})

test('the digest example is valid, without a warning', () => {
  const file = join(import.meta.dirname, '../../examples/digest/digest.yaml')
  const { definition, problems } = parseWorkflow(readFileSync(file, 'utf8'), { file })
  expect(problems).toEqual([])
  expect(Object.keys(definition!.outputs!)).toEqual(['report', 'documents', 'skipped', 'unreadable', 'files'])
  expect(criticalPath(definition!).ids).toEqual(['files', 'digest', 'related', 'described', 'documents', 'report'])
})
