/**
 * Adds up the runners' JSON reports: says again what failed, and prints `N passed, N failed` last. A failed step of CI
 * without a failed test counts as one failure.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

const [reportDir, failedSteps] = process.argv.slice(2)
if (reportDir === undefined) throw new Error('usage: count-tests <report dir> [failed steps]')

interface Report {
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly message: string
    readonly assertionResults: readonly {
      readonly status: string
      readonly fullName: string
      readonly failureMessages: readonly string[]
    }[]
  }[]
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numFailedTestSuites: number
}

const reports = readdirSync(reportDir).map((name) => JSON.parse(readFileSync(join(reportDir, name), 'utf8')) as Report)
const sum = (of: (report: Report) => number): number => reports.reduce((total, report) => total + of(report), 0)

const passed = sum((report) => report.numPassedTests)
const skipped = sum((report) => report.numPendingTests)
// A suite that did not even load has no failed tests of its own, and a failed lint is no test at all: neither may pass.
const failedTests = sum((report) => report.numFailedTests)
const failed = failedTests > 0 ? failedTests : Math.max(Number(failedSteps ?? 0), passed === 0 ? 1 : 0)

const MESSAGE_CHARS = 2000
for (const { name, status, message, assertionResults } of reports.flatMap(({ testResults }) => testResults)) {
  const broken = assertionResults.filter((test) => test.status === 'failed')
  const file = relative(process.cwd(), name)
  for (const { fullName, failureMessages } of broken) {
    console.log(`FAILED ${file}: ${fullName}\n${failureMessages.join('\n').slice(0, MESSAGE_CHARS)}`)
  }
  if (broken.length === 0 && status === 'failed') console.log(`FAILED ${file}\n${message.slice(0, MESSAGE_CHARS)}`)
}

console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
process.exitCode = failed > 0 ? 1 : 0
