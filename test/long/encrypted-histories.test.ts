import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { playHistories } from '../artifact-store/histories.ts'

test('500 random histories of an encrypted store on a failing disk', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'pit-key-'))
  try {
    writeFileSync(join(dir, 'key'), 'ab'.repeat(32))
    const { acknowledged, faults } = await playHistories(500, undefined, {
      key: { file: join(dir, 'key') },
      epochRecords: 4,
    })
    expect(acknowledged).toBeGreaterThan(1000)
    expect(faults).toBeGreaterThan(150)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}, 600_000)
