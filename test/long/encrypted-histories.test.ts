import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { playHistories } from '../artifact-store/histories.ts'

test('200 random histories of an encrypted store on a failing disk', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'pit-key-'))
  try {
    writeFileSync(join(dir, 'key'), 'ab'.repeat(32))
    const { acknowledged, faults } = await playHistories(200, undefined, {
      key: { file: join(dir, 'key') },
      epochRecords: 4,
    })
    expect(acknowledged).toBeGreaterThan(400)
    expect(faults).toBeGreaterThan(60)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}, 600_000)
