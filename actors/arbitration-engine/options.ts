/** Configuration of the engine: defaults, checks, frozen result. */
import { availableParallelism, totalmem } from 'node:os'
import { choiceOption, integerOption, invalidOption, own, refuseUnknown, stringOption } from '../../runtime/index.ts'
import { isName, isResourceName } from './claim.ts'
import type { ResourceVector } from './protocol.ts'
import { STRATEGY_NAMES, type StrategyName } from './resolution.ts'

export interface TenantWeight {
  readonly tenant: string
  readonly weight: number
}

export interface ArbitrationConfig {
  /** The Pit's data directory; `':memory:'` keeps nothing. */
  readonly dataDir: string
  /** @default cpu: cores of the machine, memory: its bytes */
  readonly capacity?: ResourceVector
  readonly tenants?: readonly TenantWeight[]
  /** @default 'fair' */
  readonly strategy?: StrategyName
  /** Requests that wait, at most; one tenant may have as many as there are free places. @default 100_000 */
  readonly queueMax?: number
  /** How long a grant lasts unless renewed. @default 30_000 */
  readonly grantTtlMs?: number
  /** Size of the audit trail above which its oldest part is dropped. @default 64 MiB */
  readonly auditBytesMax?: number
}

export type ResolvedArbitrationConfig = Required<ArbitrationConfig>

const KNOWN = ['dataDir', 'capacity', 'tenants', 'strategy', 'queueMax', 'grantTtlMs', 'auditBytesMax']

/** @throws INVALID_OPTION naming the key */
export function resolveArbitrationConfig(config: ArbitrationConfig): ResolvedArbitrationConfig {
  refuseUnknown(config, KNOWN)
  const capacity = own(config, 'capacity') ?? { cpu: availableParallelism(), memory: totalmem() }
  if (!isCapacity(capacity)) throw invalidOption('capacity', 'amounts, 0 or more, by resource name', capacity)
  const tenants = own(config, 'tenants') ?? []
  if (!Array.isArray(tenants) || !tenants.every(isTenantWeight)) {
    throw invalidOption('tenants', 'a list of { tenant, weight } with weights above 0', tenants)
  }
  return Object.freeze({
    dataDir: stringOption(config, 'dataDir', ':memory:'),
    capacity: Object.freeze({ ...capacity }),
    tenants: Object.freeze(tenants.map(({ tenant, weight }) => Object.freeze({ tenant, weight }))),
    strategy: choiceOption(config, 'strategy', 'fair', STRATEGY_NAMES),
    queueMax: integerOption(config, 'queueMax', 100_000, { min: 1 }),
    grantTtlMs: integerOption(config, 'grantTtlMs', 30_000, { min: 1 }),
    auditBytesMax: integerOption(config, 'auditBytesMax', 64 * 2 ** 20, { min: 2 ** 20 }),
  })
}

export function isCapacity(value: unknown): value is ResourceVector {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.entries(value).every(([name, amount]) => isResourceName(name) && isAmount(amount))
}

export function isWeight(value: unknown): value is number {
  return isAmount(value) && value > 0
}

function isTenantWeight(value: unknown): value is TenantWeight {
  return typeof value === 'object' && value !== null && isName(own(value, 'tenant')) && isWeight(own(value, 'weight'))
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}
