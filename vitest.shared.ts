import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What both suites share. With `PIT_REPORT_DIR` set, a JSON report per suite is written there (CI counts from it). */
export function testOptions(suite: string) {
  const reportDir = process.env.PIT_REPORT_DIR
  const report = reportDir === undefined ? [] : [['json', { outputFile: `${reportDir}/${suite}.json` }] as const]
  return {
    // Forks, not threads: the code under test starts worker threads of its own.
    pool: 'forks' as const,
    // Half of the time of these tests is waiting: one worker less than cores, as is usual, would leave one idle.
    maxWorkers: 2,
    // For a test that hangs. Half a minute of CPU shared with twenty others is no hang.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Actors' threads compile their modules once, not once per test.
    env: { NODE_COMPILE_CACHE: join(tmpdir(), 'pit-test-compile-cache') },
    reporters: ['default', ...report] as (string | [string, Record<string, unknown>])[],
  }
}
