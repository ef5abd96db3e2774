import { expect, test } from 'vitest'
import { createLinger } from '../../runtime/linger.ts'

/** A clock that goes on by a microsecond with each reading, and work that comes or does not. */
function world(isWork: (looks: number) => boolean) {
  let now = 1
  const seen = { looks: 0, now: () => now, pass: (ms: number) => void (now += ms) }
  const hasWork = (): boolean => isWork(++seen.looks)
  return { seen, hasWork, linger: createLinger({ monotonicMs: () => (now += 0.001) }) }
}

test('work that comes while it looks is found', () => {
  const { seen, hasWork, linger } = world((looks) => looks === 20)
  expect(linger.look(hasWork)).toBe(true)
  expect(seen.looks).toBe(20)
})

test('one look in vain is over within the bound that the event loop waits', () => {
  const { seen, hasWork, linger } = world(() => false)
  const startedAt = seen.now()
  expect(linger.look(hasWork)).toBe(false)
  expect(seen.now() - startedAt).toBeLessThan(0.2)
})

test('what never pays is given up, but for a few tries now and then; what pays again is taken up again', () => {
  let busy = false
  const { seen, hasWork, linger } = world(() => busy)
  let lingered = 0
  for (let message = 0; message < 3_200; message++) {
    if (linger.pays()) {
      linger.look(hasWork)
      lingered++
    }
    seen.pass(1)
  }
  // One millisecond in 32, and the few it takes to lose trust.
  expect(lingered).toBeGreaterThan(50)
  expect(lingered).toBeLessThan(250)
  busy = true
  while (!linger.pays()) seen.pass(1)
  linger.look(hasWork)
  seen.pass(1)
  expect(linger.pays()).toBe(true)
})
