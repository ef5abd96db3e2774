/**
 * Stalled actors, one for each overflow policy, while their host and another actor send to them as fast as they can: the
 * process must not grow, and every message must be accounted for.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { childOf, onRuntimeEvent, type ActorStats, type ActorSystem, type SystemOptions } from '../../runtime/index.ts'
import {
  floodAll,
  flooder,
  flooderActor,
  memoryOf,
  NOTE,
  sinkActor,
  sinkKey,
  SINKS,
  type Memory,
  type Sent,
  type Sink,
  type Taken,
} from './fixtures/flooded.ts'
import { eventually } from './helpers.ts'

export interface Flood {
  readonly seconds: number
  /** Of every second body. */
  readonly bytes: number
  readonly start: (children: SystemOptions['children'], options: Partial<SystemOptions>) => Promise<ActorSystem>
}

export interface FloodFigures {
  /** Messages sent. */
  readonly host: number
  readonly actor: number
  readonly refused: number
  readonly dropped: number
  /** Growth over the second half, per minute: the resident set, and of each thread what is left after a collection. */
  readonly mibPerMinute: Readonly<Record<string, number>>
}

interface Sample {
  readonly at: number
  readonly bytes: Readonly<Record<string, number>>
}

/** Asks with a deadline have expired by then. */
const EXPIRED_MS = 2_500
const SAMPLE_MS = 500

export async function flood({ seconds, bytes, start }: Flood): Promise<FloodFigures> {
  const children = [
    ...SINKS.map((sink) => childOf(sinkActor, { name: sink.name, config: { held: sink.held } })),
    childOf(flooderActor),
  ]
  const system = await start(children, { shared: { notes: NOTE.words * 4 } })
  const notes = new Int32Array(system.shared('notes'))
  const set = (word: number, value: number): void => {
    Atomics.store(notes, word, value)
    Atomics.notify(notes, word)
  }
  const stalling = SINKS.filter(({ held }) => !held)
  set(NOTE.stalled, 1)
  const stalled = stalling.map((sink) => system.ref(sinkKey(sink)).ask.stall(null, { deadlineMs: Infinity }))
  await eventually(() => Atomics.load(notes, NOTE.ready)).toBe(stalling.length)

  const letters = new Map<string, number>()
  const undo = onRuntimeEvent('dead-letter', ({ actor, reason }) => {
    const key = `${actor} ${reason}`
    letters.set(key, (letters.get(key) ?? 0) + 1)
  })
  set(NOTE.flooding, 1)
  const byActor = system.ref(flooder).ask.flood(bytes, { deadlineMs: Infinity })
  const byHost = floodAll(
    (sink) => system.ref(sinkKey(sink)),
    () => Atomics.load(notes, NOTE.flooding) === 1,
    bytes,
  )
  const samples = await sampled(system, seconds * 1_000)
  set(NOTE.flooding, 0)
  await sleep(EXPIRED_MS)
  set(NOTE.stalled, 0)
  await Promise.all(stalled)
  const [host, actor] = [await byHost, await byActor]
  await eventually(() => system.stats().map((each) => each.queueDepth + each.inFlight)).toEqual(children.map(() => 0))
  undo()

  const stats = new Map(system.stats().map((each) => [each.name, each]))
  let lettersOfActor = 0
  for (const [index, sink] of SINKS.entries()) {
    const taken = await system.ref(sinkKey(sink)).ask.taken(null)
    const ofHost = letters.get(`${sink.name} mailbox-full`) ?? 0
    lettersOfActor += account(sink, [host[index]!, actor[index]!], taken, stats.get(sink.name)!, ofHost)
  }
  expect(stats.get(flooder.name)?.deadLetters).toBe(lettersOfActor)
  expect([...letters.keys()].filter((key) => !key.endsWith('mailbox-full'))).toEqual([])
  await eventually(() => system.stats().map(({ blockBytes }) => blockBytes)).toEqual(children.map(() => 0))

  const messages = (sent: readonly Sent[]): number => sent.reduce((sum, { asked, told }) => sum + asked + told, 0)
  const all = [...stats.values()]
  return {
    host: messages(host),
    actor: messages(actor),
    refused: [...host, ...actor].reduce((sum, { full }) => sum + full, 0),
    dropped: all.reduce((sum, { droppedNewest, droppedOldest }) => sum + droppedNewest + droppedOldest, 0),
    mibPerMinute: slopes(samples),
  }
}

/** Every message is accounted for once; returns how many tells of the other actor must be dead letters. */
function account(sink: Sink, senders: readonly Sent[], taken: Taken, stats: ActorStats, lettersOfHost: number): number {
  const sum = (field: Exclude<keyof Sent, 'name'>): number => senders.reduce((all, sent) => all + sent[field], 0)
  const dropped = stats.droppedNewest + stats.droppedOldest
  expect(sum('other'), sink.name).toBe(0)
  expect(sum('asked'), sink.name).toBe(sum('replied') + sum('full') + sum('expired'))
  expect(taken.asks, sink.name).toBe(sum('replied'))
  const gone = sum('told') - taken.tells
  switch (sink.overflow) {
    case 'wait':
    case 'reject':
      expect(sum('full'), sink.name).toBeGreaterThan(0)
      expect(dropped, sink.name).toBe(0)
      return gone - lettersOfHost
    case 'drop-newest':
    case 'drop-oldest':
      // An ask that is dropped is told so.
      expect(sum('full') + gone, sink.name).toBe(dropped)
      expect(sink.overflow === 'drop-newest' ? stats.droppedOldest : 0, sink.name).toBe(0)
      expect(sink.held ? stats.droppedOldest : dropped, sink.name).toBeGreaterThan(0)
      expect(lettersOfHost, sink.name).toBe(0)
      return 0
  }
}

async function sampled(system: ActorSystem, ms: number): Promise<readonly Sample[]> {
  const samples: Sample[] = []
  const startedAt = performance.now()
  for (let at = 0; at < ms; at = performance.now() - startedAt) {
    await sleep(Math.min(SAMPLE_MS, ms))
    const other = await system.ref(flooder).ask.memory(null, { deadlineMs: Infinity })
    const own = memoryOf()
    samples.push({ at, bytes: { rss: process.memoryUsage.rss(), ...named('host', own), ...named('actor', other) } })
  }
  return samples
}

function named(thread: string, { heapUsed, external, arrayBuffers }: Memory): Record<string, number> {
  return {
    [`${thread} heap`]: heapUsed,
    [`${thread} external`]: external,
    [`${thread} buffers`]: arrayBuffers,
  }
}

function slopes(samples: readonly Sample[]): Record<string, number> {
  const keys = Object.keys(samples[0]?.bytes ?? {})
  return Object.fromEntries(
    keys.map((key) => [key, slopePerMinute(samples.map(({ at, bytes }) => [at, bytes[key]!])) / 2 ** 20]),
  )
}

/** Between the medians of the third and the last quarter. */
function slopePerMinute(samples: readonly (readonly [at: number, bytes: number])[]): number {
  const quarter = Math.floor(samples.length / 4)
  const [third, last] = [samples.slice(2 * quarter, 3 * quarter), samples.slice(-quarter)]
  const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
  const minutes = (median(last.map(([at]) => at)) - median(third.map(([at]) => at))) / 60_000
  return minutes > 0 ? (median(last.map(([, bytes]) => bytes)) - median(third.map(([, bytes]) => bytes))) / minutes : 0
}
