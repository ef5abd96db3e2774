/** The public face on real threads: the six operations, closing, what happens when the data directory is taken. */
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Pit, workflow, type RunEvent } from '../../src/index.ts'

const exec = promisify(execFile)
const text = (bytes: Uint8Array | null): string => new TextDecoder().decode(bytes ?? undefined)
const open = (dataDir: string): Promise<Pit> => Pit.open({ dataDir }, { env: {}, configFile: false })

const language = workflow('language')
  .input('text', { type: 'string' })
  .instrument('detect', 'language-detector', ({ from }) => ({ inputs: { text: from('inputs.text') } }))
  .output('language', { from: 'detect.language' })
  .build()

let folder: string
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'pit-open-'))))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Waits until it is aborted; told through a file that it has been. */
const SLOW_OPERATOR = `
import { writeFileSync } from 'node:fs'
export function slow({ marker }, { signal }) {
  writeFileSync(marker, 'started')
  return new Promise((_, reject) => signal.addEventListener('abort', () => {
    writeFileSync(marker, 'aborted')
    reject(signal.reason)
  }))
}`
function slowWorkflow(marker: string) {
  writeFileSync(join(folder, 'slow.mjs'), SLOW_OPERATOR)
  return workflow('slow')
    .operator('wait', { module: join(folder, 'slow.mjs'), export: 'slow' }, { inputs: { marker } })
    .build()
}
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((done) => setTimeout(done, 5))
}

