import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tempDir } from '../fixture.ts'
import { playHistories } from '../histories.ts'

test('25 random histories of an encrypted store on a failing disk: nothing acknowledged is lost, no wrong bytes', async () => {
  const file = join(tempDir(), 'key')
  writeFileSync(file, 'ab'.repeat(32))
  const { acknowledged, faults, packed } = await playHistories(25, undefined, { key: { file }, epochRecords: 5 })
  expect(acknowledged).toBeGreaterThan(40)
  expect(faults).toBeGreaterThan(6)
  expect(packed).toBeGreaterThan(10)
}, 240_000)
