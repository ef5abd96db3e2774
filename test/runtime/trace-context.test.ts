import { describe, expect, test } from 'vitest'
import { childOf, seededRandom } from '../../runtime/index.ts'
import { isTraceparent, isTracestate, nextHop } from '../../runtime/trace-context.ts'
import { relay, relayActor } from './fixtures/relay.ts'
import { codeOf, useSystems } from './helpers.ts'

const { start } = useSystems()
const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'
const traceparent = `00-${TRACE_ID}-b7ad6b7169203331-01`
const tracestate = 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE'
const abc = ['a', 'b', 'c'].map((name) => childOf(relayActor, { name, reachableFrom: ['a', 'b', 'c'] }))

describe('a trace', () => {
  test('goes from the host through nested asks, each hop with a span of its own', async () => {
    const { ask } = (await start(abc)).ref(relay('a'))
    const traces = await ask.trace(['b', 'c'], { traceparent, tracestate })
    expect(traces.map(({ actor }) => actor)).toEqual(['a', 'b', 'c'])
    expect(traces[0]).toMatchObject({ traceparent, tracestate })
    for (const trace of traces) {
      expect(trace.traceparent).toMatch(new RegExp(`^00-${TRACE_ID}-[0-9a-f]{16}-01$`))
      expect(trace.tracestate).toBe(tracestate)
    }
    expect(new Set(traces.map((trace) => trace.traceparent)).size).toBe(3)
  })

  test('goes with tells, not with messages that have none', async () => {
    const { ask } = (await start(abc)).ref(relay('a'))
    expect(await ask.trace(['b'])).toEqual([
      { actor: 'a', traceparent: undefined, tracestate: undefined },
      { actor: 'b', traceparent: undefined, tracestate: undefined },
    ])
    await ask.passOn({ to: 'b' }, { traceparent })
    const told = await ask.askTold({ of: 'b' })
    expect(told.traceparent?.slice(0, 36)).toBe(traceparent.slice(0, 36))
    expect(told.traceparent).not.toBe(traceparent)
    expect(told.tracestate).toBeUndefined()
  })

  test('that is no trace is refused, and so is an option nobody knows', async () => {
    const { ask } = (await start([abc[0]!])).ref(relay('a'))
    for (const options of [
      { traceparent: 'x' },
      { traceparent: `00-${'0'.repeat(32)}-b7ad6b7169203331-01` },
      { traceparent, tracestate: 'no equals sign' },
      { tracestate },
      { deadlineMs: '5' as unknown as number },
      { signal: {} as AbortSignal },
      { timeout: 5 } as object,
    ]) {
      expect(await codeOf(ask.trace([], options))).toBe('INVALID_OPTION')
    }
  })

  test('an inherited option is none', async () => {
    const { ask } = (await start([abc[0]!])).ref(relay('a'))
    const options = Object.create({ deadlineMs: 0, traceparent: 'x' }) as object
    expect(await ask.trace([], options)).toMatchObject([{ traceparent: undefined }])
  })
})

test('what counts as a traceparent and a tracestate', () => {
  expect(isTraceparent(traceparent)).toBe(true)
  expect(isTraceparent(`01-${TRACE_ID}-b7ad6b7169203331-00-later`)).toBe(true)
  for (const bad of [
    `ff-${TRACE_ID}-b7ad6b7169203331-01`,
    `00-${TRACE_ID}-b7ad6b7169203331-01-more`,
    `00-${TRACE_ID}-0000000000000000-01`,
    `00-${TRACE_ID.toUpperCase()}-b7ad6b7169203331-01`,
    `${traceparent}\n`,
    '',
    7,
    null,
  ])
    expect(isTraceparent(bad)).toBe(false)
  expect(isTracestate('')).toBe(true)
  expect(isTracestate('a=1, b@c=2,')).toBe(true)
  expect(isTracestate('A=1')).toBe(false)
  expect(isTracestate(`a=${'x'.repeat(600)}`)).toBe(false)
  expect(isTracestate(Array.from({ length: 40 }, (_, index) => `a${index}=1`).join())).toBe(false)
})

test('the next hop follows from the random source and is valid', () => {
  const zeros = { next: () => 0 }
  expect(nextHop({ traceparent, tracestate }, zeros)).toEqual({
    traceparent: `00-${TRACE_ID}-0000000100000001-01`,
    tracestate,
  })
  const random = seededRandom(7)
  for (let index = 0; index < 1000; index++) {
    expect(isTraceparent(nextHop({ traceparent, tracestate }, random).traceparent)).toBe(true)
  }
})
