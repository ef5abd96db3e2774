import { expect, test } from 'vitest'
import type { Written } from '../artifact-store/writers.ts'
import { runChild } from './child-process.ts'

const OPERATIONS = Number(process.env['PIT_OPERATIONS'] ?? 400_000)
/** Eight writers in each. */
const PROCESSES = 2

test(
  `${OPERATIONS} operations of eight writers with purges, compaction and deaths: nothing lost, wrong or dangling`,
  { timeout: 1_800_000 },
  async () => {
    const seed = Number(process.env['PIT_SEED'] ?? Date.now() % 2 ** 31)
    const start = performance.now()
    const each = Math.ceil(OPERATIONS / PROCESSES)
    const written = await Promise.all(
      Array.from({ length: PROCESSES }, (_, i) => runChild<Written>('artifact-writers-child.ts', [each, seed + i])),
    )
    const sum = (figure: keyof Written): number => written.reduce((total, one) => total + one[figure], 0)
    const perSecond = (sum('operations') / (performance.now() - start)) * 1000
    console.log(`seeds from ${seed}, ${Math.round(perSecond)} operations a second:`, JSON.stringify(written))
    expect(sum('operations')).toBeGreaterThanOrEqual(OPERATIONS)
    expect(sum('deaths')).toBeGreaterThan(OPERATIONS / 20_000)
    expect(sum('purged')).toBeGreaterThan(OPERATIONS / 100)
    expect(sum('packed')).toBeGreaterThan(OPERATIONS / 100)
    // What lives is below 1 MiB in each; what is deleted and written again gives its space back.
    for (const { bytesMax } of written) expect(bytesMax).toBeLessThan(4 * 1024 * 1024)
  },
)
