/** Reads what an OpenAI-compatible server answered. Servers differ and lie: every shape is checked before it is used. */
import { describe, own } from '../../../runtime/index.ts'
import { poolErrors } from '../errors.ts'
import type { BackendAnswer } from './backend.ts'
import type { Reply } from './http.ts'

/** A chat completion, whole or as a stream of events: `{ text, finishReason }`. */
export function readChat(reply: Reply, url: string): BackendAnswer {
  const parts = reply.contentType.includes('text/event-stream') ? readEvents(reply.text, url) : [json(reply.text, url)]
  let text = ''
  let finishReason: string | null = null
  let usage: unknown
  let isAnswer = false
  for (const part of parts) {
    const error = own(part, 'error')
    if (error !== undefined && error !== null) throw bad(url, `an error inside the answer: ${describe(error)}`)
    usage = own(part, 'usage') ?? usage
    const choice = firstOf(own(part, 'choices'))
    if (choice === null) continue
    const message = object(own(choice, 'message')) ?? object(own(choice, 'delta'))
    const content = own(message ?? undefined, 'content') ?? own(choice, 'text') ?? ''
    if (typeof content !== 'string') throw bad(url, `its text is ${describe(content)}`)
    isAnswer = true
    text += content
    finishReason = stringOr(own(choice, 'finish_reason'), finishReason)
  }
  if (!isAnswer) throw bad(url, 'it has no choices')
  return { output: { text, finishReason }, ...tokensOf(usage) }
}

/** Embeddings in the order of the inputs: `{ vector (their mean), vectors, dimensions }`. */
export function readEmbeddings(reply: Reply, url: string, expected: number): BackendAnswer {
  const answer = json(reply.text, url)
  const data = own(answer, 'data')
  if (!Array.isArray(data)) throw bad(url, 'it has no `data`')
  const vectors: number[][] = Array.from({ length: expected }, () => [])
  for (const [place, entry] of data.entries()) {
    const index = own(entry as object, 'index') ?? place
    const vector = own(entry as object, 'embedding')
    if (!Number.isInteger(index) || vectors[index as number] === undefined)
      throw bad(url, `there is no text ${describe(index)}`)
    if (!isVector(vector)) throw bad(url, `embedding ${describe(index)} is no list of numbers`)
    vectors[index as number] = vector
  }
  const dimensions = vectors[0]!.length
  if (vectors.some((vector) => vector.length !== dimensions || dimensions === 0)) {
    throw bad(url, `${expected} texts do not have one embedding each, all of one length`)
  }
  return { output: { vector: mean(vectors), vectors, dimensions }, ...tokensOf(own(answer, 'usage')) }
}

function readEvents(text: string, url: string): readonly object[] {
  const events = text
    .split(/\r?\n/)
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice('data:'.length).trim())
    .filter((line) => line !== '')
  // Without its end mark a stream was cut off: half an answer must not pass for a whole one.
  if (events.at(-1) !== '[DONE]') throw bad(url, 'the stream ended before its end')
  return events.slice(0, -1).map((line) => json(line, url))
}

function json(text: string, url: string): object {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw bad(url, `no JSON: ${describe(text)}`, error)
  }
  const answer = object(value)
  if (answer === null) throw bad(url, `no object: ${describe(value)}`)
  return answer
}

function tokensOf(usage: unknown): { readonly inputTokens?: number; readonly outputTokens?: number } {
  const counts = object(usage) ?? undefined
  const count = (name: string, sent: string): object => {
    const value = own(counts, sent)
    return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? { [name]: Math.round(value) } : {}
  }
  return { ...count('inputTokens', 'prompt_tokens'), ...count('outputTokens', 'completion_tokens') }
}

function mean(vectors: readonly (readonly number[])[]): readonly number[] {
  return vectors[0]!.map((_, at) => vectors.reduce((sum, vector) => sum + vector[at]!, 0) / vectors.length)
}

function isVector(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((number) => typeof number === 'number' && Number.isFinite(number))
}

function firstOf(value: unknown): object | null {
  return Array.isArray(value) ? object(value[0]) : null
}

function object(value: unknown): object | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null
}

function stringOr(value: unknown, fallback: string | null): string | null {
  return typeof value === 'string' ? value : fallback
}

function bad(url: string, reason: string, cause?: unknown): Error {
  return poolErrors.fail('BACKEND_BAD_RESPONSE', { url, reason }, { cause })
}
