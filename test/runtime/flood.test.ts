import { expect, test } from 'vitest'
import { flood } from './flood.ts'
import { useSystems } from './helpers.ts'

const { start } = useSystems()

// Whether memory stays flat shows over a minute: test/long.
test('a stalled actor refuses what has no room, and goes on when it can', async () => {
  const { asked, refused } = await flood({ seconds: 2, start })
  expect(asked).toBeGreaterThan(refused)
})
