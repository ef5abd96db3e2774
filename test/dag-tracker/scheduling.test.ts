/** Order of ready nodes, and the tables of states. */
import { describe, expect, test } from 'vitest'
import { applyRecord, beginRun } from '../../actors/dag-tracker/progress.ts'
import { NodeState, RunState, type WorkflowDefinition } from '../../actors/dag-tracker/protocol.ts'
import { createReadyHeap } from '../../actors/dag-tracker/ready-heap.ts'
import { definitionOf, nodePath, type Run } from '../../actors/dag-tracker/run.ts'
import { AGEING_MS, takeReady } from '../../actors/dag-tracker/scheduler.ts'
import { NODE_STATES, NODE_TRANSITIONS, RUN_TRANSITIONS } from '../../actors/dag-tracker/transitions.ts'
import { seededRandom } from '../../runtime/index.ts'
import { noop, workflowOf } from './engine-support.ts'

function runOf(definition: WorkflowDefinition, at = 0): Run {
  const start = { runId: 'r', definition, definitionHash: '', inputs: {}, inputsHash: '', tenant: 't' }
  const rest = { maxConcurrency: 2, roots: [], cache: true, callId: '' }
  return beginRun({ kind: 'run-started', run: 1, at, start: { ...start, ...rest } })
}

function takeAll(run: Run, paths = false): string[] {
  const taken: string[] = []
  for (let node = takeReady(run); node >= 0; node = takeReady(run)) {
    taken.push(paths ? nodePath(run, node) : definitionOf(run, node).id)
  }
  return taken
}

describe('order', () => {
  test('priority first, then the longer way to the end, then the definition', () => {
    const run = runOf(
      workflowOf([
        noop('short'),
        noop('other'),
        noop('long'),
        noop('l1', {}, { after: ['long'] }),
        noop('l2', {}, { after: ['l1'] }),
        noop('urgent', {}, { priority: 5 }),
        noop('never', {}, { priority: -1 }),
      ]),
    )
    expect(takeAll(run)).toEqual(['urgent', 'long', 'short', 'other', 'never'])
  })

  test('waiting weighs as much as priority after a while', () => {
    const run = runOf(
      workflowOf([noop('old'), noop('gate', {}, { priority: 9 }), noop('new', {}, { priority: 2, after: ['gate'] })]),
    )
    const gate = takeReady(run)
    const completed = {
      kind: 'node-completed',
      output: { value: null },
      cached: false,
      key: null,
      usage: null,
    } as const
    applyRecord(run, { kind: 'node-started', run: 1, at: 0, node: gate, attempt: 1 })
    applyRecord(run, { ...completed, run: 1, at: 3 * AGEING_MS, node: gate })
    expect(takeAll(run)).toEqual(['old', 'new'])
  })

  test('items of a map: earlier ones first, and further on in an item before the next item', () => {
    const body = { nodes: [noop('a'), noop('b', {}, { after: ['a'] })] }
    const run = runOf(
      workflowOf([{ id: 'm', kind: 'map', over: [], body, concurrency: 9 }, noop('z', {}, { after: ['m'] })]),
    )
    const map = takeReady(run)
    applyRecord(run, { kind: 'node-started', run: 1, at: 0, node: map, attempt: 1 })
    applyRecord(run, { kind: 'nodes-added', run: 1, at: 0, node: map, items: 3 })
    const first = takeReady(run)
    expect(nodePath(run, first)).toBe('m[0].a')
    applyRecord(run, { kind: 'node-started', run: 1, at: 0, node: first, attempt: 1 })
    const output = { value: null }
    applyRecord(run, {
      kind: 'node-completed',
      run: 1,
      at: 0,
      node: first,
      output,
      cached: false,
      key: null,
      usage: null,
    })
    expect(takeAll(run, true)).toEqual(['m[0].b', 'm[1].a', 'm[2].a'])
  })

  test('the heap gives everything once, in order', () => {
    const random = seededRandom(3)
    const heap = createReadyHeap()
    const entries = Array.from({ length: 500 }, (_, node) => ({
      node,
      key: Math.floor(random.next() * 5),
      rank: Math.floor(random.next() * 5),
    }))
    for (const { node, key, rank } of entries) heap.push(node, key, rank)
    const expected = entries.toSorted((a, b) => b.key - a.key || b.rank - a.rank || a.node - b.node)
    expect(expected.map(() => heap.pop())).toEqual(expected.map(({ node }) => node))
    expect(heap.pop()).toBe(-1)
  })
})

describe('states', () => {
  test('the tables name every state, ended ones lead nowhere', () => {
    expect(new Set(Object.keys(NODE_TRANSITIONS))).toEqual(new Set(Object.values(NodeState)))
    expect(new Set(NODE_STATES)).toEqual(new Set(Object.values(NodeState)))
    expect(new Set(Object.keys(RUN_TRANSITIONS))).toEqual(new Set(Object.values(RunState)))
    for (const ended of ['completed', 'failed', 'skipped'] as const) expect(NODE_TRANSITIONS[ended]).toEqual([])
    for (const ended of ['completed', 'failed', 'cancelled'] as const) expect(RUN_TRANSITIONS[ended]).toEqual([])
  })

  test('a node that has ended cannot change', () => {
    const run = runOf(workflowOf([noop('a')]))
    const failed = { kind: 'node-failed', run: 1, at: 0, node: takeReady(run), code: 'X', message: '' } as const
    applyRecord(run, failed)
    expect(() => applyRecord(run, failed)).toThrow('cannot go from failed to failed')
  })

  test('a chain of 100,000 nodes needs no stack', () => {
    const nodes = Array.from({ length: 100_000 }, (_, at) =>
      noop(`n${at}`, {}, { after: at === 0 ? [] : [`n${at - 1}`] }),
    )
    const run = runOf(workflowOf(nodes))
    const output = { value: null }
    for (let node = takeReady(run), at = 0; node >= 0; node = takeReady(run), at++) {
      expect(node).toBe(at)
      applyRecord(run, { kind: 'node-completed', run: 1, at, node, output, cached: false, key: null, usage: null })
    }
    expect(run.scopes[0]!.remaining).toBe(0)
  })
})
