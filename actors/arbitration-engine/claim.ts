/**
 * A resource request as the engine works with it: checked, defaults filled in, resources as sorted pairs.
 * Requests come from users through the host, so everything about them is checked here, once.
 */
import { describe, own } from '../../runtime/index.ts'
import { arbitrationErrors } from './errors.ts'
import { Priority, type PriorityName, type ResourceRequest, type ResourceVector } from './protocol.ts'

/** What one unit needs: `[resource, amount]` sorted by resource, amounts above 0. */
export type Demand = readonly (readonly [resource: string, amount: number])[]

export interface Claim {
  readonly id: string
  readonly tenant: string
  readonly priority: PriorityName
  readonly demand: Demand
  readonly units: number
  readonly estimateMs?: number
  readonly deadlineAt?: number
  readonly runId?: string
  readonly nodeId?: string
}

const PRIORITIES: Readonly<Record<PriorityName, number>> = {
  critical: Priority.Critical,
  high: Priority.High,
  normal: Priority.Normal,
  low: Priority.Low,
  background: Priority.Background,
}
const NAME_LENGTH_MAX = 256
const UNITS_MAX = 100_000
const RESOURCES_MAX = 32

export function priorityWeight(name: PriorityName): number {
  return PRIORITIES[name]
}

/** @throws REQUEST_INVALID naming the request and the field */
export function claimOf(request: ResourceRequest): Claim {
  const id = own(request, 'id')
  const fail = (field: string, expected: string): Error =>
    arbitrationErrors.fail('REQUEST_INVALID', {
      id: describe(id),
      field,
      expected,
      value: describe(own(request, field)),
    })
  const name = (field: string): string => {
    const value = own(request, field)
    if (!isName(value)) throw fail(field, `a string of 1 to ${NAME_LENGTH_MAX} characters`)
    return value
  }
  const optional = <T>(field: string, read: (value: unknown) => T): { [key: string]: T } => {
    const value = own(request, field)
    return value === undefined || value === null ? {} : { [field]: read(value) }
  }
  const time = (field: string) => (value: unknown) => {
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw fail(field, 'milliseconds, 0 or more')
    return value
  }
  const priority = own(request, 'priority') ?? 'normal'
  if (typeof priority !== 'string' || !Object.hasOwn(PRIORITIES, priority)) {
    throw fail('priority', `one of ${Object.keys(PRIORITIES).join(', ')}`)
  }
  const units = own(request, 'units') ?? 1
  if (!Number.isSafeInteger(units) || (units as number) < 1 || (units as number) > UNITS_MAX) {
    throw fail('units', `a whole number from 1 to ${UNITS_MAX}`)
  }
  return {
    id: name('id'),
    tenant: name('tenant'),
    priority: priority as PriorityName,
    demand: demandOf(own(request, 'resources'), (expected) => fail('resources', expected)),
    units: units as number,
    ...optional('estimateMs', time('estimateMs')),
    ...optional('deadlineAt', time('deadlineAt')),
    ...optional('runId', () => name('runId')),
    ...optional('nodeId', () => name('nodeId')),
  }
}

/** The protocol's form of a demand. */
export function vectorOf(demand: Demand): ResourceVector {
  return Object.fromEntries(demand)
}

export function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= NAME_LENGTH_MAX && value.isWellFormed()
}

/** Names become keys of plain objects in replies and records, where this one would not be an own key. */
export function isResourceName(value: unknown): value is string {
  return isName(value) && value !== '__proto__'
}

function demandOf(value: unknown, fail: (expected: string) => Error): Demand {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw fail('amounts by resource name')
  const pairs = Object.entries(value as Record<string, unknown>)
  if (pairs.length > RESOURCES_MAX) throw fail(`at most ${RESOURCES_MAX} resources`)
  for (const [resource, amount] of pairs) {
    if (!isResourceName(resource)) throw fail(`resource names of 1 to ${NAME_LENGTH_MAX} characters`)
    if (typeof amount !== 'number' || !Number.isFinite(amount) || amount < 0) {
      throw fail(`a number, 0 or more, for ${resource}`)
    }
  }
  return (pairs as [string, number][]).filter(([, amount]) => amount > 0).sort(([a], [b]) => (a < b ? -1 : 1))
}
