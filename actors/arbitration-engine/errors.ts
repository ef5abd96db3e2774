/** Every error of the Arbitration Engine. A denial is no error: it is a ruling with a reason. Documented in `docs/errors.md`. */
import { defineErrors } from '../../runtime/index.ts'

export const arbitrationErrors = defineErrors({
  REQUEST_INVALID: { message: 'resource request {id}: {field} must be {expected}', status: 400, action: 'give-up' },
  CAPACITY_INVALID: { message: 'capacity of {resource} must be {expected}', status: 400, action: 'give-up' },
  TENANT_INVALID: { message: 'tenant {tenant}: {field} must be {expected}', status: 400, action: 'give-up' },
  AUDIT_UNAVAILABLE: {
    message: 'decisions cannot be recorded, so none is given out: {reason}',
    status: 503,
    action: 'retry',
  },
})
