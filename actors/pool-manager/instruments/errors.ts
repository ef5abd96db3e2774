/** What can go wrong with a built-in instrument's input. */
import { defineErrors } from '../../../runtime/index.ts'

export const instrumentErrors = defineErrors({
  INSTRUMENT_INPUT_INVALID: {
    message: 'Expected `{field}` to be {expected}, got `{value}` ({type})',
    status: 400,
    action: 'give-up',
  },
})
