import { describe, expect, test } from 'vitest'
import { BLOCK_BYTES_MAX, createBlock, createBlockStore, createThreadBlocks } from '../../runtime/blocks.ts'
import { BOARD_WORD, boardSlot, createBoard } from '../../runtime/board.ts'
import { childOf, type ActorSystem } from '../../runtime/index.ts'
import { exchanger, largeActor, mirror, NOTE } from './fixtures/large.ts'
import { codeOf, eventually, useSystems } from './helpers.ts'

const { start } = useSystems()
const MIB = 2 ** 20

async function two(): Promise<{ system: ActorSystem; notes: Int32Array }> {
  const children = [
    childOf(largeActor, { name: 'mirror', reachableFrom: ['exchanger'] }),
    childOf(largeActor, { name: 'exchanger' }),
  ]
  const system = await start(children, { shared: { notes: NOTE.words * 4 } })
  return { system, notes: new Int32Array(system.shared('notes')) }
}

const stats = (system: ActorSystem, name: string) => system.stats().find((each) => each.name === name)!

describe('large messages', () => {
  test('go from actor to actor while the host is blocked', async () => {
    const { system, notes } = await two()
    const rounds = 40
    const done = system.ref(exchanger).ask.exchange({ rounds, bytes: MIB })
    // Its first round has begun; from here on this thread hears nothing until it is over, or far too late.
    await eventually(() => Atomics.load(notes, NOTE.rounds)).toBeGreaterThan(0)
    const giveUpAt = performance.now() + 60_000
    for (let seen = 0; seen < rounds && performance.now() < giveUpAt; seen = Atomics.load(notes, NOTE.rounds)) {
      Atomics.wait(notes, NOTE.rounds, seen, 100)
    }
    expect(Atomics.load(notes, NOTE.rounds)).toBe(rounds)
    expect(await done).toBe(rounds)
    expect(stats(system, 'mirror').blockBytes).toBe(0)
    expect(stats(system, 'exchanger').blockBytes).toBe(0)
  })

  test('survive both ends, killed in turn', async () => {
    const { system } = await two()
    for (const victim of ['mirror', 'exchanger', 'mirror']) {
      const done = codeOf(system.ref(exchanger).ask.exchange({ rounds: 20, bytes: MIB }))
      await system.kill(victim)
      expect(['no error', 'ACTOR_RESTARTED']).toContain(await done)
    }
    expect(await system.ref(exchanger).ask.exchange({ rounds: 1, bytes: MIB })).toBe(1)
    await eventually(() => stats(system, 'mirror').blockBytes).toBeLessThanOrEqual(0)
  })

  test('are refused beyond what may wait for one actor, and taken again when there is room', async () => {
    const { system, notes } = await two()
    const { ask } = system.ref(mirror)
    const stalled = ask.stall(null)
    await eventually(() => Atomics.load(notes, NOTE.stalled)).toBe(1)
    const body = new Uint8Array(BLOCK_BYTES_MAX / 8 - 100)
    const sent = Array.from({ length: 8 }, () => ask.take(body))
    expect(await codeOf(ask.take(body))).toBe('MAILBOX_FULL')
    // Small ones have the ring's room.
    const small = ask.take('small')
    Atomics.store(notes, NOTE.stalled, 0)
    Atomics.notify(notes, NOTE.stalled)
    await Promise.all([stalled, ...sent, small])
    expect(await ask.take(body)).toBe(null)
    expect(Atomics.load(notes, NOTE.taken)).toBe(10)
    expect(stats(system, 'mirror').blockBytes).toBe(0)
  })

  test('that a dying sender had not published are forgotten', async () => {
    const { system, notes } = await two()
    const stalled = system.ref(mirror).ask.stall(null)
    await eventually(() => Atomics.load(notes, NOTE.stalled)).toBe(1)
    // A ring takes about 6,500 references; the rest waits in the sender and dies with it.
    const asks = 8_000
    const bytes = 33_000
    expect(await codeOf(system.ref(exchanger).ask.burst({ asks, bytes }))).toBe('ACTOR_RESTARTED')
    const left = stats(system, 'mirror').blockBytes
    expect(left).toBeGreaterThan(0)
    Atomics.store(notes, NOTE.stalled, 0)
    Atomics.notify(notes, NOTE.stalled)
    await stalled
    await eventually(() => stats(system, 'mirror').blockBytes).toBe(0)
    const taken = Atomics.load(notes, NOTE.taken)
    expect(taken).toBeGreaterThan(5_000)
    expect(taken).toBeLessThan(asks)
  })
})

describe('the store of blocks', () => {
  const block = createBlock(7, new Uint8Array(8), 0, 8)

  test('forgets a block that was freed before it came', () => {
    const store = createBlockStore()
    store.free(7)
    expect(store.keep('a', block)).toBe(false)
    expect(store.count()).toBe(0)
    expect(store.keep('a', block)).toBe(true)
    expect(store.of('a')).toEqual([block])
  })

  test('finds what one incarnation sent', () => {
    const store = createBlockStore()
    for (const id of [7, 8, 9, 10]) store.keep(id === 8 ? 'b' : 'a', { ...block, id })
    expect([...store.between(7, 9)].map(([to, blocks]) => [to, blocks.map(({ id }) => id)])).toEqual([
      ['b', [8]],
      ['a', [9]],
    ])
  })
})

test('a block that is freed before it comes is gone and counted out when it comes, once', () => {
  const slot = boardSlot(createBoard(), 1)
  const freed: unknown[] = []
  const blocks = createThreadBlocks({
    incarnation: 2,
    firstCall: 0,
    slot,
    given: [],
    peer: () => undefined,
    post: (message) => freed.push(message),
  })
  const block = createBlock(7, new Uint8Array(100), 0, 100)
  slot.addShared(BOARD_WORD.BlockBytes, 100)
  blocks.free(7)
  const unwanted = { kind: 'block-unwanted', id: 7, by: 2 }
  expect([slot.get(BOARD_WORD.BlockBytes), freed]).toEqual([100, [unwanted]])
  blocks.take(block)
  expect([slot.get(BOARD_WORD.BlockBytes), freed]).toEqual([0, [unwanted, { kind: 'block-freed', id: 7 }]])
  expect(blocks.get(7)).toBe(undefined)
})

test('what a receiver was told to free and has not is freed when it dies, and not what it has', () => {
  const store = createBlockStore()
  for (const id of [1, 2, 3])
    store.keep(id === 3 ? 'other' : 'mirror', createBlock(id, new Uint8Array(10 * id), 0, 10 * id))
  for (const id of [1, 2, 3]) store.forsake(id, 5)
  store.free(1)
  expect(store.freeForsaken('mirror')).toBe(20)
  expect(store.freeForsaken('mirror')).toBe(0)
  expect([store.get(1), store.get(2), store.get(3)?.byteLength]).toEqual([undefined, undefined, 30])
})
