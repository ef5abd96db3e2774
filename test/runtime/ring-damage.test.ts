/** Garbage in the shared memory of a running system: no thread ends, and every ask settles. */
import { describe, expect, test } from 'vitest'
import { childOf, jsonLogger, seededRandom, type Logger } from '../../runtime/index.ts'
import { linkOffsets, RECORD, RECORD_HEADER_BYTES, RING_HEADER_BYTES, RING_WORD } from '../../runtime/rings/layout.ts'
import { STATIC_LINK } from '../../runtime/wiring.ts'
import { echo, echoActor, middle, middleActor } from './fixtures/actors.ts'
import { codeOf, eventually, useSystems } from './helpers.ts'

const { start } = useSystems()
const SEED = Number(process.env.PIT_SEED ?? 20_261_122)
const OFFSETS = linkOffsets(STATIC_LINK)

/** Starts a system and catches the memory of its links between static actors. */
async function startCaught(logger?: Logger) {
  const Original = globalThis.SharedArrayBuffer
  const links: SharedArrayBuffer[] = []
  class Caught extends Original {
    constructor(bytes = 0) {
      super(bytes)
      // oxlint-disable-next-line no-this-alias
      if (bytes === OFFSETS.totalBytes) links.push(this)
    }
  }
  globalThis.SharedArrayBuffer = Caught
  try {
    const system = await start([childOf(echoActor), childOf(middleActor)], logger === undefined ? {} : { logger })
    return { system, links }
  } finally {
    globalThis.SharedArrayBuffer = Original
  }
}

const wordsOf = (link: SharedArrayBuffer, ring: number): Int32Array => new Int32Array(link, ring, RING_HEADER_BYTES / 4)

describe('a request that cannot be one', () => {
  test('ends the asks of its lane with LANE_CORRUPT, is a dead letter and a line in the log; the lane goes on', async () => {
    const lines: string[] = []
    const { system, links } = await startCaught(jsonLogger('error', {}, (line) => lines.push(line)))
    const { ask } = system.ref(echo)
    const [link] = links
    const kept = ask.later({ ms: 300, value: 'taken before' })
    await ask.echo(0)
    // The actor is busy: what is sent now stays in the ring, and is damaged there.
    const busy = ask.spin({ ms: 200 })
    await eventually(() => system.stats()[0]!.messagesIn).toBe(3)
    const lost = [codeOf(ask.echo(1)), codeOf(ask.echo(2, { deadlineMs: Infinity }))]
    const data = new Int32Array(link!, OFFSETS.requests + RING_HEADER_BYTES)
    const head = Atomics.load(wordsOf(link!, OFFSETS.requests), RING_WORD.Head)
    data[(head & (STATIC_LINK.requestBytes - 1)) / 4] = 2 ** 30
    expect(await Promise.all(lost)).toEqual(['LANE_CORRUPT', 'LANE_CORRUPT'])
    await busy
    expect(await kept).toBe('taken before')
    expect(await ask.echo('after')).toBe('after')
    expect(system.deadLetters()).toMatchObject([{ actor: 'echo', sender: 'host', reason: 'ring-corrupt' }])
    expect(lines.join()).toContain('lane corrupt')
    expect(system.stats()[0]).toMatchObject({ restarts: 0, deadLetters: 1 })
  })

  test.each([
    ['a kind of another lane', RECORD.kind, Uint8Array.of(8)],
    ['no kind at all', RECORD.kind, Uint8Array.of(77)],
    ['a correlation that is no number', RECORD.correlation, new Uint8Array(Float64Array.of(NaN).buffer)],
    ['a block that cannot be', RECORD.flags, Uint8Array.of(1)],
  ])('by %s', async (_what, field, bytes) => {
    const { system, links } = await startCaught()
    const { ask } = system.ref(echo)
    const busy = ask.spin({ ms: 150 })
    await eventually(() => system.stats()[0]!.messagesIn).toBe(1)
    const lost = codeOf(ask.echo('a text of some length', { deadlineMs: Infinity }))
    const head = Atomics.load(wordsOf(links[0]!, OFFSETS.requests), RING_WORD.Head)
    new Uint8Array(links[0]!, OFFSETS.requests + RING_HEADER_BYTES + head + field).set(bytes)
    expect(await lost).toBe('LANE_CORRUPT')
    await busy
    expect(await ask.echo('after')).toBe('after')
  })

  test('by its body is CODEC_INVALID for its asker alone', async () => {
    const { system, links } = await startCaught()
    const { ask } = system.ref(echo)
    const busy = ask.spin({ ms: 150 })
    await eventually(() => system.stats()[0]!.messagesIn).toBe(1)
    const bad = codeOf(ask.echo('x'.repeat(40)))
    const good = ask.echo('good')
    const head = Atomics.load(wordsOf(links[0]!, OFFSETS.requests), RING_WORD.Head)
    new Uint8Array(links[0]!, OFFSETS.requests + RING_HEADER_BYTES + head + RECORD_HEADER_BYTES, 8).fill(0xc1)
    expect(await bad).toBe('CODEC_INVALID')
    expect(await good).toBe('good')
    await busy
  })
})

describe(`random bytes in every link of a running system (PIT_SEED=${SEED})`, () => {
  const positions = [RING_WORD.Tail, RING_WORD.Head, RING_WORD.Starved].flatMap((word) =>
    [0, 1, 2, 3].map((byte) => word * 4 + byte),
  )
  const records = Array.from({ length: 4_096 }, (_, at) => RING_HEADER_BYTES + at)

  test.each([
    ['positions', positions],
    ['records', records],
  ])('in its %s: every ask settles, no actor dies, and all is well after it', async (_what, places) => {
    const random = seededRandom(SEED + places.length)
    const pick = (count: number): number => Math.floor(random.next() * count)
    const { system, links } = await startCaught()
    const codes = new Map<unknown, number>()
    const wait = (promise: Promise<unknown>): Promise<unknown> =>
      codeOf(promise).then((code) => codes.set(code, (codes.get(code) ?? 0) + 1))
    const rings = [OFFSETS.requests, OFFSETS.replies]
    const waiting: Promise<unknown>[] = []
    for (let round = 0; round < 150; round++) {
      const options = { deadlineMs: 4_000 }
      for (let index = 0; index < 8; index++) {
        waiting.push(wait(system.ref(echo).ask.echo({ round, index }, options)))
        waiting.push(wait(system.ref(middle).ask.pass([round, 'x'.repeat(pick(300))], options)))
      }
      const bytes = new Uint8Array(links[pick(links.length)]!)
      const ring = rings[pick(2)]!
      for (let flip = 0; flip < 12; flip++) {
        bytes[ring + places[pick(places.length)]!] = pick(256)
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
    await Promise.all(waiting)
    // What a resync believed may be found wrong once more; after that everything is as before.
    await eventually(() => codeOf(system.ref(echo).ask.echo(0, { deadlineMs: 500 }))).toBe('no error')
    await eventually(() => codeOf(system.ref(middle).ask.pass(0, { deadlineMs: 500 }))).toBe('no error')
    for (let index = 0; index < 50; index++) {
      expect(await system.ref(middle).ask.pass(index)).toBe(index)
      expect(await system.ref(echo).ask.echo(index)).toBe(index)
    }
    expect(system.stats().map(({ restarts, state }) => ({ restarts, state }))).toEqual([
      { restarts: 0, state: 'running' },
      { restarts: 0, state: 'running' },
    ])
    expect(codes.get('no error')).toBeGreaterThan(0)
    // Something was hit: a test that damages nothing shows nothing.
    expect([...codes.keys()].length).toBeGreaterThan(1)
  })
})
