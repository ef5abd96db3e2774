/** Commands on a data directory: what they print, and with which exit code they end. One data directory, in order. */
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDataDir } from '../../../src/data-dir.ts'
import { callPit, runPit } from '../../support/pit-command.ts'

let cwd: string
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'pit-live-'))
  writeFileSync(join(cwd, 'greet.yaml'), GREET)
  writeFileSync(join(cwd, 'fails.yaml'), FAILS)
  writeFileSync(join(cwd, 'unknown.yaml'), GREET.replace('language-detector', 'nosuch-model'))
  writeFileSync(join(cwd, 'inputs.json'), '{ "who": "file", "words": ["a"] }')
})
afterAll(() => rmSync(cwd, { recursive: true, force: true }))

const GREET = `schemaVersion: 1
name: greet
inputs:
  who: { type: string, default: world }
  words: { type: array, default: [] }
nodes:
  - id: greet
    kind: operator
    operator: template
    inputs: { template: 'Hello, {{who}}!{{#words}} {{.}}{{/words}}', who: { from: inputs.who }, words: { from: inputs.words } }
  - id: tongue
    kind: instrument
    model: language-detector
    inputs: { text: { from: greet.text } }
outputs:
  text: { from: greet.text }
`
const FAILS = `schemaVersion: 1
name: fails
nodes:
  - { id: bad, kind: operator, operator: json-parse, inputs: { text: '{' } }
`
const pit = (...args: readonly string[]) => callPit(args, { cwd })

describe('run', () => {
  test('prints a single text output as it is, and what it did beside it', async () => {
    const { exitCode, stdout, stderr } = await pit(
      'run',
      'greet.yaml',
      '--input-file',
      'inputs.json',
      '--input',
      'who=Pit',
    )
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'Hello, Pit! a\n' })
    expect(stderr).toMatch(/^run run_\w+ completed in .+: 2 nodes completed$/m)
  })

  test('reads inputs by their type, gives the whole result with --json, and names the run as told', async () => {
    const args = ['--input', 'words=["x","y"]', '--run-id', 'greeting', '--json']
    const { exitCode, stdout, stderr } = await pit('run', 'greet.yaml', ...args)
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject({
      runId: 'greeting',
      state: 'completed',
      outputs: { text: 'Hello, world! x y' },
      counts: { completed: 2, failed: 0 },
    })
  })

  test('with the id of a run that has ended gives its result again; of another workflow it is refused', async () => {
    const args = ['--input', 'words=["x","y"]', '--run-id', 'greeting', '--quiet']
    expect(await pit('run', 'greet.yaml', ...args)).toEqual({ exitCode: 0, stdout: 'Hello, world! x y\n', stderr: '' })
    const other = await pit('run', 'fails.yaml', '--run-id', 'greeting')
    expect(other).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('RUN_ID_TAKEN') as string })
  })

  test('that fails ends with 1 and says which node, and why', async () => {
    const { exitCode, stderr } = await pit('run', 'fails.yaml')
    expect(exitCode).toBe(1)
    expect(stderr).toContain('failed bad: PARSE_FAILED')
  })

  test('that fails says so with --quiet, too', async () => {
    const { exitCode, stderr } = await pit('run', 'fails.yaml', '--quiet', '--data-dir', ':memory:')
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(/^failed bad: PARSE_FAILED.*\n$/)
  })

  test('with an unknown model names it and those there are', async () => {
    const { exitCode, stderr } = await pit('run', 'unknown.yaml')
    expect(exitCode).toBe(1)
    expect(stderr).toContain('error UNKNOWN_MODEL: node tongue names the unknown model nosuch-model; known are: ')
    expect(stderr).toContain('language-detector')
  })

  test('with an input of the wrong type ends with 2', async () => {
    const { exitCode, stderr } = await pit('run', 'greet.yaml', '--input', 'nosuch=1')
    expect(exitCode).toBe(2)
    expect(stderr).toContain('error RUN_INPUT_INVALID: ')
  })
})

