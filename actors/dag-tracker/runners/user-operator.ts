/** Operators by name or by `{ module, export }`, as something that can be run. */
import { isAbsolute, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { dagErrors } from '../errors.ts'
import { builtinOperators, type Operator, type OperatorContext } from '../operators/index.ts'
import type { OperatorNode } from '../workflow/definition.ts'

export type OperatorReference = OperatorNode['operator']

/** What the engine needs to know of an operator without loading it. */
export interface OperatorTraits {
  /** For the cache key. */
  readonly name: string
  readonly version: string
  readonly pure: boolean
  readonly on: 'inline' | 'pool'
}

export function traitsOf({ operator, on }: OperatorNode): OperatorTraits {
  if (typeof operator === 'string') {
    const builtin = builtinOperators.get(operator)
    if (builtin === undefined) throw new Error(`operator ${operator} passed validation but does not exist`)
    return { name: operator, version: builtin.version, pure: builtin.pure, on: on ?? builtin.on }
  }
  const name = `${moduleUrl(operator.module)}#${operator.export}`
  return { name, version: operator.version ?? '1', pure: operator.pure ?? false, on: on ?? 'inline' }
}

export type LoadedOperator = Pick<Operator, 'name' | 'inputs' | 'openInputs' | 'run'>

/** Imports a user's operator, an `Operator` or a bare function `(inputs, ctx) → output`, in this very thread. */
export async function loadOperator(reference: OperatorReference): Promise<LoadedOperator> {
  if (typeof reference === 'string') return builtinOperators.get(reference)!
  const { module, export: name } = reference
  const exported = await importExport(module, name)
  if (typeof exported === 'function') {
    const run = exported as (inputs: Readonly<Record<string, unknown>>, ctx: OperatorContext) => unknown
    return { name, inputs: {}, openInputs: true, run }
  }
  if (isOperator(exported)) return exported
  throw dagErrors.fail('OPERATOR_NOT_LOADED', { module, export: name, reason: 'it is no function and no operator' })
}

async function importExport(module: string, name: string): Promise<unknown> {
  try {
    const exports = (await import(moduleUrl(module))) as object
    return Object.hasOwn(exports, name) ? (exports as Record<string, unknown>)[name] : undefined
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw dagErrors.fail('OPERATOR_NOT_LOADED', { module, export: name, reason }, { cause })
  }
}

function isOperator(value: unknown): value is LoadedOperator {
  return typeof value === 'object' && value !== null && typeof (value as { run?: unknown }).run === 'function'
}

/** URLs and package names stay; paths are taken from the current directory. */
function moduleUrl(module: string): string {
  if (isAbsolute(module) || module.startsWith('.')) return pathToFileURL(resolve(module)).href
  return module
}
