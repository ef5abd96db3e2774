/** Whole runs through the actor: order, values, control nodes, ends. */
import { beforeEach, describe, expect, test } from 'vitest'
import { isContentHash } from '../../actors/artifact-store/protocol.ts'
import { clearLedger, ledger } from './fixtures/operators.ts'
import { noop, openEngine, step, workflowOf } from './engine-support.ts'

beforeEach(clearLedger)

describe('data flow', () => {
  test('a diamond: values meet, the run completes, events are gapless', async () => {
    await using engine = await openEngine()
    const result = await engine.run(
      workflowOf(
        [
          step('a', 'work', { value: { from: 'inputs.start' } }),
          step('b', 'work', { value: { from: 'a', transform: 'value + 1' } }),
          step('c', 'work', { value: { from: 'a', transform: 'value * 2' } }),
          noop('d', { b: { from: 'b' }, c: { from: 'c' } }),
        ],
        { inputs: { start: { type: 'number' } }, outputs: { sum: { from: 'd', transform: 'value.b + value.c' } } },
      ),
      { inputs: { start: 20 } },
    )
    expect(result).toMatchObject({ state: 'completed', outputs: { sum: 61 }, failures: [] })
    expect(result.counts).toMatchObject({ total: 4, completed: 4, cached: 0 })
    expect(ledger().begun.map((key) => key.split('/')[1])).toEqual(['a', 'b', 'c'])
    const events = await engine.events(result.runId)
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, at) => at + 1))
    expect(events[0]!.type).toBe('run-started')
    expect(events.at(-1)).toMatchObject({ type: 'run-ended', state: 'completed' })
    expect(events.filter(({ type }) => type === 'node-completed')).toHaveLength(4)
  })

  test('large outputs travel by reference and come back exactly, by hash too', async () => {
    await using engine = await openEngine()
    const result = await engine.run(
      workflowOf([step('text', 'long', { value: 'ä' }), noop('copy', { text: { from: 'text' } })], {
        outputs: { text: { from: 'copy.text' } },
      }),
    )
    expect(result.outputs.text).toBe('ä'.repeat(10_000))
    const hash = result.artifacts.text
    expect(isContentHash(hash)).toBe(true)
    expect(Buffer.from((await engine.store.ask.get({ hash: hash! }))!).toString()).toBe('ä'.repeat(10_000))
    expect((await engine.store.ask.info({ hash: hash! }))!.contentType).toBe('text/plain')
    const copied = await engine.store.ask.lineage({ hash: result.artifacts.copy!, direction: 'ancestors' })
    expect(copied.map(({ hash }) => hash)).toContain(hash)
    expect((await engine.store.ask.info({ hash: hash! }))!.pinnedBy).toEqual([])
  })

  test('small outputs are artifacts too when the run has ended', async () => {
    await using engine = await openEngine()
    const result = await engine.run(workflowOf([noop('a', { x: 1 }), noop('b', { y: { from: 'a.x' } })]))
    expect(result.outputs).toEqual({ b: { y: 1 } })
    const [a, b] = await Promise.all(
      ['a', 'b'].map(async (id) => engine.store.ask.get({ hash: result.artifacts[id]! })),
    )
    expect([a, b].map((content) => Buffer.from(content!).toString())).toEqual(['{"x":1}', '{"y":1}'])
    const found = await engine.store.ask.search({ runId: result.runId })
    expect(found.total).toBe(2)
  })

  test('a run outlives the deadline of the call that started it', async () => {
    await using engine = await openEngine()
    const nodes = [step('slow', 'work', { ms: 2_500, value: 'x'.repeat(10_000) })]
    const { runId } = await engine.tracker.ask.start({ definition: workflowOf(nodes) }, { deadlineMs: 2_000 })
    expect(await engine.tracker.ask.wait({ runId })).toMatchObject({ state: 'completed', counts: { completed: 1 } })
  })

  test('hostile ids are just ids', async () => {
    await using engine = await openEngine()
    const ids = ['__proto__', 'constructor', 'toString']
    const result = await engine.run(
      workflowOf([...ids.map((id) => noop(id, { v: id })), noop('all', { x: { from: '__proto__.v' } })]),
    )
    expect(result.state).toBe('completed')
    expect(result.counts.completed).toBe(4)
    expect(Object.keys(result.artifacts)).toEqual(expect.arrayContaining(['constructor', 'toString', 'all']))
    expect(({} as Record<string, unknown>).v).toBeUndefined()
  })

  test('an output that is no JSON fails its node with a code', async () => {
    await using engine = await openEngine()
    const result = await engine.run(workflowOf([step('bad', 'notJson'), noop('after', {}, { after: ['bad'] })]))
    expect(result).toMatchObject({ state: 'failed', failures: [{ nodeId: 'bad', code: 'OUTPUT_INVALID' }] })
    expect(result.counts).toMatchObject({ failed: 1, skipped: 1 })
  })

  test('operators on the CPU pool', async () => {
    await using engine = await openEngine({ tracker: { poolThreads: 1 } })
    const result = await engine.run(workflowOf([step('sum', 'sumTo', { n: 1_000 }, { on: 'pool' })]))
    expect(result.failures).toEqual([])
    expect(result.outputs).toEqual({ sum: { sum: 500_500 } })
  })
})

