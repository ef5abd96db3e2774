/** Adds up the runners' JSON reports and prints `N passed, N failed` last; a failed CI step counts as one failure more. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const [reportDir, failedSteps] = process.argv.slice(2)
if (reportDir === undefined) throw new Error('usage: count-tests <report dir> [failed steps]')

interface Report {
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

console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
process.exitCode = failed > 0 ? 1 : 0
