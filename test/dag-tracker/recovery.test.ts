/** What becomes of failed attempts, of time limits, and of commands that reach a run in the middle. */
import { beforeEach, describe, expect, test } from 'vitest'
import { delayMsOf } from '../../actors/dag-tracker/recovery.ts'
import { seededRandom } from '../../runtime/index.ts'
import { clearLedger, ledger } from './fixtures/operators.ts'
import { noop, openEngine, step, workflowOf } from './engine-support.ts'

beforeEach(clearLedger)

const nodes = (keys: readonly string[]): string[] => keys.map((key) => key.slice(key.indexOf('/') + 1))

describe('failed attempts', () => {
  test('retry: as often as allowed, each attempt with its own idempotency key', async () => {
    await using engine = await openEngine()
    const retry = { attempts: 3, delayMs: 1 }
    const result = await engine.run(workflowOf([step('a', 'flaky', { times: 2, value: 'ok' }, { retry })]))
    expect(result).toMatchObject({ state: 'completed', outputs: { a: 'ok' } })
    expect(nodes(ledger().begun)).toEqual(['a/1', 'a/2', 'a/3'])
    const events = await engine.events(result.runId)
    expect(events.filter(({ type }) => type === 'node-retried')).toHaveLength(2)
    const { nodes: reports } = await engine.tracker.ask.inspect({ runId: result.runId })
    expect(reports[0]).toMatchObject({ attempts: 3, state: 'completed' })
    expect(reports[0]!.error).toBeUndefined()
  })

  test('retry: only so often, and only for the codes it names', async () => {
    await using engine = await openEngine()
    const result = await engine.run(
      workflowOf([
        step('often', 'flaky', { times: 9 }, { retry: { attempts: 2, delayMs: 1 } }),
        step('other', 'flaky', { times: 9 }, { retry: { attempts: 5, delayMs: 1, retryOn: ['SOMETHING_ELSE'] } }),
      ]),
    )
    expect(result.failures.map(({ nodeId, code }) => [nodeId, code])).toEqual(
      expect.arrayContaining([
        ['often', 'NODE_FAILED'],
        ['other', 'NODE_FAILED'],
      ]),
    )
    expect(nodes(ledger().begun).toSorted()).toEqual(['often/1', 'often/2', 'other/1'])
  })

  test('delays grow as the policy says, jitter stays below', () => {
    const random = seededRandom(1)
    const policy = { attempts: 9, delayMs: 100, maxDelayMs: 350, jitter: false } as const
    const delays = (backoff: 'constant' | 'linear' | 'exponential') =>
      [1, 2, 3, 4].map((attempt) => delayMsOf({ ...policy, backoff }, attempt, random))
    expect(delays('constant')).toEqual([100, 100, 100, 100])
    expect(delays('linear')).toEqual([100, 200, 300, 350])
    expect(delays('exponential')).toEqual([100, 200, 350, 350])
    for (let i = 0; i < 100; i++) expect(delayMsOf({ ...policy, jitter: true }, 3, random)).toBeLessThan(350)
  })

  test('fallback to a value, and to a node that otherwise does not run', async () => {
    await using engine = await openEngine()
    const bad = { value: 1, bad: [1] }
    const result = await engine.run(
      workflowOf(
        [
          step('value', 'picky', bad, { fallback: { value: { answer: 42 } } }),
          step('main', 'picky', bad, { fallback: { node: 'spare' } }),
          step('spare', 'work', { value: 'from the spare' }),
          step('fine', 'work', { value: 'fine' }, { fallback: { node: 'unused' } }),
          step('unused', 'work', { value: 'never' }),
        ],
        { outputs: { value: { from: 'value.answer' }, main: { from: 'main' }, fine: { from: 'fine' } } },
      ),
    )
    expect(result).toMatchObject({ state: 'completed', failures: [] })
    expect(result.outputs).toEqual({ value: 42, main: 'from the spare', fine: 'fine' })
    expect(nodes(ledger().begun).toSorted()).toEqual(['fine/1', 'spare/1'])
  })

  test('a fallback node that fails too: the first error counts', async () => {
    await using engine = await openEngine()
    const result = await engine.run(
      workflowOf([
        step('main', 'picky', { value: 'x', bad: ['x'] }, { fallback: { node: 'spare' } }),
        step('spare', 'picky', { value: 'y', bad: ['y'] }),
      ]),
    )
    expect(result.failures).toMatchObject([{ nodeId: 'main', message: expect.stringContaining('like x') as string }])
  })

  test('skip with a default: dependents go on; without: they are skipped', async () => {
    await using engine = await openEngine()
    const bad = { value: 1, bad: [1] }
    const result = await engine.run(
      workflowOf([
        step('with', 'picky', bad, { skip: { default: 'instead' } }),
        step('without', 'picky', bad, { skip: {} }),
        noop('one', { v: { from: 'with' } }),
        noop('two', { v: { from: 'without' } }),
        noop('three', { v: { from: 'without', default: 'own' } }),
      ]),
    )
    expect(result).toMatchObject({ state: 'completed', failures: [] })
    expect(result.outputs).toEqual({ one: { v: 'instead' }, two: null, three: { v: 'own' } })
    expect(result.counts).toMatchObject({ completed: 2, skipped: 3, failed: 0 })
  })

  test('independent branches run to their end before a failed run ends', async () => {
    await using engine = await openEngine()
    const result = await engine.run(
      workflowOf([
        step('bad', 'picky', { value: 1, bad: [1] }),
        step('long', 'work', { ms: 20, value: 1 }),
        noop('after', { v: { from: 'long' } }),
      ]),
    )
    expect(result).toMatchObject({ state: 'failed', counts: { completed: 2, failed: 1 } })
  })
})

