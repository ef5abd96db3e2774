/** The Pool Manager's configuration, checked once. */
import { totalmem } from 'node:os'
import { integerOption, invalidOption, own, refuseUnknown } from '../../runtime/index.ts'
import type { ModelSpec } from './protocol.ts'

export interface PoolManagerConfig {
  readonly models: readonly ModelSpec[]
  /** Where models registered at run time are kept (`pool/models.json`); `':memory:'` keeps nothing. */
  readonly dataDir: string
  /** Memory of all loaded models together. @default half of the machine's */
  readonly memoryBudgetBytes?: number
  /** Models loaded at once. @default no limit */
  readonly loadedMax?: number
  /** Models known at once; the lease region must have room for them. @default what the region has room for */
  readonly modelsMax?: number
  /** Threads the built-in instruments share. @default 2 */
  readonly hostThreads?: number
}

export interface ResolvedPoolConfig {
  readonly models: readonly unknown[]
  readonly dataDir: string | null
  readonly memoryBudgetBytes: number
  readonly loadedMax: number
  readonly modelsMax: number
  readonly hostThreads: number
}

const KEYS = ['models', 'dataDir', 'memoryBudgetBytes', 'loadedMax', 'modelsMax', 'hostThreads']

/** Throws `INVALID_OPTION`. */
export function resolvePoolConfig(config: PoolManagerConfig): ResolvedPoolConfig {
  refuseUnknown(config, KEYS, 'pool.')
  const models = own(config, 'models') ?? []
  const dataDir = own(config, 'dataDir')
  if (!Array.isArray(models)) throw invalidOption('pool.models', 'a list of models', models)
  if (typeof dataDir !== 'string' || dataDir === '')
    throw invalidOption('pool.dataDir', 'a folder or :memory:', dataDir)
  const optional = (key: string): number =>
    own(config, key) === undefined ? Infinity : integerOption(config, key, 0, { min: 1 })
  return Object.freeze({
    models,
    dataDir: dataDir === ':memory:' ? null : dataDir,
    memoryBudgetBytes: integerOption(config, 'memoryBudgetBytes', Math.floor(totalmem() / 2), { min: 0 }),
    loadedMax: optional('loadedMax'),
    modelsMax: optional('modelsMax'),
    hostThreads: integerOption(config, 'hostThreads', 2, { min: 1, max: 64 }),
  })
}
