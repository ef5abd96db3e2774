/** The tracker, or a peer, dies in the middle: nothing is lost, nothing committed runs twice. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import type { DagTrackerConfig, WorkflowDefinition } from '../../actors/dag-tracker/index.ts'
import { seededRandom, type Random } from '../../runtime/index.ts'
import { createFaultyDisk } from '../../runtime/testing/faulty-files.ts'
import { clearLedger, ledger } from './fixtures/operators.ts'
import { noop, openEngine, step, workflowOf, type Engine } from './engine-support.ts'

beforeEach(clearLedger)

const ITEMS = 12

/** A map of small chains between two ordinary nodes, with a long output, a retry and a branch in it. */
const definition: WorkflowDefinition = workflowOf(
  [
    step('first', 'work', { value: 'first', ms: 1 }),
    {
      id: 'items',
      kind: 'map',
      over: { from: 'inputs.list' },
      concurrency: 4,
      body: {
        nodes: [
          step('one', 'work', { value: { from: 'item' }, first: { from: 'first' }, ms: 1 }),
          step('text', 'long', { value: { from: 'one' } }),
          step('two', 'work', { value: { from: 'text', transform: 'value.size()' }, ms: 1 }),
          noop('three', { size: { from: 'two' }, item: { from: 'one' } }),
        ],
        outputs: { item: { from: 'three' } },
      },
    },
    step('last', 'work', { value: { from: 'items.items' } }),
  ],
  { inputs: { list: { type: 'array' } }, outputs: { last: { from: 'last' } } },
)
const inputs = { list: Array.from({ length: ITEMS }, (_, at) => `i${at}`) }
const expected = inputs.list.map((item) => ({ item: { size: 10_000 * item.length, item } }))

const settle = async (turns: number): Promise<void> => {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** Paths of the nodes whose completion has been shown to somebody: these must never run again. */
async function committed({ tracker }: Engine, runId: string): Promise<Set<string>> {
  const { events } = await tracker.ask.events({ runId, afterSeq: 0, limit: 10_000 })
  return new Set(events.filter(({ type }) => type === 'node-completed').map(({ nodeId }) => nodeId!))
}

const nodeOf = (key: string): string => key.split('/')[1]!

/** Kills at random moments until the run has ended by itself between two of them. */
async function runThrough(engine: Engine, random: Random, crash: () => Promise<void>): Promise<number> {
  const { runId } = await engine.tracker.ask.start({ definition, inputs, maxConcurrency: 6 })
  const ended = engine.tracker.ask.wait({ runId })
  let over = false
  void ended.finally(() => (over = true))
  let kills = 0
  while (kills < 25) {
    await settle(Math.floor(random.next() * 40))
    const before = await committed(engine, runId)
    const begun = ledger().begun.length
    if (over) break
    await crash()
    kills++
    await settle(10)
    const again = ledger().begun.slice(begun).map(nodeOf)
    expect(again.filter((node) => before.has(node))).toEqual([])
  }
  const result = await ended
  expect(result.failures).toEqual([])
  expect(result).toMatchObject({ state: 'completed', outputs: { last: expected } })
  expect(result.counts).toMatchObject({ total: 3 + ITEMS * 4, completed: 3 + ITEMS * 4 })
  // A crash does not count as an attempt: whatever is repeated has the key it had.
  expect(ledger().begun.filter((key) => !key.endsWith('/1'))).toEqual([])
  const events = await engine.events(runId)
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, at) => at + 1))
  expect(result.resumed).toBe(events.filter(({ type }) => type === 'run-resumed').length)
  const completions = events.filter(({ type }) => type === 'node-completed').map(({ nodeId }) => nodeId)
  expect(new Set(completions).size).toBe(completions.length)
  return kills
}

describe('the tracker dies', () => {
  test.each([1, 2, 3])('at random moments (seed %i): it resumes by itself, the wait survives', async (seed) => {
    await using engine = await openEngine()
    const kills = await runThrough(engine, seededRandom(seed), async () => engine.system.kill('dag-tracker'))
    expect(kills).toBeGreaterThan(0)
  })

  test.each([4, 5, 6])('with the power, so that unsynced writes are lost (seed %i)', async (seed) => {
    const random = seededRandom(seed)
    const disk = createFaultyDisk(random)
    const dir = await mkdtemp(join(tmpdir(), 'pit-dag-'))
    // Each life of the tracker is a process of its own on the same disk.
    const trackerConfig: DagTrackerConfig = {
      dataDir: dir,
      get files() {
        return disk.start()
      },
    }
    {
      await using engine = await openEngine({ dir, trackerConfig })
      await runThrough(engine, random, async () => {
        disk.powerCut()
        await engine.system.kill('dag-tracker')
      })
    }
    await rm(dir, { recursive: true, force: true })
  })

  test('small snapshots all the time change nothing', async () => {
    await using engine = await openEngine({ tracker: { snapshotEveryBytes: 200 } })
    await runThrough(engine, seededRandom(7), async () => engine.system.kill('dag-tracker'))
    expect((await engine.run(definition, { inputs, runId: 'second' })).outputs.last).toEqual(expected)
    await engine.system.kill('dag-tracker')
    const runs = await engine.tracker.ask.list({})
    expect(runs.map(({ state, counts }) => [state, counts.completed])).toEqual([
      ['completed', 3 + ITEMS * 4],
      ['completed', 3 + ITEMS * 4],
    ])
  })
})

