/** The main job and what it must withstand: odd files, a second run, kill -9, the death of every actor. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync, existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dagTracker } from '../../actors/dag-tracker/protocol.ts'
import { resolveConfig } from '../../src/config.ts'
import { openPit, type OpenedPit } from '../../src/pit.ts'
import { startOpenAiServer } from '../support/openai-server.ts'
import { runPit, startPit } from '../support/pit-command.ts'

const MOND = `Der Mond zieht am Meer, und das Meer kommt zweimal am Tag. Wer an der Küste wohnt, weiß das seit jeher,
und die Fischer richten sich danach.
`

let cwd: string
beforeAll(() => (cwd = mkdtempSync(join(tmpdir(), 'pit-main-'))))
afterAll(() => rmSync(cwd, { recursive: true, force: true }))

describe('digest', () => {
  beforeAll(() => {
    mkdirSync(join(cwd, 'texts/deep'), { recursive: true })
    writeFileSync(join(cwd, 'texts/moon.md'), '# The moon\n\nThe moon pulls at the sea. The sea comes twice a day.\n')
    writeFileSync(join(cwd, 'texts/deep/mond.txt'), MOND)
    writeFileSync(join(cwd, 'texts/empty.md'), '\n \n')
    writeFileSync(join(cwd, 'texts/binary.txt'), Buffer.from([80, 75, 3, 4, 0, 0, 255, 254]))
    writeFileSync(join(cwd, 'texts/huge.txt'), Buffer.alloc(50 * 2 ** 20, 'word '))
  })

  test('makes one report, lists what it skipped, and answers the second time from cache', async () => {
    const first = await runPit(['digest', 'texts'], { cwd })
    expect(first.exitCode).toBe(0)
    expect(first.stdout).toMatch(/^# Digest\n/)
    expect(first.stdout).toMatch(/\| The moon \(`moon\.md`\) \| English \|/)
    expect(first.stdout).toMatch(/`deep\/mond\.txt`\) \| German \|/)
    for (const skipped of ['empty.md: FILE_EMPTY', 'binary.txt: FILE_BINARY', 'huge.txt: FILE_TOO_LARGE']) {
      expect(first.stderr).toContain(`skipped ${skipped}`)
    }
    expect(first.stderr).toMatch(/^files {6}5 found, 2 read, 3 skipped$/m)
    expect(first.stderr).toMatch(/^models .*summarizer 2×/m)

    const second = await runPit(['digest', 'texts', '--strict'], { cwd })
    expect(second.exitCode).toBe(3)
    expect(second.stdout).toBe(first.stdout)
    expect(second.stderr).toContain('answered from cache: no model ran')

    const hash = /^report {5}([0-9a-f]{64})$/m.exec(second.stderr)![1]!
    expect((await runPit(['artifacts', 'get', hash], { cwd })).stdout).toBe(first.stdout)
    const versions = await runPit(['artifacts', 'history', 'digest-report', '--json'], { cwd })
    expect(JSON.parse(versions.stdout)).toMatchObject([{ version: 1, hash }])
  })

  test('takes a language model from an OpenAI-compatible server in the place of a built-in one', async () => {
    await using server = await startOpenAiServer()
    const summarizer = `summarizer=openai:${server.url}#tiny`
    const { exitCode, stdout, stderr } = await runPit(['digest', 'texts', '--model', summarizer, '--json'], { cwd })
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(server.requests.map(({ body }) => body.model)).toEqual(['tiny', 'tiny'])
    const { documents } = (JSON.parse(stdout) as { outputs: { documents: { summary: string }[] } }).outputs
    // The server answers in capitals.
    expect(documents.map(({ summary }) => summary).join(' ')).toContain('THE MOON PULLS AT THE SEA.')
  })

  test('lists what cannot even be looked at, and counts it with --strict', async () => {
    mkdirSync(join(cwd, 'links'))
    writeFileSync(join(cwd, 'links/moon.md'), '# The moon\n\nThe moon pulls at the sea.\n')
    symlinkSync('nowhere', join(cwd, 'links/lost.md'))
    const { exitCode, stdout, stderr } = await runPit(['digest', 'links', '--strict'], { cwd })
    expect(exitCode).toBe(3)
    expect(stderr).toContain('lost.md: FILE_NOT_FOUND: ')
    expect(stderr).toMatch(/^files {6}2 found, 1 read, 1 skipped$/m)
    expect(stdout).toContain('lost.md`: FILE_NOT_FOUND')
  })

  test('of nothing readable ends with 3 and says so', async () => {
    mkdirSync(join(cwd, 'nothing'))
    writeFileSync(join(cwd, 'nothing/empty.md'), '')
    const { exitCode, stderr } = await runPit(['digest', 'nothing'], { cwd })
    expect(exitCode).toBe(3)
    expect(stderr).toContain('error NOTHING_READABLE: ')
  })
})

/** Each item leaves a line in a ledger and takes a moment; its output is large enough for the Artifact Store. */
const OPERATOR = `
import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
export async function work({ item, ledger, ms }) {
  appendFileSync(ledger, item + '\\n')
  await sleep(ms)
  return { item, text: 'The sea comes twice a day. '.repeat(200) + item }
}`
const ITEMS = 24
const WORKFLOW = `schemaVersion: 1
name: ledger
inputs:
  items: { type: array }
  ledger: { type: string }
  ms: { type: number, default: 40 }
nodes:
  - id: each
    kind: map
    over: { from: inputs.items }
    concurrency: 3
    body:
      nodes:
        - id: work
          kind: operator
          operator: { module: ./operator.mjs, export: work }
          resources: { cpu: 0.01 }
          inputs: { item: { from: item }, ledger: { from: inputs.ledger }, ms: { from: inputs.ms } }
        - id: language
          kind: instrument
          model: language-detector
          cache: 'off'
          inputs: { text: { from: work.text } }
      outputs: { item: { from: work.item }, language: { from: language.language } }
outputs:
  done: { from: each.items }
`
const items = Array.from({ length: ITEMS }, (_, index) => `item-${index}`)
const expected = items.map((item) => ({ item, language: 'en' }))

