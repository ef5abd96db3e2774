/** Limits hold and everything runs: random graphs, random limits, with and without resources. */
import fc from 'fast-check'
import { beforeEach, expect, test } from 'vitest'
import { arbitrationEngine } from '../../actors/arbitration-engine/protocol.ts'
import type { NodeDefinition } from '../../actors/dag-tracker/workflow/definition.ts'
import { clearLedger, ledger } from './fixtures/operators.ts'
import { openEngine, step, workflowOf } from './engine-support.ts'

beforeEach(clearLedger)

/** Each node depends on some of those before it. */
const graphs = fc
  .array(fc.array(fc.nat({ max: 30 }), { maxLength: 3 }), { minLength: 1, maxLength: 30 })
  .map((nodes) => nodes.map((before, at) => [...new Set(before.filter((node) => node < at))]))

function nodesOf(graph: readonly (readonly number[])[], rest: Partial<NodeDefinition> = {}): NodeDefinition[] {
  return graph.map((before, at) => ({
    ...step(`n${at}`, 'work', { ms: at % 3 === 0 ? 1 : 0 }),
    after: before.map((node) => `n${node}`),
    ...rest,
  })) as NodeDefinition[]
}

/** Position at which each node began, by number. */
function order(): Map<string, number> {
  return new Map(ledger().begun.map((key, at) => [key.split('/')[1]!, at]))
}

test('every node runs once, after those it depends on, never more at once than allowed', async () => {
  await using engine = await openEngine()
  await fc.assert(
    fc.asyncProperty(graphs, fc.integer({ min: 1, max: 8 }), async (graph, maxConcurrency) => {
      clearLedger()
      const result = await engine.run(workflowOf(nodesOf(graph)), { maxConcurrency, attach: false })
      expect(result).toMatchObject({ state: 'completed', counts: { completed: graph.length } })
      expect(ledger().peak).toBeLessThanOrEqual(maxConcurrency)
      expect(ledger().begun).toHaveLength(graph.length)
      const begun = order()
      for (const [at, before] of graph.entries()) {
        for (const node of before) expect(begun.get(`n${node}`)!).toBeLessThan(begun.get(`n${at}`)!)
      }
    }),
    { numRuns: 40 },
  )
})

test('nodes with resources: as many at once as the capacity has, and all of it comes back', async () => {
  await using engine = await openEngine({ arbitration: { capacity: { cpu: 3 } } })
  await fc.assert(
    fc.asyncProperty(graphs, async (graph) => {
      clearLedger()
      const result = await engine.run(workflowOf(nodesOf(graph, { resources: { cpu: 1 } })), { attach: false })
      expect(result.failures).toEqual([])
      expect(result.counts.completed).toBe(graph.length)
      expect(ledger().peak).toBeLessThanOrEqual(3)
    }),
    { numRuns: 15 },
  )
  for (let tries = 0; tries < 100; tries++) {
    const { inUse } = await engine.system.ref(arbitrationEngine).ask.status({})
    if ((inUse.cpu ?? 0) === 0) return
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect.unreachable('units were not handed back')
})

test('the tracker as a whole has a limit too', async () => {
  await using engine = await openEngine({ tracker: { maxConcurrency: 3 } })
  const definition = workflowOf(Array.from({ length: 20 }, (_, at) => step(`n${at}`, 'work', { ms: 1 })))
  await Promise.all(Array.from({ length: 5 }, async () => engine.run(definition, { attach: false })))
  expect(ledger().begun).toHaveLength(100)
  expect(ledger().peak).toBe(3)
  expect(await engine.tracker.ask.metrics({})).toMatchObject({ runs: 0, nodesRunning: 0, nodesPeak: 3, nodesMax: 3 })
})

test('what needs more than there is fails with a code', async () => {
  await using engine = await openEngine({ arbitration: { capacity: { cpu: 2 } } })
  const result = await engine.run(workflowOf([step('big', 'work', {}, { resources: { cpu: 5 } })]))
  expect(result.failures).toMatchObject([{ nodeId: 'big', code: 'RESOURCES_DENIED' }])
})
