/**
 * Strategies: who is served next when not everyone can be.
 *
 * A strategy orders; it never grants. Fit, reservations, charging and audit are the same for all of them (`dispatch.ts`),
 * so every strategy is deterministic, work-conserving and explained, and whatever runs, the fairness accounts stay true.
 */
import type { TenantAccount } from './fairness.ts'
import { urgencyRank, type Urgency } from './routing.ts'

export interface ResolutionStrategy {
  readonly name: string
  /** Order inside one tenant's queue; lower first, fixed at arrival. Ties go by arrival. */
  requestRank(request: Urgency & { readonly sequence: number }): number
  /** Order of tenants, given the request each would be served with; lower first. Ties go by arrival of that request. */
  tenantRank(account: TenantAccount, head: { readonly sequence: number }): number
  /**
   * Whether a request that fits may go before one that comes first but does not fit yet. `cost` is the share-milliseconds
   * that one is expected to take.
   */
  mayPass(passer: TenantAccount, blocked: TenantAccount, cost: number): boolean
  /** Why this tenant was the one, for the rationale. */
  reason(account: TenantAccount, tenantsWaiting: number): string
}

/** How far others may run ahead of a tenant whose next request does not fit yet, in such requests. */
const LEAD_MAX = 2

/** Weighted virtual-time dominant-resource fairness between tenants; deadline, else priority with ageing, inside one. */
const fair: ResolutionStrategy = {
  name: 'fair',
  requestRank: urgencyRank,
  tenantRank: (account) => account.virtualTime,
  // Passing makes the passer run ahead in virtual time. That lead is the unfairness, so the lead is what is bounded.
  mayPass: (passer, blocked, cost) => passer.virtualTime - blocked.virtualTime <= (LEAD_MAX * cost) / blocked.weight,
  reason: (account, tenantsWaiting) =>
    tenantsWaiting <= 1
      ? `no other tenant waits`
      : `smallest virtual time of ${tenantsWaiting} waiting tenants (${round(account.virtualTime)} at weight ${account.weight})`,
}

/** First come, first served. Simple, and unfair to whoever sends less: a flood takes everything. */
const queue: ResolutionStrategy = {
  name: 'queue',
  requestRank: ({ sequence }) => sequence,
  tenantRank: (_, head) => head.sequence,
  mayPass: () => true,
  reason: (_, tenantsWaiting) => `first in the queue (${tenantsWaiting} tenants waiting)`,
}

const STRATEGIES = { fair, queue } as const
export type StrategyName = keyof typeof STRATEGIES
export const STRATEGY_NAMES = Object.keys(STRATEGIES) as readonly StrategyName[]

export function strategyOf(name: StrategyName): ResolutionStrategy {
  return STRATEGIES[name]
}

/** Six digits are enough to compare by eye. */
export function round(value: number): number {
  return Number.isInteger(value) ? value : Number(value.toPrecision(6))
}
