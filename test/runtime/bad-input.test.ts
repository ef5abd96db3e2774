/** What users get wrong: each mistake is a coded error that names it, and harms nobody else. Garbage in a ring: ring-damage.test.ts. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { childOf, startSystem, type ChildSpec } from '../../runtime/index.ts'
import { echo, echoActor, named } from './fixtures/actors.ts'
import { codeOf, useSystems } from './helpers.ts'

const { start } = useSystems()
const spec = (wrong: object): ChildSpec => ({ ...childOf(echoActor), ...wrong })

describe('a handler', () => {
  test('that throws what cannot be cloned, or an error class of its own, fails its ask alone', async () => {
    const { ask } = (await start([childOf(echoActor)])).ref(echo)
    await expect(ask.fail({ how: 'function' })).rejects.toMatchObject({
      code: 'HANDLER_FAILED',
      message: expect.stringMatching(/^thrown: /) as unknown,
    })
    await expect(ask.fail({ how: 'class' })).rejects.toMatchObject({ code: 'HANDLER_FAILED', message: 'Error: own' })
    await expect(ask.fail({ how: 'undefined' })).rejects.toMatchObject({ code: 'HANDLER_FAILED' })
    await expect(ask.undecodable(null)).rejects.toMatchObject({ code: 'CODEC_INVALID' })
    expect((await ask.whoami(null)).incarnation).toBe(2)
  })

  test('that never settles ends with its deadline', async () => {
    const { ask } = (await start([childOf(echoActor)])).ref(echo)
    expect(await codeOf(ask.never(null, { deadlineMs: 30 }))).toBe('DEADLINE_EXCEEDED')
    expect(await ask.echo('alive')).toBe('alive')
  })

  test('that nobody has, under any name, is unknown', async () => {
    const { ask } = (await start([childOf(echoActor)])).ref(echo)
    const calls = ask as unknown as Record<string, (arg: null) => Promise<unknown>>
    for (const call of ['nothing', '__proto__', 'constructor', 'toString', 'hasOwnProperty', '', 'ü'.repeat(100)])
      expect(await codeOf(calls[call]!(null))).toBe('UNKNOWN_HANDLER')
    // A ref can be returned from an async function: `then` is no call.
    expect(calls['then']).toBeUndefined()
  })
})

describe('a message', () => {
  test('over the limit is refused before it is sent', async () => {
    const { ask } = (await start([childOf(echoActor)])).ref(echo)
    const huge = new Uint8Array(257 * 1024 * 1024)
    await expect(ask.echo(huge)).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE', fields: { actor: 'echo' } })
    expect(await ask.echo('alive')).toBe('alive')
  })

  test('that cannot be coded is refused, and hostile keys change no prototype', async () => {
    const { ask } = (await start([childOf(echoActor)])).ref(echo)
    const circle: Record<string, unknown> = {}
    circle['self'] = circle
    for (const value of [() => 1, { deep: [Symbol('s')] }, circle])
      expect(await codeOf(ask.echo(value))).toBe('CODEC_INVALID')
    await ask.echo(JSON.parse('{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}'))
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})

describe('a module', () => {
  test('that does not exist, cannot be parsed, throws, or has no such actor, is invalid', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pit-bad-'))
    try {
      const file = async (name: string, text: string): Promise<string> => {
        await writeFile(join(folder, name), text)
        return pathToFileURL(join(folder, name)).href
      }
      const modules = [
        pathToFileURL(join(folder, 'nowhere.js')).href,
        await file('syntax.mjs', 'export const echo = {'),
        await file('throws.mjs', 'throw new TypeError("at import")'),
        await file('other.mjs', 'export const echo = { name: "echo", handlers: new Map() }'),
        'no url at all',
      ]
      for (const module of modules) {
        await expect(start([spec({ module })])).rejects.toMatchObject({ code: 'MODULE_INVALID', fields: { module } })
      }
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

describe('a child spec', () => {
  test.each([
    ['name', ''],
    ['name', 7],
    ['name', 'host'],
    ['name', 'two\nlines'],
    ['restart', 'sometimes'],
    ['shutdownMs', -1],
    ['shutdownMs', 'slow'],
    ['reachableFrom', 'me'],
    ['reachableFrom', [1]],
    ['heapMb', 1],
    ['heapMB', 64],
  ])('with %s = %j is refused by name', async (key, value) => {
    await expect(start([spec({ [key]: value })])).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringContaining(key) as unknown,
    })
  })

  test('that is none is refused', async () => {
    for (const wrong of [null, 7, 'echo', [], {}])
      expect(await codeOf(start([wrong as unknown as ChildSpec]))).toMatch(/^(INVALID_OPTION|MODULE_INVALID)$/)
  })

  test('may have a hostile name', async () => {
    const names = ['__proto__', 'constructor', 'then', 'toString', 'hasOwnProperty']
    const system = await start(names.map((name) => spec({ name })))
    for (const name of names) expect(await system.ref(named(name)).ask.echo(name)).toBe(name)
    expect(system.stats().map(({ name }) => name)).toEqual(names)
    expect(await codeOf(system.ref(named('valueOf')).ask.echo(1))).toBe('ACTOR_NOT_FOUND')
  })

  test('whose configuration has functions cannot start, and says so', async () => {
    await expect(start([spec({ config: { run: () => 1 } })])).rejects.toMatchObject({ code: 'INIT_FAILED' })
  })
})

describe('options', () => {
  const start0 = (options: object): Promise<unknown> => start([childOf(echoActor)], options)

  test('that nobody knows, or of the wrong type, are refused', async () => {
    for (const wrong of [
      { children: 'echo' },
      { restartMax: 1 },
      { restartsMax: 1.5 },
      { strategy: 'all' },
      { shared: { region: -1 } },
    ])
      expect(await codeOf(start0(wrong))).toBe('INVALID_OPTION')
  })

  test('that are inherited count for nothing', async () => {
    const options = Object.assign(Object.create({ restartsMax: 'x', preload: ['nowhere'] }) as object, {
      children: [Object.assign(Object.create({ heapMb: -1, restart: 'never' }) as object, childOf(echoActor))],
    })
    await using system = await startSystem(options)
    expect(await system.ref(echo).ask.echo(1)).toBe(1)
  })
})
