/** The Pool Manager, the engine and model hosts on real threads: a few end-to-end checks, with real deaths. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { arbitrationEngineActor } from '../../actors/arbitration-engine/index.ts'
import {
  builtinModels,
  LEASE_REGION,
  LeaseClient,
  leaseRegionBytes,
  modelHost,
  poolManager,
  poolManagerActor,
} from '../../actors/pool-manager/index.ts'
import { type ActorSystem, childOf, startSystem } from '../../runtime/index.ts'
import { echoModel, until } from '../support/pool.ts'

const module = new URL('../support/model-modules.ts', import.meta.url).href
const mortal = { id: 'mortal', backend: { kind: 'module', module, export: 'mortal' } } as const

let system: ActorSystem
let client: LeaseClient

beforeAll(async () => {
  const models = [...builtinModels, echoModel('echo', { slots: 2 }), echoModel('other'), mortal]
  system = await startSystem({
    children: [
      childOf(arbitrationEngineActor, { config: { dataDir: ':memory:' } }),
      childOf(poolManagerActor, { config: { models, dataDir: ':memory:' } }),
    ],
    shared: { [LEASE_REGION]: leaseRegionBytes(16) },
    restartsMax: 100,
  })
  const region = system.shared(LEASE_REGION)
  client = new LeaseClient({ pool: system.ref(poolManager), region, incarnation: system.incarnation })
})

afterAll(() => system.close())

async function infer(model: string, text: string, tenant = 'alice'): Promise<unknown> {
  using lease = await client.acquire(model, { tenant })
  return (await system.ref(modelHost(lease.grant.host)).ask.infer({ model, input: { text } })).output
}

describe('on threads', () => {
  test('instruments and user modules answer', async () => {
    expect(await infer('language-detector', 'The quick brown fox jumps over the lazy dog')).toMatchObject({
      language: 'en',
    })
    expect(await infer('echo', 'hello')).toMatchObject({ text: 'hello' })
    const again = client.tryAcquire('echo')
    expect(again).not.toBeNull()
    again?.release()
  })

  test('contended: everybody is served, nothing is left', async () => {
    const answers = await Promise.all(Array.from({ length: 60 }, (_, at) => infer('echo', `${at}`, `t${at % 3}`)))
    expect(answers.map((answer) => (answer as { text: string }).text)).toEqual(answers.map((_, at) => `${at}`))
    await until(async () => (await system.ref(poolManager).ask.info({ model: 'echo' })).leased === 0)
  })

  test.each(['pool-manager', 'arbitration-engine', 'the host of echo'])(
    '%s dies under load: every request is answered',
    async (name) => {
      await infer('echo', 'warm')
      using lease = await client.acquire('echo', { tenant: 'alice' })
      const victim = name === 'the host of echo' ? lease.grant.host : name
      lease.release()
      const work = Array.from({ length: 40 }, (_, at) => infer('echo', `${at}`, `t${at % 3}`))
      await infer('other', 'x')
      await system.kill(victim)
      const answers = await Promise.all(work)
      expect(answers.map((answer) => (answer as { text: string }).text)).toEqual(answers.map((_, at) => `${at}`))
      await until(async () => (await system.ref(poolManager).ask.info({ model: 'echo' })).leased === 0)
      expect(await infer('echo', 'after')).toMatchObject({ text: 'after' })
    },
  )

  test('a model that ends its thread harms its own request only', async () => {
    expect(await infer('mortal', 'fine')).toMatchObject({ text: 'fine' })
    const deadly = infer('mortal', 'die')
    expect(await infer('echo', 'untouched')).toMatchObject({ text: 'untouched' })
    await expect(deadly).rejects.toMatchObject({ code: 'POISON_MESSAGE' })
    expect(await infer('mortal', 'fine again')).toMatchObject({ text: 'fine again' })
  })

  test('unloading a user module ends its thread', async () => {
    await infer('echo', 'x')
    const before = (await system.children.list()).length
    await system.ref(poolManager).ask.unload({ model: 'echo' })
    expect((await system.children.list()).length).toBe(before - 1)
    expect(await infer('echo', 'back')).toMatchObject({ text: 'back' })
  })
})
