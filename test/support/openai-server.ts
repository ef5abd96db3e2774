/**
 * A small OpenAI-compatible server for tests: answers chat completions and embeddings deterministically, and misbehaves
 * on demand. What it was asked is kept for inspection.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** How the server answers `POST` requests. */
export type Behaviour =
  /** The last user message, upper-cased; embeddings count letters. */
  | { readonly kind: 'answer'; readonly delayMs?: number }
  /** As `answer`, as a stream of events (also when the request does not ask for one). */
  | { readonly kind: 'stream'; readonly cutOff?: boolean }
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter?: string; readonly body?: string }
  /** Takes the request and says nothing. */
  | { readonly kind: 'hang' }
  /** A response with this body, whatever it is. */
  | { readonly kind: 'garbage'; readonly body: string; readonly contentType?: string }
  /** Never stops sending. */
  | { readonly kind: 'flood' }
  /** Closes the connection in the middle of the answer. */
  | { readonly kind: 'hang-up' }

export interface SeenRequest {
  readonly path: string
  readonly authorization: string | undefined
  readonly body: Readonly<Record<string, unknown>>
}

export interface OpenAiServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  readonly requests: readonly SeenRequest[]
  /** Requests being answered now, and the most there ever were. */
  readonly concurrency: { readonly now: number; readonly most: number }
  behave(behaviour: Behaviour): void
}

export async function startOpenAiServer(first: Behaviour = { kind: 'answer' }): Promise<OpenAiServer> {
  let behaviour = first
  const requests: SeenRequest[] = []
  const concurrency = { now: 0, most: 0 }
  const server = createServer((request, response) => {
    void readBody(request).then((body) => {
      const path = request.url ?? ''
      if (request.method === 'GET') return sendJson(response, { object: 'list', data: [{ id: 'test-model' }] })
      requests.push({ path, authorization: request.headers.authorization, body })
      concurrency.now++
      concurrency.most = Math.max(concurrency.most, concurrency.now)
      response.on('close', () => concurrency.now--)
      answer(behaviour, path, body, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    concurrency,
    behave: (next) => void (behaviour = next),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function answer(behaviour: Behaviour, path: string, body: SeenRequest['body'], response: ServerResponse): void {
  switch (behaviour.kind) {
    case 'answer':
      setTimeout(() => sendJson(response, reply(path, body)), behaviour.delayMs ?? 0)
      break
    case 'stream':
      sendStream(response, textFor(body), behaviour.cutOff === true)
      break
    case 'status':
      response.writeHead(
        behaviour.status,
        behaviour.retryAfter === undefined ? {} : { 'retry-after': behaviour.retryAfter },
      )
      response.end(behaviour.body ?? JSON.stringify({ error: { message: 'as ordered' } }))
      break
    case 'hang':
      break
    case 'garbage':
      response.writeHead(200, { 'content-type': behaviour.contentType ?? 'application/json' }).end(behaviour.body)
      break
    case 'flood':
      flood(response)
      break
    case 'hang-up':
      response.writeHead(200, { 'content-length': '1000' }).write('{"choices":')
      setImmediate(() => response.destroy())
  }
}

function reply(path: string, body: SeenRequest['body']): unknown {
  if (path.endsWith('/embeddings')) {
    const texts = body.input as readonly string[]
    // Backwards, with indices: clients must not rely on the order.
    const data = texts.map((text, index) => ({ index, embedding: letters(text) })).reverse()
    return { data, usage: { prompt_tokens: texts.join('').length } }
  }
  const text = textFor(body)
  const choices = [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }]
  return { choices, usage: { prompt_tokens: 11, completion_tokens: 7 } }
}

function textFor(body: SeenRequest['body']): string {
  const messages = (body.messages ?? []) as readonly { readonly role: string; readonly content: string }[]
  return (messages.findLast(({ role }) => role === 'user')?.content ?? '').toUpperCase()
}

function letters(text: string): readonly number[] {
  return ['a', 'e', 'i', 'o', 'u'].map((letter) => text.split(letter).length - 1)
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

function sendStream(response: ServerResponse, text: string, cutOff: boolean): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const word of text.split(/(?<= )/)) {
    response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: word } }] })}\n\n`)
  }
  if (cutOff) return void response.end()
  const last = {
    choices: [{ index: 0, delta: {}, finish_reason: 'stop' }],
    usage: { prompt_tokens: 3, completion_tokens: 2 },
  }
  response.end(`data: ${JSON.stringify(last)}\n\ndata: [DONE]\n\n`)
}

function flood(response: ServerResponse): void {
  const chunk = 'x'.repeat(256 * 1024)
  const more = (): void => {
    while (!response.destroyed && response.write(chunk));
  }
  response.on('drain', more)
  more()
}

async function readBody(request: IncomingMessage): Promise<SeenRequest['body']> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString('utf8')
  return text === '' ? {} : (JSON.parse(text) as SeenRequest['body'])
}
