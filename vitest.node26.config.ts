import { defineConfig } from 'vitest/config'
import { testOptions } from './vitest.shared.ts'

if (!process.version.startsWith('v26.')) throw new Error(`this suite is for Node 26, not ${process.version}`)

/** The runtime on Node 26; its long suites run on Node 24 only, but for the chaos. */
export default defineConfig({
  test: { ...testOptions('node26'), include: ['test/runtime/**/*.test.ts', 'test/long/chaos.test.ts'] },
})
