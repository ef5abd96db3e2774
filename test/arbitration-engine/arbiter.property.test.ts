/** Invariants of the core under random histories: requests, releases, cancellations, expiry, deaths, capacity changes. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonicalJson } from '../../runtime/index.ts'
import { decide, type ArbitrationEvent } from '../../actors/arbitration-engine/arbiter.ts'
import { claimOf, type Claim } from '../../actors/arbitration-engine/claim.ts'
import { detectConflicts } from '../../actors/arbitration-engine/conflicts.ts'
import { fitUnits } from '../../actors/arbitration-engine/ledger.ts'
import { restoreState, snapshotOf, type ArbiterSnapshot } from '../../actors/arbitration-engine/snapshot.ts'
import type { ArbiterState } from '../../actors/arbitration-engine/state.ts'
import { arbiter } from './support.ts'

const CAPACITY = { cpu: 4, memory: 10, 'model:m': 2 }
const SETTINGS = { queueMax: 60, grantTtlMs: 500 }

/** Events name things by number; numbers are resolved against what is there when the event comes. */
type Step =
  | { readonly do: 'request'; readonly claims: readonly Claim[]; readonly holder: number }
  | {
      readonly do: 'release' | 'renew' | 'cancel-grant' | 'cancel-waiting'
      readonly pick: number
      readonly units: number
    }
  | { readonly do: 'kill'; readonly holder: number }
  | { readonly do: 'capacity'; readonly cpu: number }
  | { readonly do: 'weight'; readonly tenant: string; readonly weight: number }
  | { readonly do: 'wait' }

const tenant = fc.constantFrom('a', 'b', 'c', 'd')
const amount = fc.constantFrom(0.1, 0.5, 1, 2, 3)
const claim = fc
  .record(
    {
      id: fc.nat(200).map((n) => `r${n}`),
      tenant,
      priority: fc.constantFrom('critical', 'high', 'normal', 'low', 'background'),
      resources: fc.oneof(
        fc.record({ cpu: amount }),
        fc.record({ cpu: amount, memory: fc.integer({ min: 1, max: 10 }) }),
        fc.record({ 'model:m': fc.constant(1) }),
      ),
      units: fc.integer({ min: 1, max: 5 }),
      deadlineAt: fc.nat(30_000),
      estimateMs: fc.nat(1_000),
    },
    { requiredKeys: ['id', 'tenant', 'resources'] },
  )
  .map((request) => claimOf(request as Parameters<typeof claimOf>[0]))
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('request' as const),
      claims: fc.array(claim, { minLength: 1, maxLength: 4 }),
      holder: fc.nat(2),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'release' as const,
        'release' as const,
        'renew' as const,
        'cancel-grant' as const,
        'cancel-waiting' as const,
      ),
      pick: fc.nat(50),
      units: fc.integer({ min: 1, max: 6 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const), holder: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('capacity' as const), cpu: fc.integer({ min: 3, max: 6 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('weight' as const), tenant, weight: fc.constantFrom(0.5, 1, 3) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const) }) },
)
const history = fc.array(fc.record({ step, afterMs: fc.nat(200) }), { minLength: 1, maxLength: 80 })

function eventOf(state: ArbiterState, step: Step, n: number): ArbitrationEvent {
  const at = <T>(items: Iterable<T>, pick: number): T | undefined => {
    const list = [...items]
    return list[pick % Math.max(1, list.length)]
  }
  switch (step.do) {
    case 'request':
      return { kind: 'requested', claims: step.claims, holder: { name: `h${step.holder}`, incarnation: 1 } }
    case 'release': {
      const grantId = at(state.grants.byId.keys(), step.pick) ?? 'none'
      return { kind: 'released', releases: [{ grantId, units: step.units }], messageId: `m${n}` }
    }
    case 'renew':
      return { kind: 'renewed', grantIds: [at(state.grants.byId.keys(), step.pick) ?? 'none'] }
    case 'cancel-grant':
      return { kind: 'cancelled', requestIds: [at(state.grants.byRequest.keys(), step.pick) ?? 'none'] }
    case 'cancel-waiting':
      return { kind: 'cancelled', requestIds: [at(state.queue.byRequest.keys(), step.pick) ?? 'none'] }
    case 'kill':
      return { kind: 'holder-lost', holder: { name: `h${step.holder}`, incarnation: 1 } }
    case 'capacity':
      return { kind: 'capacity-set', capacity: { cpu: step.cpu } }
    case 'weight':
      return { kind: 'tenant-set', tenant: step.tenant, weight: step.weight }
    case 'wait':
      return { kind: 'time-passed' }
  }
}

