import { describe, expect, expectTypeOf, test } from 'vitest'
import { childOf, type ActorRef } from '../../runtime/index.ts'
import { reader, source } from './fixtures/streams.ts'
import { codeOf, eventually, useSystems } from './helpers.ts'

const { start } = useSystems()

async function openSource(): Promise<{
  readonly system: Awaited<ReturnType<typeof start>>
  readonly ref: ActorRef<NonNullable<(typeof source)['protocol']>>
}> {
  const system = await start([childOf(source, { shutdownMs: 4_000 })])
  return { system, ref: system.ref(source) }
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const read: T[] = []
  for await (const item of items) read.push(item)
  return read
}

describe('types', () => {
  test('a stream is under `stream` and nowhere else', async () => {
    const { ref } = await openSource()
    expectTypeOf(ref.stream.lines).parameter(0).toEqualTypeOf<string>()
    expectTypeOf(ref.stream.lines).returns.toEqualTypeOf<AsyncIterableIterator<string>>()
    expectTypeOf(ref.stream.indirect).returns.toEqualTypeOf<AsyncIterableIterator<number>>()
    expectTypeOf(ref.ask.list).returns.resolves.toEqualTypeOf<number[]>()
    // @ts-expect-error a stream is not asked
    expect(await codeOf((ref.ask.lines as (arg: string) => Promise<unknown>)('a'))).toBe('STREAM_ONLY')
    // @ts-expect-error a stream that its handler returns is not asked
    expect(await codeOf((ref.ask.indirect as (arg: number) => Promise<unknown>)(1))).toBe('STREAM_ONLY')
    // @ts-expect-error a plain call is not a stream
    expect(await codeOf(all((ref.stream.ended as (arg: null) => AsyncIterable<unknown>)(null)))).toBe('no error')
    // @ts-expect-error a plain call is not a stream
    expect(await codeOf(all((ref.stream.made as (arg: string) => AsyncIterable<unknown>)('a')))).toBe('NOT_A_STREAM')
    // @ts-expect-error a stream is not told
    expect(ref.tell.count).toBeTypeOf('function')
  })
})

describe('items', () => {
  test('arrive in order, all of them, from generators and from what a handler returns', async () => {
    const { ref } = await openSource()
    expect(await all(ref.stream.lines('three short words'))).toEqual(['three', 'short', 'words'])
    expect(await all(ref.stream.indirect(1_000))).toEqual(Array.from({ length: 1_000 }, (_, n) => n))
    const counted = await all(ref.stream.count({ key: 'a', to: 20_000 }, { credit: 7 }))
    expect(counted).toEqual(Array.from({ length: 20_000 }, (_, n) => n))
    expect(await ref.ask.ended(null)).toEqual(['a'])
  })

  test('large items travel beside the ring, and in order with small ones', async () => {
    const { ref } = await openSource()
    const items = await all(ref.stream.count({ key: 'large', to: 40, bytes: 200_000 }))
    expect(items.map((item) => (item as { n: number }).n)).toEqual(Array.from({ length: 40 }, (_, n) => n))
    expect((items[7] as { text: string }).text).toHaveLength(200_000)
  })

  test('many streams at once do not mix', async () => {
    const { ref } = await openSource()
    const lengths = Array.from({ length: 8 }, (_, index) => 500 + index)
    const read = await Promise.all(lengths.map((to) => all(ref.stream.count({ key: `s${to}`, to }, { credit: 3 }))))
    expect(read).toEqual(lengths.map((to) => Array.from({ length: to }, (_, n) => n)))
  })

  test('what the generator throws, or yields and cannot be said, arrives as a typed error after the items', async () => {
    const { ref } = await openSource()
    const read: number[] = []
    const broken = async (): Promise<void> => {
      for await (const n of ref.stream.broken(100)) read.push(n)
    }
    await expect(broken()).rejects.toMatchObject({ code: 'HANDLER_FAILED', message: 'RangeError: no more' })
    expect(read).toHaveLength(100)
    expect(await codeOf(all(ref.stream.unspeakable(null)))).toBe('CODEC_INVALID')
    // @ts-expect-error such a handler does not exist
    const unknown = ref.stream.nothing as (arg: null) => AsyncIterable<unknown>
    expect(await codeOf(all(unknown(null)))).toBe('UNKNOWN_HANDLER')
  })
})

