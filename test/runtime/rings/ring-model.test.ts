import { describe, expect, test } from 'vitest'
import * as ring from '../../../runtime/rings/ring.ts'
import * as waiting from '../../../runtime/rings/waiting.ts'
import { mutate } from './mutant.ts'
import { exploreRing, type Protocol, type Scenario } from './ring-model.ts'

const protocol: Protocol = { ring, waiting }
const one: Scenario = {
  records: 1,
  startAt: 0,
  usedBytes: 0,
  deathsMax: 1,
  looksAgain: true,
  dozes: false,
  batches: false,
  nudges: true,
}
const two: Scenario = { ...one, records: 2, deathsMax: 0 }
/** No room for a further record until one is taken; positions pass 2^32. */
const full: Scenario = { ...two, startAt: -440, usedBytes: 480, records: 1 }

// Two records with a death at every step are in test/long.
describe('every order of accesses', () => {
  test.each([
    ['one record, a death at every step', one],
    ['one record over the wrap, through position 2^32, a death at every step', { ...one, startAt: -16 }],
    ['two records', two],
    ['two records over the wrap', { ...two, startAt: -16 }],
    ['two records and a consumer that dozes', { ...two, dozes: true }],
    ['two records and a consumer that gives room back once', { ...two, batches: true }],
    ['a full ring and a consumer that gives room back once', { ...full, batches: true, records: 2 }],
    ['a full ring and two records', { ...full, records: 2 }],
  ])('%s: nothing lost, doubled, torn or slept through', (_name, scenario) => {
    const { violation, states, ends } = exploreRing(protocol, scenario)
    expect(violation).toBe(null)
    expect(states).toBeGreaterThan(1_000)
    expect(ends).toBeGreaterThan(0)
  })
})

describe('mutants of the protocol are caught', () => {
  test('a consumer that does not look again before it sleeps', () => {
    const { violation } = exploreRing(protocol, { ...two, looksAgain: false })
    expect(violation).toMatch(/everybody sleeps/)
  })

  test.each([
    [
      'publishes before the bytes are written',
      'ring',
      'copy(payload, start, end, data, at + RECORD.payload)',
      'atomics.store(words, RING_WORD.Tail, (tail + claimedBytes) | 0); copy(payload, start, end, data, at + RECORD.payload)',
      two,
      /torn|where|bytes/,
    ],
    [
      'knows no padding',
      'ring',
      'sizeBytes <= lapBytes ? sizeBytes : lapBytes + sizeBytes',
      'sizeBytes',
      { ...two, startAt: -16 },
      /./,
    ],
    [
      'wraps eight bytes too early',
      'ring',
      'const lapBytes = capacityBytes - (tail & mask)',
      'const lapBytes = capacityBytes - (tail & mask) - 8',
      { ...two, startAt: -16 },
      /./,
    ],
    [
      'takes a full ring for one with room',
      'ring',
      'if (capacityBytes - ((tail - headSeen) >>> 0) >= neededBytes) return true',
      'return true',
      full,
      /./,
    ],
    [
      'gives room back that it has not read',
      'ring',
      'head = (head + sizeBytes) | 0',
      'head = (head + sizeBytes + 40) | 0',
      two,
      /./,
    ],
    [
      'swallows the bell of an incarnation it cannot reach',
      'waiting',
      'port === undefined || parked !== incarnation',
      'port === undefined',
      one,
      /everybody sleeps/,
    ],
    [
      'parks without saying so',
      'waiting',
      'park: () => void atomics.store(words, index, mark)',
      'park: () => {}',
      two,
      /everybody sleeps/,
    ],
    ['rings nobody', 'waiting', 'else port?.postMessage(RING)', '', two, /everybody sleeps/],
    [
      'waits for room without looking again',
      'ring',
      'if (!room(claim(recordBytes(payloadBytes)))) return true',
      'return true',
      full,
      /everybody sleeps/,
    ],
    [
      'never tells the producer of room',
      'ring',
      'atomics.load(words, RING_WORD.Starved) === 1',
      'false',
      full,
      /everybody sleeps/,
    ],
    [
      'takes a mark that has changed since it looked',
      'waiting',
      'atomics.compareExchange(words, index, parked, AWAKE) !== parked',
      '(atomics.store(words, index, AWAKE), false)',
      { ...two, dozes: true },
      /everybody sleeps/,
    ],
  ] as const)('one that %s', async (_name, file, from, to, scenario, expected) => {
    const mutant = { ...protocol, [file]: await mutate(file, from, to) } as Protocol
    const { violation } = exploreRing(mutant, scenario)
    expect(violation).toMatch(expected)
  })
})
