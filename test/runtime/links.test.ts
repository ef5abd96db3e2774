import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { ActorSystem, DeathNotice } from '../../runtime/index.ts'
import { life, lifeChild } from './fixtures/lifecycle.ts'
import { eventually, useSystems } from './helpers.ts'

const { start, tempFile } = useSystems()

function lives(system: ActorSystem): Readonly<Record<string, number>> {
  return Object.fromEntries(system.stats().map(({ name, incarnation }) => [name, incarnation]))
}

function deathsOf(system: ActorSystem, ...names: readonly string[]): DeathNotice[] {
  const notices: DeathNotice[] = []
  for (const name of names) system.monitor(name, (notice) => notices.push(notice))
  return notices
}

const running = (system: ActorSystem) =>
  eventually(() => system.stats().every(({ state }) => state === 'running')).toBe(true)

describe('a link', () => {
  test.each([
    ['the one it was made to', 'b', 'a'],
    ['the one who made it', 'a', 'b'],
  ])('ends the other life when %s ends abnormally; both are restarted', async (_who, killed, taken) => {
    const system = await start([lifeChild('a'), lifeChild('b')])
    const notices = deathsOf(system, 'a', 'b')
    await system.ref(life('a')).ask.link({ to: 'b' })
    await system.kill(killed)
    await eventually(() => notices).toMatchObject([
      { name: killed, reason: { kind: 'crashed' }, restarting: true },
      { name: taken, reason: { kind: 'linked', name: killed }, restarting: true },
    ])
    await running(system)
    expect(new Set(Object.values(lives(system)))).toEqual(new Set([4, 5]))
  })

  test('is of a life: the next one of either is not linked, unless its init says so', async () => {
    const system = await start([lifeChild('a'), lifeChild('b'), lifeChild('c', { links: ['b'] })])
    const notices = deathsOf(system, 'a', 'c')
    await system.ref(life('a')).ask.link({ to: 'b' })
    await system.kill('b')
    await eventually(() => notices).toHaveLength(2)
    await running(system)
    const { a } = lives(system)
    await system.kill('b')
    await eventually(() => notices.length).toBe(3)
    expect(notices[2]).toMatchObject({ name: 'c', reason: { kind: 'linked', name: 'b' } })
    expect(await system.ref(life('a')).ask.incarnation(null)).toBe(a)
  })

  test('does not propagate an end in order', async () => {
    const system = await start([lifeChild('a'), lifeChild('b', {}, { restart: 'transient' })])
    const { ask } = system.ref(life('a'))
    await ask.link({ to: 'b' })
    await system.ref(life('b')).ask.finish({ why: 'done' })
    await eventually(() => system.stats()[1]!.state).toBe('stopped')
    expect(await ask.incarnation(null)).toBe(2)
  })

  test('that was undone ends nobody', async () => {
    const system = await start([lifeChild('a'), lifeChild('b')])
    const { ask } = system.ref(life('a'))
    await ask.link({ to: 'b' })
    await ask.unlink({ to: 'b' })
    await system.kill('b')
    await system.ref(life('b')).ask.incarnation(null)
    expect(await ask.incarnation(null)).toBe(2)
  })

  test.each([
    ['has ended', [lifeChild('a'), lifeChild('b', {}, { restart: 'temporary' })]],
    ['never was', [lifeChild('a')]],
  ])('to an actor that %s is its death for the one who makes it', async (_what, children) => {
    const system = await start(children)
    const notices = deathsOf(system, 'a')
    if (children.length > 1) await system.kill('b')
    system.ref(life('a')).tell.link({ to: 'b' })
    await eventually(() => notices).toMatchObject([{ reason: { kind: 'linked', name: 'b' }, restarting: true }])
  })

  test('goes through: a ends b ends c', async () => {
    const system = await start([lifeChild('a'), lifeChild('b', { links: ['a'] }), lifeChild('c', { links: ['b'] })])
    const notices = deathsOf(system, 'a', 'b', 'c')
    await system.kill('a')
    await eventually(() => notices.map(({ name }) => name)).toEqual(['a', 'b', 'c'])
  })

  test('ends a life after the messages that the dead one had sent', async () => {
    const file = await tempFile()
    const system = await start([lifeChild('a', { file }), lifeChild('b', { links: ['a'] })])
    const notices = deathsOf(system, 'a')
    system.ref(life('b')).tell.tellAndDie({ to: 'a', count: 500 })
    await eventually(() => notices.length).toBe(1)
    const lines = readFileSync(file, 'utf8').trim().split('\n')
    const first = lines.slice(1, lines.indexOf('start a', 1) === -1 ? undefined : lines.indexOf('start a', 1))
    expect(first).toEqual(Array.from({ length: 500 }, (_, index) => `${index} a`))
  })
})

describe('a death', () => {
  test('is told after the reply that was sent right before it', async () => {
    const system = await start([lifeChild('a')])
    const order: string[] = []
    system.monitor('a', () => order.push('death'))
    const reply = system.ref(life('a')).ask.answerAndDie(null)
    void reply.then((text) => order.push(text))
    await eventually(() => order).toEqual(['answered', 'death'])
  })

  test('of an actor that is not alive is no news: a monitor watches the name, for its next death', async () => {
    const system = await start([lifeChild('a', {}, { restart: 'temporary' })])
    await system.kill('a')
    const notices = deathsOf(system, 'a')
    expect(await system.children.list()).toEqual([])
    expect(notices).toEqual([])
  })
})
