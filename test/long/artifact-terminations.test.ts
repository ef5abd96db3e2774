import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Terminations } from './artifact-terminations-child.ts'
import { runChild } from './child-process.ts'

const TERMINATIONS = Number(process.env['PIT_TERMINATIONS'] ?? 1000)
/** Each with a folder of its own. */
const PROCESSES = 2

test(
  `the store terminated ${TERMINATIONS} times in the middle of its work opens clean, with all it acknowledged`,
  { timeout: 1_800_000 },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pit-terminations-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const seed = Number(process.env['PIT_SEED'] ?? Date.now() % 2 ** 31)
    const each = Math.ceil(TERMINATIONS / PROCESSES)
    const results = await Promise.all(
      Array.from({ length: PROCESSES }, (_, i) =>
        runChild<Terminations>('artifact-terminations-child.ts', [each, seed + i, join(folder, String(i))]),
      ),
    )
    console.log(`seeds from ${seed}:`, JSON.stringify(results))
    for (const result of results) {
      expect(result).toMatchObject({ restarts: each, lost: 0, wrongBytes: 0, purgedButThere: 0 })
      expect(result.acknowledged).toBeGreaterThan(each * 2)
    }
  },
)
