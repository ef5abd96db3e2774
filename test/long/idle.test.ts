/** What an open Pit costs while nothing happens; in a process of its own. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const CODE = `
const { Pit } = await import(process.argv[1])
const pit = await Pit.open({ dataDir: ':memory:' }, { configFile: false, env: {} })
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
await sleep(1_000)
const before = process.cpuUsage()
const startedAt = performance.now()
await sleep(20_000)
const { user, system } = process.cpuUsage(before)
const cpuPercent = (user + system) / 10 / (performance.now() - startedAt)
console.log(JSON.stringify({ cpuPercent, rssMib: process.memoryUsage.rss() / 2 ** 20 }))
await pit.close()
`

test('an open Pit that idles for 20 s takes little of one core', async () => {
  const args = ['--input-type=module', '--eval', CODE, new URL('../../src/index.ts', import.meta.url).href]
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 120_000 })
  const figures = JSON.parse(stdout) as { readonly cpuPercent: number; readonly rssMib: number }
  console.log(figures)
  // Below 1 on a quiet machine; what other processes do to caches and clock rates is counted here too.
  expect(figures.cpuPercent, stdout).toBeLessThan(3)
})
