/** Every error of the Pool Manager, its hosts and backends. Documented in `docs/errors.md`. */
import { defineErrors } from '../../runtime/index.ts'

export const poolErrors = defineErrors({
  // Models and their lifecycle.
  MODEL_SPEC_INVALID: { message: 'model {model} is not valid: {reason}', status: 400, action: 'give-up' },
  UNKNOWN_MODEL: { message: 'there is no model {model}; known models: {known}', status: 404, action: 'give-up' },
  MODEL_TABLE_FULL: {
    message: 'no room for model {model}: the pool has {modelsMax} models',
    status: 507,
    action: 'give-up',
  },
  MODEL_TOO_LARGE: {
    message: 'model {model} needs {memoryBytes} bytes, more than the {freeableBytes} that can be made free',
    status: 507,
    action: 'give-up',
  },
  MODEL_LOAD_FAILED: { message: 'model {model} could not be loaded: {reason}', status: 502, action: 'retry' },
  MODEL_UNAVAILABLE: {
    message: 'model {model} failed and is tried again in {retryAfterMs} ms: {reason}',
    status: 503,
    action: 'retry',
  },
  MODEL_NOT_LOADED: { message: 'model {model} is not loaded on {host}', status: 503, action: 'retry' },
  MODEL_INFER_FAILED: { message: 'model {model} failed: {reason}', status: 500, action: 'give-up' },
  POOL_STOPPING: { message: 'the pool is stopping; no lease on model {model}', status: 503, action: 'retry' },
  MODEL_TRANSITION_INVALID: { message: 'model {model} cannot go from {from} to {to}', status: 500, action: 'bug' },

  // Leases.
  LEASE_TIMEOUT: { message: 'no lease on model {model} within {deadlineMs} ms', status: 504, action: 'retry' },
  LEASE_DENIED: { message: 'no lease on model {model} for {tenant}: {rationale}', status: 429, action: 'retry' },
  LEASE_MISMATCH: {
    message: 'slot {slot} of model {modelIndex} is not held by token {token}, but by {found}',
    status: 409,
    action: 'bug',
  },
  LEASE_REGION_INVALID: { message: 'the shared lease region is not usable: {reason}', status: 500, action: 'bug' },

  // Backends.
  BACKEND_UNREACHABLE: { message: 'model server {url} cannot be reached: {reason}', status: 502, action: 'retry' },
  BACKEND_TIMEOUT: { message: 'model server {url} did not answer within {timeoutMs} ms', status: 504, action: 'retry' },
  BACKEND_UNAVAILABLE: {
    message: 'model server {url} answered {httpStatus}, try again in {retryAfterMs} ms: {detail}',
    status: 503,
    action: 'retry',
  },
  BACKEND_HTTP_STATUS: {
    message: 'model server {url} answered {httpStatus}: {detail}',
    status: 502,
    action: 'give-up',
  },
  BACKEND_BAD_RESPONSE: { message: 'model server {url} answered nonsense: {reason}', status: 502, action: 'retry' },
  BACKEND_KEY_MISSING: {
    message: 'model {model} needs an API key in the environment variable {variable}',
    status: 401,
    action: 'give-up',
  },
  BACKEND_INPUT_INVALID: { message: 'model {model} cannot take this input: {reason}', status: 400, action: 'give-up' },
  MODEL_MODULE_INVALID: {
    message: 'module {module} has no usable model at export {export}: {reason}',
    status: 400,
    action: 'give-up',
  },

  MODEL_FLAG_INVALID: {
    message: 'model `{flag}` is not of the form name=openai:<url>#<model> or name=module:<path>#<export>: {reason}',
    status: 400,
    action: 'give-up',
  },
})
