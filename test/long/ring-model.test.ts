/** The ring's exploration at the size that takes minutes: two records and a death at every step. */
import { describe, expect, test } from 'vitest'
import * as ring from '../../runtime/rings/ring.ts'
import * as waiting from '../../runtime/rings/waiting.ts'
import { mutate } from '../runtime/rings/mutant.ts'
import { exploreRing, type Scenario } from '../runtime/rings/ring-model.ts'

const two: Scenario = {
  records: 2,
  startAt: 0,
  usedBytes: 0,
  deathsMax: 1,
  looksAgain: true,
  dozes: false,
  batches: false,
  nudges: true,
}

describe('every order of accesses, with a death at every step', () => {
  test.each([
    ['two records', two],
    ['two records over the wrap, through position 2^32', { ...two, startAt: -16 }],
    ['a full ring', { ...two, startAt: -440, usedBytes: 480, records: 1 }],
  ])('%s: nothing lost, doubled, torn or slept through', { timeout: 600_000 }, (_name, scenario) => {
    const { violation, states } = exploreRing({ ring, waiting }, scenario)
    expect(violation).toBe(null)
    expect(states).toBeGreaterThan(100_000)
  })
})

describe('mutants that only a death brings to light', () => {
  test('a supervisor that does not nudge the living after a death', () => {
    const { violation } = exploreRing({ ring, waiting }, { ...two, nudges: false })
    expect(violation).toMatch(/everybody sleeps/)
  })

  test('a producer that swallows the bell of an incarnation it cannot reach', async () => {
    const from = 'port === undefined || parked !== incarnation'
    const mutant = (await mutate('waiting', from, 'port === undefined')) as typeof waiting
    expect(exploreRing({ ring, waiting: mutant }, two).violation).toMatch(/everybody sleeps/)
  })
})
