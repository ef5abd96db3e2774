/**
 * Models behind an OpenAI-compatible HTTP server: Ollama, llama-server, vLLM, LM Studio, or a hosted one.
 * Chat completions for text, embeddings when `parameters.task` is `'embedding'`. The server keeps the model in its own
 * memory; loading means: it answers, and the key is there.
 */
import PQueue from 'p-queue'
import { own } from '../../../runtime/index.ts'
import { poolErrors } from '../errors.ts'
import type { ResolvedModelSpec } from '../spec.ts'
import type { BackendAnswer, BackendContext, BackendRequest, LoadedModel, LoadModel } from './backend.ts'
import { exchange, type Reply } from './http.ts'
import { readChat, readEmbeddings } from './openai-replies.ts'
import { messagesOf, textsOf } from './prompt.ts'

const CHECK_TIMEOUT_MS = 10_000

/** Parameters that are the server's, sent on under the server's name. */
const SENT_ON: Readonly<Record<string, string>> = {
  temperature: 'temperature',
  topP: 'top_p',
  top_p: 'top_p',
  maxTokens: 'max_tokens',
  max_tokens: 'max_tokens',
  seed: 'seed',
  stop: 'stop',
  stream: 'stream',
  presence_penalty: 'presence_penalty',
  frequency_penalty: 'frequency_penalty',
  response_format: 'response_format',
}

interface Server {
  readonly base: string
  readonly model: string
  readonly timeoutMs: number
  readonly apiKey?: string
  readonly ctx: BackendContext
}

export const loadOpenAi: LoadModel = async (spec, ctx) => {
  const server = serverOf(spec, ctx)
  await check(server)
  // The pool leases at most `slots` at once; the valve holds that bound here too, whoever asks.
  const valve = new PQueue({ concurrency: spec.slots })
  const loaded: LoadedModel = {
    memoryBytes: spec.memoryBytes,
    infer: (request) => valve.add(() => infer(spec, server, request), { signal: request.signal }),
    check: () => check(server),
    unload: () => valve.onIdle(),
  }
  return loaded
}

function serverOf(spec: ResolvedModelSpec, ctx: BackendContext): Server {
  const { backend } = spec
  if (backend.kind !== 'openai-http') throw new TypeError(`${spec.id} is no model behind HTTP`)
  const base = backend.url.replace(/\/+$/, '')
  const apiKey = backend.apiKeyEnv === undefined ? undefined : own(ctx.env, backend.apiKeyEnv)
  if (backend.apiKeyEnv !== undefined && (typeof apiKey !== 'string' || apiKey === '')) {
    throw poolErrors.fail('BACKEND_KEY_MISSING', { model: spec.id, variable: backend.apiKeyEnv })
  }
  return {
    base: /\/v\d+$/.test(base) ? base : `${base}/v1`,
    model: backend.model,
    timeoutMs: backend.timeoutMs ?? CHECK_TIMEOUT_MS,
    ...(typeof apiKey === 'string' ? { apiKey } : {}),
    ctx,
  }
}

/** Any server that answers will do, also one that has no list of models; a refused key will not. */
async function check(server: Server): Promise<void> {
  try {
    await call(server, 'GET', '/models', { timeoutMs: Math.min(server.timeoutMs, CHECK_TIMEOUT_MS) })
  } catch (error) {
    const status = own((error as { fields?: object }).fields, 'httpStatus')
    if (status === 404 || status === 405 || status === 501) return
    throw error
  }
}

async function infer(spec: ResolvedModelSpec, server: Server, request: BackendRequest): Promise<BackendAnswer> {
  return own(request.parameters, 'task') === 'embedding'
    ? embed(spec, server, request)
    : complete(spec, server, request)
}

async function complete(spec: ResolvedModelSpec, server: Server, request: BackendRequest): Promise<BackendAnswer> {
  const messages = messagesOf(request)
  if (messages === null) {
    const reason = 'give a string, `{ text }`, a `prompt` parameter or `messages` of `{ role, content }`'
    throw poolErrors.fail('BACKEND_INPUT_INVALID', { model: spec.id, reason })
  }
  const settings = Object.entries(SENT_ON).flatMap(([name, sent]) => {
    const value = own(request.parameters, name)
    return value === undefined ? [] : [[sent, value] as const]
  })
  const body = { model: server.model, messages, ...Object.fromEntries(settings) }
  const reply = await call(server, 'POST', '/chat/completions', { body, signal: request.signal })
  return readChat(reply, `${server.base}/chat/completions`)
}

async function embed(spec: ResolvedModelSpec, server: Server, request: BackendRequest): Promise<BackendAnswer> {
  const texts = textsOf(request.input)
  if (texts === null || texts.length === 0) {
    throw poolErrors.fail('BACKEND_INPUT_INVALID', {
      model: spec.id,
      reason: 'give `{ texts }`, `{ text }` or a string',
    })
  }
  const body = { model: server.model, input: texts, encoding_format: 'float' }
  const reply = await call(server, 'POST', '/embeddings', { body, signal: request.signal })
  return readEmbeddings(reply, `${server.base}/embeddings`, texts.length)
}

function call(
  server: Server,
  method: 'GET' | 'POST',
  path: string,
  options: { readonly body?: unknown; readonly signal?: AbortSignal; readonly timeoutMs?: number },
): Promise<Reply> {
  const { ctx, base, apiKey, timeoutMs } = server
  const { fetch, clock } = ctx
  const key = apiKey === undefined ? {} : { apiKey }
  return exchange({ fetch, clock, url: `${base}${path}`, method, timeoutMs, ...key, ...options })
}
