/** Model specs come from users: own properties only, every mistake named, defaults filled in once. */
import { canonicalJson, describe, own } from '../../runtime/index.ts'
import { poolErrors } from './errors.ts'
import { SLOTS_MAX } from './lease-layout.ts'
import type { BackendSpec, ModelSpec } from './protocol.ts'

const MEBIBYTE = 1024 * 1024
/** `model:<id>` is a resource name of the Arbitration Engine, which allows 256 characters. */
const ID_LENGTH_MAX = 240
const TIMEOUT_DEFAULT_MS = 120_000
/** Modules below this folder are the built-in instruments. */
const INSTRUMENTS = new URL('./instruments/', import.meta.url).href

export type ResolvedModelSpec = Required<Omit<ModelSpec, 'pricePerSecond' | 'pricePerMillionTokens'>> &
  Pick<ModelSpec, 'pricePerSecond' | 'pricePerMillionTokens'>

const KEYS: readonly (keyof ModelSpec)[] = [
  'id',
  'backend',
  'memoryBytes',
  'slots',
  'keepAliveMs',
  'version',
  'deterministic',
  'pricePerSecond',
  'pricePerMillionTokens',
]

/** Throws `MODEL_SPEC_INVALID`. */
export function resolveModelSpec(spec: unknown): ResolvedModelSpec {
  const id = typeof spec === 'object' && spec !== null ? own(spec, 'id') : undefined
  const invalid = (reason: string): Error => poolErrors.fail('MODEL_SPEC_INVALID', { model: describe(id), reason })
  if (typeof spec !== 'object' || spec === null) throw invalid(`expected an object, got ${describe(spec)}`)
  if (!isModelId(id)) throw invalid(`\`id\` must be 1 to ${ID_LENGTH_MAX} characters without control characters`)
  const unknown = Object.keys(spec).find((key) => !(KEYS as readonly string[]).includes(key))
  if (unknown !== undefined) throw invalid(`there is no setting \`${unknown}\`; there are ${KEYS.join(', ')}`)
  const backend = resolveBackend(own(spec, 'backend'), invalid)
  const isModule = backend.kind === 'module'
  const number = (key: keyof ModelSpec, fallback: number | undefined, min: number, max: number): number => {
    const value = own(spec, key) ?? fallback
    if (typeof value !== 'number' || !(value >= min && value <= max)) {
      throw invalid(`\`${key}\` must be a number from ${min} to ${max}, got ${describe(value)}`)
    }
    return value
  }
  const whole = (key: keyof ModelSpec, fallback: number, min: number, max: number): number => {
    const value = number(key, fallback, min, max)
    if (!Number.isInteger(value)) throw invalid(`\`${key}\` must be a whole number, got ${value}`)
    return value
  }
  const price = (key: 'pricePerSecond' | 'pricePerMillionTokens'): object =>
    own(spec, key) === undefined ? {} : { [key]: number(key, undefined, 0, Number.MAX_VALUE) }
  return Object.freeze({
    id,
    backend,
    memoryBytes: whole('memoryBytes', isModule ? 16 * MEBIBYTE : 0, 0, Number.MAX_SAFE_INTEGER),
    slots: whole('slots', 8, 1, SLOTS_MAX),
    keepAliveMs: number('keepAliveMs', 300_000, 0, Infinity),
    version: text(own(spec, 'version') ?? '1', () => invalid('`version` must be a non-empty string')),
    deterministic: flag(own(spec, 'deterministic') ?? isBuiltin(backend), () =>
      invalid('`deterministic` must be true or false'),
    ),
    ...price('pricePerSecond'),
    ...price('pricePerMillionTokens'),
  })
}

export function isModelId(id: unknown): id is string {
  return (
    typeof id === 'string' && id.length > 0 && id.length <= ID_LENGTH_MAX && id.isWellFormed() && !/\p{Cc}/u.test(id)
  )
}

export function isBuiltin(backend: BackendSpec): boolean {
  return backend.kind === 'module' && backend.module.startsWith(INSTRUMENTS)
}

export function sameSpec(one: ResolvedModelSpec, other: ResolvedModelSpec): boolean {
  // An infinite keep-alive is fine for us and not for canonical JSON.
  const text = ({ keepAliveMs, ...rest }: ResolvedModelSpec): string => `${keepAliveMs} ${canonicalJson(rest)}`
  return text(one) === text(other)
}

function resolveBackend(value: unknown, invalid: (reason: string) => Error): BackendSpec {
  if (typeof value !== 'object' || value === null) throw invalid('`backend` must be an object')
  const string = (key: string): string =>
    text(own(value, key), () => invalid(`\`backend.${key}\` must be a non-empty string`))
  const optional = (key: string): object => (own(value, key) === undefined ? {} : { [key]: string(key) })
  const kind = own(value, 'kind')
  switch (kind) {
    case 'module': {
      const module = string('module')
      if (!isModuleLocation(module)) {
        throw invalid(`\`backend.module\` must be a file URL or an absolute path, got ${module}`)
      }
      const options = own(value, 'options') ?? {}
      if (typeof options !== 'object' || Array.isArray(options)) throw invalid('`backend.options` must be an object')
      return { kind, module, ...optional('export'), options: options as Readonly<Record<string, unknown>> }
    }
    case 'openai-http': {
      const timeoutMs = own(value, 'timeoutMs') ?? TIMEOUT_DEFAULT_MS
      if (typeof timeoutMs !== 'number' || !(timeoutMs > 0)) throw invalid('`backend.timeoutMs` must be above 0')
      return { kind, url: httpUrl(string('url'), invalid), model: string('model'), ...optional('apiKeyEnv'), timeoutMs }
    }
    default:
      throw invalid(`\`backend.kind\` must be module or openai-http, got ${describe(kind)}`)
  }
}

/** A URL with a password in it would end up in messages and logs; keys come from the environment. */
function httpUrl(url: string, invalid: (reason: string) => Error): string {
  const parsed = URL.canParse(url) ? new URL(url) : null
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) throw invalid(`\`backend.url\` must be an http(s) URL`)
  if (parsed.username !== '' || parsed.password !== '') {
    throw invalid('`backend.url` must not carry a user name or password; use `apiKeyEnv`')
  }
  return url
}

function isModuleLocation(module: string): boolean {
  return (
    module.startsWith('file:') || module.startsWith('data:') || module.startsWith('/') || /^[A-Za-z]:[\\/]/.test(module)
  )
}

function text(value: unknown, invalid: () => Error): string {
  if (typeof value !== 'string' || value === '') throw invalid()
  return value
}

function flag(value: unknown, invalid: () => Error): boolean {
  if (typeof value !== 'boolean') throw invalid()
  return value
}
