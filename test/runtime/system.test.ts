import { describe, expect, test } from 'vitest'
import { childOf } from '../../runtime/index.ts'
import { echo, echoActor, middle, middleActor, named, sum, sumActor } from './fixtures/actors.ts'
import { codeOf, eventually, useSystems } from './helpers.ts'

const { start } = useSystems()

describe('asks', () => {
  test('a value comes back as it was sent', async () => {
    const { ask } = (await start([childOf(echoActor)])).ref(echo)
    const values = [
      null,
      undefined,
      0,
      -1.5,
      2 ** 40,
      'ü',
      [1, [2]],
      { a: { b: undefined } },
      new Date(5),
      10n,
      new Set([1]),
    ]
    for (const value of values) expect(await ask.echo(value)).toEqual(value)
    expect(await ask.echo(Uint8Array.of(1, 2))).toEqual(Uint8Array.of(1, 2))
  })

  test('a thousand at once all come back', async () => {
    const { ask } = (await start([childOf(echoActor)])).ref(echo)
    const replies = await Promise.all(
      Array.from({ length: 1000 }, (_, index) => ask.echo({ index, text: 'x'.repeat(index) })),
    )
    expect(replies.map((reply) => (reply as { index: number }).index)).toEqual(replies.map((_, index) => index))
  })

  test('through a second actor, also with a body larger than the ring', async () => {
    const { ask } = (await start([childOf(echoActor), childOf(middleActor)])).ref(middle)
    expect(await ask.pass({ deep: [1, 2] })).toEqual({ deep: [1, 2] })
    expect(await ask.large({ bytes: 3_000_000 })).toBe(21_000_000)
  })

  test('to an actor that parks its thread', async () => {
    const { ask } = (await start([childOf(echoActor), childOf(sumActor)])).ref(sum)
    expect(await Promise.all([ask.add(1), ask.add(2), ask.addLater(3)])).toEqual([1, 3, 6])
    expect(await ask.relay('there and back')).toBe('there and back')
  })

  test('50 MB as argument and as reply', async () => {
    const { ask } = (await start([childOf(echoActor)])).ref(echo)
    const bytes = new Uint8Array(50 * 1024 * 1024)
    bytes.set([1, 2, 3], 1_000_000)
    expect(Buffer.compare((await ask.echo(bytes)) as Uint8Array, bytes)).toBe(0)
  }, 20_000)
})

describe('errors', () => {
  test('what a handler throws arrives typed', async () => {
    const { ask } = (await start([childOf(echoActor)])).ref(echo)
    await expect(ask.fail({ how: 'error' })).rejects.toMatchObject({
      code: 'HANDLER_FAILED',
      message: 'RangeError: plain',
    })
    await expect(ask.fail({ how: 'class' })).rejects.toMatchObject({ code: 'HANDLER_FAILED', message: 'Error: own' })
    await expect(ask.fail({ how: 'function' })).rejects.toMatchObject({ code: 'HANDLER_FAILED' })
    await expect(ask.fail({ how: 'undefined' })).rejects.toMatchObject({ code: 'HANDLER_FAILED' })
    await expect(ask.fail({ how: 'coded' })).rejects.toMatchObject({ fields: { nativeCode: 'ENOSPC' } })
    await expect(ask.undecodable(null)).rejects.toMatchObject({ code: 'CODEC_INVALID' })
    await expect(ask.echo(() => 1)).rejects.toMatchObject({ code: 'CODEC_INVALID' })
  })

  test('a call that no handler has, an actor that nobody declared', async () => {
    const opened = await start([childOf(echoActor), childOf(middleActor)])
    const ask = opened.ref(echo).ask as unknown as Record<string, (arg: null) => Promise<unknown>>
    for (const call of ['nothing', 'constructor', '__proto__', 'toString']) {
      expect(await codeOf(ask[call]!(null))).toBe('UNKNOWN_HANDLER')
    }
    expect(await codeOf(opened.ref(named('nobody')).ask.echo(1))).toBe('ACTOR_NOT_FOUND')
    expect(await codeOf(opened.ref(middle).ask.askNamed({ name: 'sum', value: 1 }))).toBe('ACTOR_NOT_FOUND')
  })

  test('a module that does not exist, an export that is missing, an init that throws', async () => {
    const missing = { name: 'a', module: new URL('./nowhere.ts', import.meta.url).href, actor: 'a' }
    expect(await codeOf(start([missing]))).toBe('MODULE_INVALID')
    expect(await codeOf(start([{ ...childOf(echoActor), actor: 'other' }]))).toBe('MODULE_INVALID')
    await expect(start([childOf(middleActor), childOf(echoActor, { config: { fail: true } })])).rejects.toMatchObject({
      code: 'INIT_FAILED',
      cause: { message: 'TypeError: no good' },
    })
  })
})