describe('runs', () => {
  test('are listed newest first, by state', async () => {
    const { stdout } = await pit('runs', '--json')
    const runs = JSON.parse(stdout) as { runId: string; workflow: string; state: string }[]
    expect(runs.map(({ workflow, state }) => [workflow, state])).toEqual([
      ['fails', 'failed'],
      ['greet', 'completed'],
      ['greet', 'completed'],
    ])
    expect((await pit('runs', '--state', 'failed')).stdout).toMatch(/^RUN .*\nrun_\w+ +fails +failed +1\/1 .*\n$/)
  })

  test('can be inspected', async () => {
    const { exitCode, stdout } = await pit('inspect', 'greeting')
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/^state {5}completed$/m)
    expect(stdout).toMatch(/^greet +operator +completed/m)
    expect(stdout).toMatch(/^tongue +instrument +completed/m)
    expect(await pit('inspect', 'nosuch')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('error RUN_NOT_FOUND: there is no run nosuch') as string,
    })
  })

  test('there is nothing to resume', async () => {
    expect(await pit('resume')).toEqual({ exitCode: 0, stdout: '', stderr: 'there is no unfinished run\n' })
  })
})

describe('artifacts', () => {
  const TEXT = 'Ebbe und Flut\n\nDer Mond zieht am Meer.\n'

  test('go in, come out byte by byte, and are found', async () => {
    writeFileSync(join(cwd, 'tides.md'), TEXT)
    const put = await pit('artifacts', 'put', 'tides.md', '--tag', 'sea', '--version-of', 'tides')
    expect(put).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^[0-9a-f]{64}\n$/) as string })
    const hash = put.stdout.trim()
    expect((await pit('artifacts', 'get', hash.slice(0, 12))).stdout).toBe(TEXT)
    await pit('artifacts', 'get', 'tides@1', '--out', 'copy.md')
    expect(readFileSync(join(cwd, 'copy.md'), 'utf8')).toBe(TEXT)
    const found = JSON.parse((await pit('artifacts', 'search', 'mond', '--json')).stdout) as {
      hits: { info: unknown }[]
    }
    expect(found.hits.map(({ info }) => info)).toMatchObject([{ hash, name: 'tides.md', tags: ['sea'] }])
    const counted = await pit(
      'artifacts',
      'search',
      '--tag',
      'sea',
      '--type',
      'text/*',
      '--facet',
      'tags',
      '--sort',
      'largest',
    )
    expect(counted.stdout).toMatch(/^[0-9a-f]{12}  tides\.md .*\ntags: sea 1\n$/)
    const none = await pit('artifacts', 'search', 'mond', '--run', 'nosuch', '--json')
    expect(JSON.parse(none.stdout)).toMatchObject({ hits: [], total: 0 })
    expect((await pit('artifacts', 'history', 'tides')).stdout).toContain(hash)
    expect((await pit('artifacts', 'list')).stdout).toContain('tides.md  text/markdown')
  })

  test('have versions that are told apart', async () => {
    writeFileSync(join(cwd, 'poem.md'), 'rot\nblau\n')
    await pit('artifacts', 'put', 'poem.md', '--version-of', 'poem', '--message', 'first')
    writeFileSync(join(cwd, 'poem.md'), 'rot\ngrün\n')
    await pit('artifacts', 'put', 'poem.md', '--version-of', 'poem', '--message', 'second')
    expect(await pit('artifacts', 'diff', 'poem', '--exit-code')).toEqual({
      exitCode: 1,
      stdout: '--- poem@1\n+++ poem@2\n@@ -1,2 +1,2 @@\n rot\n-blau\n+grün\n',
      stderr: '1 line added, 1 removed\n',
    })
    const same = await pit('artifacts', 'diff', 'poem', 'poem@2', '--exit-code', '--json')
    expect(same.exitCode).toBe(0)
    expect(JSON.parse(same.stdout)).toMatchObject({ kind: 'same', from: { reference: 'poem', sizeBytes: 10 } })
  })

  test('have aliases', async () => {
    const set = await pit('artifacts', 'alias', 'poem@2', 'live', '--protect')
    expect(set).toMatchObject({ exitCode: 0, stdout: 'poem@live is poem@2, protected\n' })
    const refused = await pit('artifacts', 'alias', 'poem@1', 'live')
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('error ALIAS_PROTECTED: ') as string })
    const forced = await pit('artifacts', 'alias', 'poem@1', 'live', '--force', '--if-version', '2')
    expect(forced.stdout).toBe('poem@live is poem@1 (was poem@2), protected\n')
    expect((await pit('artifacts', 'alias', 'poem')).stdout).toMatch(/^live +poem@1 .* protected$/m)
    const removed = await pit('artifacts', 'alias', 'poem', 'live', '--remove', '--force', '--json')
    expect(JSON.parse(removed.stdout)).toEqual({ removed: true })
  })

  test('tell what they came from', async () => {
    const digest = await pit('artifacts', 'lineage', 'tides')
    expect(digest).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^[0-9a-f]{12}  tides\.md\n$/) as string,
    })
    expect(digest.stderr).toBe('0 ancestors and 0 descendants, 0 parts, used 0 times\n')
  })

  test('have a score, which says why and takes feedback', async () => {
    const { exitCode, stdout } = await pit('artifacts', 'quality', 'tides', '--feedback', '1', '--by', 'ada')
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/^0\.\d\d\nCOMPONENT .*\nstructure +0\.\d\d .*\n(.*\n)*ada gave 1\.00\n$/)
    const ranked = await pit('artifacts', 'quality', '--worst', '--json')
    expect(Array.isArray(JSON.parse(ranked.stdout))).toBe(true)
  })

  test('are rolled back to an older version', async () => {
    const back = await pit('artifacts', 'rollback', 'poem@1')
    expect(back).toEqual({ exitCode: 0, stdout: 'poem@3\n', stderr: 'poem@3 has the content of @1\n' })
    const { stdout } = await pit('artifacts', 'history', 'poem')
    expect(stdout).toMatch(/^poem@3 .* back to poem@1\npoem@2 .* second\npoem@1 .* first\n$/m)
    expect((await pit('artifacts', 'history')).stdout).toMatch(/^poem +3 +poem@3 /m)
  })

  test.each([
    [['diff']],
    [['diff', 'a', 'b', 'c']],
    [['diff', 'a', 'b', '--as', 'xml']],
    [['alias', 'tides', '--force']],
    [['alias', 'tides@1', 'x', '--protect', '--unprotect']],
    [['alias', 'tides@1', 'x', '--if-version', 'two']],
    [['rollback']],
    [['quality', 'tides', '--feedback', '2']],
    [['quality', '--feedback', '1']],
    [['history', 'a', 'b']],
  ])('%j ends with 2: USAGE', async (args) => {
    const { exitCode, stderr } = await pit('artifacts', ...args)
    expect(exitCode).toBe(2)
    expect(stderr).toContain('error USAGE: ')
  })

  test('of many megabytes go through in pieces, from standard input too, and leave no half of a file', async () => {
    const content = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => `${i * 7919}\n`).join(''))
    writeFileSync(join(cwd, 'large.bin'), content)
    const hash = (await pit('artifacts', 'put', 'large.bin')).stdout.trim()
    expect(hash).toBe(createHash('sha256').update(content).digest('hex'))
    const got = await pit('artifacts', 'get', hash, '--out', 'large.copy')
    expect(got).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('written to large.copy') as string })
    expect(content.equals(readFileSync(join(cwd, 'large.copy')))).toBe(true)
    const piped = await runPit(['artifacts', 'put', '-', '--json'], { cwd, input: content.toString() })
    expect(JSON.parse(piped.stdout)).toMatchObject({ hash, isNew: false, sizeBytes: content.length })
    const out = await runPit(['artifacts', 'get', hash], { cwd })
    expect(content.equals(Buffer.from(out.stdout))).toBe(true)
    expect((await pit('artifacts', 'put', '.')).stderr).toContain('error INPUT_UNREADABLE: ')
    expect(readdirSync(cwd).filter((name) => name.endsWith('.part'))).toEqual([])
  })

  test.each([
    [['get', 'f'.repeat(64)], 'ARTIFACT_NOT_FOUND'],
    [['history', 'nosuch'], 'ARTIFACT_NOT_FOUND'],
    [['diff', 'tides', 'nosuch'], 'ARTIFACT_NOT_FOUND'],
    [['rollback', 'tides@9'], 'VERSION_NOT_FOUND'],
    [['search', '"open phrase'], 'QUERY_INVALID'],
    [['get', 'tides', '--out', 'no/such/folder/file'], 'OUTPUT_UNWRITABLE'],
  ])('%j ends with 1: %s', async (args, code) => {
    const { exitCode, stderr } = await pit('artifacts', ...args)
    expect(exitCode).toBe(1)
    expect(stderr).toContain(`error ${code}: `)
  })
})

