/** Leases under contention, and through the death of everybody involved. */
import { beforeEach, describe, expect, test } from 'vitest'
import { arbitrationEngine } from '../../actors/arbitration-engine/index.ts'
import { LEASE_REGION, LeaseTable, modelHost } from '../../actors/pool-manager/index.ts'
import { holder, holderActor } from '../support/holder-actor.ts'
import { modelLog, resetModelLog } from '../support/model-modules.ts'
import { echoModel, fastClock, startPool, type TestPool, until } from '../support/pool.ts'

beforeEach(resetModelLog)

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function unitsInUse(pit: TestPool, model: string): Promise<number> {
  const { inUse } = await pit.system.ref(arbitrationEngine).ask.status({})
  return inUse[`model:${model}`] ?? 0
}

/** Nothing is held, nobody waits, the engine's books are clean, and the fast path is open again. */
async function expectAllFree(pit: TestPool, model: string, hasEngine = true): Promise<void> {
  await until(async () => (await pit.info(model)).leased === 0)
  if (hasEngine) await until(async () => (await unitsInUse(pit, model)) === 0)
  ;(await pit.client.acquire(model, { tenant: 'last' })).release()
  const lease = pit.client.tryAcquire(model)
  expect(lease).not.toBeNull()
  lease?.release()
}

describe('contention', () => {
  test('never more holders than slots, everybody is served, and then the fast path is open again', async () => {
    await using pit = await startPool([echoModel('a', { slots: 3 })])
    let now = 0
    let most = 0
    let served = 0
    const work = async (tenant: string): Promise<void> => {
      using _lease = await pit.client.acquire('a', { tenant })
      most = Math.max(most, ++now)
      await pause(1)
      now--
      served++
    }
    await Promise.all(Array.from({ length: 120 }, (_, at) => work(`tenant ${at % 4}`)))
    expect({ most, served }).toEqual({ most: 3, served: 120 })
    await expectAllFree(pit, 'a')
  })

  test('a tenant who floods does not make the others wait for all of it', async () => {
    await using pit = await startPool([echoModel('a', { slots: 1 })])
    const order: string[] = []
    const work = async (tenant: string): Promise<void> => {
      using _lease = await pit.client.acquire('a', { tenant })
      order.push(tenant)
      await pause(2)
    }
    const flood = Array.from({ length: 40 }, () => work('flood'))
    await until(() => order.length > 2)
    await Promise.all([...flood, work('small'), work('small')])
    expect(order.lastIndexOf('small')).toBeLessThan(20)
  })

  test('leases from before contention count: the waiter gets the slot of whoever frees first', async () => {
    await using pit = await startPool([echoModel('a', { slots: 2 })])
    await pit.infer('a', 'warm')
    const first = pit.client.tryAcquire('a')!
    const second = pit.client.tryAcquire('a')!
    const waiting = pit.client.acquire('a', { tenant: 'bob' })
    await until(async () => (await unitsInUse(pit, 'a')) === 2)
    second.release()
    const third = await waiting
    expect(third.grant.slot).toBe(second.grant.slot)
    expect(await unitsInUse(pit, 'a')).toBeLessThanOrEqual(2)
    first.release()
    third.release()
    await expectAllFree(pit, 'a')
  })

  test('without an Arbitration Engine it is first come, first served', async () => {
    await using pit = await startPool([echoModel('a', { slots: 1 })], { engine: false })
    const order: number[] = []
    await Promise.all(
      Array.from({ length: 10 }, async (_, at) => {
        using _lease = await pit.client.acquire('a', { tenant: 'alice' })
        order.push(at)
        await pause(1)
      }),
    )
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    await expectAllFree(pit, 'a', false)
  })

  test('2,000 requests at once for three models all get their lease', async () => {
    await using pit = await startPool(['a', 'b', 'c'].map((id) => echoModel(id, { slots: 64 })))
    const models = Array.from({ length: 2_000 }, (_, at) => 'abc'[at % 3]!)
    await Promise.all(
      models.map(async (model) => {
        using _lease = await pit.client.acquire(model, { tenant: 'alice' })
        await Promise.resolve()
      }),
    )
    for (const model of 'abc') await expectAllFree(pit, model)
  })
})

