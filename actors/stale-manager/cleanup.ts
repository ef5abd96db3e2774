/**
 * A cleanup as a plan: what would go and why, as data with a hash. Dry run and run make it the same way.
 *
 * I1: `id` depends on nothing but the deletions, so unrelated changes of the store do not make a plan stale.
 */
import { canonicalHash } from '../../runtime/index.ts'
import { retentionErrors } from './errors.ts'
import type { CleanupPlan, RetentionDecision } from './protocol.ts'

export type Deletion = RetentionDecision & { readonly action: 'delete' }

/** More than this share of all artifacts … */
const SHARE_MAX = 0.9
/** … and more than this many must be asked for by `force`. */
const COUNT_MAX = 10

export function planOf(decisions: readonly RetentionDecision[], now: number): CleanupPlan {
  const deletions = decisions
    .filter((decision): decision is Deletion => decision.action === 'delete')
    .sort((a, b) => (a.hash < b.hash ? -1 : 1))
  return {
    id: canonicalHash(deletions),
    createdAt: now,
    deletions,
    keptCount: decisions.length - deletions.length,
    bytes: deletions.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  }
}

/** @throws PLAN_STALE when another plan was agreed to, PLAN_REFUSED when nearly everything would go */
export function checkPlan(plan: CleanupPlan, agreed: { readonly planId?: string; readonly force?: boolean }): void {
  if (agreed.planId !== undefined && agreed.planId !== plan.id) {
    throw retentionErrors.fail('PLAN_STALE', { planId: agreed.planId, current: plan.id })
  }
  const examined = plan.deletions.length + plan.keptCount
  const isNearlyAll = plan.deletions.length > COUNT_MAX && plan.deletions.length > SHARE_MAX * examined
  if (isNearlyAll && agreed.force !== true) {
    const rules = [...new Set(plan.deletions.map(({ rule }) => rule))].join(', ')
    throw retentionErrors.fail('PLAN_REFUSED', { deletions: plan.deletions.length, examined, rules, planId: plan.id })
  }
}
