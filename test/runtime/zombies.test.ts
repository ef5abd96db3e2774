import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { DeathNotice } from '../../runtime/index.ts'
import { life, lifeChild } from './fixtures/lifecycle.ts'
import { eventually, useSystems } from './helpers.ts'
import { child, startRig } from './supervisor-rig.ts'

const { start } = useSystems()

describe('a thread that is stuck in native code', () => {
  test('is reported as a zombie; its restart waits for it, and everybody else goes on', async () => {
    const system = await start([lifeChild('a'), lifeChild('b')])
    const notices: DeathNotice[] = []
    system.monitor('a', (notice) => notices.push(notice))
    const reply = system.ref(life('a')).ask.stuck({ seconds: 6 })
    await eventually(() => system.zombies()).toMatchObject([{ name: 'a', incarnation: 2 }])
    expect(system.stats()[0]).toMatchObject({ state: 'zombie', incarnation: 2 })
    await eventually(() => notices).toMatchObject([{ reason: { kind: 'hung' }, restarting: true }])
    expect(await system.ref(life('b')).ask.incarnation(null)).toBe(3)
    expect(await reply).toBe('after 1')
    expect(system.zombies()).toEqual([])
    await eventually(() => system.stats()[0]).toMatchObject({ state: 'running', incarnation: 4 })
  })

  test.each([
    ['nothing', 7, ['a 2', 'end of main']],
    ['close', 7, ['a 2', 'end of main']],
    ['exit', 8, ['a 2']],
  ])(
    'holds up neither close nor the end of the process (%s), which keeps its exit code',
    async (how, code, lines) => {
      const host = fileURLToPath(new URL('./fixtures/zombie-host.ts', import.meta.url))
      const ended = new Promise<{ code: number | null; stdout: string }>((resolve) => {
        const running = execFile(process.execPath, [host, how], { timeout: 100_000 }, (_error, stdout) =>
          resolve({ code: running.exitCode, stdout }),
        )
      })
      const { code: exitCode, stdout } = await ended
      expect(exitCode).toBe(code)
      for (const line of lines) expect(stdout).toContain(line)
    },
    45_000,
  )
})

describe('a zombie, to the supervisor', () => {
  test('is no end to decide about twice; stopping it for good takes no time', async () => {
    const rig = await startRig({ restartsMax: 1, children: [child('a'), child('b')] })
    rig.behave('a', { immortal: true })
    rig.took()
    await rig.supervisor.kill('a')
    await rig.pass()
    expect(rig.notices).toMatchObject([{ name: 'a', reason: { message: 'killed' }, restarting: true }])
    expect(rig.states()).toEqual({ a: 'zombie', b: 'running' })
    void rig.supervisor.stopAll(1_000)
    await rig.pass(10)
    expect(rig.took()).toEqual(['stop b'])
    rig.release('a')
    await rig.pass()
    expect(rig.states()).toEqual({ a: 'stopped', b: 'stopped' })
    expect(rig.took()).toEqual([])
  })

  test('in a group holds up its own start and those after it, until it has ended', async () => {
    const children = ['a', 'b', 'c'].map((name) => child(name))
    const rig = await startRig({ strategy: 'one-for-all', children })
    rig.behave('b', { immortal: true, stopMs: null })
    rig.took()
    rig.actor('a').crash()
    await rig.pass(10_000)
    expect(rig.took()).toEqual(['stop c', 'stop b', 'start a'])
    expect(rig.states()).toEqual({ a: 'running', b: 'zombie', c: 'restarting' })
    rig.behave('b', {})
    rig.release('b')
    await rig.pass()
    expect(rig.took()).toEqual(['start b', 'start c'])
    expect(rig.supervisor.zombies()).toEqual([])
  })
})
