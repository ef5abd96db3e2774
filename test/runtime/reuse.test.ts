import { describe, expect, test } from 'vitest'
import { createIncarnations } from '../../runtime/incarnations.ts'
import { createMemoryPool } from '../../runtime/memory-pool.ts'
import { createRetirement } from '../../runtime/retirement.ts'
import { childOf } from '../../runtime/index.ts'
import { echoActor, middle, middleActor, named } from './fixtures/actors.ts'
import { codeOf, useSystems } from './helpers.ts'
import { child, startRig } from './supervisor-rig.ts'

const { start } = useSystems()

/** A pool that counts what it had to allocate. */
function countingPool() {
  const made: SharedArrayBuffer[] = []
  const pool = createMemoryPool((bytes) => {
    const buffer = new SharedArrayBuffer(bytes)
    made.push(buffer)
    return buffer
  })
  return { pool, made }
}

describe('what dynamic children leave', () => {
  test('a thousand of them, one after the other, need the memory of one', async () => {
    const { pool, made } = countingPool()
    const rig = await startRig({ pool, children: [child('a')] })
    const cycle = async (name: string) => {
      await rig.supervisor.children.startChild(child(name, { shutdownMs: 'brutal' }))
      await rig.supervisor.children.stopChild(name)
    }
    await cycle('first')
    const afterOne = made.length
    for (let count = 0; count < 1_000; count++) await cycle(`child ${count}`)
    expect(made.length).toBe(afterOne)
  })

  test('is clean when it is used again: nothing waits, nothing is held', () => {
    const { pool, made } = countingPool()
    const capacity = { requestBytes: 1024, controlBytes: 1024, replyBytes: 1024 }
    const link = pool.link(capacity, 1)
    const table = pool.table(4, 64)
    for (const { buffer } of [link, table]) new Uint8Array(buffer).fill(0xff)
    pool.releaseLink(link)
    pool.releaseTable(table)
    const again = pool.link(capacity, 2)
    expect(again).toMatchObject({ buffer: link.buffer, lane: 2 })
    // Head, tail and every other word of the three headers.
    const words = new Int32Array(again.buffer, 0, 96)
    expect(words.every((word) => word === 0)).toBe(true)
    expect(new Int32Array(pool.table(4, 64).buffer)[0]).toBe(0)
    expect(made).toHaveLength(2)
  })

  test('of a zombie is not used again while it could wake up', async () => {
    const { pool, made } = countingPool()
    const rig = await startRig({ pool, children: [child('a')] })
    const { children } = rig.supervisor
    await children.startChild(child('z', { shutdownMs: 'brutal' }))
    rig.behave('z', { immortal: true })
    await children.stopChild('z')
    const before = made.length
    await children.startChild(child('next'))
    expect(made.length).toBeGreaterThan(before)
    rig.release('z')
    await rig.pass()
    const released = made.length
    await children.startChild(child('after'))
    expect(made.length).toBe(released)
  })

  test('on threads: under one name or many, what is said to one life never reaches the next', async () => {
    const system = await start([childOf(echoActor), childOf(middleActor)])
    const { ask, tell } = system.ref(middle)
    for (let round = 0; round < 8; round++) {
      const name = round % 3 === 0 ? 'same' : `other-${round}`
      await system.children.startChild(childOf(echoActor, { name, reachableFrom: ['middle'], shutdownMs: 'brutal' }))
      const own = system.ref(named(name)).ask
      expect(await ask.askNamed({ name, value: round })).toBe(round)
      tell.askNamed({ name, value: 'nobody waits' })
      await system.kill(name)
      expect(await own.echo(round)).toBe(round)
      const late = codeOf(own.later({ ms: 600_000, value: round }))
      const relayed = codeOf(ask.askNamed({ name, value: new Uint8Array(20_000) }))
      await system.children.stopChild(name)
      expect(await late).toBe('ACTOR_STOPPED')
      expect(['no error', 'ACTOR_STOPPED']).toContain(await relayed)
    }
    expect(system.stats().map(({ name }) => name)).toEqual(['echo', 'middle'])
  })
})

describe('retirement', () => {
  test('waits for every holder, told or dead, and gives back once', () => {
    const retirement = createRetirement()
    const [a, b, c] = ['a', 'b', 'c'].map((name) => ({ name, incarnation: 2 })) as [never, never, never]
    let given = 0
    retirement.add(7, [a, b, c], () => given++)
    retirement.letGo(a, 7)
    retirement.letGo(a, 7)
    retirement.letGo(b, 8)
    retirement.ended(c)
    expect(given).toBe(0)
    retirement.letGo({ name: 'b', incarnation: 3 }, 7)
    expect(given).toBe(0)
    retirement.letGo(b, 7)
    retirement.letGo(b, 7)
    expect(given).toBe(1)
  })
})

describe('numbers of lives', () => {
  test('of static children grow; of dynamic ones are used again, oldest first', () => {
    const numbers = createIncarnations(4, 8)
    expect([1, 2, 3].map(() => numbers.take(false))).toEqual([2, 3, 4])
    expect(() => numbers.take(false)).toThrow(/used up/)
    expect([1, 2, 3, 4].map(() => numbers.take(true))).toEqual([5, 6, 7, 8])
    expect(() => numbers.take(true)).toThrow(/used up/)
    for (const number of [3, 7, 5]) numbers.giveBack(number)
    expect([numbers.take(true), numbers.take(true)]).toEqual([7, 5])
  })

  test('each owner counts its calls from elsewhere', () => {
    const numbers = createIncarnations(1, 2)
    const first = Array.from({ length: 33 }, () => {
      const number = numbers.take(true)
      const from = numbers.firstCall(number)
      numbers.giveBack(number)
      return from
    })
    expect(new Set(first.slice(0, 32)).size).toBe(32)
    expect(Math.max(...first)).toBeLessThan(2 ** 37)
    expect(first[32]).toBe(0)
  })

  test('do not run out, however many dynamic children come and go', async () => {
    const rig = await startRig({ children: [child('a')] })
    for (let count = 0; count < 300; count++) {
      await rig.supervisor.children.startChild(child('d', { shutdownMs: 'brutal' }))
      await rig.supervisor.children.stopChild('d')
    }
    expect(rig.supervisor.stats()).toMatchObject([{ name: 'a', incarnation: 2 }])
  })
})