describe('an open Pit', () => {
  let pit: Pit
  beforeAll(async () => (pit = await open(':memory:')))
  afterAll(() => pit.close())

  test('stores and retrieves artifacts as streams, whole and in part', async () => {
    const pieces = Array.from({ length: 40 }, (_, i) => Buffer.alloc(100_000 + i, `piece ${i} `))
    const content = Buffer.concat(pieces)
    const stored = await pit.artifacts.storeStream(ReadableStream.from(pieces), { name: 'streamed', tags: ['s'] })
    expect(stored).toMatchObject({ isNew: true, sizeBytes: content.length })
    const all = async (stream: ReadableStream<Uint8Array> | null) =>
      Buffer.from(await new Response(stream).arrayBuffer())
    expect(content.equals(await all(await pit.artifacts.retrieveStream(stored.hash)))).toBe(true)
    for (const [start, end] of [
      [0, 10],
      [999_999, 3_000_001],
      [content.length - 5, Infinity],
      [content.length, content.length + 10],
      [20, 10],
    ] as const) {
      const range = end === Infinity ? { start } : { start, end }
      expect(
        content.subarray(start, end).equals(await all(await pit.artifacts.retrieveStream(stored.hash, range))),
      ).toBe(true)
    }
    expect(await pit.artifacts.retrieveStream('f'.repeat(64))).toBeNull()
    const failing = ReadableStream.from([pieces[0]!, 'not bytes'] as Uint8Array[])
    await expect(pit.artifacts.storeStream(failing)).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' })
    await expect(pit.artifacts.retrieveStream(stored.hash, { start: -1 })).rejects.toMatchObject({
      code: 'ARGUMENT_INVALID',
    })
  })

  test('stores and retrieves artifacts by hash, prefix and name', async () => {
    const hash = await pit.storeArtifact('# Tides', { contentType: 'text/markdown', name: 'tides', tags: ['sea'] })
    expect(hash).toMatch(/^[0-9a-f]{64}$/)
    expect(text(await pit.retrieveArtifact(hash))).toBe('# Tides')
    expect(text(await pit.retrieveArtifact(hash.slice(0, 10)))).toBe('# Tides')
    await pit.artifacts.addVersion('tides', hash)
    expect(text(await pit.retrieveArtifact('tides@latest'))).toBe('# Tides')
    expect(await pit.retrieveArtifact('0'.repeat(64))).toBeNull()
    expect(await pit.artifacts.info(hash)).toMatchObject({ tags: ['sea'], createdBy: { tenant: 'default' } })
    const wrong = pit.storeArtifact({ not: 'bytes' } as unknown as Uint8Array)
    await expect(wrong).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' })
  })

  test('leases a model that infers until it is released', async () => {
    using lease = await pit.allocateModel('language-detector')
    expect(lease.model).toBe('language-detector')
    const { output } = await lease.infer({ text: 'The moon pulls at the sea, and the sea comes twice a day.' })
    expect(output).toMatchObject({ language: 'en' })
    lease.release()
    await expect(lease.infer({ text: 'x' })).rejects.toMatchObject({ code: 'LEASE_RELEASED' })
    await expect(pit.allocateModel('nosuch')).rejects.toMatchObject({ code: 'UNKNOWN_MODEL' })
  })

  test('executes a workflow, with every event in order', async () => {
    const events: RunEvent[] = []
    const inputs = { text: 'Der Mond zieht am Meer, und das Meer kommt zweimal am Tag.' }
    const run = await pit.executeWorkflow(language, { inputs, onEvent: (event) => events.push(event) })
    expect(run).toMatchObject({ state: 'completed', outputs: { language: 'de' } })
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1))
    expect(events[0]!.type).toBe('run-started')
    expect(events.at(-1)!.type).toBe('run-ended')
    expect(await pit.workflows.status(run.runId)).toMatchObject({ state: 'completed' })
    await expect(pit.executeWorkflow(language)).rejects.toMatchObject({ code: 'RUN_INPUT_INVALID' })
  })

  test('cancels a run whose signal aborts', async () => {
    const marker = join(folder, 'cancel')
    const controller = new AbortController()
    const running = pit.executeWorkflow(slowWorkflow(marker), { runId: 'slow-1', signal: controller.signal })
    await until(() => existsSync(marker))
    controller.abort()
    await expect(running).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(await pit.workflows.wait('slow-1')).toMatchObject({ state: 'cancelled' })
    await until(() => readFileSync(marker, 'utf8') === 'aborted')
  })

  test('starts nothing for a signal that has aborted before', async () => {
    const signal = AbortSignal.abort()
    const late = pit.executeWorkflow(slowWorkflow(join(folder, 'never')), { runId: 'slow-0', signal })
    await expect(late).rejects.toMatchObject({ code: 'CANCELLED' })
    await expect(pit.workflows.status('slow-0')).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' })
  })

  test('lets a run go on that another call waits for', async () => {
    const marker = join(folder, 'shared')
    const controller = new AbortController()
    const leaving = pit.executeWorkflow(slowWorkflow(marker), { runId: 'slow-2', signal: controller.signal })
    await until(() => existsSync(marker))
    const staying = pit.executeWorkflow(slowWorkflow(marker), { runId: 'slow-2' })
    // Questions are answered in order: after the second answer the second call waits, too.
    for (let asked = 0; asked < 2; asked++) await pit.workflows.status('slow-2')
    controller.abort()
    await expect(leaving).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(await pit.workflows.status('slow-2')).toMatchObject({ state: 'running' })
    await pit.workflows.cancel('slow-2')
    expect(await staying).toMatchObject({ state: 'cancelled' })
  })

  test('cancels a run whose deadline passes', async () => {
    const running = pit.executeWorkflow(slowWorkflow(join(folder, 'deadline')), { runId: 'slow-3', deadlineMs: 300 })
    await expect(running).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    expect(await pit.workflows.wait('slow-3')).toMatchObject({ state: 'cancelled' })
  })

  test('arbitrates', async () => {
    const { rulings } = await pit.arbitrate([{ resources: { cpu: 1 } }, { resources: { cpu: 1_000_000 } }])
    expect(rulings.map(({ outcome }) => outcome)).toEqual(['granted', 'denied'])
    for (const { rationale } of rulings) expect(rationale).not.toBe('')
    const [granted] = rulings
    if (granted?.outcome !== 'granted') throw new Error('not granted')
    await pit.arbitration.release([{ grantId: granted.grantId, units: granted.units }])
    expect((await pit.arbitration.status()).inUse.cpu ?? 0).toBe(0)
    expect(await pit.arbitration.explain(granted.decisionId)).toMatchObject({ outcome: 'granted' })
  })

  test('cleans up by plan, with a way back', async () => {
    const hashes = await Promise.all(
      ['one', 'two', 'three'].map((name) => pit.storeArtifact(name, { tags: ['scratch'] })),
    )
    await pit.storeArtifact('kept', { tags: ['report'] })
    await pit.retention.setPolicies([
      { name: 'scratch', selector: { tags: ['scratch'] }, rules: [{ kind: 'max-total-size', bytes: 1 }] },
    ])
    const dry = await pit.runCleanup({ dryRun: true })
    expect(dry.deletions.map(({ hash }) => hash).sort()).toEqual([...hashes].sort())
    expect(await pit.artifacts.exists(hashes)).toEqual([true, true, true])
    const real = await pit.runCleanup()
    expect(real).toMatchObject({ planId: dry.planId, dryRun: false })
    expect(await pit.artifacts.exists(hashes)).toEqual([false, false, false])
    await pit.retention.undo(real.planId)
    expect(text(await pit.retrieveArtifact(hashes[1]!))).toBe('two')
  })
})

