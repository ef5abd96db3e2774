/** The built-in operators, by name. */
import type { Operator } from './operator.ts'
import { noop, constant } from './values.ts'

export type { Operator, OperatorContext } from './operator.ts'
export { checkOperatorInputs, fits, typeOfValue } from './operator.ts'

const ALL: readonly Operator[] = [noop, constant]

export const builtinOperators: ReadonlyMap<string, Operator> = new Map(ALL.map((operator) => [operator.name, operator]))
