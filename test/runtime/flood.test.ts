import { expect, test } from 'vitest'
import { flood } from './flood.ts'
import { useSystems } from './helpers.ts'

const { start } = useSystems()

// Whether memory stays flat shows over a minute: test/long.
test('stalled actors of every overflow policy, flooded by the host and an actor: every message is accounted for', async () => {
  const { host, actor, refused, dropped } = await flood({ seconds: 3, bytes: 20_000, start })
  expect(host + actor).toBeGreaterThan(refused)
  expect(dropped).toBeGreaterThan(0)
})
