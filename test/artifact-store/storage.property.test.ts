import { expect, test } from 'vitest'
import { playHistories } from './histories.ts'

test('60 random histories on a failing disk: nothing acknowledged is lost, no wrong bytes', async () => {
  const { acknowledged, faults, packed } = await playHistories(60)
  expect(acknowledged).toBeGreaterThan(100)
  expect(faults).toBeGreaterThan(15)
  expect(packed).toBeGreaterThan(40)
})
