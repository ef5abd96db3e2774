import { expect, test } from 'vitest'
import { playWriters } from './writers.ts'

test('eight writers while trash is purged, contents are packed and the store dies', async () => {
  const seed = Number(process.env['PIT_SEED'] ?? Date.now() % 2 ** 31)
  const { operations, deaths, purged, packed } = await playWriters({
    operations: 2_400,
    operationsPerLife: 800,
    seed,
  }).catch((cause: unknown) => {
    throw new Error(`with PIT_SEED=${seed}`, { cause })
  })
  expect(operations).toBeGreaterThanOrEqual(2_400)
  expect(deaths).toBeGreaterThan(1)
  expect(purged + packed).toBeGreaterThan(0)
})
