import { expect, test } from 'vitest'
import type { Seen } from '../artifact-store/histories.ts'
import { runChild } from './child-process.ts'

const HISTORIES = Number(process.env['PIT_HISTORIES'] ?? 3_000)
/** As many as there are cores in the smallest machine that runs this. */
const PROCESSES = 2

test(
  `${HISTORIES} random histories of the store on a failing disk, packing and freeing all the while`,
  { timeout: 1_800_000 },
  async () => {
    const seed = Number(process.env['PIT_SEED'] ?? Date.now() % 2 ** 31)
    const each = Math.ceil(HISTORIES / PROCESSES)
    const played = await Promise.all(
      Array.from({ length: PROCESSES }, (_, i) => runChild<Seen>('artifact-histories-child.ts', [each, seed + i])),
    )
    const sum = (figure: keyof Seen): number => played.reduce((total, seen) => total + seen[figure], 0)
    console.log(
      `seeds from ${seed}: ${sum('acknowledged')} acknowledged, ${sum('faults')} faults, ${sum('packed')} packed`,
    )
    expect(sum('acknowledged')).toBeGreaterThan(HISTORIES * 8)
    expect(sum('faults')).toBeGreaterThan(HISTORIES * 0.5)
    expect(sum('packed')).toBeGreaterThan(HISTORIES * 1.5)
  },
)