describe('a peer dies', () => {
  test.each(['artifact-store', 'arbitration-engine'])('%s', async (peer) => {
    await using engine = await openEngine()
    const random = seededRandom(8)
    const withResources = {
      ...definition,
      nodes: definition.nodes.map((node) => (node.id === 'first' ? { ...node, resources: { cpu: 1 } } : node)),
    } as WorkflowDefinition
    const { runId } = await engine.tracker.ask.start({ definition: withResources, inputs })
    const ended = engine.tracker.ask.wait({ runId })
    for (let kill = 0; kill < 8; kill++) {
      await settle(Math.floor(random.next() * 10))
      await engine.system.kill(peer)
    }
    const result = await ended
    expect(result.failures).toEqual([])
    expect(result).toMatchObject({ state: 'completed', outputs: { last: expected } })
  })
})

describe('coming back', () => {
  const slow = workflowOf([step('a', 'work', { value: 1 }), step('b', 'work', { ms: 300, value: { from: 'a' } })])

  async function interrupted(): Promise<Engine & { readonly runId: string }> {
    const engine = await openEngine()
    const { runId } = await engine.tracker.ask.start({ definition: slow })
    while (ledger().active === 0 || (await committed(engine, runId)).size === 0) await settle(1)
    await engine.system.close()
    return { ...engine, runId }
  }

  test('a start of the same workflow and inputs attaches to the unfinished run', async () => {
    await using before = await interrupted()
    await using after = await openEngine({ dir: before.dir })
    expect(await after.tracker.ask.start({ definition: slow })).toEqual({ runId: before.runId, attached: true })
    const other = await after.tracker.ask.start({ definition: slow, attach: false })
    expect(other.attached).toBe(false)
    const result = await after.tracker.ask.wait({ runId: before.runId })
    expect(result).toMatchObject({ state: 'completed', resumed: 1, outputs: { b: 1 } })
    expect(ledger().begun.filter((key) => key === `${before.runId}/a/1`)).toHaveLength(1)
    await after.tracker.ask.wait({ runId: other.runId })
    expect((await after.tracker.ask.start({ definition: slow })).attached).toBe(false)
  })

  test('resume manual: reading changes nothing, resume takes it up', async () => {
    await using before = await interrupted()
    await using after = await openEngine({ dir: before.dir, tracker: { resume: 'manual' } })
    const { runId } = before
    expect(await after.tracker.ask.list({})).toMatchObject([{ runId, state: 'pending', resumed: 0 }])
    await settle(20)
    expect(ledger().active).toBe(0)
    expect(await after.tracker.ask.resume({})).toEqual({ resumed: [runId] })
    expect(await after.tracker.ask.wait({ runId })).toMatchObject({ state: 'completed', outputs: { b: 1 } })
  })

  test('an interrupted run can be cancelled without being taken up', async () => {
    await using before = await interrupted()
    await using after = await openEngine({ dir: before.dir, tracker: { resume: 'manual' } })
    const { runId } = before
    expect(await after.tracker.ask.cancel({ runId })).toMatchObject({ state: 'cancelled' })
    expect(await after.tracker.ask.wait({ runId })).toMatchObject({
      state: 'cancelled',
      counts: { completed: 1, skipped: 1 },
    })
  })

  test('ended runs are listed and inspected after a restart, a bounded number of them', async () => {
    await using before = await openEngine({ tracker: { runsMax: 3 } })
    const runIds = ['r1', 'r2', 'r3', 'r4', 'r5']
    for (const [n, runId] of runIds.entries()) await before.run(workflowOf([noop('a', { n })]), { runId })
    await before.system.close()
    await using after = await openEngine({ dir: before.dir, tracker: { runsMax: 3 } })
    const runs = await after.tracker.ask.list({})
    expect(runs.map(({ runId }) => runId).toSorted()).toEqual(['r3', 'r4', 'r5'])
    const { run, nodes } = await after.tracker.ask.inspect({ runId: 'r4' })
    expect(run.outputs).toEqual({ a: { n: 3 } })
    expect(nodes).toMatchObject([{ nodeId: 'a', state: 'completed', output: { value: { n: 3 } } }])
    expect((await after.events('r4')).map(({ type }) => type)).toEqual([
      'run-started',
      'node-started',
      'node-completed',
      'run-ended',
    ])
    await expect(after.tracker.ask.wait({ runId: 'r1' })).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' })
  })
})

describe('the disk', () => {
  test('full in the middle of a run: waiters hear a code, nothing is lost, resume goes on', async () => {
    const disk = createFaultyDisk(seededRandom(9))
    let full = false
    const files = disk.start(({ call }) => (full && call === 'write' ? 'ENOSPC' : null))
    await using engine = await openEngine({ tracker: { files } })
    const chain = Array.from({ length: 5 }, (_, at) =>
      step(`n${at}`, 'work', { ms: 5, value: at === 0 ? 'x' : { from: `n${at - 1}` } }),
    )
    const { runId } = await engine.tracker.ask.start({ definition: workflowOf(chain) })
    while (ledger().begun.length < 2) await settle(1)
    full = true
    await expect(engine.tracker.ask.wait({ runId })).rejects.toMatchObject({
      code: 'JOURNAL_UNAVAILABLE',
      action: 'retry',
    })
    const start = engine.tracker.ask.start({ definition: workflowOf([noop('other')]) })
    await expect(start).rejects.toMatchObject({ code: 'JOURNAL_UNAVAILABLE' })
    await expect(engine.tracker.ask.resume({})).rejects.toMatchObject({ code: 'JOURNAL_UNAVAILABLE' })
    expect(await engine.tracker.ask.status({ runId })).toMatchObject({ state: 'running' })
    full = false
    await engine.tracker.ask.resume({})
    const result = await engine.tracker.ask.wait({ runId })
    expect(result).toMatchObject({ state: 'completed', outputs: { n4: 'x' }, counts: { completed: 5 } })
    expect(new Set(ledger().begun).size).toBe(5)
  })
})
