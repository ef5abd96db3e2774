/** The compiled graph beside a slow and obvious one. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  compileGraph,
  criticalPath,
  levels,
  OUTCOMES,
  type Body,
  type NodeDefinition,
} from '../../actors/dag-tracker/workflow/index.ts'

interface Drawn {
  readonly body: Body
  readonly edges: readonly (readonly [number, number])[]
}

/** Random edges from lower to higher positions, nodes then listed in another order: acyclic, but not sorted. */
const drawn: fc.Arbitrary<Drawn> = fc.integer({ min: 2, max: 30 }).chain((size) => {
  const pair = fc.tuple(fc.nat(size - 1), fc.nat(size - 1), fc.boolean()).filter(([a, b]) => a < b)
  return fc
    .record({
      pairs: fc.array(pair, { maxLength: 60 }),
      order: fc.shuffledSubarray([...Array(size).keys()], { minLength: size }),
    })
    .map(({ pairs, order }) => {
      const position = new Map(order.map((node, at) => [node, at]))
      const into = (node: number, data: boolean): number[] => [
        ...new Set(pairs.filter(([, to, isData]) => to === node && isData === data).map(([from]) => from)),
      ]
      const nodes = order.map((node): NodeDefinition => ({
        id: `n${node}`,
        kind: 'operator',
        operator: 'noop',
        inputs: Object.fromEntries(into(node, true).map((from) => [`p${from}`, { from: `n${from}` }])),
        after: into(node, false).map((from) => `n${from}`),
      }))
      const edges = [
        ...new Map(
          pairs.map(([from, to]) => [`${from} ${to}`, [position.get(from)!, position.get(to)!] as const]),
        ).values(),
      ]
      return { body: { nodes }, edges }
    })
})

test('edges, counts, order and rank are those of the drawing', () => {
  fc.assert(
    fc.property(drawn, ({ body, edges }) => {
      const graph = compileGraph(body, { durationOf: (_, index) => index + 1 })
      const size = body.nodes.length
      const forward = Array.from(graph.successors, (to, edge) => `${graph.edgeFrom[edge]} ${to}`)
      expect(forward.toSorted()).toEqual(edges.map(([from, to]) => `${from} ${to}`).toSorted())
      for (let node = 0; node < size; node++) {
        const [start, end] = [graph.predecessorsStart[node]!, graph.predecessorsStart[node + 1]!]
        expect(end - start).toBe(graph.predecessorCount[node])
        for (let at = start; at < end; at++) {
          const edge = graph.predecessorEdges[at]!
          expect([graph.edgeFrom[edge], graph.successors[edge]]).toEqual([graph.predecessors[at], node])
        }
      }
      const place = new Map(Array.from(graph.order, (node, at) => [node, at]))
      expect(place.size).toBe(size)
      for (const [from, to] of edges) expect(place.get(from)!).toBeLessThan(place.get(to)!)
      const known = new Map<number, number>()
      const longest = (node: number): number => {
        const behind = edges.filter(([from]) => from === node).map(([, to]) => known.get(to) ?? longest(to))
        known.set(node, node + 1 + Math.max(0, ...behind))
        return known.get(node)!
      }
      expect(Array.from(graph.rank)).toEqual(body.nodes.map((_, node) => longest(node)))
      const path = criticalPath(body, { durationOf: (_, index) => index + 1 })
      expect(path.duration).toBe(Math.max(...graph.rank))
      expect(path.ids.reduce((sum, id) => sum + graph.indexOf.get(id)! + 1, 0)).toBe(path.duration)
    }),
  )
})

test('nodes of one level do not depend on each other, and every node has one', () => {
  fc.assert(
    fc.property(drawn, ({ body, edges }) => {
      const found = levels(body)
      const levelOf = new Map(found.flatMap((ids, level) => ids.map((id) => [id, level] as const)))
      expect(levelOf.size).toBe(body.nodes.length)
      for (const [from, to] of edges)
        expect(levelOf.get(body.nodes[from]!.id)!).toBeLessThan(levelOf.get(body.nodes[to]!.id)!)
    }),
  )
})

describe('conditions of edges', () => {
  const edgesOf = (node: NodeDefinition, ...others: NodeDefinition[]): string[] => {
    const graph = compileGraph({ nodes: [...others, node] })
    return Array.from(graph.successors, (to, edge) => {
      const kind = graph.edgeData[edge] === 1 ? 'data' : 'order'
      return `${graph.nodes[graph.edgeFrom[edge]!]!.id}>${graph.nodes[to]!.id} ${OUTCOMES[graph.edgeOn[edge]!]} ${graph.edgeLabel[edge]} ${kind}`
    })
  }
  const a: NodeDefinition = { id: 'a', kind: 'operator', operator: 'noop' }
  const branch: NodeDefinition = { id: 'b', kind: 'branch', cases: [{ label: 'yes', when: 'true' }] }

  test('data and order on the same success are one edge', () => {
    expect(edgesOf({ ...a, id: 'z', inputs: { x: { from: 'a.p' }, y: { from: 'a.q' } }, after: ['a'] }, a)).toEqual([
      'a>z succeeded null data',
    ])
  })

  test('a default lets any outcome pass, a join waits for any', () => {
    expect(edgesOf({ ...a, id: 'z', inputs: { x: { from: 'a', default: 0 } } }, a)).toEqual(['a>z any null data'])
    expect(edgesOf({ id: 'z', kind: 'join', inputs: { x: { from: 'a' } }, after: ['a'] }, a)).toEqual([
      'a>z any null data',
    ])
  })

  test('different conditions are different edges', () => {
    const after = ['b', { node: 'b', on: 'failed' as const }, { node: 'b', label: 'yes' }, { node: 'b', label: 'else' }]
    expect(edgesOf({ ...a, id: 'z', after }, branch).toSorted()).toEqual([
      'b>z failed null order',
      'b>z succeeded else order',
      'b>z succeeded null order',
      'b>z succeeded yes order',
    ])
  })

  test('a map waits for what its body uses', () => {
    const map: NodeDefinition = {
      id: 'm',
      kind: 'map',
      over: [1],
      body: { nodes: [{ ...a, id: 'x', inputs: { v: { from: 'a.p' }, w: { from: 'item' } } }] },
    }
    expect(edgesOf(map, a)).toEqual(['a>m succeeded null data'])
    expect([...compileGraph(map.body).outerReferences.keys()]).toEqual(['a'])
  })

  test('a fallback stands by, and adds no edge', () => {
    const graph = compileGraph({
      nodes: [
        { ...a, fallback: { node: 's' } },
        { ...a, id: 's' },
      ],
    })
    expect(graph.successors).toHaveLength(0)
    expect([...graph.fallback]).toEqual([1, -1])
    expect([...graph.standby]).toEqual([0, 1])
  })
})

test('a chain of 100,000 nodes compiles; a cycle leaves its nodes out of the order', () => {
  const nodes = Array.from({ length: 100_000 }, (_, i): NodeDefinition => ({
    id: `n${i}`,
    kind: 'join',
    after: i === 0 ? [] : [`n${i - 1}`],
  }))
  const chain = compileGraph({ nodes })
  expect(chain.order).toHaveLength(100_000)
  expect(chain.rank[0]).toBe(100_000)
  const ring = compileGraph({
    nodes: [
      { id: 'a', kind: 'join', after: ['b'] },
      { id: 'b', kind: 'join', after: ['a'] },
      { id: 'c', kind: 'join' },
    ],
  })
  expect([...ring.order]).toEqual([2])
})
