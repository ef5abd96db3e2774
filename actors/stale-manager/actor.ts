/**
 * The Stale Manager as an actor: looks at the store, lets the engine decide, has the store move what may go.
 *
 *   plan      observe → evaluate → plan
 *   cleanup   plan → check → remember → trash in batches → remember the result → drop old trash
 *
 * I1: plan, dry run and run go through the same `makePlan`.
 * I2: cleanups and undos run one after the other.
 * I3: nothing is deleted here. The store moves to its trash and refuses what came into use meanwhile; for good goes only what
 *     lay there longer than the grace time.
 */
import {
  defineActor,
  integerOption,
  own,
  refuseUnknown,
  stringOption,
  canonicalHash,
  type ActorContext,
  type CallContext,
} from '../../runtime/index.ts'
import { artifactStore, type ContentHash } from '../artifact-store/protocol.ts'
import { dagTracker } from '../dag-tracker/protocol.ts'
import { checkPlan, planOf, type Deletion } from './cleanup.ts'
import { createPolicyEngine, type PolicyEngine } from './engine.ts'
import { retentionErrors } from './errors.ts'
import { openHistory, type History, type StartedCleanup } from './history.ts'
import type {
  CleanupPlan,
  CleanupResult,
  RetentionDecision,
  RetentionPolicy,
  StaleManagerProtocol,
} from './protocol.ts'
import { DEFAULT_POLICIES, resolvePolicies } from './retention.ts'
import { observe } from './world.ts'

export interface StaleManagerConfig {
  /** The Pit's data directory; `':memory:'` keeps nothing. */
  readonly dataDir: string
  /** In force from the start whenever they differ from those configured last. @default what was set last, else `DEFAULT_POLICIES` */
  readonly policies?: readonly RetentionPolicy[]
  /** How long trash can be brought back. @default 7 */
  readonly graceDays?: number
}

interface State {
  readonly history: History
  readonly graceDays: number
  /** Made again when the policies change. */
  engine: PolicyEngine
  policies: readonly RetentionPolicy[]
  /** The cleanup or undo under way. */
  busy: Promise<unknown>
}

type Arg<K extends keyof StaleManagerProtocol> = Parameters<StaleManagerProtocol[K]>[0]

const DAY_MS = 86_400_000
const TRASH_BATCH = 1_000

export const staleManagerActor = defineActor<StaleManagerProtocol, State, StaleManagerConfig>({
  name: 'stale-manager',
  module: import.meta.url,
  peers: ['artifact-store', 'dag-tracker'],
  init,
  handlers: {
    policies: { redeliver: true, run: (state) => state.policies },
    setPolicies: { redeliver: true, run: setPolicies },
    plan: { redeliver: true, run: (state, _, ctx) => makePlan(state, ctx) },
    runCleanup: { redeliver: true, run: (state, arg, ctx) => oneByOne(state, () => runCleanup(state, arg, ctx)) },
    undo: { redeliver: true, run: (state, arg, ctx) => oneByOne(state, () => undo(state, arg, ctx)) },
    explain: { redeliver: true, run: explain },
  },
  terminate: (state) => state.history.close(),
})

async function init(config: StaleManagerConfig, ctx: ActorContext): Promise<State> {
  refuseUnknown(config, ['dataDir', 'policies', 'graceDays'])
  const graceDays = integerOption(config, 'graceDays', 7, { min: 0, max: 36_500 })
  const configured = own(config, 'policies')
  const resolved = configured === undefined ? null : resolvePolicies(configured)
  const history = openHistory(stringOption(config, 'dataDir', ':memory:'))
  if (resolved !== null && canonicalHash(resolved) !== history.memory.configured) {
    await history.record({ kind: 'policies-configured', at: ctx.clock.now(), policies: resolved })
  }
  const policies = history.memory.policies ?? DEFAULT_POLICIES
  return { history, graceDays, policies, engine: createPolicyEngine(policies), busy: Promise.resolve() }
}

