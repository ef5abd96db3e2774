/** What a process holds after hundreds of terminated threads and closed systems; each subject in a process of its own. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Sample } from './leaks-child.ts'

const child = fileURLToPath(new URL('./leaks-child.ts', import.meta.url))
const TERMINATIONS = Number(process.env.PIT_LEAK_ROUNDS ?? 1_000)
let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pit-leaks-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/**
 * glibc gives each thread an arena of its own and keeps what was freed there: with many short threads the process grows
 * for a while though nothing is held. Two arenas show what is.
 */
async function run(what: string, rounds: number): Promise<Sample[]> {
  const args = ['--expose-gc', child, what, String(rounds), String(rounds / 50), join(folder, what)]
  const env = { ...process.env, MALLOC_ARENA_MAX: '2' }
  const { stdout } = await promisify(execFile)(process.execPath, args, { env, maxBuffer: 2 ** 26, timeout: 580_000 })
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Sample)
}

/** Growth per round between the first and the last third after the warm-up, of their medians. */
function slope(samples: readonly Sample[], figure: 'rssBytes' | 'heapBytes'): number {
  const warm = samples.slice(samples.length / 5)
  const third = Math.floor(warm.length / 3)
  const [early, late] = [warm.slice(0, third), warm.slice(-third)]
  const rounds = median(late.map(({ round }) => round)) - median(early.map(({ round }) => round))
  return (median(late.map((each) => each[figure])) - median(early.map((each) => each[figure]))) / rounds
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}

const KIB = 1024

test('the figures: a slope is told from noise and a warm-up', () => {
  const made = Array.from({ length: 50 }, (_, index) => ({ round: (index + 1) * 20 }))
  const leaking = made.map(({ round }) => ({ round, rssBytes: 1e8 + round * 2_000 + (round % 3) * 1e5 }) as Sample)
  const flat = made.map(({ round }) => ({ round, rssBytes: 1e8 + (round < 200 ? -5e7 : (round % 3) * 1e5) }) as Sample)
  expect(slope(leaking, 'rssBytes')).toBeGreaterThan(1_500)
  expect(slope(flat, 'rssBytes')).toBeLessThan(1_500)
})

describe('nothing is left behind', () => {
  test.each([
    // 800 terminations may add 6 MiB to what a process of 180 MiB holds.
    ['terminations', TERMINATIONS, 8 * KIB, 2 * KIB],
    ['openings', 200, 512 * KIB, 8 * KIB],
  ] as const)('by %s (%i)', { timeout: 590_000 }, async (what, rounds, rssBytesMax, heapBytesMax) => {
    const samples = await run(what, rounds)
    const [first, last] = [samples[10]!, samples.at(-1)!]
    const figures = {
      rssKibPerRound: slope(samples, 'rssBytes') / KIB,
      heapKibPerRound: slope(samples, 'heapBytes') / KIB,
      rssMib: last.rssBytes / 2 ** 20,
    }
    console.log(what, figures)
    expect(last.threads).toBeLessThanOrEqual(first.threads)
    expect(last.files).toBeLessThanOrEqual(first.files)
    expect(last.resources).toEqual(first.resources)
    expect(figures.rssKibPerRound).toBeLessThan(rssBytesMax / KIB)
    expect(figures.heapKibPerRound).toBeLessThan(heapBytesMax / KIB)
  })
})