describe('closing', () => {
  test('frees the data directory, keeps what was stored, and is idempotent', async () => {
    const dataDir = join(folder, 'kept')
    const first = await open(dataDir)
    const hash = await first.storeArtifact('durable')
    await expect(open(dataDir)).rejects.toMatchObject({ code: 'DATA_DIR_IN_USE', fields: { pid: process.pid } })
    await Promise.all([first.close(), first.close()])
    await first.close()
    await expect(first.storeArtifact('x')).rejects.toMatchObject({ code: 'PIT_CLOSED' })
    await expect(first.allocateModel('summarizer')).rejects.toMatchObject({ code: 'PIT_CLOSED' })
    await using second = await open(dataDir)
    expect(text(await second.retrieveArtifact(hash))).toBe('durable')
  })

  test('keeps no more models loaded than configured', async () => {
    await using pit = await Pit.open({ dataDir: ':memory:', loadedMax: 1 }, { env: {}, configFile: false })
    for (const model of ['language-detector', 'chunker']) await pit.models.load(model)
    const hot = (await pit.models.list()).filter(({ state }) => state === 'hot')
    expect(hot.map(({ id }) => id)).toEqual(['chunker'])
  })

  test('an open that fails frees the data directory', async () => {
    const dataDir = join(folder, 'failed')
    const models = [{ id: 'bad', backend: { kind: 'nosuch' } }] as never
    await expect(Pit.open({ dataDir, models }, { env: {} })).rejects.toMatchObject({ code: 'MODEL_SPEC_INVALID' })
    await using pit = await open(dataDir)
    expect(await pit.models.list()).not.toHaveLength(0)
  })
})

test('the ten-line example works, and its process ends by itself', async () => {
  const hello = resolve(import.meta.dirname, '../../examples/hello.ts')
  expect(readFileSync(hello, 'utf8').trimEnd().split('\n').length).toBeLessThanOrEqual(12)
  const { stdout } = await exec(process.execPath, [hello], { cwd: folder, timeout: 30_000 })
  expect(stdout).toMatch(/^completed: the text is English, stored as [0-9a-f]{64}\n$/)
})

test('the example in the documentation of Pit.open does what it says', async () => {
  const source = readFileSync(resolve(import.meta.dirname, '../../src/pit.ts'), 'utf8')
  const example = /```ts\n([\s\S]*?)```/.exec(source)![1]!.replaceAll(/^ *\* ?/gm, '')
  const file = join(folder, 'example.ts')
  const door = JSON.stringify(resolve(import.meta.dirname, '../../src/index.ts'))
  writeFileSync(file, `import { Pit } from ${door}\n${example}`)
  const { stdout } = await exec(process.execPath, [file], { cwd: folder, timeout: 30_000 })
  expect(stdout).toContain("language: 'en'")
})
