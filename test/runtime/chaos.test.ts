/** Thousands of asks while actors are ended at random: everybody hears, and the ledger tells what really ran. */
import { test } from 'vitest'
import { chaos } from './chaos.ts'
import { useSystems } from './helpers.ts'

const { startHasty: start, tempFile } = useSystems()
const seed = Number(process.env.PIT_SEED ?? 20_261_122)

test(`20,000 asks under 6 ends of threads (PIT_SEED=${seed})`, async () => {
  await chaos({ asks: 20_000, kills: 6, seed, file: await tempFile(), start })
}, 120_000)
