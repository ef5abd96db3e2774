/** `pit artifacts verify` and `repair` on a data directory whose log is damaged. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RepairResult, VerifyResult } from '../../../src/index.ts'
import { callPit } from '../../support/pit-command.ts'

let cwd: string
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'pit-care-'))
})
afterAll(() => rmSync(cwd, { recursive: true, force: true }))

const pit = (...args: readonly string[]) => callPit(['artifacts', ...args], { cwd })

function damage(content: string): void {
  const log = join(cwd, '.pit', 'artifacts', 'log')
  for (const name of readdirSync(log)) {
    const file = readFileSync(join(log, name))
    const at = file.indexOf(content)
    if (at < 0) continue
    file[at]! ^= 1
    writeFileSync(join(log, name), file)
    return
  }
  throw new Error('it is not there')
}

async function putText(content: string): Promise<string> {
  writeFileSync(join(cwd, 'file.txt'), content)
  return (await pit('put', 'file.txt', '--quiet')).stdout.trim()
}

test('what is damaged is listed with exit code 1 without a mirror, and repaired with one', async () => {
  const one = await putText('content number one')
  expect(await pit('verify', '--quiet')).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining('all are what they were'),
  })
  damage('content number one')
  const found = await pit('verify')
  expect(found.exitCode).toBe(1)
  expect(found.stdout).toContain(`${one}  damaged, quarantined`)
  expect(found.stderr).toContain('artifacts repair')
  const left = await pit('repair')
  expect(left).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('the log was left as it is') })

  writeFileSync(join(cwd, 'pit.config.yaml'), 'artifacts:\n  mirror: { kind: file-system, dir: copies }\n')
  await putText('content number one')
  const two = await putText('content number two')
  damage('content number two')
  const repaired = await pit('repair', '--json', '--rate', '100000000')
  expect(repaired.exitCode).toBe(0)
  const result = JSON.parse(repaired.stdout) as RepairResult
  expect(result).toMatchObject({ checked: 2, corrupt: [], repaired: [two], unreadable: [], copies: [], mended: true })
  expect(result.log.length).toBeGreaterThan(0)
  const again = await pit('verify', '--mirror', '--json')
  expect(again.exitCode).toBe(0)
  expect(JSON.parse(again.stdout) as VerifyResult).toMatchObject({ checked: 2, repaired: [], log: [], findings: [] })
})

test('wrong options end with 2', async () => {
  expect((await pit('verify', 'all')).exitCode).toBe(2)
  expect((await pit('repair', '--rate', 'fast')).exitCode).toBe(2)
  const wrong = await pit('verify', '--after', 'nowhere')
  expect(wrong).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('ARTIFACT_INVALID') })
})

test('export and import: confirmed by sha256sum, and refused when damaged', async () => {
  const exported = await pit('export', 'bundle', '--json')
  expect(exported.exitCode).toBe(0)
  expect(JSON.parse(exported.stdout)).toMatchObject({ artifacts: 2, skipped: [] })
  const sums = execFileSync('sha256sum', ['-c', 'SHA256SUMS'], { cwd: join(cwd, 'bundle'), encoding: 'utf8' })
  expect(sums).toContain('artifacts.jsonl: OK')
  expect((await pit('export', 'bundle')).stderr).toContain('BUNDLE_EXISTS')
  const imported = await pit('import', 'bundle', '--data-dir', 'other')
  expect(imported).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^2 artifacts .*: 2 new/) })
  writeFileSync(join(cwd, 'bundle', 'artifacts.jsonl'), '{}\n')
  const damaged = await pit('import', 'bundle', '--data-dir', 'other', '--json')
  expect(damaged.exitCode).toBe(1)
  expect(JSON.parse(damaged.stdout)).toMatchObject({ error: { code: 'BUNDLE_DAMAGED' } })
  expect((await pit('export', 'second', 'x', '--query', 'y')).exitCode).toBe(2)
})
