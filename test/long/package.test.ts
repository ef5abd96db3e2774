/** What a user installs: the packed tarball in an empty folder, from ESM and from CommonJS, and the `pit` command. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'

const exec = promisify(execFile)
const root = resolve(import.meta.dirname, '../..')
let folder: string

/** The tests run on Node 24; what they start must find the same one first. */
const env = { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH ?? ''}`, NO_COLOR: '1' }
const run = (command: string, args: readonly string[]) => exec(command, args, { cwd: folder, env, timeout: 120_000 })

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pit-package-'))
  const { stdout } = await exec('npm', ['pack', '--json', '--pack-destination', folder], {
    cwd: root,
    env,
    timeout: 120_000,
  })
  const [{ filename }] = JSON.parse(stdout.slice(stdout.indexOf('['))) as [{ filename: string }]
  await writeFile(join(folder, 'package.json'), '{ "name": "host-app", "private": true }')
  await run('npm', ['install', '--no-audit', '--no-fund', join(folder, filename)])
}, 300_000)

afterAll(() => rm(folder, { recursive: true, force: true }))

const BODY = `
  const hash = await pit.storeArtifact(new TextEncoder().encode('from ' + kind), { contentType: 'text/plain' })
  const bytes = await pit.retrieveArtifact(hash)
  const run = await pit.executeWorkflow({ schemaVersion: 1, name: 'sum', nodes: [
    { id: 'a', kind: 'operator', operator: 'constant', inputs: { value: 20 } },
    { id: 'b', kind: 'instrument', model: 'language-detector', inputs: { text: 'The quick brown fox jumps over the lazy dog.' } },
  ], outputs: { n: { from: 'a' }, language: { from: 'b.language' } } })
  console.log(JSON.stringify({ text: new TextDecoder().decode(bytes), state: run.state, language: run.outputs.language }))
  await pit.close()`

test('opens a Pit from an ESM host, which exits by itself', async () => {
  await writeFile(
    join(folder, 'host.mjs'),
    `import { Pit } from 'symphony-pit'\nconst kind = 'esm'\nconst pit = await Pit.open({ dataDir: '.pit-esm' })\n${BODY}`,
  )
  const { stdout } = await run(process.execPath, ['host.mjs'])
  expect(JSON.parse(stdout)).toEqual({ text: 'from esm', state: 'completed', language: 'en' })
})

test('opens a Pit from a CommonJS host, which exits by itself', async () => {
  await writeFile(
    join(folder, 'host.cjs'),
    `const { Pit } = require('symphony-pit')\nconst kind = 'cjs'\nasync function main() {\nconst pit = await Pit.open({ dataDir: '.pit-cjs' })\n${BODY}\n}\nmain()`,
  )
  const { stdout } = await run(process.execPath, ['host.cjs'])
  expect(JSON.parse(stdout)).toEqual({ text: 'from cjs', state: 'completed', language: 'en' })
})

test('the runtime and the test kit have doors of their own', async () => {
  const script = `
    import { startSystem, defineActor } from 'symphony-pit/runtime'
    import { startInProcess } from 'symphony-pit/testing'
    console.log([startSystem, defineActor, startInProcess].map((value) => typeof value).join())`
  await writeFile(join(folder, 'doors.mjs'), script)
  const { stdout } = await run(process.execPath, ['doors.mjs'])
  expect(stdout.trim()).toBe('function,function,function')
})

test("a user's own actor, with a log of its own, survives its crash", async () => {
  for (const file of ['inbox.ts', 'main.ts']) {
    const source = await readFile(join(root, 'examples/inbox', file), 'utf8')
    const doors = source.replaceAll(/'..\/..\/(runtime(?:\/persistence)?)\/index.ts'/g, "'symphony-pit/$1'")
    await writeFile(join(folder, file), doors)
  }
  const { stdout } = await run(process.execPath, ['main.ts'])
  expect(stdout).toContain('the last one kept: number 999')
})

test('the pit command says its version and runs a workflow', async () => {
  const pit = join(folder, 'node_modules/.bin/pit')
  const version = await run(pit, ['--version'])
  expect(version.stdout).toMatch(/^\d+\.\d+\.\d+/)
  await mkdir(join(folder, 'flows'))
  await writeFile(
    join(folder, 'flows/hello.yaml'),
    `schemaVersion: 1
name: hello
inputs:
  who: { type: string, default: world }
nodes:
  - id: greet
    kind: operator
    operator: template
    inputs: { template: 'Hello, {{who}}!', data: { value: { who: package } } }
outputs:
  text: { from: greet }
`,
  )
  const ran = await run(pit, ['run', 'flows/hello.yaml', '--json'])
  expect(JSON.parse(ran.stdout)).toMatchObject({ state: 'completed', workflow: 'hello' })
})

test('the main job runs from the package', async () => {
  const { stdout } = await run(join(folder, 'node_modules/.bin/pit'), ['digest'])
  expect(stdout).toContain('# ')
})
