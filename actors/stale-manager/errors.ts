/** Every error of the Stale Manager. Documented in `docs/errors.md`. */
import { defineErrors } from '../../runtime/index.ts'

export const retentionErrors = defineErrors({
  POLICY_INVALID: { message: 'retention policy {policy}: {problem}', status: 400, action: 'give-up' },
  PLAN_STALE: {
    message: 'plan {planId} no longer fits: the store changed, the plan now is {current}',
    status: 409,
    action: 'retry',
  },
  PLAN_REFUSED: {
    message: 'the cleanup would delete {deletions} of {examined} artifacts ({rules}); force it if that is meant',
    status: 409,
    action: 'give-up',
  },
  NOTHING_TO_EXPLAIN: { message: 'there is no artifact {hash} to decide about', status: 404, action: 'give-up' },
  PLAN_UNKNOWN: { message: 'no cleanup {planId} can be undone', status: 404, action: 'give-up' },
})
