/**
 * Erlang/OTP's supervisor, as its documentation has it, against this one: the real supervisor on a virtual clock with played
 * threads. What is expected is written by hand from the documentation of `supervisor`; differences are named as such.
 */
import { describe, expect, test } from 'vitest'
import type { AutoShutdown, ChildSpec, RestartPolicy, Strategy } from '../../runtime/index.ts'
import { child, group, startRig, type Rig } from './supervisor-rig.ts'

type End = 'crash' | 'hang' | 'normal'

async function end(rig: Rig, name: string, how: End): Promise<void> {
  if (how === 'normal') rig.actor(name).finish()
  else rig.actor(name).crash()
  await rig.pass()
}

const three = (more: Partial<ChildSpec> = {}): ChildSpec[] => [child('a'), child('b', more), child('c')]

describe('start and stop', () => {
  test('children start from left to right, depth first, and stop from right to left', async () => {
    const rig = await startRig({ children: [child('a'), group('g', [child('b'), child('c')]), child('d')] })
    expect(rig.took()).toEqual(['start a', 'start b', 'start c', 'start d'])
    void rig.supervisor.stopAll(30_000)
    await rig.pass()
    expect(rig.took()).toEqual(['stop d', 'stop c', 'stop b', 'stop a'])
  })

  test('each is stopped before the next is asked to', async () => {
    const rig = await startRig({ children: three() })
    rig.behave('c', { stopMs: 500 })
    rig.took()
    void rig.supervisor.stopAll(30_000)
    await rig.pass(499)
    expect(rig.took()).toEqual(['stop c'])
    await rig.pass(10)
    expect(rig.took()).toEqual(['stop b', 'stop a'])
  })
})

describe('restart types × strategies × ends', () => {
  const alone = ['start b']
  const rest = ['stop c', 'start b', 'start c']
  const all = ['stop c', 'stop a', 'start a', 'start b', 'start c']
  const table: [Strategy, RestartPolicy, End, readonly string[]][] = [
    ['one-for-one', 'permanent', 'crash', alone],
    ['one-for-one', 'permanent', 'normal', alone],
    ['one-for-one', 'transient', 'crash', alone],
    ['one-for-one', 'transient', 'normal', []],
    ['one-for-one', 'temporary', 'crash', []],
    ['one-for-one', 'temporary', 'normal', []],
    ['rest-for-one', 'permanent', 'crash', rest],
    ['rest-for-one', 'permanent', 'normal', rest],
    ['rest-for-one', 'transient', 'crash', rest],
    ['rest-for-one', 'transient', 'normal', []],
    ['rest-for-one', 'temporary', 'crash', []],
    ['rest-for-one', 'temporary', 'normal', []],
    ['one-for-all', 'permanent', 'crash', all],
    ['one-for-all', 'permanent', 'normal', all],
    ['one-for-all', 'transient', 'crash', all],
    ['one-for-all', 'transient', 'normal', []],
    ['one-for-all', 'temporary', 'crash', []],
    ['one-for-all', 'temporary', 'normal', []],
  ]
  test.each(table)('%s, %s, %s', async (strategy, restart, how, expected) => {
    const rig = await startRig({ strategy, children: three({ restart }) })
    rig.took()
    await end(rig, 'b', how)
    expect(rig.took()).toEqual(expected)
    const over = how === 'normal' ? 'stopped' : 'failed'
    expect(rig.states()).toEqual({ a: 'running', b: expected.length > 0 ? 'running' : over, c: 'running' })
  })
})