describe('back-pressure', () => {
  test('the generator is not run on without credit, however long the reader sleeps', async () => {
    const { ref } = await openSource()
    const iterator = ref.stream.count({ key: 'a' }, { credit: 16 })
    expect(await iterator.next()).toEqual({ done: false, value: 0 })
    await eventually(() => ref.ask.made('a')).toBe(16)
    for (let n = 1; n < 16; n++) await iterator.next()
    await eventually(() => ref.ask.made('a')).toBe(32)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await ref.ask.made('a')).toBe(32)
    await iterator.return?.()
  })

  test('bytes are bounded as items are', async () => {
    const { ref } = await openSource()
    const iterator = ref.stream.count({ key: 'a', bytes: 100_000 }, { credit: 1_000 })
    await iterator.next()
    await new Promise((resolve) => setTimeout(resolve, 100))
    // 256 KiB of ring, one item over it, and the one that was read.
    expect(await ref.ask.made('a')).toBeLessThanOrEqual(4)
    for (let n = 1; n < 20; n++) expect(await iterator.next()).toMatchObject({ value: { n } })
    await iterator.return?.()
  })

  test('an iterator that is never read costs the other side nothing', async () => {
    const { system, ref } = await openSource()
    for (let n = 0; n < 100; n++) ref.stream.count({ key: 'idle' })
    const unread = ref.stream.count({ key: 'idle' })
    expect(await unread.return?.()).toEqual({ done: true, value: undefined })
    expect(await unread.next()).toEqual({ done: true, value: undefined })
    expect(await ref.ask.made('idle')).toBe(0)
    expect(system.stats()[0]).toMatchObject({ messagesIn: 1, inFlight: 0 })
  })

  test('an open stream counts as in flight', async () => {
    const { system, ref } = await openSource()
    const open = Array.from({ length: 8 }, (_, index) => ref.stream.count({ key: `k${index}` }))
    await Promise.all(open.map((iterator) => iterator.next()))
    await eventually(() => system.stats()[0]?.inFlight).toBe(8)
    // All cells are taken: the next message waits.
    const waiting = ref.ask.made('k0')
    expect(await Promise.race([waiting, new Promise((resolve) => setTimeout(() => resolve('waits'), 50))])).toBe(
      'waits',
    )
    await open[0]?.return?.()
    expect(await waiting).toBeGreaterThan(0)
    for (const iterator of open) await iterator.return?.()
    await eventually(() => system.stats()[0]?.inFlight).toBe(0)
  })
})

describe('the end', () => {
  test('leaving the loop runs the generator out and aborts its signal', async () => {
    const { ref } = await openSource()
    for await (const n of ref.stream.count({ key: 'a' })) if (n === 100) break
    await eventually(() => ref.ask.ended(null)).toEqual(['a'])
    expect(await ref.ask.aborted(null)).toEqual(['a CANCELLED'])
  })

  test('a signal fails the stream and ends the generator', async () => {
    const { ref } = await openSource()
    const abort = new AbortController()
    // Not before it runs: a cancellation may overtake the opening, and then there is no generator to end.
    const reading = (async () => {
      for await (const _ of ref.stream.count({ key: 'a' }, { signal: abort.signal })) abort.abort(new Error('enough'))
    })()
    await expect(reading).rejects.toMatchObject({ code: 'CANCELLED', cause: { message: 'enough' } })
    await eventually(() => ref.ask.ended(null)).toEqual(['a'])
    expect(await codeOf(all(ref.stream.count({ key: 'b' }, { signal: abort.signal })))).toBe('CANCELLED')
    expect(await ref.ask.made('b')).toBe(0)
  })

  test('there is a deadline only where one is given', async () => {
    const { ref } = await openSource()
    expect(await codeOf(all(ref.stream.slow({ ms: 20 }, { deadlineMs: 100 })))).toBe('DEADLINE_EXCEEDED')
    expect(await codeOf(all(ref.stream.slow({ ms: 20 }, { deadlineMs: 0 })))).toBe('DEADLINE_EXCEEDED')
    // @ts-expect-error a typo must not silently change nothing
    expect(() => ref.stream.slow({ ms: 1 }, { credits: 1 })).toThrow(/credits/)
    expect(() => ref.stream.slow({ ms: 1 }, { credit: 0 })).toThrow(/credit/)
  })

  test('a cancellation that overtakes its opening in the ring still ends it', async () => {
    const { system, ref } = await openSource()
    const busy = ref.ask.spin(100)
    const iterator = ref.stream.count({ key: 'late' })
    const next = iterator.next()
    await iterator.return?.()
    expect(await next).toEqual({ done: true, value: undefined })
    await busy
    await eventually(() => system.stats()[0]).toMatchObject({ inFlight: 0, queueDepth: 0 })
    expect(await ref.ask.made('late')).toBe(0)
  })

  test('a graceful stop ends endless streams, also deaf ones, without being forced', async () => {
    const { system, ref } = await openSource()
    const endless = all(ref.stream.count({ key: 'endless' }, { credit: 4 }))
    const deaf = ref.stream.slow({ ms: 600_000 })
    const waiting = codeOf(deaf.next())
    const unread = ref.stream.count({ key: 'unread' })
    await unread.next()
    const began = performance.now()
    await Promise.all([system.close(), expect(codeOf(endless)).resolves.toBe('ACTOR_STOPPED')])
    expect(await waiting).toBe('ACTOR_STOPPED')
    // Below the 4 s after which it would have been forced.
    expect(performance.now() - began).toBeLessThan(3_500)
  })
})

