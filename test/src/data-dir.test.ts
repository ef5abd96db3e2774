import { spawnSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DATA_FORMAT, dataDirError, lockHolder, MEMORY, openDataDir } from '../../src/data-dir.ts'

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'pit-data-dir-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const codeOf = (open: () => unknown): string => {
  try {
    open()
    return 'opened'
  } catch (error) {
    return (error as { code: string }).code
  }
}

describe('a data directory', () => {
  test('is created for its owner alone, with a format and a readable lock', () => {
    const path = join(folder, 'a/b/.pit')
    const dir = openDataDir(path)
    expect(statSync(path).mode & 0o777).toBe(0o700)
    expect(JSON.parse(readFileSync(join(path, 'format.json'), 'utf8'))).toMatchObject({ format: DATA_FORMAT })
    expect(JSON.parse(readFileSync(join(path, 'pit.lock'), 'utf8'))).toMatchObject({ pid: process.pid })
    dir.close()
    dir.close()
    expect(existsSync(join(path, 'pit.lock'))).toBe(false)
    openDataDir(path).close()
  })

  test('in memory leaves nothing behind', () => {
    expect(openDataDir(MEMORY).path).toBe(MEMORY)
    expect(existsSync(MEMORY)).toBe(false)
  })

  test('of a newer format is refused and left as it was', () => {
    writeFileSync(join(folder, 'format.json'), JSON.stringify({ format: DATA_FORMAT + 1 }))
    writeFileSync(join(folder, 'data'), 'untouched')
    expect(() => openDataDir(folder)).toThrow(`format ${DATA_FORMAT + 1}; this program reads up to ${DATA_FORMAT}`)
    expect(readFileSync(join(folder, 'data'), 'utf8')).toBe('untouched')
    expect(existsSync(join(folder, 'pit.lock'))).toBe(false)
  })

  test.each([
    ['no JSON', '{ "format": '],
    ['no number', '{ "format": "1" }'],
    ['zero', '{ "format": 0 }'],
  ])('whose format file holds %s is refused', (_, text) => {
    writeFileSync(join(folder, 'format.json'), text)
    expect(codeOf(() => openDataDir(folder))).toBe('DATA_FORMAT_UNREADABLE')
  })

  test("with somebody else's files is refused, and nothing is written into it", () => {
    writeFileSync(join(folder, 'thesis.tex'), 'x')
    expect(() => openDataDir(folder)).toThrow('thesis.tex')
    expect(readdirSync(folder)).toEqual(['thesis.tex'])
  })

  test('that a cut-off first open left behind is taken up', () => {
    for (const name of ['lock.db', 'pit.lock', 'format.json.new']) writeFileSync(join(folder, name), '')
    openDataDir(folder).close()
    expect(JSON.parse(readFileSync(join(folder, 'format.json'), 'utf8'))).toMatchObject({ format: DATA_FORMAT })
  })

  test.runIf(process.platform === 'linux')(
    'where nothing can be created is refused, not tried for ever',
    () => {
      const script = `
      import { openDataDir } from ${JSON.stringify(resolve(import.meta.dirname, '../../src/data-dir.ts'))}
      try { openDataDir('/proc/pit/data') } catch (error) { console.log(error.code) }`
      const options = { timeout: 30_000, killSignal: 'SIGKILL', encoding: 'utf8' } as const
      const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], options)
      expect(stdout.trim()).toBe('DATA_DIR_UNUSABLE')
    },
    40_000,
  )

  test('cannot be a file, nor lie below one', () => {
    writeFileSync(join(folder, 'file'), 'x')
    expect(codeOf(() => openDataDir(join(folder, 'file')))).toBe('DATA_DIR_NOT_A_FOLDER')
    expect(codeOf(() => openDataDir(join(folder, 'file/below')))).toBe('DATA_DIR_NOT_A_FOLDER')
  })

  test.each([
    [{ code: 'EACCES' }, 'DATA_DIR_READ_ONLY'],
    [{ code: 'EROFS' }, 'DATA_DIR_READ_ONLY'],
    [{ code: 'ERR_SQLITE_ERROR', errcode: 8 }, 'DATA_DIR_READ_ONLY'],
    [{ code: 'ERR_SQLITE_ERROR', errcode: 14 }, 'DATA_DIR_READ_ONLY'],
    [{ code: 'ENOSPC' }, 'DATA_DIR_FULL'],
    [{ code: 'ERR_SQLITE_ERROR', errcode: 13 }, 'DATA_DIR_FULL'],
    [{ code: 'ENOTDIR' }, 'DATA_DIR_NOT_A_FOLDER'],
    [{ code: 'EIO' }, 'DATA_DIR_UNUSABLE'],
    [{ code: 'ERR_SQLITE_ERROR', errcode: 26 }, 'DATA_DIR_UNUSABLE'],
  ])('with the native error %o fails as %s, naming the path', (native, code) => {
    const error = dataDirError(Object.assign(new Error('native'), native), '/some/dir')
    expect(error.code).toBe(code)
    expect(error.message).toContain('/some/dir')
  })
})

describe('the lock', () => {
  test('holds within the process', () => {
    const dir = openDataDir(folder)
    expect(() => openDataDir(folder)).toThrow(`in use by process ${process.pid}`)
    expect(lockHolder(folder)).toMatchObject({ pid: process.pid })
    dir.close()
    expect(lockHolder(folder)).toBeNull()
  })

  test('a stale lock file locks nobody out', () => {
    openDataDir(folder).close()
    writeFileSync(join(folder, 'pit.lock'), JSON.stringify({ pid: 1, startedAt: '2020-01-01T00:00:00Z' }))
    openDataDir(folder).close()
  })

  test('holds against another process, named by its pid, until kill -9', async () => {
    const other = await holdElsewhere(folder)
    expect(() => openDataDir(folder)).toThrow(`in use by process ${other.pid}`)
    expect(codeOf(() => openDataDir(folder))).toBe('DATA_DIR_IN_USE')
    other.kill('SIGKILL')
    await once(other, 'exit')
    expect(existsSync(join(folder, 'pit.lock'))).toBe(true)
    openDataDir(folder).close()
  })

  test.runIf(process.getuid?.() === 0)('a directory that this user cannot write is read-only', async () => {
    const path = join(folder, 'locked')
    mkdirSync(path, { mode: 0o755 })
    const script = `
      import { openDataDir } from ${JSON.stringify(resolve(import.meta.dirname, '../../src/data-dir.ts'))}
      process.setuid(65534)
      try { openDataDir(${JSON.stringify(path)}) } catch (error) { console.log(error.code) }`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script])
    let said = ''
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
    await once(child, 'exit')
    expect(said.trim()).toBe('DATA_DIR_READ_ONLY')
  })
})

/** A second process that holds the directory, resolved when it does. */
async function holdElsewhere(dir: string): Promise<ChildProcess> {
  const script = `
    import { openDataDir } from ${JSON.stringify(resolve(import.meta.dirname, '../../src/data-dir.ts'))}
    openDataDir(${JSON.stringify(dir)})
    console.log('held')
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  return child
}
