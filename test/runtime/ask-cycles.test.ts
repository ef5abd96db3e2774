import { describe, expect, test } from 'vitest'
import { childOf } from '../../runtime/index.ts'
import { cyclePath, NO_ASKERS } from '../../runtime/scope.ts'
import { relay, relayActor, type Step } from './fixtures/relay.ts'
import { codeOf, useSystems } from './helpers.ts'

const { start } = useSystems()
const abc = ['a', 'b', 'c'].map((name) => childOf(relayActor, { name, reachableFrom: ['a', 'b', 'c'] }))

const ask = (to: string, next: readonly Step[] = []): Step => ({ by: 'ask', to, next })
const tell = (to: string, next: readonly Step[] = []): Step => ({ by: 'tell', to, next })

describe('a cycle of asks', () => {
  test('is refused with the way round, before anything is sent', async () => {
    const system = await start(abc)
    const first = system.ref(relay('a')).ask
    await expect(first.walk([ask('b', [ask('c', [ask('a')])])], { deadlineMs: 5_000 })).rejects.toMatchObject({
      code: 'ASK_CYCLE',
      action: 'bug',
      fields: { actor: 'a', path: 'a → b → c → a' },
    })
    await expect(first.walk([ask('b', [ask('c', [ask('b')])])])).rejects.toMatchObject({
      fields: { path: 'b → c → b' },
    })
    await expect(first.walk([ask('a')])).rejects.toMatchObject({ fields: { path: 'a → a' } })
    expect(system.stats().find(({ name }) => name === 'a')?.messagesIn).toBe(3)
  })

  test('is told from two ways to the same actor, and from a second ask to it', async () => {
    const { ask: first } = (await start(abc)).ref(relay('a'))
    expect(await first.walk([ask('b', [ask('c')]), ask('c')])).toEqual(['a', ['b', ['c']], ['c']])
    expect(await Promise.all([first.walk([ask('b')]), first.walk([ask('b')])])).toHaveLength(2)
  })

  test('is closed by a tell no more than by a detached ask, or one after the answer', async () => {
    const { ask: first } = (await start(abc)).ref(relay('a'))
    // The tell's handler waits for nobody who waits for it.
    expect(await first.walk([tell('b', [ask('a', [ask('c')])])])).toEqual(['a', 'told'])
    expect(await first.walk([ask('b', [{ by: 'detached ask', to: 'a', next: [] }])])).toEqual(['a', ['b', ['a']]])
    await first.walk([{ by: 'ask after the answer', to: 'b', next: [ask('a')] }])
    expect(await first.late(null)).toEqual(['b', ['a']])
  })

  test("of a tell's handler that waits for itself is one too", async () => {
    const system = await start(abc)
    const code = codeOf(system.ref(relay('b')).ask.heard(null, { deadlineMs: 10_000 }))
    system.ref(relay('a')).tell.walk([ask('b', [ask('a')])])
    expect(await code).toBe('ASK_CYCLE')
  })
})

test('the path starts where the cycle does', () => {
  const scope = { deadlineAt: 0, settled: false, trace: undefined }
  expect(cyclePath({ ...scope, askers: ['x', 'y'] }, 'z', 'y')).toEqual(['y', 'z', 'y'])
  expect(cyclePath({ ...scope, askers: ['x', 'y'] }, 'z', 'w')).toBeUndefined()
  expect(cyclePath({ ...scope, askers: NO_ASKERS }, 'z', 'z')).toEqual(['z', 'z'])
})
