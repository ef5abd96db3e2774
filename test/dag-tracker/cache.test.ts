/** The content cache: what is answered from it, and what never is. */
import { beforeEach, describe, expect, test } from 'vitest'
import { cacheKey, createContentCache } from '../../actors/dag-tracker/cache.ts'
import type { WorkflowDefinition } from '../../actors/dag-tracker/protocol.ts'
import { clearLedger, ledger } from './fixtures/operators.ts'
import { openEngine, step, workflowOf } from './engine-support.ts'

beforeEach(clearLedger)

const shared = { cache: 'shared' } as const

function pipeline(second: Record<string, unknown> = {}): WorkflowDefinition {
  return workflowOf(
    [
      // What they are for tells them apart: two nodes that do the very same share one result.
      step('a', 'work', { value: { from: 'inputs.n' }, as: 'a' }, shared),
      step('b', 'work', { value: { from: 'a' }, as: 'b', ...second }, shared),
      step('c', 'work', { value: { from: 'b' }, as: 'c' }, shared),
      step('effect', 'work', { value: { from: 'c' } }),
    ],
    { inputs: { n: { type: 'number' } } },
  )
}

const begun = (): string[] =>
  ledger()
    .begun.splice(0)
    .map((key) => key.split('/')[1]!)

describe('an identical run', () => {
  test('is answered from the cache, effects run again', async () => {
    await using engine = await openEngine()
    const first = await engine.run(pipeline(), { inputs: { n: 1 } })
    expect(begun()).toEqual(['a', 'b', 'c', 'effect'])
    expect(first.counts.cached).toBe(0)
    const second = await engine.run(pipeline(), { inputs: { n: 1 } })
    expect(begun()).toEqual(['effect'])
    expect(second.counts).toMatchObject({ completed: 4, cached: 3 })
    expect(second.outputs).toEqual(first.outputs)
    expect(second.runId).not.toBe(first.runId)
  })

  test('a change runs again what depends on it, up to where results are the same', async () => {
    await using engine = await openEngine()
    await engine.run(pipeline(), { inputs: { n: 1 } })
    begun()
    const changed = await engine.run(pipeline({ note: 'other' }), { inputs: { n: 1 } })
    // b has another input and runs; its output is what it was, so c is answered from the cache.
    expect(begun()).toEqual(['b', 'effect'])
    expect(changed.counts.cached).toBe(2)
    await engine.run(pipeline(), { inputs: { n: 2 } })
    expect(begun()).toEqual(['a', 'b', 'c', 'effect'])
  })

  test('survives a restart of everything', async () => {
    await using before = await openEngine()
    await before.run(pipeline(), { inputs: { n: 1 } })
    await before.system.close()
    begun()
    await using after = await openEngine({ dir: before.dir })
    const result = await after.run(pipeline(), { inputs: { n: 1 } })
    expect(result.counts.cached).toBe(3)
    expect(begun()).toEqual(['effect'])
  })

  test('another tenant, cache off, and failures get nothing from it', async () => {
    await using engine = await openEngine()
    await engine.run(pipeline(), { inputs: { n: 1 } })
    begun()
    await engine.run(pipeline(), { inputs: { n: 1 }, tenant: 'other' })
    expect(begun()).toHaveLength(4)
    await engine.run(pipeline(), { inputs: { n: 1 }, cache: false })
    expect(begun()).toHaveLength(4)
    const failing = workflowOf([step('bad', 'flaky', { times: 1 }, { ...shared, skip: {} })])
    await engine.run(failing)
    await engine.run(failing)
    expect(begun()).toHaveLength(2)
  })

  test('a result whose artifact is gone is no hit', async () => {
    await using engine = await openEngine()
    const definition = workflowOf([step('text', 'long', { value: 'x' }, shared)])
    const { artifacts } = await engine.run(definition)
    expect((await engine.run(definition)).counts.cached).toBe(1)
    const gone = await engine.store.ask.trash({ hashes: [artifacts.text!], planId: 'p' })
    expect(gone.moved).toHaveLength(1)
    const again = await engine.run(definition)
    expect(again).toMatchObject({ state: 'completed', counts: { cached: 0 } })
    expect(again.outputs.text).toBe('x'.repeat(10_000))
  })
})

describe('keys', () => {
  const computation = {
    kind: 'operator',
    name: 'x',
    version: '1',
    parameters: null,
    inputs: { a: 1, b: 2 },
    tenant: 't',
  } as const
  const key = (change: object, policy: 'run' | 'shared' = 'shared', runId = 'r') =>
    cacheKey({ ...computation, ...change }, { policy, runId })

  test('everything that makes the result makes the key, the order of inputs does not', () => {
    const keys = [{}, { name: 'y' }, { version: '2' }, { parameters: {} }, { inputs: { a: 1 } }, { tenant: 'u' }].map(
      (change) => key(change),
    )
    expect(new Set(keys).size).toBe(keys.length)
    expect(key({ inputs: { b: 2, a: 1 } })).toBe(key({}))
    expect(key({}, 'run', 'r')).not.toBe(key({}, 'run', 's'))
    expect(cacheKey(computation, { policy: 'off', runId: 'r' })).toBeNull()
  })

  test('the index is bounded, and what was used lately stays', () => {
    const cache = createContentCache({ entriesMax: 3 })
    for (const name of ['a', 'b', 'c']) cache.add(name, { value: name })
    cache.get('a')
    cache.add('d', { value: 'd' })
    expect([...cache.entries()].map(([name]) => name)).toEqual(['c', 'a', 'd'])
    const small = createContentCache({ bytesMax: 1_000 })
    for (let i = 0; i < 100; i++) small.add(`k${i}`, { value: 'x'.repeat(100) })
    expect(small.size).toBeLessThan(5)
  })
})
