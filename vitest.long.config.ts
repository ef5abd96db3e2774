import { defineConfig } from 'vitest/config'
import { testOptions } from './vitest.shared.ts'

/** The long suites: chaos, kill -9, the packed package. */
export default defineConfig({
  test: { ...testOptions('long'), include: ['test/long/**/*.test.ts'], testTimeout: 600_000, fileParallelism: false },
})
