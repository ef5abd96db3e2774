import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Terminations } from './artifact-terminations-child.ts'
import { runChild } from './child-process.ts'

const TERMINATIONS = Number(process.env['PIT_TERMINATIONS'] ?? 300)
/** Beside each other, each with a folder of its own, that its processes use one after the other. */
const LANES = 2
const ROUNDS = Math.min(100, Math.ceil(TERMINATIONS / LANES))
const ABORTS_MAX = 5

test(
  `the store terminated ${TERMINATIONS} times in the middle of its work opens clean, with all it acknowledged`,
  { timeout: 3_600_000 },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pit-terminations-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    let seed = Number(process.env['PIT_SEED'] ?? Date.now() % 2 ** 31)
    const results: Terminations[] = []
    let aborts = 0

    async function lane(dataDir: string): Promise<void> {
      while (results.length * ROUNDS < TERMINATIONS) {
        try {
          results.push(await runChild<Terminations>('artifact-terminations-child.ts', [ROUNDS, seed++, dataDir]))
        } catch (error) {
          // Node's own: see docs/ARCHITECTURE.md. The store that its process left behind has to open all the same.
          if (!String(error).includes('close before init') || ++aborts > ABORTS_MAX) throw error
        }
      }
    }

    await Promise.all(Array.from({ length: LANES }, (_, i) => lane(join(folder, String(i)))))
    console.log(`seeds up to ${seed}, ${aborts} processes ended by Node:`, JSON.stringify(results))
    for (const result of results) {
      expect(result).toMatchObject({ restarts: ROUNDS, lost: 0, wrongBytes: 0, purgedButThere: 0 })
      expect(result.acknowledged).toBeGreaterThan(ROUNDS * 2)
    }
  },
)