describe('siblings in a group', () => {
  test('a temporary child that a sibling takes along is not restarted', async () => {
    const rig = await startRig({ strategy: 'one-for-all', children: three({ restart: 'temporary' }) })
    rig.took()
    await end(rig, 'a', 'crash')
    expect(rig.took()).toEqual(['stop c', 'stop b', 'start a', 'start c'])
    await end(rig, 'a', 'crash')
    expect(rig.took()).toEqual(['stop c', 'start a', 'start c'])
  })

  test('a transient child that had ended normally is started again with its group', async () => {
    const rig = await startRig({ strategy: 'one-for-all', children: three({ restart: 'transient' }) })
    await end(rig, 'b', 'normal')
    rig.took()
    await end(rig, 'c', 'crash')
    expect(rig.took()).toEqual(['stop a', 'start a', 'start b', 'start c'])
    expect(rig.states()).toEqual({ a: 'running', b: 'running', c: 'running' })
  })

  test('a sibling supervisor in the group is stopped and started with all that it has', async () => {
    const children = [child('a'), group('g', [child('b'), child('t', { restart: 'temporary' })])]
    const rig = await startRig({ strategy: 'one-for-all', children })
    await end(rig, 't', 'crash')
    rig.took()
    await end(rig, 'a', 'crash')
    // A supervisor that is started anew starts its temporary children, too.
    expect(rig.took()).toEqual(['stop b', 'start a', 'start b', 'start t'])
  })

  test('whoever dies while its group is being stopped is not counted once more', async () => {
    const rig = await startRig({ strategy: 'one-for-all', restartsMax: 1, children: three() })
    rig.behave('c', { stopMs: 50 })
    rig.actor('b').crash()
    await rig.pass(10)
    rig.actor('a').crash()
    await rig.pass(200)
    expect(rig.ends).toEqual([])
    expect(rig.states()).toEqual({ a: 'running', b: 'running', c: 'running' })
  })

  test('a start that fails is tried again with its strategy, and each try counts', async () => {
    const rig = await startRig({ strategy: 'rest-for-one', restartsMax: 3, children: three() })
    rig.took()
    rig.behave('c', { failsToStart: true })
    rig.actor('b').crash()
    await rig.pass()
    // b's end, then c's three failures: the fourth restart is one too many.
    expect(rig.took().filter((step) => step === 'start b')).toHaveLength(1)
    expect(rig.ends).toEqual(['SYSTEM_FAILED'])
  })
})

describe('intensity', () => {
  const times = [0, 1, 2, 5]
  test.each(times)('exactly %i restarts within the period are allowed, one more is not', async (restartsMax) => {
    const rig = await startRig({ restartsMax, restartPeriodMs: 1_000, children: three() })
    for (let count = 0; count < restartsMax; count++) await end(rig, 'a', 'crash')
    expect(rig.ends).toEqual([])
    await end(rig, 'c', 'crash')
    expect(rig.ends).toEqual(['SYSTEM_FAILED'])
  })

  test('a restart counts for the period and not a millisecond longer', async () => {
    const at = async (gapMs: number): Promise<readonly string[]> => {
      const rig = await startRig({ restartsMax: 1, restartPeriodMs: 1_000, children: three() })
      rig.actor('a').crash()
      await rig.pass(gapMs)
      rig.actor('a').crash()
      await rig.pass()
      return rig.ends
    }
    expect(await at(999)).toEqual(['SYSTEM_FAILED'])
    expect(await at(1_000)).toEqual([])
  })

  test('a supervisor that gives up stops its children in reverse and ends; its parent restarts it as a whole', async () => {
    const children = [child('a'), group('g', [child('b'), child('c'), child('d')], { restartsMax: 0 }), child('e')]
    const rig = await startRig({ strategy: 'rest-for-one', restartsMax: 1, children })
    rig.took()
    await end(rig, 'c', 'crash')
    expect(rig.took()).toEqual(['stop d', 'stop b', 'stop e', 'start b', 'start c', 'start d', 'start e'])
    await end(rig, 'b', 'crash')
    expect(rig.ends).toEqual(['SYSTEM_FAILED'])
  })

  test('a start that fails while a supervisor is restarted is that supervisor’s failure', async () => {
    const children = [group('g', [child('b'), child('c')], { restartsMax: 0 }), child('e')]
    const rig = await startRig({ restartsMax: 2, children })
    rig.took()
    rig.behave('b', { failsToStart: true })
    rig.actor('c').crash()
    await rig.pass()
    expect(rig.ends).toEqual(['SYSTEM_FAILED'])
    expect(rig.took()).toEqual(['stop b', 'kill b', 'kill b', 'kill e'])
  })

  test('and is made good by a start of all that it has, not only of who failed', async () => {
    const backoff = { backoffMinMs: 1_000, backoffMaxMs: 1_000 }
    const children = [group('g', [child('b'), child('c')], { restartsMax: 2 })]
    const rig = await startRig({ backoff, children })
    for (let count = 0; count < 2; count++) {
      rig.actor('c').crash()
      await rig.pass(1_000)
    }
    rig.behave('b', { failsToStart: true })
    rig.actor('c').crash()
    await rig.pass(10)
    rig.behave('b', { stopMs: 0 })
    rig.took()
    await rig.pass(1_000)
    expect(rig.took()).toEqual(['start b', 'start c'])
  })

  test('unlike in Erlang, a transient supervisor that gives up has ended abnormally and is restarted', async () => {
    const rig = await startRig({ children: [group('g', [child('b')], { restartsMax: 0, restart: 'transient' })] })
    rig.took()
    await end(rig, 'b', 'crash')
    expect(rig.took()).toEqual(['start b'])
  })

  test('a temporary supervisor that gives up is over', async () => {
    const children = [group('g', [child('b'), child('c')], { restartsMax: 0, restart: 'temporary' }), child('d')]
    const rig = await startRig({ children })
    rig.took()
    await end(rig, 'b', 'crash')
    expect(rig.took()).toEqual(['stop c'])
    expect(rig.states()).toEqual({ b: 'failed', c: 'stopped', d: 'running' })
  })
})

