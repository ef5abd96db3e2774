import { describe, expect, test } from 'vitest'
import { systemClock } from '../../runtime/index.ts'
import { life, lifeChild } from './fixtures/lifecycle.ts'
import { useSystems } from './helpers.ts'

const { start } = useSystems()
const BUDGET_MS = 500

function block(ms: number): void {
  const endAt = performance.now() + ms
  while (performance.now() < endAt);
}

describe('nobody is held to have hung', () => {
  test('because the host was blocked for longer than any budget, with messages waiting', async () => {
    const system = await start([lifeChild('a'), lifeChild('b')])
    const { ask } = system.ref(life('a'))
    const replies = Promise.all([ask.work({ ms: 10 }), system.ref(life('b')).ask.work({ ms: 10 })])
    for (let stall = 0; stall < 3; stall++) {
      block(2 * BUDGET_MS)
      await ask.work({ ms: 1 })
    }
    await replies
    expect(system.stats()).toMatchObject([
      { incarnation: 2, restarts: 0 },
      { incarnation: 3, restarts: 0 },
    ])
  })

  test('because the clocks jumped, as they do when a machine was suspended', async () => {
    let jumpMs = 0
    const clock = {
      ...systemClock,
      now: () => systemClock.now() + jumpMs,
      monotonicMs: () => systemClock.monotonicMs() + jumpMs,
    }
    const system = await start([lifeChild('a')], { clock })
    const { ask } = system.ref(life('a'))
    for (let nap = 0; nap < 3; nap++) {
      jumpMs += 3_600_000
      expect(await ask.work({ ms: 2 * BUDGET_MS }, { deadlineMs: Infinity })).toBe('done')
    }
    expect(system.stats()).toMatchObject([{ incarnation: 2, restarts: 0 }])
  })
})
