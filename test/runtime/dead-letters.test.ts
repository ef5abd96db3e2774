import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { childOf, silentLogger, type DeadLetter } from '../../runtime/index.ts'
import { createCodec } from '../../runtime/codec.ts'
import { createDeadLetterBox, createDeadLetterReport } from '../../runtime/dead-letters.ts'
import { events } from '../../runtime/diagnostics.ts'
import { echo, echoActor, ledger, ledgerActor, middleActor, named } from './fixtures/actors.ts'
import { codeOf, eventually, useSystems } from './helpers.ts'

const { start, tempFile } = useSystems()

function digestOf(body: unknown): string {
  const { bytes, start, end } = createCodec().encode(body, 'test')
  return createHash('sha256').update(bytes.subarray(start, end)).digest('hex')
}

describe('dead letters of a system', () => {
  test('come from every thread, with reason, digest and size, counted and told', async () => {
    const system = await start([childOf(echoActor), childOf(middleActor)])
    const told: DeadLetter[] = []
    const undo = system.onDeadLetter((letter) => told.push(letter))
    const { tell } = system.ref(echo)
    tell.fail({ how: 'error' })
    ;(tell as unknown as Record<string, (arg: unknown) => void>)['nothing']!({ a: 1 })
    tell.echo(() => 1)
    system.ref(named('nobody')).tell.echo('x')
    await eventually(() => system.deadLetters()).toHaveLength(4)
    const by = (reason: string): DeadLetter | undefined => system.deadLetters().find((one) => one.reason === reason)
    expect(by('failed')).toMatchObject({
      actor: 'echo',
      call: 'fail',
      sender: 'host',
      detail: 'RangeError: plain',
      crashes: 0,
      digest: digestOf(['fail', { how: 'error' }]),
    })
    expect(by('unknown-handler')).toMatchObject({ call: 'nothing', digest: digestOf(['nothing', { a: 1 }]) })
    expect(by('invalid')).toMatchObject({ actor: 'echo', call: 'echo', digest: null, bytes: 0 })
    expect(by('not-reachable')).toMatchObject({ actor: 'nobody', digest: digestOf(['echo', 'x']) })
    expect(told).toEqual(system.deadLetters())
    undo()
    expect(system.stats().find(({ name }) => name === 'echo')?.deadLetters).toBe(2)
  })

  test('are what expired in the mailbox, and tells to a stopped actor', async () => {
    const system = await start([childOf(echoActor, { restart: 'temporary' })])
    const { ask, tell } = system.ref(echo)
    const busy = ask.spin({ ms: 150 })
    expect(await codeOf(ask.echo('late', { deadlineMs: 10 }))).toBe('DEADLINE_EXCEEDED')
    await busy
    await ask.echo(0)
    await system.kill('echo')
    await eventually(() => codeOf(ask.echo(1))).toBe('ACTOR_STOPPED')
    tell.echo('too late')
    const reasons = system.deadLetters().map(({ reason }) => reason)
    expect(reasons).toContain('actor-stopped')
    // Cancelled in the ring, or taken and found expired: the asker knows in either case.
    expect(reasons.filter((reason) => reason !== 'actor-stopped' && reason !== 'expired')).toEqual([])
  })

  test('are poison messages with their crashes, and tells that must not run twice', async () => {
    const file = await tempFile()
    const system = await start([childOf(ledgerActor, { config: { file } })])
    const { ask, tell } = system.ref(ledger)
    // Three starts of a thread, each a quarter of a second of CPU: on a busy machine more than an ask's default deadline.
    expect(await codeOf(ask.poison({ key: 'bad' }, { deadlineMs: Infinity }))).toBe('POISON_MESSAGE')
    await eventually(() => system.deadLetters()).toMatchObject([
      { reason: 'poison', crashes: 3, call: 'poison', digest: digestOf(['poison', { key: 'bad' }]) },
    ])
    tell.once({ key: 'half done', ms: 60_000 })
    await ask.twice({ key: 'behind it', ms: 0 }, { deadlineMs: Infinity })
    await system.kill('ledger')
    await eventually(() => system.deadLetters().map(({ reason }) => reason)).toEqual(['poison', 'interrupted'])
    expect(system.stats()[0]?.deadLetters).toBe(2)
  })

  test('of a flood are counted all, and reported a hundred a second', async () => {
    const system = await start([childOf(echoActor)])
    const { ask, tell } = system.ref(echo)
    for (let index = 0; index < 2_000; index++) tell.fail({ how: 'error' })
    await ask.echo(0)
    expect(system.stats()[0]?.deadLetters).toBe(2_000)
    expect(system.deadLetters().length).toBeLessThanOrEqual(256)
  })
})

describe('the report of a thread', () => {
  const facts = { actor: 'a', call: 'c', sender: 's', reason: 'failed', detail: '' } as const

  test('is bounded per second, and makes no digest for what nobody sees', () => {
    let at = 0
    let digests = 0
    const letters: DeadLetter[] = []
    const body = (): Uint8Array => (digests++, Uint8Array.of(1))
    const report = createDeadLetterReport({
      now: () => at,
      monotonicMs: () => at,
      logger: silentLogger,
      forward: (letter) => letters.push(letter),
    })
    for (at = 0; at < 3_000; at++) report({ ...facts, body })
    expect(letters).toHaveLength(300)
    expect(digests).toBe(300)
    const heard: unknown[] = []
    const channel = events['dead-letter'] as unknown as {
      subscribe: (fn: (letter: unknown) => void) => void
      unsubscribe: (fn: (letter: unknown) => void) => void
    }
    const onLetter = (letter: unknown): void => void heard.push(letter)
    channel.subscribe(onLetter)
    for (let index = 0; index < 500; index++) report({ ...facts, body })
    channel.unsubscribe(onLetter)
    expect(heard).toHaveLength(500)
  })

  test('makes no digest of what is too large to look at in a turn', () => {
    const letters: DeadLetter[] = []
    const report = createDeadLetterReport({
      now: () => 0,
      monotonicMs: () => 0,
      logger: silentLogger,
      forward: (letter) => letters.push(letter),
    })
    const large = new Uint8Array(10 * 1024 * 1024)
    for (let index = 0; index < 3; index++) report({ ...facts, body: () => large })
    expect(letters.map(({ digest }) => digest !== null)).toEqual([true, false, false])
    expect(letters.map(({ bytes }) => bytes)).toEqual([large.length, large.length, large.length])
  })
})

test('the box keeps the last 256, and one bad listener harms no other', () => {
  const errors: string[] = []
  const box = createDeadLetterBox({ ...silentLogger, error: (message) => void errors.push(message) })
  const heard: number[] = []
  box.listen(() => {
    throw new Error('bad')
  })
  box.listen(({ at }) => heard.push(at))
  const letter = { actor: 'a', call: 'c', sender: 's', reason: 'failed', detail: '', digest: null } as const
  for (let at = 0; at < 300; at++) box.add({ ...letter, bytes: 0, crashes: 0, at })
  expect(box.list().map(({ at }) => at)).toEqual(Array.from({ length: 256 }, (_, index) => index + 44))
  expect(heard).toHaveLength(300)
  expect(errors).toHaveLength(300)
})
