/**
 * From an instrument's input to what a language model is asked. `parameters.prompt` and `parameters.system` are
 * templates: `{{field}}` and `{{a.b}}` become the input's own values, once – a value that looks like a template stays text.
 */
import { own } from '../../../runtime/index.ts'
import type { BackendRequest } from './backend.ts'

export interface ChatMessage {
  readonly role: string
  readonly content: unknown
}

/** The messages of a request: `parameters.messages` as they are, else system and prompt, else the input's own text. */
export function messagesOf(request: Pick<BackendRequest, 'input' | 'parameters'>): readonly ChatMessage[] | null {
  const { input, parameters } = request
  const messages = own(parameters, 'messages') ?? (isObject(input) ? own(input, 'messages') : undefined)
  if (messages !== undefined) return Array.isArray(messages) && messages.every(isMessage) ? messages : null
  const system = own(parameters, 'system')
  const prompt = own(parameters, 'prompt')
  const content = typeof prompt === 'string' ? render(prompt, input) : textOf(input)
  if (content === null) return null
  const user = { role: 'user', content }
  return typeof system === 'string' ? [{ role: 'system', content: render(system, input) }, user] : [user]
}

/** The texts to embed: `{ texts }`, `{ text }`, a list of strings or one string; null when it is none of these. */
export function textsOf(input: unknown): readonly string[] | null {
  const texts = isObject(input) ? (own(input, 'texts') ?? own(input, 'text')) : input
  if (typeof texts === 'string') return [texts]
  return Array.isArray(texts) && texts.every((text) => typeof text === 'string') ? texts : null
}

export function render(template: string, input: unknown): string {
  return template.replaceAll(/\{\{\s*([^{}\s]+)\s*\}\}/g, (_, path: string) => {
    const value = path === '.' ? input : valueAt(input, path)
    if (value === undefined || value === null) return ''
    return typeof value === 'string' ? value : JSON.stringify(value)
  })
}

/** A bare string answers to the name `text`, so that one template serves both forms of input. */
function valueAt(input: unknown, path: string): unknown {
  if (typeof input === 'string') return path === 'text' ? input : undefined
  let value: unknown = input
  for (const name of path.split('.')) value = isObject(value) || Array.isArray(value) ? own(value, name) : undefined
  return value
}

function textOf(input: unknown): string | null {
  if (typeof input === 'string') return input
  if (!isObject(input)) return null
  const text = own(input, 'text') ?? own(input, 'prompt')
  return typeof text === 'string' ? text : JSON.stringify(input)
}

function isMessage(value: unknown): value is ChatMessage {
  return isObject(value) && typeof own(value, 'role') === 'string' && own(value, 'content') !== undefined
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
