/**
 * Configuration: one schema for `Pit.open`, the configuration file, the environment and the command line.
 *
 * Sources are given from lowest to highest precedence; a higher one replaces a key as a whole, except `models`, which
 * are merged by id. Every value keeps where it came from (`pit config show --origin`). Only own properties count, and a
 * key that nobody reads is an error: a typo must not silently change nothing.
 */
import { availableParallelism, totalmem } from 'node:os'
import { isAbsolute, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { ResourceVector } from '../actors/arbitration-engine/protocol.ts'
import { parseModelFlag } from '../actors/pool-manager/index.ts'
import type { ModelSpec } from '../actors/pool-manager/protocol.ts'
import type { RetentionPolicy } from '../actors/stale-manager/protocol.ts'
import {
  choiceOption,
  integerOption,
  invalidOption,
  isPitError,
  refuseUnknown,
  stringOption,
  type LogLevel,
} from '../runtime/index.ts'
import { readArtifacts, type ArtifactsConfig, type ResolvedArtifactsConfig } from './artifacts-config.ts'
import { MEMORY } from './data-dir.ts'
import { hostErrors } from './errors.ts'

/** What a user may configure. All optional; defaults and units are in `configKeys`. */
export interface PitConfig {
  readonly dataDir?: string
  readonly resume?: 'auto' | 'manual'
  readonly tenant?: string
  readonly maxConcurrency?: number
  readonly poolThreads?: number
  readonly hostThreads?: number
  readonly memoryBudgetBytes?: number
  readonly loadedMax?: number
  readonly modelsMax?: number
  /** Specs, or the command line's short form `id=openai:<url>#<model>`, `id=module:<path>#<export>`. */
  readonly models?: readonly (ModelSpec | string)[]
  readonly capacity?: ResourceVector
  readonly tenants?: readonly { readonly tenant: string; readonly weight: number }[]
  readonly queueMax?: number
  readonly grantTtlMs?: number
  readonly policies?: readonly RetentionPolicy[]
  readonly graceDays?: number
  readonly artifacts?: ArtifactsConfig
  readonly logLevel?: LogLevel | 'silent'
}

export type ResolvedConfig = Readonly<Required<Omit<PitConfig, 'models' | 'policies' | 'artifacts'>>> & {
  readonly artifacts: ResolvedArtifactsConfig
  readonly models: readonly ModelSpec[]
  /** Null keeps the policies that are stored in the data directory. */
  readonly policies: readonly RetentionPolicy[] | null
}

export type ConfigKeyName = keyof ResolvedConfig

/** One place configuration comes from. */
export interface ConfigSource {
  /** For messages: `object`, `file pit.config.yaml`, `environment PIT_DATA_DIR`, `flag --data-dir`. */
  readonly origin: string
  readonly values: object
  /** Folder that relative paths in it start from. */
  readonly baseDir: string
}

export interface ConfigWithOrigins {
  readonly config: ResolvedConfig
  readonly origins: Readonly<Record<ConfigKeyName, string>>
}

interface ConfigKey {
  readonly description: string
  readonly fallback: unknown
  /** The checked value of this key in these values; throws `INVALID_OPTION`. */
  readonly read: (values: object, key: string, baseDir: string) => unknown
}

const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const
const DAY_MAX = 36_500

/** The schema. Environment names follow from it: `dataDir` is `PIT_DATA_DIR`. */
export const configKeys: Readonly<Record<ConfigKeyName, ConfigKey>> = Object.freeze({
  dataDir: {
    description: `data directory; "${MEMORY}" keeps everything in memory`,
    fallback: '.pit',
    read: (values, key, baseDir) => {
      const dir = stringOption(values, key, '')
      return dir === MEMORY ? MEMORY : resolve(baseDir, dir)
    },
  },
  resume: {
    description: 'take unfinished runs up again at open: auto or manual',
    fallback: 'auto',
    read: (values, key) => choiceOption(values, key, 'auto', ['auto', 'manual']),
  },
  tenant: {
    description: 'tenant of calls that name none',
    fallback: 'default',
    read: (values, key) => stringOption(values, key, 'default'),
  },
  maxConcurrency: integer('nodes of one run that are in flight at once, at most', 64, 1, 100_000),
  poolThreads: integer('threads for CPU-bound operators', Math.max(1, availableParallelism() - 1), 1, 256),
  hostThreads: integer('threads that the built-in instruments share', 2, 1, 64),
  memoryBudgetBytes: integer('bytes that loaded models may take together', Math.floor(totalmem() / 2), 0),
  loadedMax: integer('models that may be loaded at once', 1_024, 1, 1_024),
  modelsMax: integer('models that can be registered', 64, 1, 1_024),
  models: {
    description: 'models besides the built-in instruments; merged by id over all sources',
    fallback: Object.freeze([]),
    read: readModels,
  },
  capacity: {
    description: 'units of each resource that nodes may ask for: cpu in cores, memory in bytes, any other by your name',
    fallback: Object.freeze({ cpu: availableParallelism(), memory: totalmem() }),
    read: readCapacity,
  },
  tenants: {
    description: 'weights of tenants in fair sharing; 1 for all others',
    fallback: Object.freeze([]),
    read: readTenants,
  },
  queueMax: integer('requests that may wait for resources at once', 100_000, 1, 10_000_000),
  grantTtlMs: integer('milliseconds until unused units of a grant return', 30_000, 100, 86_400_000),
  policies: {
    description: 'retention policies; replaces those stored in the data directory',
    fallback: null,
    read: (values, key) => listOf(values, key, 'a list of retention policies'),
  },
  graceDays: integer('days in the trash before content is dropped for good', 7, 0, DAY_MAX),
  artifacts: {
    description:
      'the Artifact Store: { encryption: { key, formerKeys, mode, acceptDamage, epochRecords } }, see docs/encryption.md; { mirror: { kind: "file-system", dir } } keeps a second copy that repairs; { scorer: { module, export } } judges artifacts',
    fallback: Object.freeze({}),
    read: readArtifacts,
  },
  logLevel: {
    description: 'what is logged to standard error as JSON lines: silent, error, warn, info or debug',
    fallback: 'error',
    read: (values, key) => choiceOption(values, key, 'error', LOG_LEVELS),
  },
} satisfies Record<ConfigKeyName, ConfigKey>)

const KEY_NAMES = Object.keys(configKeys) as readonly ConfigKeyName[]

/** Checks all sources and merges them, lowest first. Error: `CONFIG_INVALID`, naming source, key and what was expected. */
export function resolveConfig(sources: readonly ConfigSource[]): ConfigWithOrigins {
  const config: Record<string, unknown> = Object.fromEntries(KEY_NAMES.map((key) => [key, configKeys[key].fallback]))
  config.dataDir = resolve(config.dataDir as string)
  const origins = Object.fromEntries(KEY_NAMES.map((key) => [key, 'default'])) as Record<ConfigKeyName, string>
  for (const { origin, values, baseDir } of sources) {
    for (const [key, value] of Object.entries(readSource(values, baseDir, origin))) {
      const name = key as ConfigKeyName
      const merge = name === 'models' && origins.models !== 'default'
      config[name] = merge ? mergeModels(config.models as ModelSpec[], value as ModelSpec[]) : value
      origins[name] = merge ? `${origins.models}, ${origin}` : origin
    }
  }
  return { config: Object.freeze(config) as ResolvedConfig, origins: Object.freeze(origins) }
}

function readSource(values: object, baseDir: string, origin: string): Record<string, unknown> {
  try {
    if (typeof values !== 'object' || values === null || Array.isArray(values)) {
      throw invalidOption('configuration', 'an object', values)
    }
    refuseUnknown(values, KEY_NAMES)
    const given = KEY_NAMES.filter((key) => Object.hasOwn(values, key) && (values as PitConfig)[key] !== undefined)
    return Object.fromEntries(given.map((key) => [key, configKeys[key].read(values, key, baseDir)]))
  } catch (cause) {
    if (!isPitError(cause, 'INVALID_OPTION')) throw cause
    throw hostErrors.fail('CONFIG_INVALID', { ...cause.fields, origin }, { cause })
  }
}

function integer(description: string, fallback: number, min: number, max?: number): ConfigKey {
  const range = max === undefined ? { min } : { min, max }
  return { description, fallback, read: (values, key) => integerOption(values, key, fallback, range) }
}

function listOf(values: object, key: string, expected: string): readonly unknown[] {
  const list = (values as Record<string, unknown>)[key]
  if (!Array.isArray(list)) throw invalidOption(key, expected, list)
  return list as readonly unknown[]
}

/** Short forms become specs, relative module paths absolute URLs; the Pool Manager checks the rest. */
function readModels(values: object, key: string, baseDir: string): readonly ModelSpec[] {
  const specs = listOf(values, key, 'a list of models').map((entry, index) => {
    const spec = typeof entry === 'string' ? parseModelFlag(entry, baseDir) : (entry as ModelSpec | null)
    if (typeof spec !== 'object' || spec === null || typeof spec.id !== 'string' || typeof spec.backend !== 'object') {
      throw invalidOption(`${key}[${index}]`, 'a model spec { id, backend } or the form id=kind:…', entry)
    }
    return locateModule(spec, baseDir)
  })
  return mergeModels([], specs)
}

function locateModule(spec: ModelSpec, baseDir: string): ModelSpec {
  const { backend } = spec
  if (backend.kind !== 'module' || typeof backend.module !== 'string') return spec
  const isPath = backend.module.startsWith('./') || backend.module.startsWith('../') || isAbsolute(backend.module)
  if (!isPath) return spec
  return { ...spec, backend: { ...backend, module: pathToFileURL(resolve(baseDir, backend.module)).href } }
}

/** The later spec of an id wins, in the place of the earlier one. */
export function mergeModels(low: readonly ModelSpec[], high: readonly ModelSpec[]): readonly ModelSpec[] {
  return Object.freeze([...new Map([...low, ...high].map((spec) => [spec.id, spec] as const)).values()])
}

function readCapacity(values: object, key: string): ResourceVector {
  const capacity = (values as Record<string, unknown>)[key]
  if (typeof capacity !== 'object' || capacity === null || Array.isArray(capacity)) {
    throw invalidOption(key, 'an object of units by resource name', capacity)
  }
  for (const [name, units] of Object.entries(capacity)) {
    if (typeof units !== 'number' || !Number.isFinite(units) || units < 0) {
      throw invalidOption(`${key}.${name}`, 'a number of units, 0 or more', units)
    }
  }
  return Object.freeze({ ...(configKeys.capacity.fallback as ResourceVector), ...(capacity as ResourceVector) })
}

function readTenants(values: object, key: string): ResolvedConfig['tenants'] {
  return listOf(values, key, 'a list of { tenant, weight }').map((entry, index) => {
    const where = `${key}[${index}].`
    if (typeof entry !== 'object' || entry === null)
      throw invalidOption(`${key}[${index}]`, '{ tenant, weight }', entry)
    refuseUnknown(entry, ['tenant', 'weight'], where)
    const { tenant, weight } = entry as { tenant?: unknown; weight?: unknown }
    if (typeof tenant !== 'string' || tenant === '') throw invalidOption(`${where}tenant`, 'a non-empty string', tenant)
    if (typeof weight !== 'number' || !(weight > 0) || !Number.isFinite(weight)) {
      throw invalidOption(`${where}weight`, 'a number above 0', weight)
    }
    return { tenant, weight }
  })
}
