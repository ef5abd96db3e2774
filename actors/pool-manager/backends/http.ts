/**
 * One HTTP exchange with a model server, with everything that can go wrong turned into a coded error: refused
 * connections, silence, overload with its hint when to come back, endless or broken answers. The API key is sent and
 * never shown.
 */
import { describe, type Clock } from '../../../runtime/index.ts'
import { poolErrors } from '../errors.ts'

/** More than any answer of a model should have. */
export const RESPONSE_BYTES_MAX = 32 * 1024 * 1024
const DETAIL_BYTES_MAX = 4_096
const RETRY_AFTER_DEFAULT_MS = 1_000
const RETRY_AFTER_MAX_MS = 300_000

export interface Exchange {
  readonly fetch: typeof globalThis.fetch
  readonly clock: Clock
  readonly url: string
  readonly method: 'GET' | 'POST'
  readonly body?: unknown
  readonly apiKey?: string
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

export interface Reply {
  readonly contentType: string
  readonly text: string
}

/** Errors: `BACKEND_UNREACHABLE`, `BACKEND_TIMEOUT`, `BACKEND_UNAVAILABLE`, `BACKEND_HTTP_STATUS`, `BACKEND_BAD_RESPONSE`. */
export async function exchange(request: Exchange): Promise<Reply> {
  const { clock, url, timeoutMs } = request
  const timeout = new AbortController()
  const timer = clock.setTimer(timeoutMs, () => timeout.abort(), { ref: true })
  const signals = request.signal === undefined ? [timeout.signal] : [request.signal, timeout.signal]
  try {
    return await send(request, AbortSignal.any(signals))
  } catch (error) {
    if (request.signal?.aborted === true) throw request.signal.reason as Error
    if (timeout.signal.aborted) throw poolErrors.fail('BACKEND_TIMEOUT', { url, timeoutMs }, { cause: error })
    if (!(error instanceof TypeError)) throw error
    // `fetch` says "fetch failed"; what really happened is its cause.
    const reason = describe(error.cause ?? error)
    throw poolErrors.fail('BACKEND_UNREACHABLE', { url, reason }, { cause: error })
  } finally {
    timer.cancel()
  }
}

async function send(request: Exchange, signal: AbortSignal): Promise<Reply> {
  const { url, method, body, apiKey } = request
  const response = await request.fetch(url, {
    method,
    signal,
    // A redirect would carry the key to whoever the server names.
    redirect: 'manual',
    headers: {
      accept: 'application/json, text/event-stream',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  if (!response.ok) throw await statusError(request, response)
  const text = await readBounded(response, RESPONSE_BYTES_MAX)
  if (text === null) {
    throw poolErrors.fail('BACKEND_BAD_RESPONSE', { url, reason: `more than ${RESPONSE_BYTES_MAX} bytes` })
  }
  return { contentType: response.headers.get('content-type') ?? '', text }
}

async function statusError({ url, clock, apiKey }: Exchange, response: Response): Promise<Error> {
  const httpStatus = response.status
  const said = (await readBounded(response, DETAIL_BYTES_MAX).catch(() => '')) ?? 'a long answer'
  // Some servers repeat the key they refuse.
  const detail = errorDetail(apiKey === undefined ? said : said.replaceAll(apiKey, '…'))
  if (httpStatus < 500 && ![408, 425, 429].includes(httpStatus)) {
    return poolErrors.fail('BACKEND_HTTP_STATUS', { url, httpStatus, detail })
  }
  const retryAfterMs = retryAfter(response.headers.get('retry-after'), clock.now())
  return poolErrors.fail('BACKEND_UNAVAILABLE', { url, httpStatus, detail, retryAfterMs })
}

/** The server's own words, if it speaks the usual `{ error: { message } }`, else the beginning of what it said. */
function errorDetail(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error?: unknown }
    if (typeof error === 'string') return describe(error)
    const message = (error as { message?: unknown } | undefined)?.message
    if (typeof message === 'string') return describe(message)
  } catch {
    // No JSON: shown as it is.
  }
  return describe(text.trim() === '' ? 'nothing' : text.trim())
}

/** `Retry-After` in milliseconds: seconds or a date; a default when absent or absurd. */
export function retryAfter(header: string | null, now: number): number {
  if (header === null || header.trim() === '') return RETRY_AFTER_DEFAULT_MS
  const seconds = Number(header)
  const delayMs = Number.isFinite(seconds) ? seconds * 1_000 : Date.parse(header) - now
  return delayMs >= 0 ? Math.min(Math.ceil(delayMs), RETRY_AFTER_MAX_MS) : RETRY_AFTER_DEFAULT_MS
}

/** The body as text; null as soon as it is longer than the limit, whatever its length header claims. */
async function readBounded(response: Response, bytesMax: number): Promise<string | null> {
  if (response.body === null) return ''
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength
    // Leaving the loop cancels the stream and closes the connection.
    if (bytes > bytesMax) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
