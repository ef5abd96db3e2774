import { expect, test } from 'vitest'
import { flood } from '../runtime/flood.ts'
import { useSystems } from '../runtime/helpers.ts'

const { start } = useSystems()
const seconds = Number(process.env.PIT_FLOOD_SECONDS ?? 60)

test(`${seconds} s of flood to a stalled actor: memory stays flat`, async () => {
  const figures = await flood({ seconds, start })
  console.log(figures)
  // A million messages and more pass in a minute: what grew by only a few bytes with each would be above it, and what the
  // collector leaves lying between two looks, up to 2 MiB here, is below.
  expect(figures.rssMibPerMinute).toBeLessThan(5)
})
