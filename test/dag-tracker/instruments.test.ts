/** Nodes that call models: leases, usage, cache, fallback, and hosts that die under them. */
import { beforeEach, describe, expect, test } from 'vitest'
import type { InstrumentNode } from '../../actors/dag-tracker/workflow/definition.ts'
import { poolManagerActor, type ModelSpec } from '../../actors/pool-manager/index.ts'
import { poolManager } from '../../actors/pool-manager/protocol.ts'
import { clearLedger, ledger } from './fixtures/operators.ts'
import { noop, openEngine, workflowOf, type Engine } from './engine-support.ts'

beforeEach(clearLedger)

const module = new URL('./fixtures/models.ts', import.meta.url).href

function model(id: string, rest: Partial<ModelSpec> = {}, name = 'mirror'): ModelSpec {
  return { id, backend: { kind: 'module', module, export: name }, ...rest }
}

async function withModels(...models: ModelSpec[]): Promise<Engine> {
  return await openEngine({ actors: [[poolManagerActor, { models, dataDir: ':memory:' }]] })
}

function call(id: string, inputs: InstrumentNode['inputs'], rest: Partial<InstrumentNode> = {}): InstrumentNode {
  return { id, kind: 'instrument', model: 'mirror', inputs: inputs!, ...rest }
}

async function leased({ system }: Engine): Promise<number> {
  return (await system.ref(poolManager).ask.list({})).reduce((sum, { leased }) => sum + leased, 0)
}

describe('instruments', () => {
  test('a call is leased, answered, counted, and its slot is free again', async () => {
    await using engine = await withModels(model('mirror'))
    const result = await engine.run(
      workflowOf(
        [
          call('a', { text: { from: 'inputs.text' } }, { parameters: { suffix: '!' } }),
          call('b', { text: { from: 'a.text' } }),
        ],
        { inputs: { text: {} } },
      ),
      { inputs: { text: 'abc' } },
    )
    expect(result.failures).toEqual([])
    expect(result.outputs).toEqual({ b: { text: '!abc' } })
    expect(result.modelsUsed).toMatchObject([{ model: 'mirror', invocations: 2 }])
    expect(await leased(engine)).toBe(0)
    const info = await engine.store.ask.info({ hash: result.artifacts.b! })
    expect(info!.createdBy).toMatchObject({ model: 'mirror', nodeId: 'b', runId: result.runId })
  })

  test('more calls than slots: never more at once than the model has', async () => {
    await using engine = await withModels(model('mirror', { slots: 2 }))
    const over = Array.from({ length: 20 }, (_, at) => `t${at}`)
    const body = { nodes: [call('say', { text: { from: 'item' }, ms: 2 })] }
    const result = await engine.run(workflowOf([{ id: 'all', kind: 'map', over, body }]))
    expect(result.failures).toEqual([])
    expect(result.counts.completed).toBe(21)
    expect(ledger().begun).toHaveLength(20)
    expect(ledger().peak).toBeLessThanOrEqual(2)
    expect(await leased(engine)).toBe(0)
  })

  test('results of deterministic models are shared between runs, of a new version they are not', async () => {
    await using engine = await withModels(
      model('mirror', { deterministic: true }),
      model('dice', { deterministic: false }),
    )
    const definition = workflowOf([call('a', { text: 'x' }), call('b', { text: 'x' }, { model: 'dice' })])
    await engine.run(definition)
    const second = await engine.run(definition)
    expect(second.counts.cached).toBe(1)
    expect(second.modelsUsed).toMatchObject([{ model: 'dice', invocations: 1 }])
    await engine.system.ref(poolManager).ask.register({ spec: model('mirror', { deterministic: true, version: '2' }) })
    expect((await engine.run(definition)).counts.cached).toBe(0)
  })

  test('an unknown model is refused before anything runs, and named with the known ones', async () => {
    await using engine = await withModels(model('mirror'))
    const definition = workflowOf([noop('n'), call('a', { text: 'x' }, { model: 'miror' })])
    await expect(engine.tracker.ask.start({ definition })).rejects.toMatchObject({
      code: 'UNKNOWN_MODEL',
      fields: { model: 'miror', nodeId: 'a', known: 'mirror' },
    })
    expect(await engine.tracker.ask.list({})).toEqual([])
  })

  test('a failing model falls back to another', async () => {
    await using engine = await withModels(model('mirror'), model('broken', {}, 'broken'))
    const result = await engine.run(
      workflowOf([call('a', { text: 'ab' }, { model: 'broken', fallback: { model: 'mirror' } })]),
    )
    expect(result).toMatchObject({ state: 'completed', outputs: { a: { text: 'ba' } }, failures: [] })
    expect(result.modelsUsed.map(({ model }) => model)).toEqual(['mirror'])
  })

  test('cancel reaches the model and frees its slot', async () => {
    await using engine = await withModels(model('mirror'))
    const { runId } = await engine.tracker.ask.start({ definition: workflowOf([call('a', { text: 'x', ms: 60_000 })]) })
    while (ledger().active === 0) await new Promise((resolve) => setImmediate(resolve))
    await engine.tracker.ask.cancel({ runId })
    expect(await engine.tracker.ask.wait({ runId })).toMatchObject({ state: 'cancelled' })
    expect(ledger().aborted).toEqual(['model/x'])
    expect(await leased(engine)).toBe(0)
  })
})

describe('somebody dies under a call', () => {
  test.each(['pool-manager', 'dag-tracker', 'host'])('%s', async (victim) => {
    await using engine = await withModels(model('mirror', { slots: 4 }))
    // Longer than three restarts, by far.
    const over = Array.from({ length: 40 }, (_, at) => `t${at}`)
    const body = { nodes: [call('say', { text: { from: 'item' }, ms: 40 })], outputs: { text: { from: 'say.text' } } }
    const { runId } = await engine.tracker.ask.start({
      definition: workflowOf([{ id: 'all', kind: 'map', over, body }]),
    })
    const ended = engine.tracker.ask.wait({ runId })
    for (let kill = 0; kill < 3; kill++) {
      while (ledger().active === 0) await new Promise((resolve) => setImmediate(resolve))
      const host = engine.system.stats().find(({ name }) => name.startsWith('model-host'))
      await engine.system.kill(victim === 'host' ? host!.name : victim)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    const result = await ended
    expect(result.failures).toEqual([])
    expect(result.outputs.all).toEqual({
      items: over.map((text) => ({ text: text.split('').toReversed().join('') })),
      errors: [],
    })
    const { nodes } = await engine.tracker.ask.inspect({ runId })
    expect(nodes.filter(({ kind }) => kind === 'instrument').every(({ attempts }) => attempts === 1)).toBe(true)
  })
})
