import { expect, test } from 'vitest'
import { createLinger } from '../../runtime/linger.ts'

/** A clock that goes on by a step with each reading, and an endpoint that counts what is done to it. */
function world(hasWork: (looks: number) => boolean) {
  let now = 1
  const seen = { looks: 0, dozes: 0, now: () => now, pass: (ms: number) => void (now += ms) }
  const endpoint = {
    hasWork: () => hasWork(++seen.looks),
    doze: (timeoutMs: number) => {
      seen.dozes++
      now += timeoutMs
    },
  }
  return { seen, endpoint, linger: createLinger({ monotonicMs: () => (now += 0.001) }) }
}

test('work that comes while it spins is found without a sleep', () => {
  const { seen, endpoint, linger } = world((looks) => looks === 20)
  expect(linger.look(endpoint)).toBe(true)
  expect(seen).toMatchObject({ looks: 20, dozes: 0 })
})

test('work that takes longer ends a doze', () => {
  const { seen, endpoint, linger } = world(() => seen.dozes > 0)
  expect(linger.look(endpoint)).toBe(true)
  expect(seen.dozes).toBe(1)
})

test('one look in vain is over within the bound that the event loop waits', () => {
  const { seen, endpoint, linger } = world(() => false)
  const startedAt = seen.now()
  expect(linger.look(endpoint)).toBe(false)
  expect(seen.now() - startedAt).toBeLessThan(0.3)
})

test('what never pays is given up, but for a few tries now and then; what pays again is taken up again', () => {
  let busy = false
  const { seen, endpoint, linger } = world(() => busy)
  let lingered = 0
  for (let message = 0; message < 3_200; message++) {
    const before = seen.looks
    linger.look(endpoint)
    if (seen.looks > before) lingered++
    seen.pass(1)
  }
  // One millisecond in 32, and the few it takes to lose trust.
  expect(lingered).toBeGreaterThan(50)
  expect(lingered).toBeLessThan(250)
  busy = true
  while (!linger.look(endpoint)) seen.pass(1)
  seen.pass(1)
  expect(linger.look(endpoint)).toBe(true)
})
