import { describe, expect, test } from 'vitest'
import { seededRandom, type RestartPolicy } from '../../runtime/index.ts'
import {
  backoffMs,
  noChildren,
  supervise,
  SUPERVISION_DEFAULTS,
  type SupervisionEvent,
  type SupervisionLimits,
  type Verdict,
} from '../../runtime/supervision.ts'

/** A supervisor on a clock of its own. */
function scripted(
  limits: Partial<SupervisionLimits> = {},
  children = ['a', 'b', 'c'],
  restart: RestartPolicy = 'permanent',
) {
  let state = noChildren
  let now = 0
  const random = seededRandom(1)
  const send = (event: SupervisionEvent): Verdict => {
    const decision = supervise(state, event, now, { ...SUPERVISION_DEFAULTS, ...limits }, random)
    state = decision.state
    return decision.verdict
  }
  for (const name of children) send({ kind: 'added', name, restart, dynamic: false })
  return {
    send,
    pass: (ms: number) => (now += ms),
    end: (name: string, abnormal = true) => send({ kind: 'ended', name, abnormal }),
  }
}

describe('restart types', () => {
  test.each([
    ['permanent', true, 'restart'],
    ['permanent', false, 'restart'],
    ['transient', true, 'restart'],
    ['transient', false, 'give-up'],
    ['temporary', true, 'give-up'],
    ['temporary', false, 'give-up'],
  ] as const)('%s, abnormal %s: %s', (policy, abnormal, kind) => {
    const supervisor = scripted({}, ['a'], policy)
    expect(supervisor.end('a', abnormal).kind).toBe(kind)
  })

  test('who is given up is forgotten', () => {
    const supervisor = scripted({}, ['a'], 'temporary')
    supervisor.end('a')
    expect(supervisor.end('a')).toEqual({ kind: 'none' })
  })
})

describe('strategies', () => {
  test.each([
    ['one-for-one', [], ['b']],
    ['rest-for-one', ['c'], ['b', 'c']],
    ['one-for-all', ['c', 'a'], ['a', 'b', 'c']],
  ] as const)('%s stops %j and starts %j', (strategy, stop, start) => {
    expect(scripted({ strategy }).end('b')).toEqual({ kind: 'restart', stop, start, delayMs: 0 })
  })

  test('dynamic children are restarted one for one and take no part in groups', () => {
    const supervisor = scripted({ strategy: 'one-for-all' })
    supervisor.send({ kind: 'added', name: 'd', restart: 'permanent', dynamic: true })
    expect(supervisor.end('d')).toMatchObject({ stop: [], start: ['d'] })
    expect(supervisor.end('a')).toMatchObject({ stop: ['c', 'b'], start: ['a', 'b', 'c'] })
  })
})

describe('intensity', () => {
  test('exactly restartsMax are allowed, one more escalates', () => {
    const supervisor = scripted({ restartsMax: 3, restartPeriodMs: 1_000 })
    expect(['a', 'b', 'c'].map((name) => supervisor.end(name).kind)).toEqual(['restart', 'restart', 'restart'])
    expect(supervisor.end('a')).toMatchObject({ kind: 'escalate' })
  })

  test('what is older than the period does not count', () => {
    const supervisor = scripted({ restartsMax: 1, restartPeriodMs: 1_000 })
    for (let round = 0; round < 5; round++) {
      expect(supervisor.end('a').kind).toBe('restart')
      supervisor.pass(1_000)
    }
    supervisor.pass(-1)
    expect(supervisor.end('a').kind).toBe('escalate')
  })

  test('none at all escalates at once', () => {
    expect(scripted({ restartsMax: 0 }).end('a').kind).toBe('escalate')
  })

  test('a dynamic child is given up alone', () => {
    const supervisor = scripted({ restartsMax: 1 })
    supervisor.send({ kind: 'added', name: 'd', restart: 'permanent', dynamic: true })
    expect([supervisor.end('d').kind, supervisor.end('d').kind]).toEqual(['restart', 'give-up'])
    expect(supervisor.end('a').kind).toBe('restart')
  })
})

describe('back-off', () => {
  test('is none at first, doubles, is capped, and has jitter', () => {
    const most = { next: () => 1 }
    expect([0, 1, 2, 3, 20].map((streak) => backoffMs(streak, SUPERVISION_DEFAULTS, most))).toEqual([
      0, 50, 100, 200, 5_000,
    ])
    expect(backoffMs(3, SUPERVISION_DEFAULTS, { next: () => 0.25 })).toBe(50)
  })

  test('starts anew after a child has lived for a while', () => {
    const supervisor = scripted({ restartsMax: 100, resetMs: 500 })
    const delays = Array.from(
      { length: 6 },
      () => (supervisor.pass(10), (supervisor.end('a') as { delayMs: number }).delayMs),
    )
    expect(delays[0]).toBe(0)
    expect(Math.max(...delays.slice(1))).toBeGreaterThan(0)
    supervisor.pass(500)
    expect(supervisor.end('a')).toMatchObject({ delayMs: 0 })
  })
})
