/** What every backend must do, run against each of them with a real model behind it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadModel, type BackendContext, type LoadedModel } from '../../actors/pool-manager/backends/index.ts'
import { retryAfter } from '../../actors/pool-manager/backends/http.ts'
import { resolveModelSpec } from '../../actors/pool-manager/spec.ts'
import { errorToWire, systemClock } from '../../runtime/index.ts'
import { modelLog, resetModelLog } from '../support/model-modules.ts'
import { type OpenAiServer, startOpenAiServer } from '../support/openai-server.ts'

const context: BackendContext = { clock: systemClock, fetch: globalThis.fetch, env: {} }
const module = new URL('../support/model-modules.ts', import.meta.url).href
const never = new AbortController().signal

interface Fixture {
  load(): Promise<LoadedModel>
  /** The model cannot be loaded until `mend`. */
  ruin(): void
  mend(): void
  close(): Promise<void>
}

async function openAiFixture(): Promise<Fixture> {
  const server = await startOpenAiServer()
  let url = server.url
  return {
    load: () =>
      loadModel(resolveModelSpec({ id: 'm', backend: { kind: 'openai-http', url, model: 'test-model' } }), context),
    ruin: () => void (url = 'http://127.0.0.1:9'),
    mend: () => void ({ url } = server),
    close: async () => server[Symbol.asyncDispose](),
  }
}

function moduleFixture(): Promise<Fixture> {
  resetModelLog()
  return Promise.resolve({
    load: () => loadModel(resolveModelSpec({ id: 'm', backend: { kind: 'module', module, export: 'echo' } }), context),
    ruin: () => void (modelLog().failLoad = 'ruined'),
    mend: () => void (modelLog().failLoad = null),
    close: () => Promise.resolve(),
  })
}

describe.each([
  ['module', moduleFixture],
  ['openai-http', openAiFixture],
] as const)('backend %s', (_, start) => {
  let fixture: Fixture
  beforeAll(async () => {
    fixture = await start()
  })
  afterAll(() => fixture.close())

  test('loads, answers, unloads, and loads again', async () => {
    for (let round = 0; round < 3; round++) {
      const model = await fixture.load()
      const { output } = await model.infer({ input: { text: 'to be' }, parameters: {}, signal: never })
      expect((output as { text: string }).text.toLowerCase()).toBe('to be')
      await model.unload()
    }
  })

  test('answers many requests at once, each its own', async () => {
    const model = await fixture.load()
    const texts = Array.from({ length: 50 }, (_, at) => `text ${at}`)
    const answers = await Promise.all(texts.map((text) => model.infer({ input: text, parameters: {}, signal: never })))
    expect(answers.map(({ output }) => (output as { text: string }).text.toLowerCase())).toEqual(texts)
    await model.unload()
  })

  test('says what memory it takes, and answers a check while it is loaded', async () => {
    const model = await fixture.load()
    expect(model.memoryBytes).toBeGreaterThanOrEqual(0)
    await model.check()
    await model.unload()
  })

  test('a load that fails throws, and the next one is as if it had not been', async () => {
    fixture.ruin()
    await expect(fixture.load()).rejects.toThrow(/ruined|cannot be reached/)
    fixture.mend()
    const model = await fixture.load()
    expect((await model.infer({ input: 'x', parameters: {}, signal: never })).output).toMatchObject({ text: /x/i })
    await model.unload()
  })
})

describe('modules', () => {
  const load = (name: string, from = module): Promise<LoadedModel> =>
    loadModel(resolveModelSpec({ id: 'm', backend: { kind: 'module', module: from, export: name } }), context)

  test('what is no model is refused by name', async () => {
    await expect(load('missing')).rejects.toMatchObject({ code: 'MODEL_MODULE_INVALID', message: /missing/ })
    await expect(load('notAModel')).rejects.toMatchObject({ code: 'MODEL_MODULE_INVALID' })
    await expect(load('loadless')).rejects.toMatchObject({ code: 'MODEL_MODULE_INVALID', message: /`load`/ })
    await expect(load('echo', '/nowhere/to/be.ts')).rejects.toMatchObject({ code: 'MODEL_MODULE_INVALID' })
    await expect(load('toString')).rejects.toMatchObject({ code: 'MODEL_MODULE_INVALID' })
  })

  test('what a module throws is a coded error with its cause', async () => {
    const model = await load('broken')
    const failure = model.infer({ input: 1, parameters: {}, signal: never })
    await expect(failure).rejects.toMatchObject({ code: 'MODEL_INFER_FAILED', message: /it does not work/ })
  })
})