describe('giving up', () => {
  test('a deadline is an error with its name, and leaves nothing behind', async () => {
    await using pit = await startPool([echoModel('a', { slots: 1 })])
    const lease = await pit.client.acquire('a', { tenant: 'alice' })
    const failure = pit.client.acquire('a', { tenant: 'bob', deadlineMs: 40 })
    await expect(failure).rejects.toMatchObject({ code: 'LEASE_TIMEOUT', message: /a within 40 ms/ })
    lease.release()
    await expectAllFree(pit, 'a')
  })

  test('a cancelled request is out of the queue, also at the engine', async () => {
    await using pit = await startPool([echoModel('a', { slots: 1 })])
    const lease = await pit.client.acquire('a', { tenant: 'alice' })
    const abort = new AbortController()
    const cancelled = pit.client.acquire('a', { tenant: 'bob', signal: abort.signal })
    const engine = pit.system.ref(arbitrationEngine)
    await until(async () => (await engine.ask.status({})).queued === 1)
    abort.abort()
    await expect(cancelled).rejects.toMatchObject({ code: 'CANCELLED' })
    await until(async () => (await engine.ask.status({})).queued === 0)
    lease.release()
    await expectAllFree(pit, 'a')
  })

  test('an offer nobody claims lapses', async () => {
    await using pit = await startPool([echoModel('a', { slots: 1 })], { clock: fastClock(100) })
    await pit.pool.ask.allocate({ model: 'a', tenant: 'careless' })
    expect(await pit.info('a')).toMatchObject({ leased: 1 })
    using lease = await pit.client.acquire('a', { tenant: 'patient' })
    expect(lease.grant.slot).toBe(0)
  })

  test('an offer that has lapsed cannot be claimed, nor released', async () => {
    await using pit = await startPool([echoModel('a', { slots: 1 })], { clock: fastClock(100) })
    const offer = await pit.pool.ask.allocate({ model: 'a', tenant: 'late' })
    await until(async () => (await pit.info('a')).leased === 0)
    const table = new LeaseTable(pit.system.shared(LEASE_REGION))
    expect(table.claim(offer.modelIndex, offer.slot, offer.token)).toBe(false)
    expect(() => table.release(offer.modelIndex, offer.slot, offer.token)).toThrow(
      expect.objectContaining({ code: 'LEASE_MISMATCH' }),
    )
  })

  test('releasing twice frees nobody else', async () => {
    await using pit = await startPool([echoModel('a', { slots: 1 })])
    const lease = await pit.client.acquire('a', { tenant: 'alice' })
    lease.release()
    using _other = await pit.client.acquire('a', { tenant: 'bob' })
    lease.release()
    expect(await pit.info('a')).toMatchObject({ leased: 1 })
  })
})

