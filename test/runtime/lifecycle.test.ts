import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { DeathNotice } from '../../runtime/index.ts'
import { life, lifeChild } from './fixtures/lifecycle.ts'
import { codeOf, eventually, useSystems } from './helpers.ts'

const { start, tempFile } = useSystems()
const linesOf = (file: string): string[] => readFileSync(file, 'utf8').trim().split('\n')

describe('an actor that stops by itself', () => {
  test('answers what it has taken, runs terminate, and ends normally', async () => {
    const file = await tempFile()
    const system = await start([lifeChild('a', { file }, { restart: 'transient' })])
    const notices: DeathNotice[] = []
    system.monitor('a', (notice) => notices.push(notice))
    const { ask } = system.ref(life('a'))
    const running = ask.work({ ms: 100 })
    expect(await ask.finish({ why: 'all done' })).toBe('all done')
    expect(await running).toBe('done')
    await eventually(() => notices).toMatchObject([{ reason: { kind: 'stopped' }, restarting: false }])
    expect(linesOf(file)).toEqual(['start a', 'finish a', 'terminate a'])
    expect(await codeOf(ask.incarnation(null))).toBe('ACTOR_STOPPED')
  })

  test('is restarted when it is permanent, with what has come meanwhile', async () => {
    const system = await start([lifeChild('a')])
    const { ask } = system.ref(life('a'))
    await ask.finish({ why: 'a new life' })
    expect(await ask.incarnation(null)).toBe(3)
  })

  test('is forced when it does not come to an end', async () => {
    const system = await start([lifeChild('a', {}, { restart: 'temporary', shutdownMs: 50 })])
    const { ask } = system.ref(life('a'))
    const running = codeOf(ask.work({ ms: 600_000 }))
    await ask.finish({ why: 'now' })
    expect(await running).toBe('ACTOR_STOPPED')
    expect(system.stats()[0]!.state).toBe('stopped')
  })
})

describe('a system of supervisors', () => {
  test('starts depth first, stops in reverse, and says why it is over', async () => {
    const file = await tempFile()
    const actor = (name: string) => lifeChild(name, { file })
    const system = await start([actor('a'), { supervisor: 'g', children: [actor('b'), actor('c')] }, actor('d')])
    await system.close()
    const names = ['a', 'b', 'c', 'd']
    expect(linesOf(file)).toEqual([
      ...names.map((name) => `start ${name}`),
      ...names.toReversed().map((name) => `terminate ${name}`),
    ])
    expect(await system.closed).toEqual({ reason: { kind: 'closed' } })
  })

  test('a subtree that is restarted finds its messages', async () => {
    const children = [lifeChild('b'), lifeChild('c', {}, { shutdownMs: 50 })]
    const system = await start([lifeChild('a'), { supervisor: 'g', strategy: 'one-for-all', restartsMax: 0, children }])
    const { ask } = system.ref(life('c'))
    const waiting = codeOf(ask.work({ ms: 600_000 }))
    await eventually(() => system.stats()[2]!.inFlight).toBe(1)
    await system.kill('b')
    await eventually(() => system.stats().map(({ restarts }) => restarts)).toEqual([0, 1, 1])
    expect(await ask.incarnation(null)).toBeGreaterThan(4)
    expect(await waiting).toBe('ACTOR_RESTARTED')
  })

  test('one that was given up comes back with its supervisor, as another of the same name', async () => {
    const children = [lifeChild('b', {}, { restart: 'temporary' }), lifeChild('c')]
    const system = await start([lifeChild('a'), { supervisor: 'g', restartsMax: 0, children }])
    const { ask } = system.ref(life('b'))
    await system.kill('b')
    await eventually(() => codeOf(ask.incarnation(null))).toBe('ACTOR_STOPPED')
    await system.kill('c')
    await eventually(() => system.stats().every(({ state }) => state === 'running')).toBe(true)
    expect(await ask.incarnation(null)).toBeGreaterThan(4)
  })

  test('closes by itself when its significant child is done', async () => {
    const file = await tempFile()
    const system = await start(
      [lifeChild('a', { file }), lifeChild('b', {}, { restart: 'transient', significant: true })],
      { autoShutdown: 'any-significant' },
    )
    await system.ref(life('b')).ask.finish({ why: 'the work is done' })
    expect(await system.closed).toMatchObject({ reason: { kind: 'auto-shutdown' } })
    expect(linesOf(file)).toEqual(['start a', 'terminate a'])
  })

  test('that has failed says so', async () => {
    const system = await start([lifeChild('a')], { restartsMax: 0 })
    await system.kill('a')
    expect(await system.closed).toMatchObject({ reason: { kind: 'failed', error: { code: 'SYSTEM_FAILED' } } })
  })
})
