/** After a crash, a large message whose block has not reached the new life yet: the supervisor hears of blocks late here. */
import { describe, expect, test } from 'vitest'
import { childOf, type ActorSystem } from '../../runtime/index.ts'
import { startOn } from '../../runtime/system.ts'
import { threadTransport, type Transport } from '../../runtime/transport.ts'
import type { FromWorker } from '../../runtime/wiring.ts'
import { keeper, keeperActor, NOTES, runsIn, sender, senderActor, type Sending } from './fixtures/late.ts'
import { codeOf, eventually, useSystems } from './helpers.ts'
import { driveLate } from './late-drive.ts'
import { simulateSeeds } from '../../runtime/testing/index.ts'

const { adopt } = useSystems()
const LARGE = 100_000

/** Threads whose blocks the supervisor hears of when they are let through. */
function holdingBlocks(): { readonly transport: Transport; readonly letThrough: () => void } {
  const transport = threadTransport(undefined)
  const held: (() => void)[] = []
  let holding = true
  return {
    transport: {
      ...transport,
      spawn: ({ spec, onMessage }) =>
        transport.spawn({
          spec,
          onMessage(message: FromWorker) {
            if (holding && message.kind === 'block') held.push(() => onMessage(message))
            else onMessage(message)
          },
        }),
    },
    letThrough() {
      holding = false
      for (const tell of held.splice(0)) tell()
    },
  }
}

async function open() {
  const { transport, letThrough } = holdingBlocks()
  const children = [childOf(keeperActor), childOf(senderActor)]
  const shared = { notes: NOTES.words * 4 }
  const system = adopt(await startOn(transport, { children, shared }))
  const notes = new Int32Array(system.shared('notes'))
  const runs = (): readonly number[] => runsIn(notes).map(({ n }) => n)
  return {
    system,
    runs,
    letThrough,
    openGate: () => Atomics.store(notes, NOTES.gate, 1),
    blockBytes: () => system.stats().map((each) => each.blockBytes),
  }
}

/** The keeper has begun these, and dies. */
async function crashUnder(system: ActorSystem, runs: () => readonly number[], sendings: readonly Sending[]) {
  const sent = system.ref(sender).ask.send(sendings, { deadlineMs: Infinity })
  await eventually(runs).toHaveLength(sendings.length)
  await system.kill('keeper')
  // The new life takes what others send.
  const other = system.ref(keeper).ask.keep({ n: 100, body: new Uint8Array(8).fill(100) }, { deadlineMs: Infinity })
  await eventually(() => runs().length).toBeGreaterThan(sendings.length)
  expect(runs()[sendings.length]).toBe(100)
  return { sent, other }
}

describe('a large message whose block is late', () => {
  test('is delivered again when it comes, before what came after it, and holds up nobody else', async () => {
    const { system, runs, letThrough, openGate, blockBytes } = await open()
    const { sent, other } = await crashUnder(system, runs, [
      { n: 0, bytes: LARGE },
      { n: 1, bytes: 10 },
      { n: 2, bytes: LARGE },
      { n: 3, bytes: 10 },
    ])
    const later = system.ref(sender).ask.send([{ n: 4, bytes: 10 }], { deadlineMs: Infinity })
    openGate()
    expect(await other).toMatchObject({ n: 100 })
    expect(runs()).toEqual([0, 1, 2, 3, 100])
    letThrough()
    expect(await sent).toEqual([0, 1, 2, 3])
    expect(await later).toEqual([4])
    expect(runs()).toEqual([0, 1, 2, 3, 100, 0, 1, 2, 3, 4])
    await eventually(blockBytes).toEqual([0, 0])
  })

  test('that must not run twice is told to have been interrupted when it comes', async () => {
    const { system, runs, letThrough, openGate, blockBytes } = await open()
    const { sent } = await crashUnder(system, runs, [
      { n: 0, bytes: LARGE, once: true },
      { n: 1, bytes: 10 },
    ])
    openGate()
    letThrough()
    expect(await sent).toEqual(['ACTOR_RESTARTED', 1])
    expect(runs()).toEqual([0, 1, 100, 1])
    await eventually(blockBytes).toEqual([0, 0])
  })

  test('is cancelled, and what came after it goes on', async () => {
    const { system, runs, letThrough, openGate, blockBytes } = await open()
    const { sent } = await crashUnder(system, runs, [
      { n: 0, bytes: LARGE, cancelAt: 3 },
      { n: 1, bytes: 10 },
    ])
    openGate()
    expect(await sent).toEqual(['CANCELLED', 1])
    expect(runs()).toEqual([0, 1, 100, 1])
    letThrough()
    await eventually(blockBytes).toEqual([0, 0])
  })

  test('does not keep its actor from stopping in order', async () => {
    const { system, runs, letThrough, openGate } = await open()
    const { sent } = await crashUnder(system, runs, [{ n: 0, bytes: LARGE }])
    openGate()
    const closed = system.close({ deadlineMs: 60_000 })
    letThrough()
    await closed
    expect(['ACTOR_STOPPED', 'no error']).toContain(await codeOf(sent))
    expect(runs()).toEqual([0, 100, 0])
  })
})

// More seeds are in test/long.
describe('large messages between two actors that die at any store, with blocks on their way for long', () => {
  test('are delivered again or their asker is told, in order; no lane stands still', async () => {
    const seen = { runs: 0, again: 0, lives: 0, outcomes: new Set<unknown>() }
    await simulateSeeds(40, async (seed) => {
      const { runs, outcomes } = await driveLate(seed)
      seen.runs += runs.length
      seen.again += runs.length - new Set(runs.map(({ n }) => n)).size
      seen.lives += new Set(runs.map(({ life }) => life)).size
      for (const outcome of outcomes) seen.outcomes.add(typeof outcome === 'number' ? 'kept' : outcome)
    })
    if (process.env.PIT_SEED !== undefined) return
    expect(seen.again).toBeGreaterThan(30)
    for (const outcome of ['kept', 'ACTOR_RESTARTED', 'DEADLINE_EXCEEDED']) expect(seen.outcomes).toContain(outcome)
  })
})
