import { expect, test } from 'vitest'
import { flood } from '../runtime/flood.ts'
import { useSystems } from '../runtime/helpers.ts'

const { start } = useSystems()
const seconds = Number(process.env.PIT_FLOOD_SECONDS ?? 60)

test(`${seconds} s of flood to stalled actors: memory stays flat`, async () => {
  const figures = await flood({ seconds, start })
  console.log(figures)
  expect(figures.mibPerMinute.rss).toBeLessThan(5)
})