describe('deaths', () => {
  test('a stream that has started fails with ACTOR_RESTARTED after the items it had sent', async () => {
    const { system, ref } = await openSource()
    const read: unknown[] = []
    const reading = (async () => {
      for await (const n of ref.stream.count({ key: 'a' })) {
        if (read.push(n) === 500) void system.kill('source')
      }
    })()
    await expect(reading).rejects.toMatchObject({ code: 'ACTOR_RESTARTED', fields: { call: 'count' } })
    expect(read.length).toBeGreaterThanOrEqual(500)
    expect(read).toEqual(Array.from(read, (_, n) => n))
    expect(await all(ref.stream.lines('it lives'))).toEqual(['it', 'lives'])
  })

  test('an opening that was still queued is delivered to the next incarnation', async () => {
    const { system, ref } = await openSource()
    ref.ask.spin(2_000).catch(() => {})
    await eventually(() => system.stats()[0]?.inFlight).toBe(1)
    const reading = all(ref.stream.count({ key: 'queued', to: 10 }))
    await new Promise((resolve) => setTimeout(resolve, 20))
    await system.kill('source')
    expect(await reading).toHaveLength(10)
  })

  test('streams of a dead reader are ended at their source', async () => {
    const system = await start([childOf(source), childOf(reader)])
    const { ask } = system.ref(source)
    await system.ref(reader).ask.begin({ key: 'a', items: 100 })
    await system.kill('reader')
    await eventually(() => ask.ended(null)).toEqual(['a'])
    await eventually(() => system.stats()[0]?.inFlight).toBe(0)
    expect(await system.ref(reader).ask.sum(1_000)).toBe(499_500)
  })

  test('under kills at random moments every stream ends, whole or with a typed error, and never skips an item', async () => {
    const system = await start([childOf(source)], { restartsMax: 1_000 })
    const { stream } = system.ref(source)
    const outcomes = { whole: 0, cut: 0 }
    const read = async (key: string, to: number): Promise<void> => {
      let expected = 0
      try {
        for await (const n of stream.count({ key, to }, { credit: 1 + (to % 90) })) expect(n).toBe(expected++)
        expect(expected).toBe(to)
        outcomes.whole++
      } catch (error) {
        expect(error).toMatchObject({ code: 'ACTOR_RESTARTED' })
        outcomes.cut++
      }
    }
    for (let round = 0; round < 6; round++) {
      const reads = Array.from({ length: 8 }, (_, n) => read(`r${round}-${n}`, round * 400 + n * 700))
      await new Promise((resolve) => setTimeout(resolve, 5 + round * 3))
      await system.kill('source')
      await Promise.all(reads)
    }
    expect(outcomes.whole + outcomes.cut).toBe(48)
    expect(outcomes.cut).toBeGreaterThan(0)
    await eventually(() => system.stats()[0]?.inFlight).toBe(0)
  })
})
