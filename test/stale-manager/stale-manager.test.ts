/** Cleanups of a real store: what goes, what comes back, and what happens when the world or the process gets in between. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { defineActor, type ActorRef, type ActorSystem } from '../../runtime/index.ts'
import { startInProcess } from '../../runtime/testing/in-process-system.ts'
import {
  artifactStore,
  artifactStoreActor,
  type ArtifactInput,
  type ArtifactStoreProtocol,
  type ContentHash,
} from '../../actors/artifact-store/index.ts'
import {
  staleManager,
  staleManagerActor,
  type RetentionPolicy,
  type StaleManagerConfig,
  type StaleManagerProtocol,
} from '../../actors/stale-manager/index.ts'
import { manualClock, type ManualClock } from '../support/manual-clock.ts'

const DAY_MS = 86_400_000
const EXPIRE: RetentionPolicy = { name: 'old', selector: { all: true }, rules: [{ kind: 'max-idle', days: 30 }] }

/** Answers only what a cleanup asks of it: the unfinished runs. */
const activeRuns = new Set<string>()
interface RunsProtocol {
  list(arg: { readonly state?: string }): readonly { readonly runId: string }[]
}
const tracker = defineActor<RunsProtocol, null>({
  name: 'dag-tracker',
  module: import.meta.url,
  init: () => null,
  handlers: { list: (_, { state }) => (state === 'running' ? [...activeRuns].map((runId) => ({ runId })) : []) },
})

let clock: ManualClock
let dataDir: string
let system: ActorSystem
let store: ActorRef<ArtifactStoreProtocol>
let manager: ActorRef<StaleManagerProtocol>

async function open(config: Partial<StaleManagerConfig> = {}): Promise<void> {
  system = await startInProcess({
    clock,
    actors: [[artifactStoreActor, { dataDir }], [tracker], [staleManagerActor, { dataDir, ...config }]],
  })
  store = system.ref(artifactStore)
  manager = system.ref(staleManager)
}

beforeEach(async () => {
  clock = manualClock(1_000 * DAY_MS)
  activeRuns.clear()
  dataDir = mkdtempSync(join(tmpdir(), 'pit-retention-'))
  await open({ policies: [EXPIRE] })
})
afterEach(async () => {
  await system.close()
  rmSync(dataDir, { recursive: true, force: true })
})

async function put(text: string, rest: Partial<ArtifactInput> = {}): Promise<ContentHash> {
  return (await store.ask.put({ content: new TextEncoder().encode(text), ...rest })).hash
}

async function putAll(count: number, prefix: string): Promise<ContentHash[]> {
  const items = Array.from({ length: count }, (_, i) => ({ content: new TextEncoder().encode(`${prefix} ${i}`) }))
  const { results } = await store.ask.putMany({ items })
  return results.map(({ hash }) => hash).sort()
}

async function remaining(): Promise<ContentHash[]> {
  return (await store.ask.list({})).items.map(({ hash }) => hash).sort()
}

describe('a cleanup', () => {
  test('moves what the dry run said, and undo brings every byte back', async () => {
    const old = await putAll(5, 'old')
    clock.advance(31 * DAY_MS)
    const fresh = await putAll(3, 'fresh')
    const dry = await manager.ask.runCleanup({ dryRun: true })
    expect(dry.deletions.map(({ hash }) => hash)).toEqual(old)
    expect(dry).toMatchObject({ dryRun: true, examined: 8, keptCount: 3, bytes: 25, skipped: [] })
    expect(await remaining()).toHaveLength(8)

    expect(await manager.ask.runCleanup({ planId: dry.planId })).toEqual({ ...dry, dryRun: false })
    expect(await remaining()).toEqual(fresh)
    expect(await store.ask.get({ hash: old[0]! })).toBeNull()

    expect([...(await manager.ask.undo({ planId: dry.planId })).restored].sort()).toEqual(old)
    const contents = await Promise.all(old.map((hash) => store.ask.get({ hash })))
    expect(contents.map((content) => new TextDecoder().decode(content)).sort()).toEqual(
      [0, 1, 2, 3, 4].map((i) => `old ${i}`),
    )
    await expect(manager.ask.undo({ planId: dry.planId })).rejects.toMatchObject({ code: 'PLAN_UNKNOWN' })
  })

  test('drops trash for good only after the grace time', async () => {
    const [old] = await putAll(1, 'old')
    clock.advance(31 * DAY_MS)
    const { planId } = await manager.ask.runCleanup({})
    clock.advance(6 * DAY_MS)
    await manager.ask.runCleanup({})
    expect((await store.ask.trashed({})).map((plan) => plan.planId)).toEqual([planId])
    clock.advance(2 * DAY_MS)
    await manager.ask.runCleanup({ dryRun: true })
    expect(await store.ask.trashed({})).toHaveLength(1)
    await manager.ask.runCleanup({})
    expect(await store.ask.trashed({})).toEqual([])
    await expect(manager.ask.undo({ planId })).rejects.toMatchObject({ code: 'PLAN_UNKNOWN' })
    expect(await store.ask.exists({ hashes: [old!] })).toEqual({ present: [false] })
  })

  test('refuses a plan that no longer fits, but not because of what does not concern it', async () => {
    const old = await putAll(3, 'old')
    clock.advance(31 * DAY_MS)
    const { id } = await manager.ask.plan({})
    await put('something new')
    expect((await manager.ask.plan({})).id).toBe(id)
    await store.ask.get({ hash: old[0]! })
    await expect(manager.ask.runCleanup({ planId: id })).rejects.toMatchObject({ code: 'PLAN_STALE' })
    expect(await remaining()).toHaveLength(4)
  })
})

