import { describe, expect, test } from 'vitest'
import { childOf } from '../../runtime/index.ts'
import { echoActor, middle, middleActor, named } from './fixtures/actors.ts'
import { codeOf, eventually, useSystems } from './helpers.ts'

const { start } = useSystems()
const dynamic = (name: string) => childOf(echoActor, { name, reachableFrom: ['middle'] })

describe('dynamic children', () => {
  test('started by the host, reachable from where their spec says', async () => {
    const system = await start([childOf(echoActor), childOf(middleActor)])
    await system.children.startChild(dynamic('extra'))
    expect(await system.ref(named('extra')).ask.echo('from the host')).toBe('from the host')
    expect(await system.ref(middle).ask.askNamed({ name: 'extra', value: 'from a peer' })).toBe('from a peer')
    expect(await system.children.list()).toEqual(['extra'])
    await system.children.stopChild('extra')
    await system.children.stopChild('extra')
    expect(await codeOf(system.ref(named('extra')).ask.echo(1))).toBe('ACTOR_STOPPED')
    expect(await codeOf(system.ref(middle).ask.askNamed({ name: 'extra', value: 1 }))).toBe('ACTOR_STOPPED')
    expect(system.stats().map(({ name }) => name)).toEqual(['echo', 'middle'])
  })

  test('started and stopped by an actor, again under the same name', async () => {
    const system = await start([childOf(echoActor), childOf(middleActor)])
    const { ask } = system.ref(middle)
    for (const value of ['first', 'second', 'third']) {
      expect(await ask.start({ name: 'own' })).toEqual(['own'])
      expect(await ask.askNamed({ name: 'own', value })).toBe(value)
      expect(await ask.stop({ name: 'own' })).toEqual([])
    }
  })

  test('a call to a child that is just being started waits for it', async () => {
    const system = await start([childOf(echoActor), childOf(middleActor)])
    const starting = system.children.startChild(dynamic('soon'))
    expect(await system.ref(middle).ask.askNamed({ name: 'soon', value: 1 })).toBe(1)
    await starting
  })

  test('survive the crash of the actor that started them, and their own', async () => {
    const system = await start([childOf(echoActor), childOf(middleActor)])
    const { ask } = system.ref(middle)
    await ask.start({ name: 'own' })
    await system.kill('middle')
    expect(await ask.askNamed({ name: 'own', value: 1 })).toBe(1)
    await system.kill('own')
    expect(await ask.askNamed({ name: 'own', value: 2 })).toBe(2)
  })

  test('one that cannot start is a typed error; one that cannot live is given up alone', async () => {
    const system = await start([childOf(echoActor), childOf(middleActor)], { restartsMax: 1 })
    await expect(system.children.startChild({ ...dynamic('bad'), config: { fail: true } })).rejects.toMatchObject({
      code: 'INIT_FAILED',
    })
    expect(await codeOf(system.children.startChild({ ...dynamic('echo') }))).toBe('ACTOR_EXISTS')
    expect(await codeOf(system.children.startChild({ ...dynamic('host') }))).toBe('INVALID_OPTION')
    await system.children.startChild(dynamic('frail'))
    await system.kill('frail')
    expect(await system.ref(named('frail')).ask.echo(1)).toBe(1)
    await system.kill('frail')
    await eventually(() => codeOf(system.ref(named('frail')).ask.echo(1))).toBe('ACTOR_STOPPED')
    expect(await system.ref(middle).ask.pass(2)).toBe(2)
  })
})