function timesOf(ledger: string): Map<string, number> {
  const times = new Map<string, number>()
  for (const line of readFileSync(ledger, 'utf8').trimEnd().split('\n')) times.set(line, (times.get(line) ?? 0) + 1)
  return times
}

function writeWorkflow(): void {
  writeFileSync(join(cwd, 'operator.mjs'), OPERATOR)
  writeFileSync(join(cwd, 'ledger.yaml'), WORKFLOW)
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((done) => setTimeout(done, 10))
}

async function killAt(child: ChildProcess, signal: NodeJS.Signals, holds: () => boolean): Promise<number | null> {
  await until(holds)
  child.kill(signal)
  const [exitCode] = (await once(child, 'close')) as [number | null]
  return exitCode
}

interface Inspected {
  readonly nodes: readonly { readonly nodeId: string; readonly state: string }[]
}

describe('an interrupted run goes on where it was, and no committed node runs twice', () => {
  test.each([
    ['kill -9', 'SIGKILL', null],
    ['an interrupt', 'SIGINT', 130],
  ] as const)('after %s', async (_, signal, code) => {
    writeWorkflow()
    const ledger = join(cwd, `ledger-${signal}`)
    const input = ['--input', `items=${JSON.stringify(items)}`, '--input', `ledger=${ledger}`, '--data-dir', signal]
    const child = startPit(['run', 'ledger.yaml', ...input], { cwd })
    const half = () => existsSync(ledger) && timesOf(ledger).size >= ITEMS / 2
    expect(await killAt(child, signal, half)).toBe(code)

    const [{ runId, state }] = JSON.parse((await runPit(['runs', '--json', '--data-dir', signal], { cwd })).stdout) as [
      { runId: string; state: string },
    ]
    expect(state).toBe('pending')
    const inspected = await runPit(['inspect', runId, '--json', '--data-dir', signal], { cwd })
    const committed = (JSON.parse(inspected.stdout) as Inspected).nodes
      .filter(({ nodeId, state }) => nodeId.endsWith('.work') && state === 'completed')
      .map(({ nodeId }) => `item-${/\[(\d+)\]/.exec(nodeId)![1]!}`)
    expect(committed.length).toBeGreaterThan(0)

    const again = await runPit(['run', 'ledger.yaml', ...input, '--input', 'ms=40'], { cwd })
    expect(again.exitCode).toBe(0)
    expect(again.stderr).toMatch(new RegExp(`^resumed run ${runId}, [1-9]\\d* of \\d+ nodes were done$`, 'm'))
    const times = timesOf(ledger)
    expect([...times.keys()].sort()).toEqual([...items].sort())
    expect(committed.filter((item) => times.get(item) !== 1)).toEqual([])
    const result = await runPit(['inspect', runId, '--json', '--data-dir', signal], { cwd })
    expect((JSON.parse(result.stdout) as { run: { outputs: unknown } }).run.outputs).toEqual({ done: expected })
  })
})

describe('the death of an actor in the middle of a run', () => {
  let opened: OpenedPit
  beforeAll(async () => {
    writeWorkflow()
    const values = { dataDir: join(cwd, 'deaths'), resume: 'manual', logLevel: 'silent' } as const
    opened = await openPit(resolveConfig([{ origin: 'test', values, baseDir: cwd }]).config)
  })
  afterAll(() => opened.pit.close())

  test.each(['arbitration-engine', 'artifact-store', 'pool-manager', 'dag-tracker', 'stale-manager', 'model-host-1'])(
    '%s: the run finishes, and nothing is lost',
    async (actor) => {
      const { pit, system } = opened
      const ledger = join(cwd, `ledger-${actor}`)
      const inputs = { items, ledger, ms: 150 }
      const running = pit.executeWorkflow(join(cwd, 'ledger.yaml'), { inputs, runId: actor })
      await until(() => existsSync(ledger) && timesOf(ledger).size >= ITEMS / 3)
      const before = await pit.workflows.inspect(actor)
      await system.kill(actor)
      expect(timesOf(ledger).size).toBeLessThan(ITEMS)
      expect(await running).toMatchObject({ state: 'completed', outputs: { done: expected } })

      const times = timesOf(ledger)
      expect([...times.keys()].sort()).toEqual([...items].sort())
      const committed = before.nodes
        .filter(({ nodeId, state }) => nodeId.endsWith('.work') && state === 'completed')
        .map(({ nodeId }) => `item-${/\[(\d+)\]/.exec(nodeId)![1]!}`)
      expect(committed.filter((item) => times.get(item) !== 1)).toEqual([])
      // Everything the run says it made is there.
      const { artifacts } = await system.ref(dagTracker).ask.wait({ runId: actor })
      const hashes = [...new Set(Object.values(artifacts))]
      expect(await pit.artifacts.exists(hashes)).toEqual(hashes.map(() => true))
      expect(await pit.runCleanup({ dryRun: true })).toMatchObject({ deletions: [] })
    },
  )
})
