/** Operators that only hand values on. */
import type { Operator } from './operator.ts'

/** Does nothing; its output is its inputs. For order, for joining branches, for measuring overhead. */
export const noop: Operator = {
  name: 'noop',
  description: 'Hands its inputs on as its output',
  version: '1',
  pure: true,
  on: 'inline',
  inputs: {},
  openInputs: true,
  outputs: {},
  run: (inputs) => inputs,
}

export const constant: Operator = {
  name: 'constant',
  description: 'Its output is the input `value`',
  version: '1',
  pure: true,
  on: 'inline',
  inputs: { value: { type: 'any' } },
  outputs: {},
  run: (inputs) => inputs.value,
}
