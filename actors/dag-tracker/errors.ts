/** Every error of the DAG Tracker: workflow format, expressions, operators, engine. Documented in `docs/errors.md`. */
import { defineErrors } from '../../runtime/index.ts'

export const dagErrors = defineErrors({
  // Workflow format. The fields of WORKFLOW_INVALID carry all `problems`; the message prints the first with its place.
  WORKFLOW_INVALID: { message: 'workflow {workflow} is not valid: {first}', status: 400, action: 'give-up' },
  EXPRESSION_INVALID: { message: 'expression `{expression}` is not valid: {reason}', status: 400, action: 'give-up' },
  EXPRESSION_FAILED: { message: 'expression `{expression}` failed: {reason}', status: 422, action: 'give-up' },
  REFERENCE_MISSING: { message: 'there is no value at `{from}`, and no default', status: 422, action: 'give-up' },

  // Operators.
  OPERATOR_INPUT_INVALID: {
    message: 'operator {operator} expected `{input}` to be {expected}, got {value}',
    status: 422,
    action: 'give-up',
  },
  PARSE_FAILED: { message: '{format} does not parse: {reason}', status: 422, action: 'give-up' },
  FILE_NOT_FOUND: { message: 'there is no file or folder {path}', status: 404, action: 'give-up' },
  FILE_UNREADABLE: { message: 'cannot read {path}: {reason}', status: 403, action: 'give-up' },
  FILE_BINARY: { message: '{path} is not UTF-8 text: {reason}', status: 415, action: 'give-up' },
  FILE_EMPTY: { message: '{path} has no text in it', status: 422, action: 'give-up' },
  FILE_TOO_LARGE: { message: '{path} has {sizeBytes} bytes, more than {maxBytes}', status: 413, action: 'give-up' },
  FILE_OUTSIDE_ROOTS: { message: '{path} is outside the allowed folders', status: 403, action: 'give-up' },
  FILE_EXISTS: { message: '{path} exists already', status: 409, action: 'give-up' },
  FILE_WRITE_FAILED: { message: 'cannot write {path}: {reason}', status: 500, action: 'retry' },
})