test('capacity is never exceeded by a grant, nothing idle fits, and the books agree with a recount', () => {
  fc.assert(
    fc.property(history, (steps) => {
      const state = arbiter(CAPACITY, SETTINGS)
      let now = 0
      for (const [n, { step, afterMs }] of steps.entries()) {
        now += afterMs
        const before = new Map(state.ledger.used)
        const outcome = decide(state, eventOf(state, step, n), now)
        for (const [resource, used] of state.ledger.used) {
          // Only a lowered capacity may leave more in use than there is, and then it must not grow.
          const limit = Math.max(state.ledger.capacity.get(resource)!, before.get(resource) ?? 0)
          expect(used).toBeLessThanOrEqual(limit + 1e-6)
        }
        expectRecount(state)
        expectWorkConserving(state)
        for (const { requestId, outcome: ruled } of outcome.rulings) {
          expect(state.grants.byRequest.has(requestId) || ruled !== 'granted').toBe(true)
          expect(state.queue.byRequest.has(requestId) || ruled !== 'deferred').toBe(true)
        }
        for (const grant of state.grants.byId.values()) expect(grant.expiresAt).toBeGreaterThan(now)
      }
      expectDrained(state, now)
    }),
    { numRuns: 200 },
  )
})

test('a restored snapshot decides byte for byte like the state it was taken of, and replaying events does too', () => {
  fc.assert(
    fc.property(history, fc.nat(80), (steps, cut) => {
      const state = arbiter(CAPACITY, SETTINGS)
      const replayed = arbiter(CAPACITY, SETTINGS)
      let restored: ArbiterState | undefined
      let now = 0
      for (const [n, { step, afterMs }] of steps.entries()) {
        now += afterMs
        if (n === Math.min(cut, steps.length - 1)) {
          restored = restoreState(state.settings, JSON.parse(JSON.stringify(snapshotOf(state))) as ArbiterSnapshot)!
        }
        const event = eventOf(state, step, n)
        const records = canonicalJson(decide(state, event, now).records)
        expect(canonicalJson(decide(replayed, event, now).records)).toBe(records)
        if (restored !== undefined) expect(canonicalJson(decide(restored, event, now).records)).toBe(records)
      }
      expect(canonicalJson(snapshotOf(restored!))).toBe(canonicalJson(snapshotOf(state)))
    }),
    { numRuns: 150 },
  )
})

/** Used and demanded amounts, tenants' counts and conflicts, from nothing but grants and waiting requests. */
function expectRecount(state: ArbiterState): void {
  const used = new Map<string, number>()
  const demanded = new Map<string, number>()
  const add = (sums: Map<string, number>, { demand }: Claim, units: number): void => {
    for (const [resource, amount] of demand) sums.set(resource, (sums.get(resource) ?? 0) + amount * units)
  }
  for (const { claim, units } of state.grants.byId.values()) add(used, claim, units)
  for (const { claim } of state.queue.byRequest.values()) add(demanded, claim, 1)
  for (const resource of Object.keys(CAPACITY)) {
    expect(state.ledger.used.get(resource) ?? 0).toBeCloseTo(used.get(resource) ?? 0, 6)
    expect(state.queue.demanded.get(resource)?.amount ?? 0).toBeCloseTo(demanded.get(resource) ?? 0, 6)
  }
  for (const account of state.shares.accounts.values()) {
    const mine = ({ claim }: { readonly claim: Claim }): boolean => claim.tenant === account.tenant
    expect(account.waiting).toBe([...state.queue.byRequest.values()].filter(mine).length)
    expect(account.grantedUnits).toBe(
      [...state.grants.byId.values()].filter(mine).reduce((sum, { units }) => sum + units, 0),
    )
    expect(Number.isFinite(account.virtualTime)).toBe(true)
  }
  const conflicts = [...demanded].filter(([resource, waiting]) => {
    const threshold = resource === 'memory' ? 0.9 : 1
    return (used.get(resource) ?? 0) + waiting > threshold * (state.ledger.capacity.get(resource) ?? 0) + 1e-6
  })
  const detected = detectConflicts(state.ledger, state.queue.demanded).map(({ resource }) => resource)
  for (const [resource] of conflicts) expect(detected).toContain(resource)
}

/** What fits and still waits is behind a request of its own tenant, or kept back for one that came first and is larger. */
function expectWorkConserving(state: ArbiterState): void {
  for (const lane of state.queue.lanes.values()) {
    for (const { requests, account } of lane.flows) {
      const [head] = requests
      if (fitUnits(state.ledger, head!.claim.demand, 1) === 0) continue
      const larger = [...state.queue.byRequest.values()].filter(
        (other) => other.claim.tenant !== account.tenant || other.flow!.lane !== lane,
      )
      expect(larger.some(({ claim }) => fitUnits(state.ledger, claim.demand, 1) === 0)).toBe(true)
    }
  }
}

/** Nothing is stuck: once everyone lets go, everything that waits is served, and then nothing is in use. */
function expectDrained(state: ArbiterState, from: number): void {
  let now = from
  for (let round = 0; round < 500 && state.grants.byId.size + state.queue.byRequest.size > 0; round++) {
    now += 10
    decide(state, { kind: 'cancelled', requestIds: [...state.grants.byRequest.keys()] }, now)
  }
  expect(state.queue.byRequest.size).toBe(0)
  expect(
    state.queue.lanes.size + state.queue.flows.size + state.queue.demanded.size + state.queue.deadlines.length,
  ).toBe(0)
  expect([...state.ledger.used.values()].every((used) => used === 0)).toBe(true)
}