test('models are listed, loaded, explained; unknown ones refused', async () => {
  const models = JSON.parse((await pit('models', '--json')).stdout) as { id: string }[]
  expect(models.map(({ id }) => id)).toContain('summarizer')
  expect((await pit('models', 'load', 'summarizer')).stdout).toMatch(/^summarizer +hot /m)
  const mine = await pit('models', 'explain', 'mine', '--model', 'mine=openai:http://127.0.0.1:9#tiny')
  expect(mine.stdout).toMatch(/^mine +cold +openai-http/m)
  expect(await pit('models', 'explain', 'nosuch')).toMatchObject({ exitCode: 1 })
})

test('cleanup says what would go, and changes nothing', async () => {
  const { exitCode, stdout } = await pit('cleanup')
  expect(exitCode).toBe(0)
  expect(stdout).toMatch(/\d+ examined, \d+ kept, 0 artifacts \(0 B\) would go\n$/)
})

describe('doctor', () => {
  test('finds everything in order, and says so for machines', async () => {
    const { exitCode, stdout } = await pit('doctor', '--verify', '--json')
    const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: { name: string; ok: boolean }[] }
    expect({ exitCode, ok }).toEqual({ exitCode: 0, ok: true })
    expect(checks.map(({ name }) => name)).toEqual([
      'node',
      'data directory',
      'sizes',
      'lock',
      'disk space',
      'actors and logs',
      'runs',
      'put and get',
      'artifacts',
      'verify',
    ])
  })

  test('creates no data directory that is not there', async () => {
    const { exitCode, stdout } = await pit('doctor', '--data-dir', 'nowhere')
    expect(exitCode).toBe(0)
    expect(stdout).toContain('is not there yet')
    expect(() => readFileSync(join(cwd, 'nowhere/format.json'))).toThrow('ENOENT')
  })

  test('says in its table what is wrong with a lock that cannot be tried', async () => {
    mkdirSync(join(cwd, 'damaged'))
    writeFileSync(join(cwd, 'damaged/format.json'), '{"format":1}')
    writeFileSync(join(cwd, 'damaged/lock.db'), 'no database at all, '.repeat(100))
    const { exitCode, stdout } = await pit('doctor', '--data-dir', 'damaged')
    expect(exitCode).toBe(4)
    expect(stdout).toMatch(/^lock +FAIL +DATA_DIR_UNUSABLE: /m)
  })

  test('names the process that holds the data directory, and ends with 4', async () => {
    const held = openDataDir(join(cwd, '.pit'))
    const { exitCode, stdout } = await pit('doctor')
    held.close()
    expect(exitCode).toBe(4)
    expect(stdout).toMatch(new RegExp(`^lock +FAIL +held by process ${process.pid} since`, 'm'))
  })
})

