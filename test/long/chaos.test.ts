/** The chaos of the core suite at its full size, from a new seed each time. */
import { test } from 'vitest'
import { chaos } from '../runtime/chaos.ts'
import { useSystems } from '../runtime/helpers.ts'

const { startHasty: start, tempFile } = useSystems()
const seed = Number(process.env.PIT_SEED ?? Date.now() % 2 ** 31)

test(`100,000 asks under 60 ends of threads (PIT_SEED=${seed})`, async () => {
  console.log(`PIT_SEED=${seed}`)
  await chaos({ asks: 100_000, kills: 60, seed, file: await tempFile(), start })
}, 540_000)
