import { SpanKind, trace } from '@opentelemetry/api'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import '../../runtime/otel.ts'
import { childOf } from '../../runtime/index.ts'
import { echo, echoActor } from './fixtures/actors.ts'
import { SPANS, type SeenSpan } from './fixtures/otel-setup.ts'
import { relay, relayActor } from './fixtures/relay.ts'
import { codeOf, eventually, useSystems } from './helpers.ts'

const { start } = useSystems()
const preload = ['./fixtures/otel-setup.ts', '../../runtime/otel.ts'].map((path) => new URL(path, import.meta.url).href)
const spans: SeenSpan[] = []
const channel = new BroadcastChannel(SPANS)

beforeAll(() => {
  channel.addEventListener('message', (event) => void spans.push((event as unknown as { data: SeenSpan }).data))
})
afterAll(() => channel.close())

describe('spans', () => {
  test('of one trace lead from the host through two actors, each a child of the one before', async () => {
    const abc = ['a', 'b'].map((name) => childOf(relayActor, { name, reachableFrom: ['a', 'b'] }))
    const system = await start(abc, { preload })
    const tracer = trace.getTracer('test')
    const { traceId } = await tracer.startActiveSpan('work', async (span) => {
      await system.ref(relay('a')).ask.trace(['b'])
      span.end()
      return span.spanContext()
    })
    const ofTrace = (): readonly SeenSpan[] => spans.filter((span) => span.traceId === traceId)
    await eventually(() => ofTrace().length).toBe(5)
    const find = (name: string, kind: number): SeenSpan =>
      ofTrace().find((one) => one.name === name && one.kind === kind)!
    const chain = [
      find('work', SpanKind.INTERNAL),
      find('a.trace', SpanKind.CLIENT),
      find('a.trace', SpanKind.SERVER),
      find('b.trace', SpanKind.CLIENT),
      find('b.trace', SpanKind.SERVER),
    ]
    expect(chain.map(({ parentSpanId }) => parentSpanId)).toEqual([
      undefined,
      ...chain.slice(0, -1).map(({ spanId }) => spanId),
    ])
    const threads = chain.map(({ thread }) => thread)
    expect([threads[0], threads[2]]).toEqual([threads[1], threads[3]])
    expect(new Set(threads).size).toBe(3)
  })

  test('of a failed call carry its code, on both sides', async () => {
    const system = await start([childOf(echoActor)], { preload })
    expect(await codeOf(system.ref(echo).ask.fail({ how: 'error' }))).toBe('HANDLER_FAILED')
    const failed = (): readonly unknown[] => spans.filter(({ name }) => name === 'echo.fail').map(({ error }) => error)
    await eventually(failed).toEqual(['HANDLER_FAILED', 'HANDLER_FAILED'])
  })

  test('of a tell: a producer here, a consumer there', async () => {
    const system = await start([childOf(echoActor)], { preload })
    system.ref(echo).tell.echo(1)
    const kinds = (): readonly number[] =>
      spans
        .filter(({ name }) => name === 'echo.echo')
        .map(({ kind }) => kind)
        .toSorted((a, b) => a - b)
    await eventually(kinds).toEqual([SpanKind.PRODUCER, SpanKind.CONSUMER])
  })
})