describe('significant children', () => {
  const table: [AutoShutdown, RestartPolicy, End, 'lives' | 'shuts down'][] = [
    ['any-significant', 'transient', 'normal', 'shuts down'],
    ['any-significant', 'transient', 'crash', 'lives'],
    ['any-significant', 'temporary', 'normal', 'shuts down'],
    ['any-significant', 'temporary', 'crash', 'shuts down'],
    ['all-significant', 'transient', 'normal', 'lives'],
    ['all-significant', 'temporary', 'crash', 'lives'],
  ]
  test.each(table)('%s, one of two %s children, %s: the supervisor %s', async (autoShutdown, restart, how, outcome) => {
    const significant = { restart, significant: true }
    const inner = group('g', [child('b', significant), child('c', significant), child('d')], {
      autoShutdown,
      restart: 'transient',
    })
    const rig = await startRig({ children: [child('a'), inner] })
    rig.took()
    await end(rig, 'b', how)
    if (outcome === 'shuts down') expect(rig.took()).toEqual(['stop d', 'stop c'])
    else expect(rig.took()).toEqual(restart === 'transient' && how === 'crash' ? ['start b'] : [])
  })

  test('all-significant: the last active one counts, others do not', async () => {
    const significant = { restart: 'transient', significant: true } as const
    const children = [child('b', significant), child('c', significant), child('d', { restart: 'temporary' })]
    const rig = await startRig({
      children: [group('g', children, { autoShutdown: 'all-significant', restart: 'temporary' })],
    })
    rig.took()
    await end(rig, 'b', 'normal')
    expect(rig.states()).toEqual({ b: 'stopped', c: 'running', d: 'running' })
    await end(rig, 'c', 'normal')
    expect(rig.took()).toEqual(['stop d'])
  })

  test('a significant supervisor that shuts down takes its parent along', async () => {
    const significant = { restart: 'transient', significant: true } as const
    const lower = group('lower', [child('c', significant)], { autoShutdown: 'any-significant', ...significant })
    const upper = group('upper', [child('b'), lower], { autoShutdown: 'any-significant', restart: 'transient' })
    const rig = await startRig({ children: [child('a'), upper] })
    rig.took()
    await end(rig, 'c', 'normal')
    expect(rig.took()).toEqual(['stop b'])
    expect(rig.states()).toEqual({ a: 'running', b: 'stopped', c: 'stopped' })
  })

  test('a permanent supervisor that has shut down is restarted', async () => {
    const significant = { restart: 'transient', significant: true } as const
    const rig = await startRig({
      children: [group('g', [child('b', significant), child('c')], { autoShutdown: 'any-significant' })],
    })
    rig.took()
    await end(rig, 'b', 'normal')
    expect(rig.took()).toEqual(['stop c', 'start b', 'start c'])
  })

  test('at the root: the system is closed in order', async () => {
    const children = [child('a'), child('b', { restart: 'temporary', significant: true }), child('c')]
    const rig = await startRig({ autoShutdown: 'any-significant', children })
    rig.took()
    await end(rig, 'b', 'crash')
    expect(rig.ends).toEqual(['shutdown: temporary actor b ended abnormally'])
    expect(rig.took()).toEqual(['stop c', 'stop a'])
  })

  test('one that is stopped on request, or by a sibling’s restart, shuts nothing down', async () => {
    const significant = { restart: 'temporary', significant: true } as const
    const rig = await startRig({
      strategy: 'one-for-all',
      autoShutdown: 'any-significant',
      children: [child('a'), child('b', significant), child('c', significant)],
    })
    void rig.supervisor.children.stopChild('b')
    await rig.pass()
    await end(rig, 'a', 'crash')
    expect(rig.ends).toEqual([])
    expect(rig.states()).toEqual({ a: 'running', b: 'stopped', c: 'stopped' })
  })

  test.each([
    [
      'a significant permanent child',
      { autoShutdown: 'any-significant', children: [child('a', { significant: true })] },
    ],
    [
      'a significant child where nothing shuts down',
      { children: [child('a', { restart: 'transient', significant: true })] },
    ],
    [
      'the same below',
      {
        autoShutdown: 'any-significant',
        children: [group('g', [child('a', { restart: 'temporary', significant: true })])],
      },
    ],
    [
      'a significant permanent supervisor',
      { autoShutdown: 'any-significant', children: [group('g', [], { significant: true })] },
    ],
  ] as const)('%s is refused', async (_what, options) => {
    await expect(startRig(options)).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })
})