async function setPolicies(state: State, { policies }: Arg<'setPolicies'>, ctx: CallContext): Promise<void> {
  const resolved = resolvePolicies(policies)
  await state.history.record({ kind: 'policies-set', at: ctx.clock.now(), policies: resolved })
  state.policies = resolved
  state.engine = createPolicyEngine(resolved)
}

async function evaluateAll(state: State, ctx: CallContext): Promise<readonly RetentionDecision[]> {
  const { engine } = state
  const sources = { store: ctx.ref(artifactStore), tracker: ctx.ref(dagTracker), signal: ctx.call.signal }
  const now = ctx.clock.now()
  return engine.evaluate(await observe(sources, engine, now), now)
}

async function makePlan(state: State, ctx: CallContext): Promise<CleanupPlan> {
  return planOf(await evaluateAll(state, ctx), ctx.clock.now())
}

async function runCleanup(state: State, arg: Arg<'runCleanup'>, ctx: CallContext): Promise<CleanupResult> {
  const { started, ended } = state.history.memory
  const messageId = ctx.call.id
  // The same message again after a crash: go on where it was, whatever the world looks like now.
  if (ctx.call.redelivered > 0 && ended?.messageId === messageId) return ended.result
  if (ctx.call.redelivered > 0 && started?.messageId === messageId) return execute(state, started, ctx)
  const plan = await makePlan(state, ctx)
  checkPlan(plan, arg)
  if (arg.dryRun === true) return resultOf(plan, true, new Map())
  const cleanup = { messageId, plan }
  await state.history.record({ kind: 'cleanup-started', at: ctx.clock.now(), cleanup })
  return execute(state, cleanup, ctx)
}

async function execute(state: State, { messageId, plan }: StartedCleanup, ctx: CallContext): Promise<CleanupResult> {
  const store = ctx.ref(artifactStore)
  const skipped = new Map<ContentHash, string>()
  for (let from = 0; from < plan.deletions.length; from += TRASH_BATCH) {
    const hashes = plan.deletions.slice(from, from + TRASH_BATCH).map(({ hash }) => hash)
    const { kept } = await store.ask.trash({ hashes, planId: plan.id })
    for (const { hash, reason } of kept) skipped.set(hash, reason)
  }
  const result = resultOf(plan, false, skipped)
  await state.history.record({ kind: 'cleanup-ended', at: ctx.clock.now(), cleanup: { messageId, result } })
  await store.ask.purge({ before: ctx.clock.now() - state.graceDays * DAY_MS })
  const { planId, bytes } = result
  ctx.logger.info('cleanup', { planId, moved: result.deletions.length, skipped: skipped.size, bytes })
  return result
}

function resultOf(plan: CleanupPlan, dryRun: boolean, skipped: ReadonlyMap<ContentHash, string>): CleanupResult {
  const deletions: readonly Deletion[] = plan.deletions.filter(({ hash }) => !skipped.has(hash))
  return {
    planId: plan.id,
    dryRun,
    examined: plan.deletions.length + plan.keptCount,
    deletions,
    keptCount: plan.keptCount,
    bytes: deletions.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    skipped: [...skipped].map(([hash, reason]) => ({ hash, reason })),
  }
}

async function undo(
  state: State,
  { planId }: Arg<'undo'>,
  ctx: CallContext,
): Promise<{ readonly restored: readonly ContentHash[] }> {
  const { restored } = await ctx.ref(artifactStore).ask.restore({ planId })
  if (restored.length === 0 && ctx.call.redelivered === 0) throw retentionErrors.fail('PLAN_UNKNOWN', { planId })
  await state.history.record({ kind: 'cleanup-undone', at: ctx.clock.now(), planId, restored: restored.length })
  return { restored }
}

async function explain(state: State, { hash }: Arg<'explain'>, ctx: CallContext): Promise<RetentionDecision> {
  const found = (await evaluateAll(state, ctx)).find((decision) => decision.hash === hash)
  if (found === undefined) throw retentionErrors.fail('NOTHING_TO_EXPLAIN', { hash })
  return found
}

function oneByOne<T>(state: State, work: () => Promise<T>): Promise<T> {
  const result = state.busy.then(work)
  state.busy = result.catch(() => {})
  return result
}