describe('openai-http', () => {
  let server: OpenAiServer
  beforeAll(async () => {
    server = await startOpenAiServer()
  })
  afterAll(() => server[Symbol.asyncDispose]())

  const load = (settings: object = {}, env: Record<string, string> = {}): Promise<LoadedModel> => {
    server.behave({ kind: 'answer' })
    const backend = { kind: 'openai-http', url: server.url, model: 'test-model', timeoutMs: 5_000, ...settings }
    return loadModel(resolveModelSpec({ id: 'm', backend, slots: 3 }), { ...context, env })
  }
  const ask = async (model: LoadedModel, input: unknown, parameters: Record<string, unknown> = {}): Promise<unknown> =>
    (await model.infer({ input, parameters, signal: never })).output

  test('takes the base with and without /v1', async () => {
    for (const url of [server.url, `${server.url}/`, `${server.url}/v1`, `${server.url}/v1/`]) {
      expect(await ask(await load({ url }), 'x')).toMatchObject({ text: 'X' })
      expect(server.requests.at(-1)!.path).toBe('/v1/chat/completions')
    }
  })

  test('prompt, system and settings are rendered and sent; values are not rendered again', async () => {
    const model = await load()
    const input = { text: 'a {{secret}}', list: [1, 2], deep: { er: 'd' }, secret: 's' }
    const parameters = {
      prompt: '{{text}}|{{ list }}|{{deep.er}}|{{absent}}',
      system: 'be {{secret}}',
      temperature: 0.5,
      maxTokens: 9,
    }
    expect(await ask(model, input, parameters)).toMatchObject({ text: 'A {{SECRET}}|[1,2]|D|' })
    expect(server.requests.at(-1)!.body).toEqual({
      model: 'test-model',
      messages: [
        { role: 'system', content: 'be s' },
        { role: 'user', content: 'a {{secret}}|[1,2]|d|' },
      ],
      temperature: 0.5,
      max_tokens: 9,
    })
  })

  test('embeddings come in the order of the texts, with their mean', async () => {
    const output = await ask(await load(), { texts: ['aaa', 'eo', ''] }, { task: 'embedding' })
    expect(output).toEqual({
      vector: [1, 1 / 3, 0, 1 / 3, 0],
      vectors: [
        [3, 0, 0, 0, 0],
        [0, 1, 0, 1, 0],
        [0, 0, 0, 0, 0],
      ],
      dimensions: 5,
    })
  })

  test('a stream is put together; a cut one is no answer', async () => {
    const model = await load()
    server.behave({ kind: 'stream' })
    expect(await ask(model, 'one two three', { stream: true })).toEqual({ text: 'ONE TWO THREE', finishReason: 'stop' })
    server.behave({ kind: 'stream', cutOff: true })
    await expect(ask(model, 'one two')).rejects.toMatchObject({
      code: 'BACKEND_BAD_RESPONSE',
      message: /before its end/,
    })
  })

  test('the tokens are those the server counted', async () => {
    const answer = await (await load()).infer({ input: 'x', parameters: {}, signal: never })
    expect(answer).toMatchObject({ inputTokens: 11, outputTokens: 7 })
  })

  test('the key goes into the header and into no error', async () => {
    const key = 'sk-very-secret'
    const model = await load({ apiKeyEnv: 'TEST_KEY' }, { TEST_KEY: key })
    await ask(model, 'x')
    expect(server.requests.at(-1)!.authorization).toBe(`Bearer ${key}`)
    server.behave({ kind: 'status', status: 401, body: JSON.stringify({ error: { message: `bad key ${key}` } }) })
    const error = await ask(model, 'x').catch((error: unknown) => error as Error)
    expect(error).toMatchObject({ code: 'BACKEND_HTTP_STATUS', message: /bad key …/ })
    expect(JSON.stringify(errorToWire(error))).not.toContain(key)
    await expect(load({ apiKeyEnv: 'ABSENT' })).rejects.toMatchObject({
      code: 'BACKEND_KEY_MISSING',
      message: /ABSENT/,
    })
  })

  test.each([
    [{ kind: 'status', status: 400 }, 'BACKEND_HTTP_STATUS', 'give-up'],
    [{ kind: 'status', status: 302 }, 'BACKEND_HTTP_STATUS', 'give-up'],
    [{ kind: 'status', status: 500 }, 'BACKEND_UNAVAILABLE', 'retry'],
    [{ kind: 'status', status: 429 }, 'BACKEND_UNAVAILABLE', 'retry'],
    [{ kind: 'garbage', body: 'not json' }, 'BACKEND_BAD_RESPONSE', 'retry'],
    [{ kind: 'garbage', body: '' }, 'BACKEND_BAD_RESPONSE', 'retry'],
    [{ kind: 'garbage', body: 'null' }, 'BACKEND_BAD_RESPONSE', 'retry'],
    [{ kind: 'garbage', body: '{"choices":[]}' }, 'BACKEND_BAD_RESPONSE', 'retry'],
    [{ kind: 'garbage', body: '{"choices":[{"message":{"content":{"no":1}}}]}' }, 'BACKEND_BAD_RESPONSE', 'retry'],
    [{ kind: 'garbage', body: '{"error":{"message":"inside"}}' }, 'BACKEND_BAD_RESPONSE', 'retry'],
    [{ kind: 'garbage', body: 'data: x\n\n', contentType: 'text/event-stream' }, 'BACKEND_BAD_RESPONSE', 'retry'],
    [{ kind: 'flood' }, 'BACKEND_BAD_RESPONSE', 'retry'],
    [{ kind: 'hang-up' }, 'BACKEND_UNREACHABLE', 'retry'],
  ] as const)('%j fails with %s', async (behaviour, code, action) => {
    const model = await load()
    server.behave(behaviour)
    await expect(ask(model, 'x')).rejects.toMatchObject({ code, action })
    server.behave({ kind: 'answer' })
    expect(await ask(model, 'still there')).toMatchObject({ text: 'STILL THERE' })
  })

  test('an overloaded server says when to come back', async () => {
    const model = await load()
    server.behave({ kind: 'status', status: 503, retryAfter: '3' })
    await expect(ask(model, 'x')).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      fields: { retryAfterMs: 3_000 },
    })
  })

  test.each([
    ['3', 3_000],
    ['0.5', 500],
    [null, 1_000],
    ['nonsense', 1_000],
    ['-1', 1_000],
    ['999999', 300_000],
    ['Thu, 01 Jan 2026 00:00:20 GMT', 20_000],
    ['Wed, 31 Dec 2025 23:59:59 GMT', 1_000],
  ])('retry-after %s means %i ms', (header, expected) => {
    expect(retryAfter(header, Date.UTC(2026, 0, 1))).toBe(expected)
  })

  test('garbage for embeddings is no embedding', async () => {
    const model = await load()
    for (const data of ['[]', '[{"embedding":["x"]}]', '[{"index":7,"embedding":[1]}]', '"text"', '[null]']) {
      server.behave({ kind: 'garbage', body: `{"data":${data}}` })
      await expect(ask(model, 'x', { task: 'embedding' })).rejects.toMatchObject({ code: 'BACKEND_BAD_RESPONSE' })
    }
  })

  test('silence ends with the timeout, a cancelled request at once', async () => {
    const model = await load({ timeoutMs: 60 })
    server.behave({ kind: 'hang' })
    await expect(ask(model, 'x')).rejects.toMatchObject({ code: 'BACKEND_TIMEOUT' })
    const patient = await load()
    server.behave({ kind: 'hang' })
    const abort = new AbortController()
    const waiting = patient.infer({ input: 'x', parameters: {}, signal: abort.signal })
    abort.abort(new Error('changed my mind'))
    await expect(waiting).rejects.toThrow('changed my mind')
  })

  test('the valve lets no more through than the model has slots', async () => {
    const model = await load()
    server.behave({ kind: 'answer', delayMs: 10 })
    const before = server.concurrency.most
    await Promise.all(Array.from({ length: 12 }, (_, at) => ask(model, `${at}`)))
    expect(before).toBeLessThanOrEqual(3)
    expect(server.concurrency.most).toBe(3)
  })

  test('input that is no text is refused before it is sent', async () => {
    const model = await load()
    const sent = server.requests.length
    await expect(ask(model, 7)).rejects.toMatchObject({ code: 'BACKEND_INPUT_INVALID' })
    await expect(ask(model, { messages: [{ role: 1 }] })).rejects.toMatchObject({ code: 'BACKEND_INPUT_INVALID' })
    await expect(ask(model, {}, { task: 'embedding' })).rejects.toMatchObject({ code: 'BACKEND_INPUT_INVALID' })
    expect(server.requests.length).toBe(sent)
  })
})