describe('shutdown', () => {
  const table: [ChildSpec['shutdownMs'], number | null, readonly string[]][] = [
    ['brutal', 0, ['kill b']],
    [50, 49, ['stop b']],
    [50, 51, ['stop b', 'kill b']],
    [50, null, ['stop b', 'kill b']],
    ['infinity', 20_000, ['stop b']],
    [undefined, 4_999, ['stop b']],
    [undefined, 5_001, ['stop b', 'kill b']],
  ]
  test.each(table)('%s, an actor that takes %s ms', async (shutdownMs, stopMs, expected) => {
    const rig = await startRig({ children: [child('b', shutdownMs === undefined ? {} : { shutdownMs })] })
    rig.behave('b', { stopMs })
    rig.took()
    void rig.supervisor.stopAll(30_000)
    await rig.pass(25_000)
    expect(rig.took()).toEqual(expected)
  })

  test('the deadline of a close holds for infinity, too, and for all together', async () => {
    const rig = await startRig({ children: three({ shutdownMs: 'infinity' }) })
    rig.behave('b', { stopMs: null })
    rig.took()
    void rig.supervisor.stopAll(1_000)
    await rig.pass(990)
    expect(rig.took()).toEqual(['stop c', 'stop b'])
    await rig.pass(20)
    expect(rig.took()).toEqual(['kill b', 'kill a'])
  })

  test('infinity in a restart waits for as long as it takes', async () => {
    const rig = await startRig({ strategy: 'one-for-all', children: three({ shutdownMs: 'infinity' }) })
    rig.behave('b', { stopMs: 3_600_000 })
    rig.took()
    rig.actor('a').crash()
    await rig.pass(3_599_000)
    expect(rig.took()).toEqual(['stop c', 'stop b'])
    await rig.pass(2_000)
    expect(rig.took()).toEqual(['start a', 'start b', 'start c'])
  })
})

describe('dynamic children (simple-one-for-one)', () => {
  const table: [RestartPolicy, End, readonly string[]][] = [
    ['permanent', 'crash', ['start d']],
    ['permanent', 'normal', ['start d']],
    ['transient', 'crash', ['start d']],
    ['transient', 'normal', []],
    ['temporary', 'crash', []],
    ['temporary', 'normal', []],
  ]
  test.each(table)('%s, %s', async (restart, how, expected) => {
    const rig = await startRig({ strategy: 'one-for-all', children: three() })
    await rig.supervisor.children.startChild(child('d', { restart }))
    rig.took()
    await end(rig, 'd', how)
    expect(rig.took()).toEqual(expected)
    expect(await rig.supervisor.children.list()).toEqual(expected.length > 0 ? ['d'] : [])
  })

  test('unlike in Erlang, each is counted for itself and given up alone', async () => {
    const rig = await startRig({ restartsMax: 1, children: three() })
    for (const name of ['d', 'e']) await rig.supervisor.children.startChild(child(name))
    for (const name of ['d', 'e', 'd']) await end(rig, name, 'crash')
    expect(await rig.supervisor.children.list()).toEqual(['e'])
    expect(rig.ends).toEqual([])
  })

  test('may not be significant, nor take the name of a supervisor', async () => {
    const rig = await startRig({ children: [group('g', [])] })
    const { children } = rig.supervisor
    await expect(children.startChild(child('d', { restart: 'temporary', significant: true }))).rejects.toMatchObject({
      code: 'INVALID_OPTION',
    })
    await expect(children.startChild(child('g'))).rejects.toMatchObject({ code: 'ACTOR_EXISTS' })
  })
})

describe('back-off, which Erlang has not', () => {
  test('delays the second restart in a row, and is forgotten after a while', async () => {
    const backoff = { backoffMinMs: 400, backoffMaxMs: 400, resetMs: 5_000 }
    const rig = await startRig({ restartsMax: 10, backoff, children: [child('a')] })
    rig.took()
    await end(rig, 'a', 'crash')
    expect(rig.took()).toEqual(['start a'])
    rig.actor('a').crash()
    await rig.pass(0)
    expect(rig.took()).toEqual([])
    expect(rig.states()).toEqual({ a: 'restarting' })
    await rig.pass(400)
    expect(rig.took()).toEqual(['start a'])
    await rig.pass(5_000)
    rig.actor('a').crash()
    await rig.pass(0)
    expect(rig.took()).toEqual(['start a'])
  })
})
