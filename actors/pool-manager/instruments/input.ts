/**
 * Reads what an instrument was asked. Input is plain data from a workflow or a host: only own properties count, and
 * a mistake names the field (`items[3].vector`). Settings such as `count` may stand in the input or in the
 * parameters; the input, being closer to the data, wins. Unknown fields are left alone, because the same call may be
 * meant for another backend of the same model id (a `prompt` for a language model, say).
 */
import { describe, own, type PitError } from '../../../runtime/index.ts'
import { instrumentErrors } from './errors.ts'

/** The longest text an instrument takes, in UTF-16 code units: 16 Mi, about 8,000 printed pages. */
export const TEXT_CHARS_MAX = 16 * 1024 * 1024

export interface InstrumentRequest {
  readonly input: unknown
  readonly parameters: Readonly<Record<string, unknown>>
}

export function inputInvalid(field: string, expected: string, value: unknown): PitError {
  return instrumentErrors.fail('INSTRUMENT_INPUT_INVALID', {
    field,
    expected,
    value: describe(value === undefined ? 'nothing' : value),
    type: typeName(value),
  })
}

/** The text of `'…'` or `{ text: '…' }`. An empty text is a text. */
export function readText(request: InstrumentRequest): string {
  const { input } = request
  return checkText('text', typeof input === 'string' ? input : own(requireObject(input), 'text'))
}

/** The texts of `{ texts: [...] }`, or the one of `{ text }` or a bare string. */
export function readTexts(request: InstrumentRequest): readonly string[] {
  const texts = typeof request.input === 'string' ? undefined : own(requireObject(request.input), 'texts')
  if (texts === undefined) return [readText(request)]
  if (!Array.isArray(texts)) throw inputInvalid('texts', 'a list of texts', texts)
  const checked = texts.map((text, index) => checkText(`texts[${index}]`, text))
  const chars = checked.reduce((sum, text) => sum + text.length, 0)
  if (chars > TEXT_CHARS_MAX) throw inputInvalid('texts', `at most ${TEXT_CHARS_MAX} characters together`, chars)
  return checked
}

/** A setting of the request, wherever it stands; `undefined` when nowhere. */
export function readSetting(request: InstrumentRequest, key: string): unknown {
  const { input } = request
  const fromInput = isObject(input) ? own(input, key) : undefined
  return fromInput ?? own(request.parameters, key)
}

export function readInteger(
  request: InstrumentRequest,
  key: string,
  fallback: number,
  { min, max }: { readonly min: number; readonly max: number },
): number {
  const value = readSetting(request, key) ?? fallback
  if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
    throw inputInvalid(key, `a whole number from ${min} to ${max}`, value)
  }
  return value as number
}

export function readNumber(
  request: InstrumentRequest,
  key: string,
  fallback: number,
  { min, max }: { readonly min: number; readonly max: number },
): number {
  const value = readSetting(request, key) ?? fallback
  if (typeof value !== 'number' || !(value >= min && value <= max)) {
    throw inputInvalid(key, `a number from ${min} to ${max}`, value)
  }
  return value
}

export function readChoice<T extends string>(
  request: InstrumentRequest,
  key: string,
  fallback: T,
  choices: readonly T[],
): T {
  const value = readSetting(request, key) ?? fallback
  if (!choices.includes(value as T)) throw inputInvalid(key, `one of ${choices.join(', ')}`, value)
  return value as T
}

/** The language code in the request (`'de'`, `'de-AT'` → `'de'`), or `undefined` when none is given or it is `und`. */
export function readLanguage(request: InstrumentRequest): string | undefined {
  const value = readSetting(request, 'language')
  if (value === undefined) return undefined
  if (typeof value !== 'string' || !/^[A-Za-z]{2,3}(?:[-_][A-Za-z0-9-]+)?$/.test(value)) {
    throw inputInvalid('language', 'a language code such as "en"', value)
  }
  const code = value.slice(0, value.search(/[-_]|$/)).toLowerCase()
  return code === 'und' ? undefined : code
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function requireObject(input: unknown): Readonly<Record<string, unknown>> {
  if (!isObject(input)) throw inputInvalid('input', 'an object', input)
  return input
}

function checkText(field: string, value: unknown): string {
  if (typeof value !== 'string') throw inputInvalid(field, 'a text', value)
  if (value.length > TEXT_CHARS_MAX) {
    throw inputInvalid(field, `a text of at most ${TEXT_CHARS_MAX} characters`, `${value.length} characters`)
  }
  return value
}

function typeName(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}
