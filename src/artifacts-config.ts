/** The `artifacts` key of the configuration: how the Artifact Store keeps what it is given. */
import { isAbsolute, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import {
  resolveBackendSpec,
  type BackendSpec,
  type EncryptionOptions,
  type ScorerReference,
} from '../actors/artifact-store/index.ts'
import type { KeySource } from '../actors/artifact-store/protocol.ts'
import { invalidOption, own } from '../runtime/index.ts'

/** A source, or in short `env:NAME`, `file:path`, `module:path#export`. */
export type KeySourceConfig = KeySource | string

export interface ArtifactsConfig {
  /** Encrypts what the store has on the disk. Both other keys are as in `EncryptionOptions`. @default not encrypted */
  readonly encryption?: Omit<EncryptionOptions, 'key' | 'formerKeys'> & {
    readonly key: KeySourceConfig
    readonly formerKeys?: readonly KeySourceConfig[]
  }
  /** Where a second copy of all content is kept, from which damaged content is repaired. @default none */
  readonly mirror?: BackendSpec
  /** A function that judges artifacts, beside the built-in judging: see `ScorerFunction`. @default none */
  readonly scorer?: ScorerReference
}

export interface ResolvedArtifactsConfig {
  readonly encryption?: EncryptionOptions
  readonly mirror?: BackendSpec
  readonly scorer?: ScorerReference
}

const KEYS: readonly string[] = ['encryption', 'mirror', 'scorer'] satisfies (keyof ArtifactsConfig)[]
const EXPECTED = 'an object such as { encryption, mirror, scorer }'

/** Checks the shape and locates files; the store checks the rest. Error: `INVALID_OPTION`. */
export function readArtifacts(values: object, key: string, baseDir: string): ResolvedArtifactsConfig {
  const artifacts = own(values, key)
  if (typeof artifacts !== 'object' || artifacts === null || Array.isArray(artifacts)) {
    throw invalidOption(key, EXPECTED, typeof artifacts)
  }
  // Not shown either: it may be the key, at the wrong place.
  if (Object.keys(artifacts).some((name) => !KEYS.includes(name))) {
    throw invalidOption(key, EXPECTED, 'one with other keys')
  }
  return Object.freeze({
    ...readEncryption(artifacts, key, baseDir),
    ...readMirror(artifacts, key, baseDir),
    ...readScorer(own(artifacts, 'scorer'), `${key}.scorer`, baseDir),
  })
}

/** A relative folder starts where the configuration is. */
function readMirror(artifacts: object, key: string, baseDir: string): Pick<ResolvedArtifactsConfig, 'mirror'> {
  const value = own(artifacts, 'mirror')
  if (value === undefined || value === null) return {}
  const spec = resolveBackendSpec(value, `${key}.mirror`)
  return { mirror: spec.kind === 'file-system' ? { ...spec, dir: resolve(baseDir, spec.dir) } : spec }
}

function readEncryption(artifacts: object, key: string, baseDir: string): Pick<ResolvedArtifactsConfig, 'encryption'> {
  const encryption = own(artifacts, 'encryption')
  if (encryption === undefined || encryption === null) return {}
  const name = `${key}.encryption`
  if (typeof encryption !== 'object') throw invalidOption(name, 'an object such as { key }', typeof encryption)
  const formerKeys = own(encryption, 'formerKeys') ?? []
  if (!Array.isArray(formerKeys)) throw invalidOption(`${name}.formerKeys`, 'a list of keys', typeof formerKeys)
  return {
    encryption: Object.freeze({
      ...encryption,
      key: readKeySource(own(encryption, 'key'), `${name}.key`, baseDir),
      formerKeys: formerKeys.map((source, i) => readKeySource(source, `${name}.formerKeys[${i}]`, baseDir)),
    }),
  }
}

function readScorer(value: unknown, name: string, baseDir: string): { readonly scorer?: ScorerReference } {
  if (value === undefined || value === null) return {}
  const module = typeof value === 'object' ? own(value, 'module') : undefined
  const exported = typeof value === 'object' ? own(value, 'export') : undefined
  if (typeof module !== 'string' || (exported !== undefined && typeof exported !== 'string')) {
    throw invalidOption(name, 'a function as { module, export }', value)
  }
  return { scorer: { module: locate(module, baseDir), ...(exported === undefined ? {} : { export: exported }) } }
}

const SHORT = /^(env|file|module):(.+)$/

/** What is not a source is not shown: it may be the key itself. */
export function readKeySource(value: unknown, name: string, baseDir: string): KeySource {
  const expected = '{ env }, { file }, { module, export }, or in short env:NAME, file:path, module:path#export'
  if (typeof value === 'string') {
    const [, kind, rest] = SHORT.exec(value) ?? []
    if (kind === 'env') return { env: rest! }
    if (kind === 'file') return { file: resolve(baseDir, rest!) }
    if (kind !== 'module') throw invalidOption(name, expected, 'other text')
    const [module = '', exported] = rest!.split('#')
    return { module: locate(module, baseDir), ...(exported === undefined ? {} : { export: exported }) }
  }
  if (typeof value !== 'object' || value === null) throw invalidOption(name, expected, typeof value)
  const source = value as Partial<Record<'file' | 'module', unknown>>
  if (typeof source.file === 'string') return { ...(value as KeySource), file: resolve(baseDir, source.file) }
  if (typeof source.module === 'string') return { ...(value as KeySource), module: locate(source.module, baseDir) }
  return value as KeySource
}

/** Paths become URLs; names of packages stay. */
function locate(module: string, baseDir: string): string {
  const isPath = module.startsWith('./') || module.startsWith('../') || isAbsolute(module)
  return isPath ? pathToFileURL(resolve(baseDir, module)).href : module
}
