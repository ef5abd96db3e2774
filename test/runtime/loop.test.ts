import { setImmediate as eventLoopTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createBlockingLoop, createEventedLoop, Pumped, type PumpedEndpoint } from '../../runtime/loop.ts'
import { ownThread } from '../../runtime/thread.ts'

function endpoint(pump: () => Pumped, hasWork = (): boolean => false): PumpedEndpoint & { readonly rests: string[] } {
  const rests: string[] = []
  return {
    rests,
    pump,
    park: () => rests.push('parked') > 0,
    doze: (timeoutMs) => void rests.push(timeoutMs > 1 ? 'dozed long' : 'dozed'),
    hasWork,
  }
}

test('between two rounds every promise goes on as far as it can', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  let hops = 0
  const chain = promise.then(async () => {
    for (; hops < 50; hops++) await Promise.resolve()
  })
  let hopsAtLook: number | undefined
  const one = endpoint(
    () => {
      if (hops > 0) return Pumped.Idle
      resolve()
      return Pumped.Drained
    },
    () => {
      hopsAtLook ??= hops
      return false
    },
  )
  const loop = createEventedLoop(() => one, ownThread)
  loop.schedule()
  await chain
  while (one.rests.at(-1) !== 'parked') await eventLoopTurn()
  loop.stop()
  expect(hopsAtLook).toBe(50)
})

test.each([
  ['evented', (one: PumpedEndpoint) => createEventedLoop(() => one, ownThread)],
  [
    'blocking',
    (one: PumpedEndpoint) =>
      createBlockingLoop(
        () => one,
        () => 1_000,
      ),
  ],
])('messages without end leave the event loop its turns (%s)', async (_kind, open) => {
  let rounds = 0
  const one = endpoint(
    () => {
      rounds++
      return Pumped.Drained
    },
    () => true,
  )
  const loop = open(one)
  loop.schedule()
  // Would never come to pass if rounds followed each other for ever.
  for (let turn = 0; turn < 5; turn++) await eventLoopTurn()
  loop.stop()
  expect(rounds).toBeGreaterThan(5)
})

test('a blocking thread passes through its event loop before each long sleep', async () => {
  let left = 3
  let turns = 0
  const turnsAtSleep: number[] = []
  const one = endpoint(() => (left-- > 0 ? Pumped.Drained : Pumped.Idle))
  const loop = createBlockingLoop(
    () => one,
    () => {
      turnsAtSleep.push(turns)
      return 500
    },
  )
  loop.schedule()
  while (turnsAtSleep.length < 3) {
    await eventLoopTurn()
    turns++
  }
  loop.stop()
  expect(new Set(turnsAtSleep).size).toBe(3)
  expect(one.rests.filter((rest) => rest === 'dozed long')).toHaveLength(3)
})
