/** Order, bounds and rulings of the queue. */
import { describe, expect, test } from 'vitest'
import { decide, nextDueAt } from '../../actors/arbitration-engine/arbiter.ts'
import { claimOf } from '../../actors/arbitration-engine/claim.ts'
import { standingRuling } from '../../actors/arbitration-engine/decisions.ts'
import { OVERTAKE_MAX_MS } from '../../actors/arbitration-engine/routing.ts'
import type { Denied, Granted, ResourceRequest, Ruling } from '../../actors/arbitration-engine/protocol.ts'
import type { ArbiterState, Outcome } from '../../actors/arbitration-engine/state.ts'
import { arbiter, HOLDER, released, requested, requestedBy } from './support.ts'

const SLOT = { slot: 1 }

function request(id: string, rest: Partial<ResourceRequest> = {}): ResourceRequest {
  return { id, tenant: id[0]!, resources: SLOT, ...rest }
}

function granted({ rulings }: Outcome): Granted[] {
  return rulings.filter((ruling) => ruling.outcome === 'granted')
}

function only(outcome: Outcome): Ruling {
  expect(outcome.rulings).toHaveLength(1)
  return outcome.rulings[0]!
}

/** Releases grant after grant and lists the requests in the order they were served. */
function serveAll(state: ArbiterState, first: Granted, stepMs = 10): string[] {
  const order = [first.requestId]
  for (let grant: Granted | undefined = first; grant !== undefined;) {
    grant = granted(decide(state, released(grant.grantId), state.now + stepMs))[0]
    if (grant !== undefined) order.push(grant.requestId)
  }
  return order
}

describe('inside a tenant', () => {
  test('priority first, then arrival', () => {
    const state = arbiter(SLOT)
    const first = only(decide(state, requested(request('a0')), 0)) as Granted
    const waiting = [
      request('a1'),
      request('a2', { priority: 'high' }),
      request('a3', { priority: 'low' }),
      request('a4'),
    ]
    decide(state, requested(...waiting), 1)
    expect(serveAll(state, first)).toEqual(['a0', 'a2', 'a1', 'a4', 'a3'])
  })

  test('deadlines go by time, before what can wait longer', () => {
    const state = arbiter(SLOT)
    const first = only(decide(state, requested(request('a0')), 0)) as Granted
    decide(
      state,
      requested(request('a1'), request('a2', { deadlineAt: 9_000 }), request('a3', { deadlineAt: 5_000 })),
      0,
    )
    expect(serveAll(state, first)).toEqual(['a0', 'a3', 'a2', 'a1'])
  })

  test('a background request is overtaken only by what comes within the bound', () => {
    const state = arbiter(SLOT)
    let [grant] = granted(decide(state, requested(request('a0')), 0))
    decide(state, requested(request('a-background', { priority: 'background' })), 0)
    let servedAt = 0
    for (let now = 1_000, n = 0; servedAt === 0 && now < 10 * OVERTAKE_MAX_MS; now += 1_000) {
      decide(state, requested(request(`a${++n}`, { priority: 'critical' })), now)
      grant = granted(decide(state, released(grant!.grantId), now))[0]
      if (grant!.requestId === 'a-background') servedAt = now
    }
    expect(servedAt).toBeGreaterThan(OVERTAKE_MAX_MS / 2)
    expect(servedAt).toBeLessThanOrEqual(OVERTAKE_MAX_MS + 2_000)
  })
})

describe('bounds', () => {
  test('a full queue refuses politely, and keeps room for other tenants', () => {
    const state = arbiter(SLOT, { queueMax: 8 })
    const flood = Array.from({ length: 20 }, (_, i) => request(`a${i}`))
    const { rulings } = decide(state, requested(...flood), 0)
    expect(rulings.map(({ outcome }) => outcome).toSorted()).toEqual([
      ...Array.from({ length: 4 - 1 }, () => 'deferred'),
      ...Array.from({ length: 16 }, () => 'denied'),
      'granted',
    ])
    const denied = rulings.find((ruling): ruling is Denied => ruling.outcome === 'denied')!
    expect(denied.reason).toBe('rate-limited')
    expect(denied.retryAfterMs).toBeGreaterThan(0)
    expect(only(decide(state, requested(request('b0')), 1)).outcome).toBe('deferred')
  })

  test('what can never fit, or what nobody knows, is denied at once and says so', () => {
    const state = arbiter({ cpu: 4 })
    const tooMuch = only(decide(state, requested(request('a', { resources: { cpu: 5 } })), 0)) as Denied
    expect(tooMuch).toMatchObject({ outcome: 'denied', reason: 'resource-unavailable' })
    expect(tooMuch.rationale).toBe('one unit needs 5 cpu, there are 4 in all')
    const unknown = only(decide(state, requested(request('b', { resources: { gpu: 1 } })), 0))
    expect(unknown.rationale).toContain('there is no gpu here')
  })

  test('a deadline that passes while waiting ends the wait', () => {
    const state = arbiter(SLOT)
    decide(state, requested(request('a0'), request('b0', { deadlineAt: 500 })), 0)
    expect(nextDueAt(state)).toBe(500)
    expect(decide(state, { kind: 'time-passed' }, 499).changed).toBe(false)
    expect(only(decide(state, { kind: 'time-passed' }, 500))).toMatchObject({ outcome: 'denied', requestId: 'b0' })
    expect(standingRuling(state, 'b0', 500)).toMatchObject({ outcome: 'denied' })
  })

  test('lowering a capacity denies what can no longer fit; raising it serves what waits', () => {
    const state = arbiter({ cpu: 2 })
    decide(state, requested(request('a0', { resources: { cpu: 2 } }), request('b0', { resources: { cpu: 2 } })), 0)
    decide(state, requested(request('c0', { resources: { cpu: 1 } })), 0)
    const lowered = decide(state, { kind: 'capacity-set', capacity: { cpu: 1 } }, 1)
    expect(lowered.rulings).toMatchObject([{ requestId: 'b0', outcome: 'denied' }])
    expect(granted(decide(state, { kind: 'capacity-set', capacity: { cpu: 3 } }, 2))).toMatchObject([
      { requestId: 'c0' },
    ])
  })
})

