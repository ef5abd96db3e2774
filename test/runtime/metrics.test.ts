/** What the board says of actors that work, wait, block and sleep. */
import { expect, test } from 'vitest'
import { childOf } from '../../runtime/index.ts'
import { echo, echoActor, sum, sumActor } from './fixtures/actors.ts'
import { meterActor } from './fixtures/meter.ts'
import { codeOf, eventually, useSystems } from './helpers.ts'

const { start } = useSystems()

test('waiting and running are told apart, and what waits is counted in records and bytes', async () => {
  const system = await start([childOf(echoActor)])
  const { ask } = system.ref(echo)
  // The first turn holds the thread; the second message waits for it.
  const [blocked, waiting] = [ask.spin({ ms: 200 }), ask.echo('x'.repeat(1_000))]
  await eventually(() => system.stats()[0]!.queueDepth + system.stats()[0]!.inFlight).toBeGreaterThan(0)
  await Promise.all([blocked, waiting])
  const { waitTime, runTime, queueDepth, queueBytes } = system.stats()[0]!
  expect(waitTime.count).toBe(2)
  expect(waitTime.maxMs).toBeGreaterThan(150)
  expect(runTime.maxMs).toBeGreaterThan(180)
  expect(runTime.count).toBe(2)
  expect({ queueDepth, queueBytes }).toEqual({ queueDepth: 0, queueBytes: 0 })
})

test('requests of a stalled actor are counted in records and bytes', async () => {
  const system = await start([childOf(echoActor)])
  const { ask } = system.ref(echo)
  const blocked = ask.spin({ ms: 800 })
  await eventually(() => system.stats()[0]!.inFlight).toBe(1)
  const waiting = Array.from({ length: 10 }, () => ask.echo('x'.repeat(1_000)))
  await eventually(() => system.stats()[0]!.queueDepth).toBe(10)
  expect(system.stats()[0]!.queueBytes).toBeGreaterThan(10_000)
  await Promise.all([blocked, ...waiting])
})

test('heap, CPU and event loop of the thread are sampled without a message', async () => {
  const system = await start([childOf(echoActor)])
  const { messagesIn } = system.stats()[0]!
  await system.ref(echo).ask.spin({ ms: 600 })
  await eventually(() => system.stats()[0]!.cpuMs).toBeGreaterThan(30)
  const { heapUsedBytes, eventLoop } = system.stats()[0]!
  expect(heapUsedBytes).toBeGreaterThan(1024 * 1024)
  expect(eventLoop.activeMs).toBeGreaterThan(250)
  expect(system.stats()[0]!.messagesIn).toBe(messagesIn + 1)
})

test('a parked blocking actor is not busy', async () => {
  const system = await start([childOf(sumActor)])
  const { ask } = system.ref(sum)
  // Two samples: what the first second was spent on is parking, not work.
  for (let index = 0; index < 4; index++) {
    await ask.add(index)
    await new Promise((resolve) => setTimeout(resolve, 600))
  }
  await eventually(() => {
    const { activeMs, idleMs } = system.stats()[0]!.eventLoop
    return activeMs / (activeMs + idleMs)
  }).toBeLessThan(0.7)
})

test("an actor's own meters are read without a message and go on after a crash", async () => {
  const system = await start([childOf(meterActor)])
  const { ask } = system.ref(meterActor)
  await ask.measure({ hits: 2, level: 7.5, ms: 12 })
  const before = system.stats()[0]!
  expect(before.metrics).toMatchObject({ hits: 2, level: 7.5, load: { count: 1 } })
  await system.kill('meter')
  await ask.measure({ hits: 3, level: -1, ms: 30 })
  const { metrics } = system.stats()[0]!
  expect(metrics).toMatchObject({ hits: 5, level: -1, load: { count: 2 } })
  expect(Math.abs((metrics.load as { maxMs: number }).maxMs - 30)).toBeLessThan(3)
})

test('names that do not fit are refused, strange ones are kept as they are', async () => {
  const system = await start([childOf(meterActor)])
  const { ask } = system.ref(meterActor)
  expect(await codeOf(ask.counters(['x'.repeat(55)]))).toBe('METRICS_FULL')
  expect(await codeOf(ask.counters(['']))).toBe('METRICS_FULL')
  expect(await codeOf(ask.wrongKind(null))).toBe('METRICS_FULL')
  await ask.counters(['__proto__', 'constructor', 'größe'])
  const { metrics } = system.stats()[0]!
  expect(Object.keys(metrics).sort()).toEqual(['__proto__', 'constructor', 'größe', 'kind'])
  expect(Object.entries(metrics).find(([name]) => name === '__proto__')).toEqual(['__proto__', 1])
  expect(await codeOf(ask.counters(Array.from({ length: 65 }, (_, index) => `many-${index}`)))).toBe('METRICS_FULL')
  expect(Object.keys(system.stats()[0]!.metrics)).toHaveLength(64)
})