describe('accidents of others that must not happen here', () => {
  test('a policy that lets nearly everything go needs force, dry or not', async () => {
    const old = await putAll(20, 'old')
    clock.advance(31 * DAY_MS)
    await put('one new thing')
    for (const dryRun of [true, false]) {
      await expect(manager.ask.runCleanup({ dryRun })).rejects.toMatchObject({
        code: 'PLAN_REFUSED',
        message: expect.stringContaining('20 of 21') as string,
      })
    }
    expect(await remaining()).toHaveLength(21)
    expect((await manager.ask.runCleanup({ force: true })).deletions.map(({ hash }) => hash)).toEqual(old)
  })

  test('a jump of the clock by a century does not empty the store', async () => {
    await putAll(11, 'fresh')
    clock.advance(100 * 365 * DAY_MS)
    await expect(manager.ask.runCleanup({})).rejects.toMatchObject({ code: 'PLAN_REFUSED' })
  })

  test('the newest version of a name stays under any policy, forced or not', async () => {
    for (let i = 0; i < 12; i++) await store.ask.addVersion({ name: 'report', hash: await put(`report ${i}`) })
    clock.advance(400 * DAY_MS)
    await manager.ask.setPolicies({ policies: [{ ...EXPIRE, rules: [{ kind: 'max-age', days: 0.001 }] }] })
    expect((await manager.ask.runCleanup({ force: true })).deletions).toHaveLength(11)
    expect(await remaining()).toEqual([await store.ask.resolve({ reference: 'report@latest' })])
    expect(await manager.ask.explain({ hash: (await remaining())[0]! })).toMatchObject({
      rule: 'built-in/newest-version',
    })
  })

  test('what a run pins or an unfinished run made stays; what it was made from stays with keep-referenced', async () => {
    const source = await put('source')
    const pinned = await put('pinned', { pinnedBy: 'run_1', derivedFrom: [source] })
    const made = await put('made', { createdBy: { runId: 'run_2' } })
    activeRuns.add('run_2')
    clock.advance(31 * DAY_MS)
    await manager.ask.setPolicies({ policies: [{ ...EXPIRE, rules: [...EXPIRE.rules, { kind: 'keep-referenced' }] }] })
    expect((await manager.ask.runCleanup({})).deletions).toEqual([])
    expect(await manager.ask.explain({ hash: source })).toMatchObject({ action: 'keep', rule: 'old/keep-referenced' })
    activeRuns.clear()
    await store.ask.unpin({ owner: 'run_1' })
    expect((await manager.ask.runCleanup({})).deletions.map(({ hash }) => hash)).toEqual([source, pinned, made].sort())
  })

  test('invalid policies are refused and the ones in force stay', async () => {
    const empty = { name: 'all', selector: {}, rules: EXPIRE.rules }
    await expect(manager.ask.setPolicies({ policies: [empty] })).rejects.toMatchObject({ code: 'POLICY_INVALID' })
    expect(await manager.ask.policies({})).toEqual([EXPIRE])
    await expect(manager.ask.explain({ hash: 'f'.repeat(64) as ContentHash })).rejects.toMatchObject({
      code: 'NOTHING_TO_EXPLAIN',
    })
  })
})