describe('map', () => {
  test('goes over a list in order, also nested, with outer values', async () => {
    await using engine = await openEngine()
    const inner = {
      id: 'cells',
      kind: 'map',
      over: { from: 'item' },
      body: {
        nodes: [noop('cell', { value: { from: 'item' }, at: { from: 'index' }, unit: { from: 'unit.value' } })],
        outputs: { text: { from: 'cell', transform: 'string(value.value) + value.unit' } },
      },
    } as const
    const result = await engine.run(
      workflowOf(
        [
          noop('unit', { value: 'm' }),
          { id: 'rows', kind: 'map', over: { from: 'inputs.rows' }, body: { nodes: [inner] } },
        ],
        { inputs: { rows: {} }, outputs: { rows: { from: 'rows.items' } } },
      ),
      { inputs: { rows: [['1', '2'], [], ['3']] } },
    )
    expect(result.failures).toEqual([])
    expect(result.outputs.rows).toEqual([
      { items: [{ text: '1m' }, { text: '2m' }], errors: [] },
      { items: [], errors: [] },
      { items: [{ text: '3m' }], errors: [] },
    ])
    const { nodes } = await engine.tracker.ask.inspect({ runId: result.runId })
    expect(nodes.map(({ nodeId }) => nodeId)).toContain('rows[0].cells[1].cell')
  })

  const picky = (onItemError: 'fail' | 'skip') =>
    workflowOf([
      {
        id: 'items',
        kind: 'map',
        over: [1, 2, 3, 4],
        onItemError,
        body: {
          nodes: [
            step('check', 'picky', { value: { from: 'item' }, bad: [2, 4] }),
            noop('next', { v: { from: 'check' } }),
          ],
        },
      },
    ])

  test('onItemError skip: failed items are listed with their code, the run completes', async () => {
    await using engine = await openEngine()
    const result = await engine.run(picky('skip'))
    expect(result.state).toBe('completed')
    expect(result.outputs.items).toMatchObject({
      items: [{ v: 1 }, { v: 3 }],
      errors: [
        { index: 1, item: 2, nodeId: 'items[1].check', code: 'NODE_FAILED' },
        { index: 3, item: 4, nodeId: 'items[3].check', code: 'NODE_FAILED' },
      ],
    })
  })

  test('onItemError fail: the map fails and names the item', async () => {
    await using engine = await openEngine()
    const result = await engine.run(picky('fail'))
    expect(result.state).toBe('failed')
    expect(result.failures).toMatchObject([{ nodeId: 'items', code: 'MAP_ITEM_FAILED' }])
    expect(result.failures[0]!.message).toContain('items[1].check')
    expect(result.counts).toMatchObject({ pending: 0, queued: 0, running: 0 })
  })

  test('concurrency bounds the items in flight', async () => {
    await using engine = await openEngine()
    const body = { nodes: [step('wait', 'work', { ms: 2, value: { from: 'index' } })] }
    const over = Array.from({ length: 20 }, (_, at) => at)
    const result = await engine.run(workflowOf([{ id: 'm', kind: 'map', over, concurrency: 3, body }]))
    expect(result.outputs.m).toEqual({ items: over, errors: [] })
    expect(ledger().peak).toBe(3)
  })

  test('what is no list fails with a code', async () => {
    await using engine = await openEngine()
    const result = await engine.run(
      workflowOf([{ id: 'm', kind: 'map', over: { from: 'inputs.x' }, body: { nodes: [noop('n')] } }], {
        inputs: { x: {} },
      }),
      { inputs: { x: 'text' } },
    )
    expect(result.failures).toMatchObject([{ nodeId: 'm', code: 'MAP_NOT_A_LIST' }])
  })
})

describe('conditions', () => {
  test('branch takes one case; the other is skipped and so is what hangs on it; a join goes on', async () => {
    await using engine = await openEngine()
    const definition = workflowOf(
      [
        {
          id: 'size',
          kind: 'branch',
          inputs: { n: { from: 'inputs.n' } },
          cases: [{ label: 'big', when: 'inputs.n > 10' }],
          otherwise: 'small',
        },
        noop('large', { v: 'L' }, { after: [{ node: 'size', label: 'big' }] }),
        noop('little', { v: 'S' }, { after: [{ node: 'size', label: 'small' }] }),
        noop('afterLittle', { v: { from: 'little.v' } }),
        { id: 'end', kind: 'join', inputs: { a: { from: 'large.v' }, b: { from: 'afterLittle.v', default: 'none' } } },
      ],
      { inputs: { n: { type: 'number' } } },
    )
    const result = await engine.run(definition, { inputs: { n: 11 } })
    expect(result).toMatchObject({ state: 'completed', outputs: { end: { a: 'L', b: 'none' } } })
    expect(result.counts).toMatchObject({ completed: 3, skipped: 2 })
  })

  test('when, disabled nodes, and dependencies on an outcome', async () => {
    await using engine = await openEngine()
    const result = await engine.run(
      workflowOf(
        [
          noop('no', {}, { when: 'run.inputs.go' }),
          noop('off', {}, { enabled: false }),
          step('broken', 'picky', { value: 1, bad: [1] }),
          noop(
            'ifSkipped',
            {},
            {
              after: [
                { node: 'no', on: 'skipped' },
                { node: 'off', on: 'skipped' },
              ],
            },
          ),
          noop('ifFailed', {}, { after: [{ node: 'broken', on: 'failed' }] }),
          noop('ifFine', {}, { after: ['broken'] }),
          noop(
            'always',
            {},
            {
              after: [
                { node: 'broken', on: 'any' },
                { node: 'no', on: 'any' },
              ],
            },
          ),
        ],
        { inputs: { go: { type: 'boolean' } } },
      ),
      { inputs: { go: false } },
    )
    const { nodes } = await engine.tracker.ask.inspect({ runId: result.runId })
    expect(Object.fromEntries(nodes.map(({ nodeId, state }) => [nodeId, state]))).toEqual({
      no: 'skipped',
      off: 'skipped',
      broken: 'failed',
      ifSkipped: 'completed',
      ifFailed: 'completed',
      ifFine: 'skipped',
      always: 'completed',
    })
    expect(result.state).toBe('completed')
  })
})