describe('time limits', () => {
  test('a node that heeds its signal ends at once, one that does not is abandoned; late results are dropped', async () => {
    await using engine = await openEngine({ tracker: { graceMs: 20 } })
    const result = await engine.run(
      workflowOf([
        step('polite', 'work', { ms: 60_000 }, { timeoutMs: 20 }),
        step('stubborn', 'stubborn', { ms: 300 }, { timeoutMs: 20, skip: { default: 'given up' } }),
      ]),
    )
    expect(result.failures).toMatchObject([{ nodeId: 'polite', code: 'NODE_TIMEOUT' }])
    expect(nodes(ledger().aborted)).toEqual(['polite/1'])
    const { nodes: reports } = await engine.tracker.ask.inspect({ runId: result.runId })
    expect(reports[1]).toMatchObject({ state: 'skipped', output: { value: 'given up' } })
  })

  test('time counts from the start of an attempt, not from queueing', async () => {
    await using engine = await openEngine()
    const chain = Array.from({ length: 5 }, (_, at) => step(`n${at}`, 'work', { ms: 40 }, { timeoutMs: 150 }))
    const result = await engine.run(workflowOf(chain), { maxConcurrency: 1 })
    expect(result).toMatchObject({ state: 'completed', counts: { completed: 5 } })
    expect(ledger().peak).toBe(1)
  })
})

describe('commands', () => {
  const waitFor = async (condition: () => boolean): Promise<void> => {
    while (!condition()) await new Promise((resolve) => setImmediate(resolve))
  }

  test('cancel reaches every running node, and the run ends', async () => {
    await using engine = await openEngine()
    const definition = workflowOf([
      ...Array.from({ length: 200 }, (_, at) => step(`n${at}`, 'work', { ms: 60_000 })),
      noop('after', { v: { from: 'n0' } }),
    ])
    const { runId } = await engine.tracker.ask.start({ definition, maxConcurrency: 100 })
    const ended = engine.tracker.ask.wait({ runId })
    await waitFor(() => ledger().active === 100)
    expect(await engine.tracker.ask.cancel({ runId, reason: 'enough' })).toMatchObject({ state: 'cancelled' })
    expect(await ended).toMatchObject({
      state: 'cancelled',
      counts: { running: 0, queued: 0, pending: 0, skipped: 201 },
    })
    expect(ledger().aborted).toHaveLength(100)
    expect(ledger().begun).toHaveLength(100)
    expect(await engine.tracker.ask.cancel({ runId })).toMatchObject({ state: 'cancelled' })
  })

  test('pause starts nothing more; resume goes on', async () => {
    await using engine = await openEngine()
    const definition = workflowOf([
      step('a', 'work', { ms: 30, value: 1 }),
      step('b', 'work', { value: { from: 'a' } }),
    ])
    const { runId } = await engine.tracker.ask.start({ definition })
    await waitFor(() => ledger().active === 1)
    expect(await engine.tracker.ask.pause({ runId })).toMatchObject({ state: 'paused' })
    await waitFor(() => ledger().active === 0)
    await engine.tracker.ask.events({ runId, afterSeq: 3, waitMs: 5_000 })
    expect(await engine.tracker.ask.status({ runId })).toMatchObject({
      state: 'paused',
      counts: { completed: 1, queued: 1 },
    })
    expect(ledger().begun).toHaveLength(1)
    expect(await engine.tracker.ask.resume({ runId })).toEqual({ resumed: [runId] })
    expect(await engine.tracker.ask.wait({ runId })).toMatchObject({ state: 'completed', outputs: { b: 1 } })
  })

  test('unknown runs, ended runs, taken ids, bad inputs: coded errors', async () => {
    await using engine = await openEngine()
    const { tracker } = engine
    const definition = workflowOf([noop('a', { v: { from: 'inputs.n' } })], { inputs: { n: { type: 'number' } } })
    await engine.run(definition, { runId: 'mine', inputs: { n: 1 } })
    await expect(tracker.ask.status({ runId: 'none' })).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' })
    await expect(tracker.ask.pause({ runId: 'mine' })).rejects.toMatchObject({ code: 'RUN_ENDED' })
    const start = (inputs: Record<string, unknown>, runId = 'mine') => tracker.ask.start({ definition, inputs, runId })
    await expect(start({ n: 2 })).rejects.toMatchObject({ code: 'RUN_ID_TAKEN' })
    expect(await start({ n: 1 })).toEqual({ runId: 'mine', attached: true })
    await expect(start({}, 'x')).rejects.toMatchObject({ code: 'RUN_INPUT_INVALID', fields: { input: 'n' } })
    await expect(start({ n: '1' }, 'x')).rejects.toMatchObject({ code: 'RUN_INPUT_INVALID' })
    await expect(start({ n: 1, m: 1 }, 'x')).rejects.toMatchObject({ fields: { input: 'm' } })
    const cyclic = workflowOf([noop('a', {}, { after: ['b'] }), noop('b', {}, { after: ['a'] })])
    await expect(tracker.ask.start({ definition: cyclic })).rejects.toMatchObject({ code: 'WORKFLOW_INVALID' })
  })
})
