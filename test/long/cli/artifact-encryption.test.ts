/** Encrypting, another key, decrypting: on one data directory, in order. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { callPit, type PitResult } from '../../support/pit-command.ts'

const TEXT = 'The keeper of the lighthouse has a secret.'
const KEYS = { MY_KEY: 'a'.repeat(64), MY_NEXT_KEY: 'b'.repeat(64) }

let cwd: string
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'pit-encryption-'))
  writeFileSync(join(cwd, 'note.md'), TEXT)
})
afterAll(() => rmSync(cwd, { recursive: true, force: true }))

const pit = (...args: string[]): Promise<PitResult> => callPit(args, { cwd, env: KEYS })
const configure = (key: string): void =>
  writeFileSync(join(cwd, 'pit.config.yaml'), `artifacts: { encryption: { key: '${key}' } }\n`)

function onDisk(): Buffer {
  const entries = readdirSync(join(cwd, '.pit'), { withFileTypes: true, recursive: true })
  return Buffer.concat(entries.filter((one) => one.isFile()).map((one) => readFileSync(join(one.parentPath, one.name))))
}

test('a folder with artifacts in clear says what to do, is encrypted, gets another key, and is decrypted', async () => {
  await pit('artifacts', 'put', 'note.md', '--tag', 'clandestine')
  expect((await pit('artifacts', 'encryption')).stdout).toBe('clear\n')
  expect((await pit('artifacts', 'encrypt')).stderr).toContain('artifacts.encryption.key')

  configure('env:MY_KEY')
  const refused = await pit('artifacts', 'list')
  expect(refused.stderr).toContain('STORE_NOT_ENCRYPTED')
  expect(onDisk().includes('clandestine')).toBe(true)

  const encrypted = await pit('artifacts', 'encrypt')
  expect(encrypted.stdout).toMatch(/^encrypted, key [0-9a-f]{16}\n$/)
  expect((await pit('artifacts', 'get', 'note.md')).exitCode).not.toBe(0)
  expect((await pit('artifacts', 'search', 'lighthouse')).stdout).toContain('note.md')
  for (const secret of ['lighthouse', 'clandestine', 'note.md', ...Object.values(KEYS)]) {
    expect(onDisk().includes(secret), secret).toBe(false)
  }

  const rotated = await pit('artifacts', 'rotate-key', '--to', 'env:MY_NEXT_KEY')
  expect(rotated.stdout).not.toBe(encrypted.stdout)
  expect(rotated.stderr).toContain('env:MY_NEXT_KEY')
  expect((await pit('artifacts', 'list')).stderr).toContain('ENCRYPTION_KEY_WRONG')
  configure('env:MY_NEXT_KEY')
  expect((await pit('artifacts', 'list')).stdout).toContain('note.md')
  expect((await pit('artifacts', 'rotate-key', '--to', 'nowhere')).stderr).toContain('INVALID_OPTION')
  expect((await pit('artifacts', 'list')).stdout).toContain('note.md')

  writeFileSync(join(cwd, 'other.md'), 'to be shredded')
  await pit('artifacts', 'put', 'other.md', '--version-of', 'other')
  expect((await pit('artifacts', 'shred', 'other')).stderr).toContain('--yes')
  expect((await pit('artifacts', 'shred', 'other', '--yes')).stdout).toBe('1 artifact shredded\n')
  expect((await pit('artifacts', 'list')).stdout).not.toContain('other.md')

  expect((await pit('artifacts', 'decrypt')).stdout).toBe('clear\n')
  rmSync(join(cwd, 'pit.config.yaml'))
  expect((await pit('artifacts', 'list')).stdout).toContain('note.md')
  expect((await pit('artifacts', 'encryption', '--json')).stdout).toContain('"clear"')
}, 240_000)