describe('deadlines and cancellation', () => {
  test('an ask without a reply ends with its deadline, and the handler hears of it', async () => {
    const { ask } = (await start([childOf(echoActor)])).ref(echo)
    expect(await codeOf(ask.never(null, { deadlineMs: 20 }))).toBe('DEADLINE_EXCEEDED')
    // On a busy machine a short deadline is over before the turn of its message, and no handler is there to hear of it.
    let deadlineMs = 20
    await eventually(async () => {
      expect(await codeOf(ask.untilAborted(null, { deadlineMs: (deadlineMs *= 2) }))).toBe('DEADLINE_EXCEEDED')
      return ask.aborted(null)
    }).not.toHaveLength(0)
    expect(await codeOf(ask.echo(1, { deadlineMs: 0 }))).toBe('DEADLINE_EXCEEDED')
    expect(await ask.echo('alive', { deadlineMs: Infinity })).toBe('alive')
  })

  test('cancelling reaches the handler and spares the worker', async () => {
    const { ask } = (await start([childOf(echoActor)])).ref(echo)
    const controller = new AbortController()
    const waiting = codeOf(ask.untilAborted(null, { signal: controller.signal }))
    const { incarnation } = await ask.whoami(null)
    controller.abort()
    expect(await waiting).toBe('CANCELLED')
    await eventually(() => ask.aborted(null)).toEqual(['CANCELLED'])
    expect((await ask.whoami(null)).incarnation).toBe(incarnation)
    expect(await codeOf(ask.echo(1, { signal: AbortSignal.abort() }))).toBe('CANCELLED')
  })

  test('a nested ask inherits the smaller deadline', async () => {
    const { ask } = (await start([childOf(echoActor), childOf(middleActor)])).ref(middle)
    expect(await ask.passLate({ deadlineMs: 60_000 }, { deadlineMs: 5_000 })).toBeLessThanOrEqual(5_000)
    expect(await ask.passLate({ deadlineMs: 1_000 }, { deadlineMs: 5_000 })).toBeLessThanOrEqual(1_000)
    expect(await ask.passLate({ deadlineMs: Infinity }, { deadlineMs: Infinity })).toBe(Infinity)
  })

  test('but not when it is detached, or made after the answer', async () => {
    const { ask } = (await start([childOf(echoActor), childOf(middleActor)])).ref(middle)
    expect(await ask.passDetached(null, { deadlineMs: 5_000 })).toBe(Infinity)
    await ask.beginLate(null, { deadlineMs: 5_000 })
    expect(await ask.endLate(null, { deadlineMs: Infinity })).toBe(Infinity)
  })
})

describe('close', () => {
  test('waits for what is running, refuses what comes after, and can be called again', async () => {
    const opened = await start([childOf(echoActor), childOf(middleActor)])
    const { ask } = opened.ref(echo)
    const running = ask.later({ ms: 50, value: 'done' })
    const closing = opened.close()
    expect(await codeOf(ask.echo(1))).toBe('ACTOR_STOPPED')
    await closing
    expect(await running).toBe('done')
    await opened.close()
    expect(opened.stats().map(({ state }) => state)).toEqual(['stopped', 'stopped'])
  })

  test('forces a handler that never settles', async () => {
    const opened = await start([childOf(echoActor, { shutdownMs: 50 })])
    const waiting = codeOf(opened.ref(echo).ask.never(null))
    await opened.close()
    expect(await waiting).toBe('ACTOR_STOPPED')
  })
})
