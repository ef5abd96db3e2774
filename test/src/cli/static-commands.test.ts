/** Commands that open no Pit: help, version, usage errors, validate, graph, config. */
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { commands } from '../../../src/cli/main.ts'
import { callPit, startPit } from '../../support/pit-command.ts'

let cwd: string
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'pit-cli-'))
  writeFileSync(join(cwd, 'good.yaml'), GOOD)
  writeFileSync(join(cwd, 'broken.yaml'), BROKEN)
  writeFileSync(join(cwd, 'cycle.yaml'), CYCLE)
  writeFileSync(join(cwd, 'syntax.yaml'), 'schemaVersion: 1\nname: [\n')
})
afterAll(() => rmSync(cwd, { recursive: true, force: true }))

const GOOD = `schemaVersion: 1
name: greet
inputs:
  who: { type: string, default: world }
nodes:
  - id: greet
    kind: operator
    operator: template
    inputs: { template: 'Hello, {{who}}!', who: { from: inputs.who } }
  - id: tongue
    kind: instrument
    model: language-detector
    inputs: { text: { from: greet.text } }
outputs:
  text: { from: greet.text }
  language: { from: tongue.language }
`
const BROKEN = `schemaVersion: 1
name: broken
nodes:
  - id: a
    kind: operator
    operator: templat
  - id: b
    kind: operator
    operator: noop
    inputs: { x: { from: nobody.x } }
`
const CYCLE = `schemaVersion: 1
name: cycle
nodes:
  - { id: a, kind: operator, operator: noop, inputs: { x: { from: b } } }
  - { id: b, kind: operator, operator: noop, inputs: { x: { from: a } } }
`
const pit = (...args: readonly string[]) => callPit(args, { cwd })
const version = (
  JSON.parse(readFileSync(resolve(import.meta.dirname, '../../../package.json'), 'utf8')) as { version: string }
).version

describe('help', () => {
  test('lists every command, the options of all and the exit codes', async () => {
    const { exitCode, stdout } = await pit('--help')
    expect(exitCode).toBe(0)
    for (const { name, summary } of commands)
      expect(stdout).toMatch(new RegExp(`^  ${name} +${summary.slice(0, 20)}`, 'm'))
    for (const text of ['--json', '--data-dir', '130  interrupted', '  4  the data directory'])
      expect(stdout).toContain(text)
  })

  test('says the same of a command in two ways', async () => {
    for (const { name, usage } of commands) {
      const { exitCode, stdout } = await pit(name, '--help')
      expect(exitCode).toBe(0)
      expect(stdout).toContain(`Usage: pit ${name}${usage[0] === '' ? '' : ` ${usage[0]}`}`)
      expect((await pit('help', name)).stdout).toBe(stdout)
    }
  })

  test('comes with exit code 2 when no command is given', async () => {
    expect(await pit()).toMatchObject({ exitCode: 2, stdout: expect.stringContaining('Usage: pit') as string })
  })

  test('the version is that of the package', async () => {
    expect(await pit('--version')).toEqual({ exitCode: 0, stdout: `${version}\n`, stderr: '' })
  })
})

describe('a wrong command line ends with 2 and says what is wrong', () => {
  test.each<[readonly string[], string]>([
    [['digset'], 'there is no command digset; there are digest, run,'],
    [['runs', '--sate', 'running'], "Unknown option '--sate'"],
    [['runs', '--state', 'runing'], '--state takes one of pending, running'],
    [['runs', '--limit', 'ten'], '--limit takes a whole number, got ten'],
    [['runs', 'extra'], 'unexpected argument extra'],
    [['run'], '<workflow.yaml> is missing'],
    [['inspect'], '<run> is missing'],
    [['graph', 'good.yaml', '--format', 'png'], '--format takes one of mermaid, dot, json, got png'],
    [['artifacts'], 'artifacts takes one of put, get, search, history'],
    [['artifacts', 'toString'], 'artifacts takes one of'],
    [['artifacts', 'search'], '<query> is missing'],
    [['artifacts', 'search', 'x', '--sort', 'best'], '--sort takes one of relevance, newest'],
    [['artifacts', 'search', 'x', '--facet', 'colour'], '--facet takes one of tags, contentType'],
    [['artifacts', 'search', 'x', '--where', 'lang'], '--where takes key=value, got lang'],
    [['artifacts', 'search', 'x', '--after', 'soon'], '--after takes a time'],
    [['models', 'constructor'], 'models takes one of list, load, unload, explain, got constructor'],
    [['cleanup', '--apply', '--dry-run'], '--dry-run, --apply and --undo exclude each other'],
    [['run', 'good.yaml', '--input', 'who'], '--input takes key=value, got who'],
    [['config', 'set'], 'config takes one of show, keys'],
  ])('%j', async (args, message) => {
    const { exitCode, stdout, stderr } = await pit(...args)
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
    expect(stderr).toContain(`error USAGE: `)
    expect(stderr).toContain(message)
  })

  test.each<[readonly string[], string, string]>([
    [['run', 'missing.yaml'], 'WORKFLOW_NOT_FOUND', 'missing.yaml'],
    [['digest', 'no-such-folder'], 'FOLDER_NOT_FOUND', 'no-such-folder'],
    [['run', 'good.yaml', '--input-file', 'nope.json'], 'INPUT_UNREADABLE', 'nope.json'],
    [['run', 'good.yaml', '--model', 'summarizer'], 'MODEL_FLAG_INVALID', 'summarizer'],
    [['models', '--model', 'm=openai:not a url#x'], 'MODEL_SPEC_INVALID', 'm'],
    [['runs', '--config', 'nope.yaml'], 'CONFIG_UNREADABLE', 'nope.yaml'],
    [['runs', '--set', 'graceDays=soon'], 'CONFIG_INVALID', 'flag --set graceDays'],
    [['runs', '--set', 'nosuch=1'], 'CONFIG_INVALID', 'nosuch'],
    [['artifacts', 'put', 'missing.bin'], 'INPUT_UNREADABLE', 'missing.bin'],
  ])('%j: %s', async (args, code, named) => {
    const { exitCode, stderr } = await pit(...args)
    expect(exitCode).toBe(2)
    expect(stderr).toContain(`error ${code}: `)
    expect(stderr).toContain(named)
  })

  test('with --json the error is the one document on standard output', async () => {
    const { exitCode, stdout, stderr } = await pit('digest', 'nowhere', '--json')
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: '' })
    expect(JSON.parse(stdout)).toEqual({
      error: {
        code: 'FOLDER_NOT_FOUND',
        message: `there is no file or folder ${join(cwd, 'nowhere')}`,
        action: 'give-up',
        fields: { path: join(cwd, 'nowhere') },
      },
    })
  })
})

