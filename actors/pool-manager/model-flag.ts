/**
 * The command line's form of a model:
 *
 *   name=openai:<url>#<model>[;key=<ENV NAME>][;slots=8][;timeoutMs=120000][;version=1]
 *   name=module:<path or URL>#<export>[;slots=8][;memoryBytes=…][;version=1][;deterministic=true]
 */
import { isAbsolute, resolve } from 'node:path'
import { poolErrors } from './errors.ts'
import type { ModelSpec } from './protocol.ts'
import { resolveModelSpec } from './spec.ts'

/**
 * Reads a flag into a checked spec; relative module paths are taken from `baseDir`.
 * Errors: `MODEL_FLAG_INVALID`, `MODEL_SPEC_INVALID`.
 */
export function parseModelFlag(flag: string, baseDir: string = process.cwd()): ModelSpec {
  const invalid = (reason: string): Error => poolErrors.fail('MODEL_FLAG_INVALID', { flag, reason })
  const match = /^([^=]+)=([a-z]+):([^#;]+)(?:#([^;]*))?((?:;[^;]*)*)$/s.exec(flag)
  if (match === null) throw invalid('it does not read so')
  const [, id, kind, location, fragment, tail] = match as unknown as [string, string, string, string, string?, string?]
  const settings = readSettings(tail ?? '', invalid)
  if (kind === 'openai') {
    if (fragment === undefined || fragment === '') throw invalid('the model name after `#` is missing')
    const { key, timeoutMs, ...rest } = settings
    const apiKey = key === undefined ? {} : { apiKeyEnv: key }
    const timeout = timeoutMs === undefined ? {} : { timeoutMs }
    return resolveModelSpec({
      id,
      backend: { kind: 'openai-http', url: location, model: fragment, ...apiKey, ...timeout },
      ...rest,
    })
  }
  if (kind === 'module') {
    const isPlaced = location.startsWith('file:') || isAbsolute(location)
    const module = isPlaced ? location : resolve(baseDir, location)
    const named = fragment === undefined || fragment === '' ? {} : { export: fragment }
    return resolveModelSpec({ id, backend: { kind: 'module', module, ...named }, ...settings })
  }
  throw invalid(`there is no backend ${kind}, only openai and module`)
}

function readSettings(tail: string, invalid: (reason: string) => Error): Readonly<Record<string, unknown>> {
  const settings = tail.split(';').filter((part) => part !== '')
  return Object.fromEntries(
    settings.map((setting) => {
      const at = setting.indexOf('=')
      if (at < 1) throw invalid(`\`${setting}\` is not of the form name=value`)
      const name = setting.slice(0, at)
      const value = setting.slice(at + 1)
      return [name, TEXT_SETTINGS.has(name) ? value : plainValue(value)]
    }),
  )
}

/** Settings that stay text even when they look like a number. */
const TEXT_SETTINGS: ReadonlySet<string> = new Set(['key', 'version'])

function plainValue(value: string): unknown {
  if (value === 'true' || value === 'false') return value === 'true'
  return value.trim() !== '' && Number.isFinite(Number(value)) ? Number(value) : value
}
