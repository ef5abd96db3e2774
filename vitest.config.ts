import { defineConfig } from 'vitest/config'
import { testOptions } from './vitest.shared.ts'

/** The core suite: everything that fits in a few minutes. */
export default defineConfig({
  test: { ...testOptions('core'), include: ['test/**/*.test.ts'], exclude: ['test/long/**'] },
})
