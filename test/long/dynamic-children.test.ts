/** Dynamic children that come and go on real threads: what they leave is used again, so memory stays flat. */
import { expect, test } from 'vitest'
import { childOf, startSystem } from '../../runtime/index.ts'
import { echoActor, middle, middleActor } from '../runtime/fixtures/actors.ts'

const CHILDREN = Number(process.env['PIT_CHILDREN'] ?? 1_000)
/** Threads' stacks and heaps that the allocator keeps count, too; a held table and its rings alone would be 9 MB each. */
const GROWTH_MAX_MB = 150

test(
  `${CHILDREN} dynamic children, one after the other, leave nothing behind`,
  async () => {
    const system = await startSystem({ children: [childOf(echoActor), childOf(middleActor)] })
    const { ask } = system.ref(middle)
    const rssMb: number[] = []
    for (let count = 0; count < CHILDREN; count++) {
      const name = `child-${count}`
      await ask.start({ name })
      expect(await ask.askNamed({ name, value: count })).toBe(count)
      await ask.stop({ name })
      if (count % Math.ceil(CHILDREN / 10) === 0) rssMb.push(Math.round(process.memoryUsage().rss / 2 ** 20))
    }
    console.log(`RSS in MB along the way: ${rssMb.join(' ')}`)
    expect(await system.children.list()).toEqual([])
    expect(rssMb.at(-1)! - rssMb[1]!).toBeLessThan(GROWTH_MAX_MB)
    await system.close()
  },
  15 * 60_000,
)