describe('deaths', () => {
  test("a dead holder's slots are free, and whoever waited gets them", async () => {
    await using pit = await startPool([echoModel('a', { slots: 2 })], { others: [[holderActor]] })
    expect(await pit.system.ref(holder).ask.hold({ model: 'a', count: 2 })).toEqual([0, 1])
    const waiting = pit.client.acquire('a', { tenant: 'alice' })
    await pause(20)
    await pit.system.kill('holder')
    ;(await waiting).release()
    await expectAllFree(pit, 'a')
  })

  test('also when the pool was dead at the same time: the next life of the holder tells', async () => {
    await using pit = await startPool([echoModel('a', { slots: 2 })], { others: [[holderActor]] })
    await pit.system.ref(holder).ask.hold({ model: 'a', count: 2 })
    const bothDead = [pit.system.kill('pool-manager'), pit.system.kill('holder')]
    await Promise.all(bothDead)
    await expectAllFree(pit, 'a')
  })

  test('the pool dies: held leases stand, waiters are served by its next life, nothing leaks', async () => {
    await using pit = await startPool([echoModel('a', { slots: 2 })])
    const held = [
      await pit.client.acquire('a', { tenant: 'alice' }),
      await pit.client.acquire('a', { tenant: 'alice' }),
    ]
    const waiting = Array.from({ length: 6 }, (_, at) => pit.client.acquire('a', { tenant: `t${at}` }))
    await pause(20)
    await pit.system.kill('pool-manager')
    expect(await pit.info('a')).toMatchObject({ state: 'hot', leased: 2, reason: /before the pool restarted/ })
    for (const lease of held) lease.release()
    for (const request of waiting) {
      const lease = await request
      expect((await pit.info('a')).leased).toBeLessThanOrEqual(2)
      lease.release()
    }
    expect(modelLog().loads).toBe(1)
    await expectAllFree(pit, 'a')
  })

  test('the pool dies in the middle of a load, and of an unload', async () => {
    await using pit = await startPool([echoModel('a')])
    const gate = Promise.withResolvers<void>()
    modelLog().gate = gate.promise
    const answer = pit.infer('a', 'x')
    await until(() => modelLog().loads === 1)
    await pit.system.kill('pool-manager')
    gate.resolve()
    expect((await answer).text).toBe('x')
    const lease = await pit.client.acquire('a', { tenant: 'alice' })
    const unloaded = pit.pool.ask.unload({ model: 'a' })
    await until(async () => (await pit.info('a')).state === 'cooling')
    await pit.system.kill('pool-manager')
    lease.release()
    expect(await unloaded).toMatchObject({ state: 'cold' })
    expect(modelLog().loaded.get('a')).toBe(0)
  })

  test('the engine dies: waiters are served all the same, and its books are right in the end', async () => {
    await using pit = await startPool([echoModel('a', { slots: 1 })])
    const held = await pit.client.acquire('a', { tenant: 'alice' })
    const waiting = Array.from({ length: 5 }, (_, at) => pit.client.acquire('a', { tenant: `t${at}` }))
    await until(async () => (await pit.system.ref(arbitrationEngine).ask.status({})).queued === 5)
    await pit.system.kill('arbitration-engine')
    held.release()
    await Promise.all(waiting.map(async (request) => (await request).release()))
    await expectAllFree(pit, 'a')
  })

  test('the model host dies under a request: the model is loaded again and the request answered', async () => {
    await using pit = await startPool([echoModel('a')])
    const lease = await pit.client.acquire('a', { tenant: 'alice' })
    const gate = Promise.withResolvers<void>()
    modelLog().inferGate = gate.promise
    const host = pit.system.ref(modelHost(lease.grant.host))
    const answer = host.ask.infer({ model: 'a', input: 'x' })
    await until(() => modelLog().infers === 1)
    await pit.system.kill(lease.grant.host)
    gate.resolve()
    expect((await answer).output).toMatchObject({ text: 'x' })
    expect(modelLog().loads).toBe(2)
    expect(await pit.info('a')).toMatchObject({ state: 'hot', leased: 1, failures: 1 })
    lease.release()
    await expectAllFree(pit, 'a')
  })

  test('a host that dies idle leaves its model cold', async () => {
    await using pit = await startPool([echoModel('a')])
    await pit.infer('a', 'x')
    const [host] = await pit.system.children.list()
    await pit.system.kill(host!)
    expect(await pit.info('a')).toMatchObject({ state: 'cold', memoryBytes: 0, reason: /crashed/ })
    expect(pit.client.tryAcquire('a')).toBeNull()
    expect((await pit.infer('a', 'y')).text).toBe('y')
  })

  test('kills of everybody at random: every request is answered and no slot is lost', async () => {
    await using pit = await startPool([echoModel('a', { slots: 2 }), echoModel('b', { slots: 1 })])
    const killed = ['pool-manager', 'arbitration-engine', 'model-host-4', 'model-host-5']
    const kills = (async (): Promise<void> => {
      for (let round = 0; round < 12; round++) {
        await pause(15)
        await pit.system.kill(killed[(round * 7) % killed.length]!)
      }
    })()
    const work = async (at: number): Promise<void> => {
      const model = 'ab'[at % 2]!
      await pause(at)
      expect((await pit.infer(model, `${at}`, `t${at % 3}`)).text).toBe(`${at}`)
    }
    await Promise.all([kills, ...Array.from({ length: 150 }, (_, at) => work(at))])
    for (const model of 'ab') await expectAllFree(pit, model)
  })
})
