import { expect, test } from 'vitest'
import { playHistories } from '../artifact-store/histories.ts'

test('1,500 random histories of the store on a failing disk, packing all the while', { timeout: 600_000 }, async () => {
  const { acknowledged, faults, packed } = await playHistories(1500)
  expect(acknowledged).toBeGreaterThan(4000)
  expect(faults).toBeGreaterThan(600)
  expect(packed).toBeGreaterThan(2000)
})
