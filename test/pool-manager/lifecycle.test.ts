/** Loading, unloading, evicting, failing and healing, through the real actor. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { builtinModels, modelHost } from '../../actors/pool-manager/index.ts'
import { modelLog, resetModelLog } from '../support/model-modules.ts'
import { startOpenAiServer } from '../support/openai-server.ts'
import { echoModel, startPool, until } from '../support/pool.ts'

beforeEach(resetModelLog)

test('a model is cold, is loaded once by the first who asks, and then hot for everybody', async () => {
  await using pit = await startPool([echoModel('one'), echoModel('two')])
  expect(await pit.info('one')).toMatchObject({ state: 'cold', loads: 0, memoryBytes: 0 })
  const answers = await Promise.all(['a', 'b', 'c', 'd'].map((text) => pit.infer('one', text)))
  expect(answers.map(({ text }) => text)).toEqual(['a', 'b', 'c', 'd'])
  expect(modelLog().loads).toBe(1)
  expect(await pit.info('one')).toMatchObject({ state: 'hot', loads: 1, leased: 0, memoryBytes: 100 })
  expect(await pit.info('two')).toMatchObject({ state: 'cold' })
})

test('the first lease is cold, the next is warm and needs no message', async () => {
  await using pit = await startPool([echoModel('one')])
  using cold = await pit.client.acquire('one', { tenant: 'alice' })
  expect(cold.grant).toMatchObject({ model: 'one', version: '1', warm: false })
  const messages = pit.system.stats().find(({ name }) => name === 'pool-manager')!.messagesIn
  using warm = pit.client.tryAcquire('one')!
  expect(warm.grant).toMatchObject({ model: 'one', warm: true, host: cold.grant.host })
  expect(warm.grant.slot).not.toBe(cold.grant.slot)
  expect(pit.system.stats().find(({ name }) => name === 'pool-manager')!.messagesIn).toBe(messages)
})

test('loads of different models run beside each other; a slow one delays no hit', async () => {
  await using pit = await startPool([echoModel('hot'), echoModel('slow'), echoModel('other')])
  await pit.infer('hot', 'x')
  const gate = Promise.withResolvers<void>()
  modelLog().gate = gate.promise
  const slow = pit.infer('slow', 'x')
  const other = pit.infer('other', 'x')
  await until(() => modelLog().loads === 3)
  expect((await pit.infer('hot', 'while they load')).text).toBe('while they load')
  expect((await pit.info('slow')).state).toBe('warming')
  gate.resolve()
  await Promise.all([slow, other])
})

test('a load goes on for the others when the one who began it gives up', async () => {
  await using pit = await startPool([echoModel('slow')])
  const gate = Promise.withResolvers<void>()
  modelLog().gate = gate.promise
  const impatient = pit.client.acquire('slow', { tenant: 'alice', deadlineMs: 500 })
  const patient = pit.infer('slow', 'x')
  await expect(impatient).rejects.toMatchObject({ code: 'LEASE_TIMEOUT' })
  // Long enough for a load that had the same deadline to have failed.
  await new Promise((resolve) => setTimeout(resolve, 200))
  gate.resolve()
  expect((await patient).text).toBe('x')
  expect(modelLog().loads).toBe(1)
})

test('unknown models are named, with the known ones', async () => {
  await using pit = await startPool([echoModel('one'), echoModel('two')])
  await expect(pit.client.acquire('thre', { tenant: 'a' })).rejects.toMatchObject({
    code: 'UNKNOWN_MODEL',
    message: /thre.*one, two/,
  })
  await expect(pit.pool.ask.unload({ model: '__proto__' })).rejects.toMatchObject({ code: 'UNKNOWN_MODEL' })
})

describe('unloading', () => {
  test('waits for leases, grants none meanwhile, and gives the memory back', async () => {
    await using pit = await startPool([echoModel('one')])
    const lease = await pit.client.acquire('one', { tenant: 'alice' })
    const unloaded = pit.pool.ask.unload({ model: 'one' })
    await until(async () => (await pit.info('one')).state === 'cooling')
    expect(pit.client.tryAcquire('one')).toBeNull()
    expect(modelLog().unloads).toBe(0)
    lease.release()
    expect(await unloaded).toMatchObject({ state: 'cold', memoryBytes: 0 })
    expect(modelLog().loaded.get('one')).toBe(0)
  })

  test('a request in the middle of a drain is served by the next load', async () => {
    await using pit = await startPool([echoModel('one')])
    const lease = await pit.client.acquire('one', { tenant: 'alice' })
    const unloaded = pit.pool.ask.unload({ model: 'one' })
    await until(async () => (await pit.info('one')).state === 'cooling')
    const answer = pit.infer('one', 'again')
    lease.release()
    await unloaded
    expect((await answer).text).toBe('again')
    expect(modelLog().loads).toBe(2)
  })

  test('happens by itself after the keep-alive, but not to the pinned or the used', async () => {
    const brief = { keepAliveMs: 120 }
    await using pit = await startPool([echoModel('idle', brief), echoModel('pinned', brief), echoModel('used', brief)])
    await pit.pool.ask.pin({ model: 'pinned', pinned: true })
    await Promise.all(['idle', 'pinned', 'used'].map((model) => pit.infer(model, 'x')))
    using _lease = await pit.client.acquire('used', { tenant: 'alice' })
    await until(async () => (await pit.info('idle')).state === 'cold')
    expect(await pit.info('idle')).toMatchObject({ reason: /automatic-timeout/ })
    expect((await pit.info('pinned')).state).toBe('hot')
    expect((await pit.info('used')).state).toBe('hot')
  })

  test('200 times leaves nothing loaded', async () => {
    await using pit = await startPool([echoModel('one')])
    for (let round = 0; round < 200; round++) {
      await pit.pool.ask.load({ model: 'one' })
      await pit.pool.ask.unload({ model: 'one' })
    }
    expect(modelLog()).toMatchObject({ loads: 200, unloads: 200 })
    expect(modelLog().loaded.get('one')).toBe(0)
    expect(await pit.pool.ask.explain({ model: 'one' })).toMatchObject({
      info: { state: 'cold', loads: 200, reason: /unloading was asked for/ },
      history: { length: 32 },
    })
  })
})

describe('memory', () => {
  test('the least recently used goes, leased and pinned ones stay', async () => {
    const models = ['a', 'b', 'c', 'd'].map((id) => echoModel(id))
    await using pit = await startPool(models, { memoryBudgetBytes: 300 })
    await pit.pool.ask.pin({ model: 'a', pinned: true })
    for (const model of ['a', 'b', 'c']) await pit.infer(model, 'x')
    await pit.infer('b', 'again')
    await pit.infer('d', 'x')
    expect((await pit.pool.ask.list({})).map(({ id, state }) => [id, state])).toEqual([
      ['a', 'hot'],
      ['b', 'hot'],
      ['c', 'cold'],
      ['d', 'hot'],
    ])
    expect(await pit.info('c')).toMatchObject({ reason: /evicted for d/ })
  })

  test('what is leased is not evicted; the load waits and then gets its room', async () => {
    await using pit = await startPool([echoModel('a'), echoModel('b')], { memoryBudgetBytes: 100 })
    const lease = await pit.client.acquire('a', { tenant: 'alice' })
    const waiting = pit.infer('b', 'x')
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await pit.info('a')).toMatchObject({ state: 'hot' })
    lease.release()
    expect((await waiting).text).toBe('x')
    expect(modelLog().loaded.get('a')).toBe(0)
  })

  test('a model in steady use is drained in the end, so that the other is not starved', async () => {
    await using pit = await startPool([echoModel('a'), echoModel('b')], { memoryBudgetBytes: 100 })
    const served = new AbortController()
    const steady = async (): Promise<void> => {
      while (!served.signal.aborted) {
        using _lease = await pit.client.acquire('a', { tenant: 'steady' })
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
    const users = [steady(), steady()]
    await until(async () => (await pit.info('a')).state === 'hot')
    expect((await pit.infer('b', 'x')).text).toBe('x')
    served.abort()
    await Promise.all(users)
  })

  test('what can never fit is refused with the numbers', async () => {
    await using pit = await startPool([echoModel('a', { memoryBytes: 500 }), echoModel('b')], {
      memoryBudgetBytes: 400,
    })
    await expect(pit.infer('a', 'x')).rejects.toMatchObject({ code: 'MODEL_TOO_LARGE', message: /500.*400/ })
    await pit.infer('b', 'x')
    await pit.pool.ask.pin({ model: 'b', pinned: true })
    await pit.pool.ask.register({ spec: echoModel('c', { memoryBytes: 350 }) })
    await expect(pit.infer('c', 'x')).rejects.toMatchObject({ code: 'MODEL_TOO_LARGE', message: /350.*300/ })
  })

  test('a failed unload stays charged', async () => {
    await using pit = await startPool([echoModel('a')], { memoryBudgetBytes: 100 })
    await pit.infer('a', 'x')
    modelLog().failUnload = 'stuck'
    const info = await pit.pool.ask.unload({ model: 'a' })
    expect(info).toMatchObject({ state: 'failed', memoryBytes: 100, reason: /stuck/ })
    modelLog().failUnload = null
    expect((await pit.infer('a', 'works again')).text).toBe('works again')
  })
})

describe('failures', () => {
  test('a failed load tells everybody who waited, backs off, and heals', async () => {
    await using pit = await startPool([echoModel('a')])
    modelLog().failLoad = 'no such file'
    const failures = await Promise.allSettled([pit.infer('a', '1'), pit.infer('a', '2')])
    for (const failure of failures) {
      expect(failure).toMatchObject({ reason: { code: 'MODEL_LOAD_FAILED', message: /a.*no such file/ } })
    }
    expect(modelLog().loads).toBe(1)
    await expect(pit.infer('a', '3')).rejects.toMatchObject({
      code: 'MODEL_UNAVAILABLE',
      fields: { retryAfterMs: /./ },
    })
    expect(modelLog().loads).toBe(1)
    modelLog().failLoad = null
    await until(async () => (await pit.info('a')).state === 'cold')
    expect((await pit.infer('a', '4')).text).toBe('4')
  })

  test('an explicit load tries at once, whatever the back-off', async () => {
    await using pit = await startPool([echoModel('a')])
    modelLog().failLoad = 'no'
    await expect(pit.pool.ask.load({ model: 'a' })).rejects.toMatchObject({ code: 'MODEL_LOAD_FAILED' })
    modelLog().failLoad = null
    expect(await pit.pool.ask.load({ model: 'a' })).toMatchObject({ state: 'hot', failures: 1 })
  })

  test('a server that is down, and is up again', async () => {
    await using server = await startOpenAiServer()
    const backend = { kind: 'openai-http', url: 'http://127.0.0.1:9', model: 'm' } as const
    await using pit = await startPool([{ id: 'remote', backend }])
    await expect(pit.infer('remote', 'x')).rejects.toMatchObject({
      code: 'MODEL_LOAD_FAILED',
      cause: { code: 'BACKEND_UNREACHABLE' },
    })
    await pit.pool.ask.register({ spec: { id: 'remote', backend: { ...backend, url: server.url } } })
    expect((await pit.infer('remote', 'hello')).text).toBe('HELLO')
  })

  test('backend failures in a row open the breaker; the next load is the probe', async () => {
    await using pit = await startPool([echoModel('a')])
    await pit.infer('a', 'x')
    const usage = { inputTokens: 1, outputTokens: 1, durationMs: 5 }
    const report = { leaseId: 'l', model: 'a', tenant: 'alice', usage, failed: true }
    for (let i = 0; i < 20; i++) await pit.pool.ask.report({ ...report, errorCode: 'INSTRUMENT_INPUT_INVALID' })
    expect((await pit.info('a')).state).toBe('hot')
    for (let i = 0; i < 5; i++) await pit.pool.ask.report({ ...report, errorCode: 'BACKEND_TIMEOUT' })
    expect(await pit.info('a')).toMatchObject({
      state: 'failed',
      invocations: 25,
      reason: /health-check-failure/,
      health: { status: 'unhealthy', error: 'BACKEND_TIMEOUT' },
    })
    expect(pit.client.tryAcquire('a')).toBeNull()
    await until(async () => (await pit.info('a')).state === 'cold')
    expect((await pit.infer('a', 'y')).text).toBe('y')
  })
})

describe('registering', () => {
  test('bad specs are refused by name', async () => {
    await using pit = await startPool([])
    const register = (spec: unknown) => pit.pool.ask.register({ spec: spec as never })
    const { backend } = echoModel('x')
    for (const spec of [
      null,
      { id: '', backend },
      { id: 'a\nb', backend },
      { id: 'x' },
      { id: 'x', backend: { kind: 'telepathy' } },
      { id: 'x', backend: { kind: 'module', module: 'relative/path.ts' } },
      { id: 'x', backend: { kind: 'openai-http', url: 'http://user:secret@host', model: 'm' } },
      { id: 'x', backend: { kind: 'openai-http', url: 'ftp://host', model: 'm' } },
      { id: 'x', backend, slots: 0 },
      { id: 'x', backend, slots: 1_025 },
      { id: 'x', backend, slots: 1.5 },
      { id: 'x', backend, memoryBytes: -1 },
      { id: 'x', backend, keepAliveMs: 'long' },
      { id: 'x', backend, slot: 3 },
      { id: 'x', backend, deterministic: 'yes' },
    ]) {
      const failure = await register(spec).catch((error: unknown) => error)
      expect(failure, JSON.stringify(spec)).toMatchObject({ code: 'MODEL_SPEC_INVALID' })
      expect(JSON.stringify(failure)).not.toContain('secret')
    }
    expect(await pit.pool.ask.list({})).toEqual([])
  })

  test('the same again changes nothing; something else replaces it after its leases', async () => {
    await using pit = await startPool([echoModel('a')])
    const lease = await pit.client.acquire('a', { tenant: 'alice' })
    expect(await pit.pool.ask.register({ spec: echoModel('a') })).toMatchObject({ state: 'hot' })
    const replaced = pit.pool.ask.register({ spec: echoModel('a', { version: '2', slots: 1 }) })
    await until(async () => (await pit.info('a')).state === 'cooling')
    lease.release()
    expect(await replaced).toMatchObject({ state: 'cold', version: '2', slots: 1 })
    using next = await pit.client.acquire('a', { tenant: 'alice' })
    expect(next.grant.version).toBe('2')
    expect(pit.client.tryAcquire('a')).toBeNull()
  })

  test('the table has an end, and says so', async () => {
    await using pit = await startPool([echoModel('a')], { modelsMaxInRegion: 2 })
    await pit.pool.ask.register({ spec: echoModel('b') })
    await expect(pit.pool.ask.register({ spec: echoModel('c') })).rejects.toMatchObject({
      code: 'MODEL_TABLE_FULL',
      message: /c.*2/,
    })
  })

  test('what was registered is there at the next start; what is configured wins', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'pit-pool-'))
    try {
      {
        await using pit = await startPool([], { dataDir })
        await pit.pool.ask.register({ spec: echoModel('kept', { slots: 3, keepAliveMs: Infinity }) })
        await pit.pool.ask.register({ spec: echoModel('shadowed', { slots: 3 }) })
      }
      {
        await using pit = await startPool([echoModel('shadowed', { slots: 5 })], { dataDir })
        expect(await pit.info('kept')).toMatchObject({ slots: 3 })
        expect(await pit.info('shadowed')).toMatchObject({ slots: 5 })
        expect((await pit.infer('kept', 'x')).text).toBe('x')
      }
      const path = join(dataDir, 'pool', 'models.json')
      expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ version: 1 })
      await writeFile(path, '{ torn')
      await using pit = await startPool([], { dataDir })
      expect(await pit.pool.ask.list({})).toEqual([])
    } finally {
      await rm(dataDir, { recursive: true })
    }
  })
})

test('a plan warms what it can without evicting anything, and keeps account of it', async () => {
  await using pit = await startPool([echoModel('a'), echoModel('b'), echoModel('c')], { memoryBudgetBytes: 200 })
  await pit.infer('c', 'x')
  await pit.pool.ask.plan({ runId: 'run_1', models: ['a', 'unknown', 'b'] })
  await until(async () => (await pit.info('a')).state === 'hot')
  expect((await pit.pool.ask.explain({ model: 'a' })).history[0]).toMatchObject({ reason: /run_1.*predictive-prewarm/ })
  expect((await pit.info('b')).state).toBe('cold')
  expect((await pit.info('c')).state).toBe('hot')
  expect(await pit.pool.ask.stats({})).toMatchObject({
    prewarms: 1,
    prewarmPrecision: null,
    loaded: 2,
    chargedBytes: 200,
  })
  await pit.infer('a', 'used')
  await pit.pool.ask.unload({ model: 'a' })
  expect(await pit.pool.ask.stats({})).toMatchObject({ prewarmPrecision: 1, loads: 2, leases: 2, coldLeases: 1 })
})

test('the built-in instruments answer through the pool', async () => {
  await using pit = await startPool(builtinModels)
  const text = 'Bees visit flowers. Bees collect nectar from flowers. The nectar becomes honey.'
  using lease = await pit.client.acquire('keyword-extractor', { tenant: 'alice' })
  const host = pit.system.ref(modelHost(lease.grant.host))
  const { output, usage } = await host.ask.infer({ model: 'keyword-extractor', input: { text } })
  expect((output as { keywords: readonly { term: string }[] }).keywords.length).toBeGreaterThan(0)
  expect(usage.inputTokens).toBe(Math.ceil(text.length / 4))
  const hosts = new Set<string>()
  for (const { id } of builtinModels) {
    using lease = await pit.client.acquire(id, { tenant: 'alice' })
    hosts.add(lease.grant.host)
  }
  expect(hosts.size).toBe(2)
})
