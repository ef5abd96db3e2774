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

  // Engine.
  RUN_NOT_FOUND: { message: 'there is no run {runId}', status: 404, action: 'give-up' },
  RUN_ID_TAKEN: {
    message: 'run {runId} exists already, of another workflow or with other inputs',
    status: 409,
    action: 'give-up',
  },
  RUN_ENDED: { message: 'run {runId} has ended ({state})', status: 409, action: 'give-up' },
  RUN_CANCELLED: { message: 'run {runId} was cancelled: {reason}', status: 499, action: 'give-up' },
  RUN_INTERRUPTED: { message: 'the tracker stops; the run goes on when it is back', status: 503, action: 'retry' },
  RUN_STUCK: {
    message: 'run {runId} cannot go on: {waiting} nodes wait for something that never comes',
    status: 500,
    action: 'bug',
  },
  RUN_INPUT_INVALID: {
    message: 'workflow {workflow} expected input `{input}` to be {expected}, got {value}',
    status: 400,
    action: 'give-up',
  },
  UNKNOWN_MODEL: {
    message: 'node {nodeId} names the unknown model {model}; known are: {known}',
    status: 404,
    action: 'give-up',
  },
  NODE_TIMEOUT: { message: 'node {nodeId} ran longer than {timeoutMs} ms', status: 504, action: 'retry' },
  NODE_FAILED: { message: 'node {nodeId} failed: {reason}', status: 500, action: 'retry' },
  NODE_UPSTREAM: { message: 'a node before it did not end as it has to', status: 424, action: 'give-up' },
  OPERATOR_NOT_LOADED: {
    message: 'operator {export} of {module} cannot be loaded: {reason}',
    status: 422,
    action: 'give-up',
  },
  OUTPUT_INVALID: { message: 'the output of node {nodeId} is not JSON data: {reason}', status: 422, action: 'give-up' },
  OUTPUT_MISSING: {
    message: 'artifact {hash}, the output of an earlier node, is gone from the Artifact Store',
    status: 410,
    action: 'give-up',
  },
  MAP_NOT_A_LIST: { message: 'map {nodeId} goes over a list, got {value}', status: 422, action: 'give-up' },
  MAP_TOO_LARGE: {
    message: 'map {nodeId} with {items} items would give the run more than {nodesMax} nodes',
    status: 413,
    action: 'give-up',
  },
  MAP_ITEM_FAILED: {
    message: 'item {index} failed at {failedNodeId}: {code}: {reason}',
    status: 422,
    action: 'give-up',
  },
  RESOURCES_DENIED: {
    message: 'the Arbitration Engine denied {resources} to node {nodeId}: {reason}',
    status: 503,
    action: 'retry',
  },
  JOURNAL_UNAVAILABLE: {
    message: 'the journal cannot be written, so runs are on hold and nothing is lost: {reason}',
    status: 507,
    action: 'retry',
  },
  JOURNAL_FORMAT_NEWER: {
    message: 'the journal has format {format}; this program reads up to {supported}',
    status: 409,
    action: 'give-up',
  },
})
