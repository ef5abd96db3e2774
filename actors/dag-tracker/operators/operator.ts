/**
 * What an operator is: a named function with declared ports. Built-ins are listed in `operators/index.ts`; a user's
 * `{ module, export }` is an `Operator` too, or a bare `run` function with undeclared ports.
 *
 * `pure`: the same inputs give the same output, nothing outside is read or changed; its results may be cached and
 * shared. `version` is part of the cache key: it changes whenever the output for some input changes.
 */
import type { Clock, Logger } from '../../../runtime/index.ts'
import type { ContentHash } from '../../artifact-store/protocol.ts'
import { dagErrors } from '../errors.ts'
import type { DataType, InputSpec } from '../workflow/definition.ts'

export interface OperatorContext {
  /** Aborted when the node times out or its run is cancelled. */
  readonly signal: AbortSignal
  /** Folders that files may be read and written below, absolute; none means no file access at all. */
  readonly roots: readonly string[]
  readonly clock: Clock
  readonly logger: Logger
  /** The same in every attempt that may have happened already: what makes an effect happen once. */
  readonly idempotencyKey: string
  readonly storeArtifact?: (content: Uint8Array, options: { readonly contentType: string }) => Promise<ContentHash>
}

export interface Operator {
  readonly name: string
  readonly description: string
  readonly version: string
  readonly pure: boolean
  /** Where it runs: short work and I/O on the tracker's own thread, long computations on the CPU pool. */
  readonly on: 'inline' | 'pool'
  readonly inputs: Readonly<Record<string, InputSpec>>
  /** Accepts inputs under other names too (a template's view). @default false */
  readonly openInputs?: boolean
  /** Ports of the output; empty when the whole output is one value of any type. */
  readonly outputs: Readonly<Record<string, DataType>>
  /** The output, or a promise of it. Inputs are resolved, checked against `inputs` and have their defaults. */
  run(inputs: Readonly<Record<string, unknown>>, ctx: OperatorContext): unknown
}

export function typeOfValue(value: unknown): DataType | 'undefined' {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  const type = typeof value
  return type === 'string' || type === 'number' || type === 'boolean' || type === 'object' ? type : 'undefined'
}

/** Whether a value of type `given` may go where `wanted` is expected; `any` fits everything and goes everywhere. */
export function fits(given: DataType, wanted: DataType): boolean {
  return given === wanted || given === 'any' || wanted === 'any'
}

/**
 * Fills in defaults and checks types: what an operator's `run` may rely on. Optional ports without a value are absent.
 * Throws `OPERATOR_INPUT_INVALID` naming the port.
 */
export function checkOperatorInputs(
  operator: Pick<Operator, 'name' | 'inputs' | 'openInputs'>,
  given: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const checked = new Map<string, unknown>()
  for (const [port, spec] of Object.entries(operator.inputs)) {
    const value = Object.hasOwn(given, port) && given[port] !== undefined ? given[port] : spec.default
    if (value === undefined) {
      if (spec.required === false) continue
      throw invalidInput(operator.name, port, 'given', undefined)
    }
    const type = typeOfValue(value)
    const wanted = spec.type ?? 'any'
    // An optional port may be given as null: that is how an absent value travels through data.
    if (type === 'null' && wanted !== 'null' && wanted !== 'any' && spec.required === false) continue
    if (type === 'undefined' || !fits(type, wanted)) throw invalidInput(operator.name, port, `of type ${wanted}`, value)
    checked.set(port, value)
  }
  for (const [port, value] of Object.entries(given)) {
    if (Object.hasOwn(operator.inputs, port)) continue
    if (operator.openInputs !== true) throw invalidInput(operator.name, port, 'one of its inputs', value)
    checked.set(port, value)
  }
  return Object.fromEntries(checked)
}

/** `OPERATOR_INPUT_INVALID`, for the checks an operator makes itself. */
export function invalidInput(operator: string, input: string, expected: string, value: unknown): Error {
  const given = value === undefined ? 'nothing' : value
  return dagErrors.fail('OPERATOR_INPUT_INVALID', { operator, input, expected, value: given })
}
