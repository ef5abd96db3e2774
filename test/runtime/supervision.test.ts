import { describe, expect, test } from 'vitest'
import { seededRandom, type ChildSpec, type SupervisorFlags, type SupervisorSpec } from '../../runtime/index.ts'
import {
  BACKOFF_DEFAULTS,
  backoffMs,
  supervise,
  type SupervisionEvent,
  type Verdict,
} from '../../runtime/supervision.ts'
import { plantTree } from '../../runtime/supervision-tree.ts'
import { resolveTree } from '../../runtime/supervisor-spec.ts'

const actor = (name: string, more: Partial<ChildSpec> = {}): ChildSpec => ({ name, module: 'm', actor: 'a', ...more })
const group = (
  supervisor: string,
  children: SupervisorSpec['children'],
  more: Partial<SupervisorSpec> = {},
): SupervisorSpec => ({ supervisor, children, ...more })

/** A tree on a clock of its own. */
function scripted(
  flags: SupervisorFlags = {},
  children: SupervisorSpec['children'] = ['a', 'b', 'c'].map((name) => actor(name)),
  backoff = BACKOFF_DEFAULTS,
) {
  let tree = plantTree(resolveTree({ ...flags, children }).plan)
  let now = 0
  const random = seededRandom(1)
  const send = (event: SupervisionEvent): Verdict => {
    const decision = supervise(tree, event, now, backoff, random)
    tree = decision.tree
    return decision.verdict
  }
  return {
    send,
    pass: (ms: number) => (now += ms),
    end: (name: string, abnormal = true) => send({ kind: 'ended', name, abnormal }),
  }
}

describe('dynamic children', () => {
  test('are restarted one for one and take no part in groups', () => {
    const supervisor = scripted({ strategy: 'one-for-all' })
    supervisor.send({ kind: 'added', name: 'd', restart: 'permanent' })
    expect(supervisor.end('d')).toMatchObject({ stop: [], start: ['d'] })
    expect(supervisor.end('a')).toMatchObject({ stop: ['c', 'b'], start: ['a', 'b', 'c'] })
  })

  test('one that cannot live is given up alone', () => {
    const supervisor = scripted({ restartsMax: 1 })
    supervisor.send({ kind: 'added', name: 'd', restart: 'permanent' })
    expect([supervisor.end('d').kind, supervisor.end('d').kind]).toEqual(['restart', 'give-up'])
    expect(supervisor.end('a').kind).toBe('restart')
    expect(supervisor.end('d')).toEqual({ kind: 'none' })
  })
})

describe('back-off', () => {
  test('is none at first, doubles, is capped, and has jitter', () => {
    const most = { next: () => 1 }
    expect([0, 1, 2, 3, 20].map((streak) => backoffMs(streak, BACKOFF_DEFAULTS, most))).toEqual([
      0, 50, 100, 200, 5_000,
    ])
    expect(backoffMs(3, BACKOFF_DEFAULTS, { next: () => 0.25 })).toBe(50)
  })

  test('starts anew after a child has lived for a while', () => {
    const supervisor = scripted({ restartsMax: 100 }, [actor('a')], { ...BACKOFF_DEFAULTS, resetMs: 500 })
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

describe('a tree', () => {
  const nested = (flags: SupervisorFlags = {}, inner: Partial<SupervisorSpec> = {}) =>
    scripted(flags, [actor('a'), group('inner', [actor('b'), actor('c')], { restartsMax: 1, ...inner }), actor('d')])

  test('each supervisor restarts its own children by its own strategy', () => {
    const supervisor = nested({ strategy: 'one-for-all' }, { strategy: 'rest-for-one' })
    expect(supervisor.end('b')).toMatchObject({ stop: ['c'], start: ['b', 'c'] })
    expect(supervisor.end('d')).toMatchObject({ stop: ['c', 'b', 'a'], start: ['a', 'b', 'c', 'd'] })
  })

  test('a supervisor that gives up stops what is left of it, then its parent decides as about any child', () => {
    const one = nested()
    one.end('b')
    expect(one.end('b')).toMatchObject({ kind: 'restart', stop: ['c'], start: ['b', 'c'], delayMs: 0 })
    const rest = nested({ strategy: 'rest-for-one' })
    rest.end('c')
    expect(rest.end('c')).toMatchObject({ stop: ['b', 'd'], start: ['b', 'c', 'd'] })
  })

  test('a restarted supervisor has forgotten what it had counted; its parent has not', () => {
    const supervisor = nested({ restartsMax: 1 })
    expect([1, 2, 3].map(() => supervisor.end('b').kind)).toEqual(['restart', 'restart', 'restart'])
    expect(supervisor.end('b')).toMatchObject({ kind: 'escalate' })
  })

  test('a temporary supervisor that gives up takes its children with it and nobody else', () => {
    const supervisor = nested({}, { restart: 'temporary', restartsMax: 0 })
    expect(supervisor.end('b')).toMatchObject({ kind: 'give-up', stop: ['c'] })
    expect(supervisor.end('c')).toEqual({ kind: 'none' })
    expect(supervisor.end('a')).toMatchObject({ start: ['a'] })
  })

  test('three levels: the failure of the lowest ends the system when every level allows one restart', () => {
    const supervisor = scripted({ restartsMax: 1 }, [
      group('upper', [group('lower', [actor('a')], { restartsMax: 1 })], { restartsMax: 1 }),
    ])
    const kinds = Array.from({ length: 8 }, () => supervisor.end('a').kind)
    expect(kinds).toEqual([...Array<string>(7).fill('restart'), 'escalate'])
  })
})