function holdDataDir(path: string): () => void {
  const held = openDataDir(path)
  return () => held.close()
}

describe('an unusable data directory ends with 4, untouched', () => {
  test.each<[string, string, () => (() => void) | void]>([
    ['in use', 'DATA_DIR_IN_USE', () => holdDataDir(join(cwd, 'dir'))],
    ['of a newer format', 'DATA_FORMAT_NEWER', () => writeFileSync(join(cwd, 'dir/format.json'), '{"format":99}')],
    ["with somebody else's files", 'DATA_DIR_FOREIGN', () => writeFileSync(join(cwd, 'dir/letter.txt'), 'x')],
  ])('%s', async (_, code, prepare) => {
    rmSync(join(cwd, 'dir'), { recursive: true, force: true })
    mkdirSync(join(cwd, 'dir'))
    const undo = prepare()
    const { exitCode, stderr } = await pit('runs', '--data-dir', 'dir')
    undo?.()
    expect(exitCode).toBe(4)
    expect(stderr).toContain(`error ${code}: `)
    expect(stderr).toContain(join(cwd, 'dir'))
  })

  test('a file', async () => {
    const { exitCode, stderr } = await pit('runs', '--data-dir', 'greet.yaml')
    expect(exitCode).toBe(4)
    expect(stderr).toContain('error DATA_DIR_NOT_A_FOLDER: ')
    expect(readFileSync(join(cwd, 'greet.yaml'), 'utf8')).toBe(GREET)
  })
})
