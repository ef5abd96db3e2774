/** An actor that takes nothing while its host sends as fast as it can: the process must not grow. */
import { setImmediate as turn } from 'node:timers/promises'
import { expect } from 'vitest'
import { childOf, type ActorSystem, type SystemOptions } from '../../runtime/index.ts'
import { largeActor, mirror, NOTE } from './fixtures/large.ts'
import { eventually } from './helpers.ts'

export interface HostFlood {
  readonly seconds: number
  readonly start: (children: SystemOptions['children'], options: Partial<SystemOptions>) => Promise<ActorSystem>
}

export interface HostFloodFigures {
  readonly asked: number
  readonly refused: number
  readonly told: number
  /** Growth of the resident set over the second half, per minute. */
  readonly rssMibPerMinute: number
}

/** Far more than all there is room for. */
const ROUNDS_MAX = 200_000

/** Bodies in turn: two that go into the ring, one that goes beside it. */
const BODIES = [20, 2_000, 200_000].map((bytes) => new Uint8Array(bytes))

export async function floodByHost({ seconds, start }: HostFlood): Promise<HostFloodFigures> {
  const system = await start([childOf(largeActor, { name: 'mirror' })], { shared: { notes: NOTE.words * 4 } })
  const notes = new Int32Array(system.shared('notes'))
  const { ask, tell } = system.ref(mirror)
  const stalled = ask.stall(null, { deadlineMs: Infinity })
  await eventually(() => Atomics.load(notes, NOTE.stalled)).toBe(1)

  let [asked, told] = [0, 0]
  const failed = { refused: 0, other: 0 }
  const samples: { readonly at: number; readonly rss: number }[] = []
  const startedAt = performance.now()
  const endAt = startedAt + seconds * 1_000
  // Deadlines pass meanwhile, too.
  const options = { deadlineMs: 2_000 }
  // On a busy machine it takes longer until nothing has room any more.
  for (let round = 0; performance.now() < endAt || (failed.refused === 0 && round < ROUNDS_MAX); round++) {
    const body = BODIES[round % BODIES.length]!
    ask.take(body, options).catch((error: { readonly code?: string }) => {
      if (error.code === 'MAILBOX_FULL') failed.refused++
      else if (error.code !== 'DEADLINE_EXCEEDED') failed.other++
    })
    tell.take(body)
    asked++
    told++
    if (round % 64 !== 0) continue
    await turn()
    if (round % 1024 === 0) samples.push({ at: performance.now() - startedAt, rss: process.memoryUsage.rss() })
  }
  const { refused, other } = failed
  expect(other).toBe(0)
  expect(refused).toBeGreaterThan(0)

  Atomics.store(notes, NOTE.stalled, 0)
  Atomics.notify(notes, NOTE.stalled)
  await stalled
  // What waits in the sender's queue goes first.
  await eventually(() => ask.take('still here').catch((error: Error) => error.message)).toBe(null)
  await eventually(() => system.stats().map((each) => each.queueDepth + each.inFlight + each.blockBytes)).toEqual([0])
  return { asked, refused, told, rssMibPerMinute: slopePerMinute(samples) / 2 ** 20 }
}

/** Between the medians of the third and the last quarter: garbage that waits for its collection is noise. */
function slopePerMinute(samples: readonly { readonly at: number; readonly rss: number }[]): number {
  const quarter = Math.floor(samples.length / 4)
  const [third, last] = [samples.slice(2 * quarter, 3 * quarter), samples.slice(-quarter)]
  const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!
  const minutes = (median(last.map(({ at }) => at)) - median(third.map(({ at }) => at))) / 60_000
  return (median(last.map(({ rss }) => rss)) - median(third.map(({ rss }) => rss))) / minutes
}
