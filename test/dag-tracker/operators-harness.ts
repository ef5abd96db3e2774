/** Runs a built-in operator as the engine does: inputs checked, a context of its own. */
import {
  builtinOperators,
  checkOperatorInputs,
  type OperatorContext,
} from '../../actors/dag-tracker/operators/index.ts'
import { silentLogger, systemClock } from '../../runtime/index.ts'

export async function runOperator<T = Record<string, unknown>>(
  name: string,
  inputs: Readonly<Record<string, unknown>>,
  context: Partial<OperatorContext> = {},
): Promise<T> {
  const operator = builtinOperators.get(name)!
  const base = { signal: new AbortController().signal, roots: [], idempotencyKey: 'run/node/1' }
  const output = await operator.run(checkOperatorInputs(operator, inputs), {
    ...base,
    clock: systemClock,
    logger: silentLogger,
    ...context,
  })
  return output as T
}
