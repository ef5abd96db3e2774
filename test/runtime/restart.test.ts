import { describe, expect, test } from 'vitest'
import { childOf, type DeathNotice } from '../../runtime/index.ts'
import { echo, echoActor, ledger, ledgerActor, middle, middleActor, named, sum, sumActor } from './fixtures/actors.ts'
import { codeOf, eventually, readLedger, useSystems } from './helpers.ts'

const { start, tempFile } = useSystems()

describe('a killed actor', () => {
  test('runs a redeliverable message again, in its next life, under the same id', async () => {
    const file = await tempFile()
    const system = await start([childOf(ledgerActor, { config: { file } })])
    const reply = system.ref(ledger).ask.twice({ key: 'a', ms: 200 })
    await eventually(() => readLedger(file)).toHaveLength(1)
    await system.kill('ledger')
    expect(await reply).toBe(1)
    const [first, second] = readLedger(file)
    expect(second).toEqual({ ...first, redelivered: 1, incarnation: first!.incarnation! + 1 })
    expect(system.stats()[0]).toMatchObject({
      restarts: 1,
      redelivered: 1,
      state: 'running',
      inFlight: 0,
      queueDepth: 0,
    })
  })

  test('tells the asker of one that must not run twice', async () => {
    const file = await tempFile()
    const system = await start([childOf(ledgerActor, { config: { file } })])
    const { ask } = system.ref(ledger)
    const code = codeOf(ask.once({ key: 'a', ms: 60_000 }))
    await eventually(() => readLedger(file)).toHaveLength(1)
    await system.kill('ledger')
    expect(await code).toBe('ACTOR_RESTARTED')
    expect(await ask.once({ key: 'b', ms: 0 })).toBe(0)
    expect(readLedger(file).map(({ key }) => key)).toEqual(['a', 'b'])
  })

  test('finds messages sent while it was away, in order', async () => {
    const file = await tempFile()
    const system = await start([childOf(ledgerActor, { config: { file } })])
    const { ask, tell } = system.ref(ledger)
    const killed = system.kill('ledger')
    const keys = Array.from({ length: 200 }, (_, index) => String(index))
    for (const key of keys) tell.once({ key, ms: 0 })
    await ask.once({ key: 'last', ms: 0 })
    await killed
    expect(readLedger(file).map(({ key }) => key)).toEqual([...keys, 'last'])
  })

  test('gets a large message again', async () => {
    const system = await start([childOf(echoActor)])
    const { ask } = system.ref(echo)
    const value = new Uint8Array(2_000_000).fill(9)
    const reply = ask.later({ ms: 300, value })
    await eventually(() => system.stats()[0]!.messagesIn).toBeGreaterThan(0)
    await system.kill('echo')
    expect(Buffer.compare((await reply) as Uint8Array, value)).toBe(0)
  })

  test('is reported to monitors, here and in other actors', async () => {
    const system = await start([childOf(echoActor), childOf(middleActor)])
    const notices: DeathNotice[] = []
    const undo = system.monitor('echo', (notice) => notices.push(notice))
    const { ask } = system.ref(middle)
    await ask.watch({ name: 'echo' })
    await system.kill('echo')
    await expect
      .poll(() => notices)
      .toMatchObject([
        { name: 'echo', incarnation: 2, reason: { kind: 'crashed', message: 'killed' }, restarting: true },
      ])
    await eventually(() => ask.watch({ name: '' })).toEqual(['crashed true'])
    undo()
    expect(await ask.pass('after')).toBe('after')
  })

  test('that parks its thread comes back too', async () => {
    const system = await start([childOf(echoActor), childOf(sumActor)])
    const { ask } = system.ref(sum)
    expect(await ask.add(5)).toBe(5)
    await system.kill('sum')
    expect(await ask.add(1)).toBe(1)
    await system.kill('echo')
    expect(await ask.relay('x')).toBe('x')
  })
})

describe('a crash', () => {
  test.each(['throw', 'exit', 'reject', 'heap'] as const)('by %s ends one life, not the process', async (how) => {
    const system = await start([childOf(echoActor, { heapMb: 64 })])
    const { ask } = system.ref(echo)
    expect(await codeOf(ask.crash({ how }))).toBe('ACTOR_RESTARTED')
    expect((await ask.whoami(null)).incarnation).toBe(3)
  })

  test('of the same message three times makes it a dead letter', async () => {
    const file = await tempFile()
    const system = await start([childOf(ledgerActor, { config: { file } })])
    const { ask } = system.ref(ledger)
    expect(await codeOf(ask.poison({ key: 'bad' }, { deadlineMs: Infinity }))).toBe('POISON_MESSAGE')
    expect(readLedger(file)).toHaveLength(3)
    expect(await ask.twice({ key: 'good', ms: 0 })).toBe(0)
    expect(system.stats()[0]).toMatchObject({ restarts: 3, deadLetters: 1 })
  })

  test('too often ends the system, and every ask says so', async () => {
    const system = await start([childOf(echoActor), childOf(middleActor)], { restartsMax: 1 })
    const { ask } = system.ref(echo)
    const waiting = codeOf(
      system
        .ref(middle)
        .ask.watch({ name: 'echo' })
        .then(() => system.ref(echo).ask.never(null)),
    )
    await system.kill('echo')
    expect(await ask.echo(1)).toBe(1)
    await system.kill('echo')
    await eventually(() => codeOf(ask.echo(1))).toBe('SYSTEM_FAILED')
    expect(['ACTOR_RESTARTED', 'SYSTEM_FAILED']).toContain(await waiting)
    expect(system.stats().map(({ state }) => state)).toEqual(['failed', 'failed'])
  })

  test('of a temporary child is the end of it', async () => {
    const system = await start([childOf(echoActor, { restart: 'temporary' })])
    const waiting = codeOf(system.ref(echo).ask.never(null))
    await eventually(() => system.stats()[0]!.inFlight).toBe(1)
    await system.kill('echo')
    expect(await waiting).toBe('ACTOR_STOPPED')
    expect(await codeOf(system.ref(echo).ask.echo(1))).toBe('ACTOR_STOPPED')
  })
})

describe('a hang', () => {
  test('past the blocking budget is ended and restarted', async () => {
    const system = await start([childOf(echoActor)])
    const { ask } = system.ref(echo)
    const notices: DeathNotice[] = []
    system.monitor('echo', (notice) => notices.push(notice))
    expect(await codeOf(ask.spin({ ms: 600_000 }))).toBe('ACTOR_RESTARTED')
    expect(notices).toMatchObject([{ reason: { kind: 'hung' }, restarting: true }])
  })
})

describe('strategies', () => {
  const three = ['a', 'b', 'c'].map((name) => childOf(echoActor, { name }))
  const livesOf = (system: Awaited<ReturnType<typeof start>>): number[] =>
    system.stats().map(({ incarnation }) => incarnation)

  test.each([
    ['one-for-one', [2, 5, 4]],
    ['rest-for-one', [2, 5, 6]],
    ['one-for-all', [5, 6, 7]],
  ] as const)('%s', async (strategy, expected) => {
    const system = await start(three, { strategy })
    expect(livesOf(system)).toEqual([2, 3, 4])
    const waiting = system.ref(named('c')).ask.later({ ms: 100, value: 'kept' })
    await system.kill('b')
    await eventually(() => system.stats().every(({ state }) => state === 'running')).toBe(true)
    await eventually(() => livesOf(system)).toEqual(expected)
    expect(await waiting).toBe('kept')
    for (const name of ['a', 'b', 'c']) expect(await system.ref(named(name)).ask.echo(name)).toBe(name)
  })
})
