import { describe, expect, test } from 'vitest'
import { childOf, onRuntimeEvent, type RuntimeEvent } from '../../runtime/index.ts'
import { events } from '../../runtime/diagnostics.ts'
import { echo, echoActor } from './fixtures/actors.ts'
import { heardActor, heardKey } from './fixtures/heard.ts'
import { codeOf, eventually, useSystems } from './helpers.ts'

const { start } = useSystems()
const listener = new URL('./fixtures/listener.ts', import.meta.url).href

/** What happens in this thread until the undo, one line each. */
function listen(...names: readonly RuntimeEvent[]) {
  const lines: string[] = []
  const undos = names.map((name) =>
    onRuntimeEvent(name, (payload) => {
      const words: (string | undefined)[] = [name]
      if ('message' in payload) words.push(payload.message.kind, payload.message.call)
      else words.push(payload.actor)
      if ('error' in payload) words.push(payload.error?.code)
      if ('verdict' in payload) words.push(payload.verdict)
      lines.push(words.filter((word) => word !== undefined).join(' '))
    }),
  )
  return { lines, undo: () => undos.forEach((undo) => undo()) }
}

describe("the sender's thread", () => {
  test('tells of each ask from before it is coded to its end, as one object', async () => {
    const system = await start([childOf(echoActor)])
    const { lines, undo } = listen('message-sending', 'message-sent', 'ask-settled')
    const ids: string[] = []
    const off = onRuntimeEvent('message-sent', ({ message }) => ids.push(message.id))
    const { id } = await system.ref(echo).ask.whoami(null)
    await codeOf(system.ref(echo).ask.fail({ how: 'error' }))
    await codeOf(system.ref(echo).ask.echo(() => 1))
    system.ref(echo).tell.echo(1)
    await system.ref(echo).ask.echo(2)
    undo()
    off()
    await system.ref(echo).ask.echo(3)
    expect(lines).toEqual([
      'message-sending ask whoami',
      'message-sent ask whoami',
      'ask-settled ask whoami',
      'message-sending ask fail',
      'message-sent ask fail',
      'ask-settled ask fail HANDLER_FAILED',
      'message-sending ask echo',
      'ask-settled ask echo CODEC_INVALID',
      'message-sending tell echo',
      'message-sent tell echo',
      'message-sending ask echo',
      'message-sent ask echo',
      'ask-settled ask echo',
    ])
    expect(ids[0]).toBe(id)
    expect(Object.values(events).some((channel) => channel.hasSubscribers)).toBe(false)
  })
})

describe("the receiver's thread", () => {
  test('tells a preloaded subscriber of each message', async () => {
    const system = await start([childOf(heardActor)], { preload: [listener] })
    const { ask, tell } = system.ref(heardKey)
    const names = async (): Promise<string[]> =>
      (await ask.heard(null)).filter((line) => !/ask {2}/.test(line)).map((line) => line.replace(/ [\d-]+$/, ''))
    await ask.echo(1)
    expect(await names()).toEqual(['message-started ask echo', 'message-settled ask echo'])
    tell.fail(null)
    expect(await names()).toEqual([
      expect.stringMatching(/^message-received tell/),
      'message-started tell fail',
      'message-settled tell fail',
      'dead-letter failed',
    ])
    expect(await codeOf(ask.wait({ ms: 60_000 }, { deadlineMs: 30 }))).toBe('DEADLINE_EXCEEDED')
    await eventually(names).toContain('message-cancelled ask wait')
  })

  test('tells of a redelivery in the next life', async () => {
    const system = await start([childOf(heardActor)], { preload: [listener] })
    const { ask } = system.ref(heardKey)
    await ask.die(null)
    const ids = (await ask.heard(null)).filter((line) => line.includes('die'))
    expect(ids.map((line) => line.split(' ')[0])).toEqual(['message-redelivered', 'message-started', 'message-settled'])
    expect(new Set(ids.map((line) => line.split(' ')[3])).size).toBe(1)
  })

  test('has its own channels: without preload nothing is heard there', async () => {
    const { ask } = (await start([childOf(heardActor)])).ref(heardKey)
    await ask.echo(1)
    expect(await ask.heard(null)).toEqual([])
  })
})

describe("the host's thread", () => {
  test('tells of the lives of actors and of decisions', async () => {
    const { lines, undo } = listen(
      'actor-starting',
      'actor-ready',
      'actor-crashed',
      'actor-restarting',
      'actor-stopping',
      'actor-stopped',
      'supervisor-decision',
    )
    const system = await start([childOf(echoActor)])
    await system.kill('echo')
    await system.ref(echo).ask.echo(1)
    await system.close()
    undo()
    expect(lines).toEqual([
      'actor-starting echo',
      'actor-ready echo',
      'actor-crashed echo',
      'supervisor-decision echo restart',
      'actor-restarting echo',
      'actor-starting echo',
      'actor-ready echo',
      'actor-stopping echo',
      'actor-stopped echo',
    ])
  })
})

describe('a module to preload', () => {
  test('that does not exist, that throws, or that is no name, is said to be wrong', async () => {
    const missing = new URL('./nowhere.ts', import.meta.url).href
    await expect(start([childOf(echoActor)], { preload: [missing] })).rejects.toMatchObject({
      code: 'MODULE_INVALID',
      fields: { module: missing, actor: 'echo' },
    })
    const throwing = 'data:text/javascript,throw new Error("not today")'
    await expect(start([childOf(echoActor)], { preload: [throwing] })).rejects.toMatchObject({
      code: 'MODULE_INVALID',
      message: expect.stringContaining('not today') as unknown,
    })
    for (const preload of ['x', [1], ['']] as unknown as readonly string[][]) {
      expect(await codeOf(start([childOf(echoActor)], { preload }))).toBe('INVALID_OPTION')
    }
  })
})