describe('blocks', () => {
  test('alone, a request gets as many units as fit; among others, one', () => {
    const state = arbiter({ cpu: 8 })
    const [alone] = granted(decide(state, requested(request('a0', { resources: { cpu: 1 }, units: 20 })), 0))
    expect(alone!.units).toBe(8)
    decide(
      state,
      requested(request('b0', { resources: { cpu: 1 }, units: 4 }), request('c0', { resources: { cpu: 1 }, units: 4 })),
      1,
    )
    const shared = decide(state, released(alone!.grantId, 1), 2)
    expect(granted(shared)).toMatchObject([{ requestId: 'b0', units: 1 }])
  })

  test('what nobody waits for is shared out between those who come together', () => {
    const state = arbiter({ cpu: 6 })
    const together = ['a0', 'b0'].map((id) => request(id, { resources: { cpu: 1 }, units: 5 }))
    expect(granted(decide(state, requested(...together), 0)).map(({ units }) => units)).toEqual([3, 3])
  })
})

describe('large requests', () => {
  test('are passed by a bounded number of small ones, then everything they need is kept for them', () => {
    const state = arbiter({ cpu: 4 })
    const small = (n: number): ResourceRequest =>
      request(`small#${n}`, { tenant: 'small', resources: { cpu: 1 }, estimateMs: 100 })
    let running = granted(decide(state, requested(...Array.from({ length: 8 }, (_, n) => small(n))), 0))
    decide(state, requested(request('Large', { tenant: 'large', resources: { cpu: 4 } })), 1)
    let passedBy = 0
    for (let n = 8; n < 100; n++) {
      const oldest = running.shift()!
      const next = granted(
        decide(
          state,
          { kind: 'released', releases: [{ grantId: oldest.grantId, units: 1 }], messageId: `m${n}` },
          n * 25,
        ),
      )
      if (next.some(({ requestId }) => requestId === 'Large')) break
      passedBy += next.length
      running = [...running, ...next]
      decide(state, requested(small(n)), n * 25)
    }
    expect(state.grants.byRequest.has('Large')).toBe(true)
    expect(passedBy).toBeLessThanOrEqual(8)
  })
})

describe('the same request again', () => {
  test('gets the ruling that stands, and takes nothing twice', () => {
    const state = arbiter({ slot: 2 })
    const first = only(decide(state, requested(request('a0')), 0))
    const again = decide(state, requested(request('a0')), 5)
    expect(again.rulings).toEqual([])
    expect(again.changed).toBe(false)
    expect(standingRuling(state, 'a0', 5)).toEqual(first)
    expect(state.ledger.used.get('slot')).toBe(1)
  })

  test('the id of a standing request for something else is refused, and the standing one stays', () => {
    const state = arbiter({ slot: 2, cpu: 1 })
    decide(state, requested(request('a0')), 0)
    const stolen = only(decide(state, requested(request('a0', { tenant: 'thief' })), 1))
    expect(stolen).toMatchObject({ outcome: 'denied', reason: 'policy-violation' })
    expect(standingRuling(state, 'a0', 1)).toMatchObject({ outcome: 'granted' })
  })

  test('a redelivered release returns its units once', () => {
    const state = arbiter({ slot: 4 })
    const [grant] = granted(decide(state, requested(request('a0', { units: 4 })), 0))
    const release = { kind: 'released', releases: [{ grantId: grant!.grantId, units: 1 }], messageId: 'm1' } as const
    decide(state, release, 1)
    expect(decide(state, release, 2).changed).toBe(false)
    expect(state.ledger.used.get('slot')).toBe(3)
  })
})

describe('holders', () => {
  test('a dead holder gives back what it held and asked for; its next life and others keep theirs', () => {
    const state = arbiter({ slot: 2 })
    const dead = { name: 'dag-tracker', incarnation: 4 }
    decide(state, requestedBy(dead, request('a0')), 0)
    decide(state, requestedBy(HOLDER, request('b0')), 0)
    decide(state, requestedBy(dead, request('a1')), 0)
    decide(state, requestedBy({ ...dead, incarnation: 7 }, request('a2')), 0)
    const outcome = decide(state, { kind: 'holder-lost', holder: dead }, 1)
    expect(outcome.withdrawn).toEqual(['a1'])
    expect(granted(outcome)).toMatchObject([{ requestId: 'a2' }])
    expect([...state.grants.byRequest.keys()]).toEqual(['b0', 'a2'])
  })

  test('a grant presented again after it was lost is in use, whatever the capacity says', () => {
    const state = arbiter({ slot: 1 })
    decide(state, requested(request('a0')), 0)
    const claim = claimOf(request('b0'))
    decide(state, { kind: 'presented', grants: [{ grantId: 'old', claim, units: 1 }], holder: HOLDER }, 1)
    expect(state.ledger.used.get('slot')).toBe(2)
    expect(only(decide(state, requested(request('c0')), 2)).outcome).toBe('deferred')
    decide(state, released('old'), 3)
    expect(state.grants.byRequest.has('c0')).toBe(false)
  })
})
