/** The bank under every fault, and large messages whose blocks are late, over thousands of seeds. `PIT_SEEDS` changes how many, `PIT_SEED` runs only that one. */
import { expect, test } from 'vitest'
import { simulateSeeds } from '../../runtime/testing/index.ts'
import { allFaults, driveBank } from '../runtime/bank-drive.ts'
import { driveLate } from '../runtime/late-drive.ts'

const SEEDS = Number(process.env.PIT_SEEDS ?? 3_000)

test(`${SEEDS} seeds of the bank with crashes, stalls, lost bells, a failing disk and power cuts`, async () => {
  const startedAt = performance.now()
  const failed: Record<string, number> = {}
  let [acknowledged, steps] = [0, 0]
  await simulateSeeds(
    SEEDS,
    async (seed) => {
      const outcome = await driveBank(seed, { ...allFaults(seed), rounds: 3 })
      acknowledged += outcome.acknowledged
      steps += outcome.steps
      for (const [code, count] of Object.entries(outcome.failed)) failed[code] = (failed[code] ?? 0) + count
    },
    10_000,
  )
  const seconds = (performance.now() - startedAt) / 1000
  console.log({ seeds: SEEDS, steps, acknowledged, failed, seedsPerSecond: Math.round(SEEDS / seconds) })
  expect(acknowledged).toBeGreaterThan(0)
})

test('500 seeds of large messages between actors that die, with blocks on their way for long', async () => {
  await simulateSeeds(500, async (seed) => void (await driveLate(seed)), 10_000)
})