describe('validate', () => {
  test('a good workflow ends with 0', async () => {
    const result = await pit('validate', 'good.yaml')
    expect(result).toEqual({ exitCode: 0, stdout: '', stderr: '1 file checked: 0 errors\n' })
  })

  test('prints every problem with its place, and ends with 1', async () => {
    const { exitCode, stdout } = await pit('validate', 'broken.yaml')
    expect(exitCode).toBe(1)
    expect(stdout).toMatch(/^broken\.yaml:6:15: UNKNOWN_OPERATOR: /m)
    expect(stdout).toMatch(/^broken\.yaml:10:\d+: UNKNOWN_NODE: /m)
  })

  test.each([
    ['cycle.yaml', 'CYCLE'],
    ['syntax.yaml', 'SYNTAX_INVALID'],
  ])('%s has %s', async (file, code) => {
    const { exitCode, stdout } = await pit('validate', file, '--json')
    expect(exitCode).toBe(1)
    const { valid, files } = JSON.parse(stdout) as { valid: boolean; files: { problems: { code: string }[] }[] }
    expect(valid).toBe(false)
    expect(files[0]!.problems.map((problem) => problem.code)).toContain(code)
  })

  test('the examples of the package are valid', async () => {
    const digest = resolve(import.meta.dirname, '../../../examples/digest/digest.yaml')
    expect((await pit('validate', digest)).exitCode).toBe(0)
  })

  test('`run` refuses a broken workflow before it opens anything', async () => {
    const { exitCode, stderr } = await pit('run', 'broken.yaml', '--data-dir', 'untouched')
    expect(exitCode).toBe(1)
    expect(stderr).toContain('error WORKFLOW_INVALID: ')
    expect(stderr).toContain('broken.yaml:6:15: UNKNOWN_OPERATOR')
    expect(stderr).toContain('broken.yaml:10:')
  })
})

describe('graph', () => {
  test('draws Mermaid', async () => {
    const { exitCode, stdout } = await pit('graph', 'good.yaml')
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/^flowchart TD\n/)
    expect(stdout).toMatch(/n0.*greet[\s\S]*n1.*tongue[\s\S]*n0 -->/)
  })

  test('draws DOT', async () => expect((await pit('graph', 'good.yaml', '--format', 'dot')).stdout).toMatch(/^digraph/))

  test('gives graphlib JSON', async () => {
    const graph = JSON.parse((await pit('graph', 'good.yaml', '--format', 'json')).stdout) as { nodes: unknown[] }
    expect(graph.nodes).toHaveLength(2)
    expect(JSON.parse((await pit('graph', 'good.yaml', '--json')).stdout)).toEqual(graph)
  })
})

describe('config', () => {
  test('shows where each value comes from', async () => {
    writeFileSync(join(cwd, 'settings.yaml'), 'tenant: from-file\ngraceDays: 3\n')
    const args = ['config', 'show', '--origin', '--json', '--config', 'settings.yaml', '--set', 'graceDays=4']
    const { stdout } = await callPit(args, { cwd, env: { PIT_DATA_DIR: 'env-data' } })
    const shown = JSON.parse(stdout) as { key: string; value: unknown; origin: string }[]
    expect(shown).toContainEqual({ key: 'tenant', value: 'from-file', origin: `file ${join(cwd, 'settings.yaml')}` })
    expect(shown).toContainEqual({ key: 'graceDays', value: 4, origin: 'flag --set graceDays' })
    expect(shown).toContainEqual({ key: 'dataDir', value: join(cwd, 'env-data'), origin: 'environment PIT_DATA_DIR' })
    expect(shown).toContainEqual({ key: 'hostThreads', value: 2, origin: 'default' })
  })

  test('lists its keys', async () => {
    expect((await pit('config', 'keys')).stdout).toMatch(/^memoryBudgetBytes +PIT_MEMORY_BUDGET_BYTES +\d+ +bytes/m)
  })
})

test('a reader that goes away is no error', async () => {
  const child = startPit(['config', 'keys'], { cwd })
  child.stdout!.destroy()
  let complaint = ''
  child.stderr!.on('data', (chunk: Buffer) => (complaint += chunk.toString()))
  const [exitCode] = (await once(child, 'close')) as [number]
  expect({ exitCode, complaint }).toEqual({ exitCode: 0, complaint: '' })
})