describe('after a restart', () => {
  test('policies set at run time hold until the configuration changes', async () => {
    const mine = { ...EXPIRE, name: 'mine' }
    await manager.ask.setPolicies({ policies: [mine] })
    await system.close()
    await open({ policies: [EXPIRE] })
    expect(await manager.ask.policies({})).toEqual([mine])
    await system.close()
    const other = { ...EXPIRE, name: 'other' }
    await open({ policies: [other] })
    expect(await manager.ask.policies({})).toEqual([other])
    await system.close()
    await open()
    expect(await manager.ask.policies({})).toEqual([other])
  })

  test.each(['list', 'trash', 'purge'])(
    'the manager killed while the store works on `%s`: one cleanup, all of it',
    async (at) => {
      const old = await putAll(1_500, 'old')
      clock.advance(31 * DAY_MS)
      await putAll(200, 'fresh')
      const dry = await manager.ask.plan({})
      const result = manager.ask.runCleanup({ planId: dry.id }, { deadlineMs: Infinity })
      await storeIsAsked(at)
      await system.kill('stale-manager')
      expect((await result).deletions.map(({ hash }) => hash)).toEqual(old)
      expect(await remaining()).toHaveLength(200)
      expect((await store.ask.trashed({})).map(({ planId, count }) => ({ planId, count }))).toEqual([
        { planId: dry.id, count: 1_500 },
      ])
    },
  )

  test('the store killed in the middle: the cleanup goes on', async () => {
    await putAll(1_500, 'old')
    clock.advance(31 * DAY_MS)
    await putAll(200, 'fresh')
    const result = manager.ask.runCleanup({}, { deadlineMs: Infinity })
    await storeIsAsked('trash')
    await system.kill('artifact-store')
    expect((await result).deletions).toHaveLength(1_500)
    expect(await remaining()).toHaveLength(200)
  })
})

/** Waits until the cleanup's asks have come as far as this call of the store. */
async function storeIsAsked(call: string): Promise<void> {
  const messagesIn = (): number => system.stats().find(({ name }) => name === 'artifact-store')!.messagesIn
  // 1,700 artifacts are two pages; 1,500 deletions two batches.
  const target = messagesIn() + { list: 1, trash: 3, purge: 5 }[call]!
  while (messagesIn() < target) await new Promise(setImmediate)
}

test('dry run and run agree over random stores and policies', async () => {
  const seen: string[] = []
  const step = fc.record({
    age: fc.nat(60),
    tags: fc.subarray(['gold', 'draft']),
    name: fc.constantFrom(undefined, 'a', 'b'),
    parent: fc.boolean(),
    bytes: fc.integer({ min: 1, max: 50 }),
  })
  const rules = fc.uniqueArray(
    fc.constantFrom<RetentionPolicy['rules'][number]>(
      { kind: 'max-age', days: 40 },
      { kind: 'max-idle', days: 20 },
      { kind: 'max-total-size', bytes: 200 },
      { kind: 'keep-tagged', tags: ['gold'] },
      { kind: 'keep-last', count: 1 },
      { kind: 'keep-referenced' },
    ),
    { minLength: 1, maxLength: 4, selector: ({ kind }) => kind },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), rules, async (steps, rules) => {
      let last: ContentHash | undefined
      for (const { age, tags, name, parent, bytes } of steps) {
        clock.advance(age * DAY_MS)
        const lineage = parent && last !== undefined ? { derivedFrom: [last] } : {}
        last = await put(`${seen.length}`.padEnd(bytes, '.'), { tags, ...lineage })
        seen.push(last)
        if (name !== undefined) await store.ask.addVersion({ name, hash: last })
      }
      await manager.ask.setPolicies({ policies: [{ name: 'p', selector: { all: true }, rules }] })
      const before = await remaining()
      const dry = await manager.ask.runCleanup({ dryRun: true, force: true })
      expect(await remaining()).toEqual(before)
      expect(await manager.ask.runCleanup({ force: true })).toEqual({ ...dry, dryRun: false })
      const gone = new Set(dry.deletions.map(({ hash }) => hash))
      expect(await remaining()).toEqual(before.filter((hash) => !gone.has(hash)))
    }),
    { numRuns: 40 },
  )
})
