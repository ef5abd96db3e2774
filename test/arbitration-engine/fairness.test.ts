/**
 * Fairness as measured: share of service per window of 20 rounds for tenants that always have work waiting. A round is the time in
 * which the lightest tenant is entitled to one largest request.
 */
import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../runtime/index.ts'
import { decide } from '../../actors/arbitration-engine/arbiter.ts'
import { arbiter, deviation, released, requested, simulate, type Workload } from './support.ts'

const SLOTS = 8

/** Rounds last `longest × Σ weights ÷ (slots × smallest weight)`. */
function measured(loads: readonly Workload[], longestMs: number, strategy: 'fair' | 'queue' = 'fair'): number {
  const weights = loads.map(({ weight = 1 }) => weight)
  const roundMs = (longestMs * weights.reduce((a, b) => a + b)) / (SLOTS * Math.min(...weights))
  const state = arbiter({ slot: SLOTS, cpu: 16, memory: 64 }, { strategy })
  return deviation(simulate(state, loads, 20 * roundMs * 6, 20 * roundMs), weights)
}

function jobs(seed: number, minMs: number, maxMs: number): (n: number) => number {
  const random = seededRandom(seed)
  return () => minMs + random.next() * (maxMs - minMs)
}

describe('share of service of backlogged tenants is within 10 % of their weight', () => {
  test('two equal tenants', () => {
    const loads = ['a', 'b'].map((tenant, i) => ({ tenant, durationMs: jobs(i, 50, 150) }))
    expect(measured(loads, 150)).toBeLessThan(0.1)
  })

  test('weights 1 and 3', () => {
    const loads = [1, 3].map((weight) => ({
      tenant: `w${weight}`,
      weight,
      durationMs: jobs(weight, 50, 150),
      backlog: 12,
    }))
    expect(measured(loads, 150)).toBeLessThan(0.1)
  })

  test('weights 1:2:3:4', () => {
    const loads = [1, 2, 3, 4].map((weight) => ({
      tenant: `w${weight}`,
      weight,
      durationMs: jobs(weight, 50, 150),
      backlog: 12,
    }))
    expect(measured(loads, 150)).toBeLessThan(0.1)
  })

  test('one tenant with ten times longer jobs', () => {
    const loads = ['a', 'b', 'c', 'long'].map((tenant, i) => ({
      tenant,
      durationMs: tenant === 'long' ? jobs(i, 500, 1_500) : jobs(i, 50, 150),
      backlog: 12,
    }))
    expect(measured(loads, 1_500)).toBeLessThan(0.1)
    expect(measured(loads, 1_500, 'queue'), 'first come first served gives the long jobs too much').toBeGreaterThan(1)
  })

  test('one tenant that declares a hundredth of what its jobs take', () => {
    const loads = ['honest', 'liar'].map((tenant, i) => ({
      tenant,
      durationMs: jobs(i, 500, 1_000),
      estimateMs: tenant === 'liar' ? 5 : 750,
      backlog: 12,
    }))
    expect(measured(loads, 1_000)).toBeLessThan(0.1)
  })

  test('one tenant with a flood of waiting requests', () => {
    const loads = ['a', 'b', 'flood'].map((tenant, i) => ({
      tenant,
      durationMs: jobs(i, 50, 150),
      backlog: tenant === 'flood' ? 400 : 8,
    }))
    expect(measured(loads, 150)).toBeLessThan(0.1)
  })

  test('different resources: equal dominant shares (the example of the DRF paper, 2:1 in tasks)', () => {
    const loads = [
      { tenant: 'memory', resources: { cpu: 1, memory: 8 }, durationMs: jobs(1, 90, 110), backlog: 12 },
      { tenant: 'cpu', resources: { cpu: 4, memory: 1 }, durationMs: jobs(2, 90, 110), backlog: 12 },
    ]
    expect(measured(loads, 110)).toBeLessThan(0.1)
  })
})

describe('coming back', () => {
  test('a tenant that was idle gets no credit for it', () => {
    const state = arbiter({ slot: 1 })
    let now = 0
    let grant = ''
    const step = (tenant: string, id: string): void => {
      for (const ruling of decide(state, requested({ id, tenant, resources: { slot: 1 } }), now).rulings) {
        if (ruling.outcome === 'granted') grant = ruling.grantId
      }
    }
    for (let i = 0; i < 200; i++) step('busy', `busy#${i}`)
    const order: string[] = []
    for (let i = 0; i < 100; i++) {
      now += 100
      if (i === 50) for (let n = 0; n < 60; n++) step('late', `late#${n}`)
      const [ruling] = decide(state, released(grant), now).rulings
      if (ruling?.outcome === 'granted') grant = ruling.grantId
      order.push(ruling!.requestId.split('#')[0]!)
    }
    const after = order.slice(50)
    expect(order.slice(0, 50).every((tenant) => tenant === 'busy')).toBe(true)
    expect(after.filter((tenant) => tenant === 'late').length).toBeGreaterThanOrEqual(24)
    expect(after.filter((tenant) => tenant === 'late').length).toBeLessThanOrEqual(26)
  })

  test('cancelling before the charge is trued up gains nothing', () => {
    const state = arbiter({ slot: 1 })
    decide(state, requested({ id: 'a0', tenant: 'a', resources: { slot: 1 } }), 0)
    decide(state, requested({ id: 'b0', tenant: 'b', resources: { slot: 1 } }), 0)
    decide(state, { kind: 'cancelled', requestIds: ['a0'] }, 700)
    expect(state.shares.accounts.get('a')!.virtualTime).toBe(700)
  })
})
