import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tempDir } from '../fixture.ts'
import { playHistories } from '../histories.ts'

test('40 random histories of an encrypted store on a failing disk: nothing acknowledged is lost, no wrong bytes', async () => {
  const file = join(tempDir(), 'key')
  writeFileSync(file, 'ab'.repeat(32))
  const { acknowledged, faults, packed } = await playHistories(40, { key: { file }, epochRecords: 5 })
  expect(acknowledged).toBeGreaterThan(60)
  expect(faults).toBeGreaterThan(10)
  expect(packed).toBeGreaterThan(20)
})
