/** `pit.retention`: what may go, why, and the way back. */
import { artifactStore, type ContentHash } from '../../actors/artifact-store/protocol.ts'
import {
  staleManager,
  type CleanupPlan,
  type CleanupResult,
  type RetentionDecision,
  type RetentionPolicy,
} from '../../actors/stale-manager/protocol.ts'
import type { CallOptions } from '../../runtime/index.ts'
import { split } from '../call-options.ts'
import type { Host } from '../host.ts'

export interface CleanupOptions {
  /** Say what would go, and leave it. The same code, the same plan. @default false */
  readonly dryRun?: boolean
  /** Run only this very plan; `PLAN_STALE` when the world has changed since. */
  readonly planId?: string
  /** Run a plan that would delete nearly everything. @default false */
  readonly force?: boolean
}

/** One cleanup whose artifacts can still come back. */
export interface TrashedPlan {
  readonly planId: string
  readonly count: number
  readonly bytes: number
  readonly trashedAt: number
}

export interface RetentionClient {
  policies(options?: CallOptions): Promise<readonly RetentionPolicy[]>
  /** Replaces all policies. Error: `POLICY_INVALID`, naming the policy and the rule. */
  setPolicies(policies: readonly RetentionPolicy[], options?: CallOptions): Promise<void>
  plan(options?: CallOptions): Promise<CleanupPlan>
  /** Moves to the trash what the policies nominate. Errors: `PLAN_STALE`, `PLAN_REFUSED`. @default deadlineMs Infinity */
  runCleanup(options?: CleanupOptions & CallOptions): Promise<CleanupResult>
  /** Brings back everything a cleanup moved to the trash. */
  undo(planId: string, options?: CallOptions): Promise<{ readonly restored: readonly ContentHash[] }>
  explain(hash: ContentHash, options?: CallOptions): Promise<RetentionDecision>
  trashed(options?: CallOptions): Promise<readonly TrashedPlan[]>
}

export function createRetentionClient(host: Host): RetentionClient {
  const ask = () => host.ref(staleManager).ask
  return {
    policies: async (options) => ask().policies({}, options),
    setPolicies: async (policies, options) => ask().setPolicies({ policies }, options),
    plan: async (options) => ask().plan({}, options),
    async runCleanup(options = {}) {
      const { call, rest } = split(options)
      return ask().runCleanup(rest, { deadlineMs: Infinity, ...call })
    },
    undo: async (planId, options) => ask().undo({ planId }, options),
    explain: async (hash, options) => ask().explain({ hash }, options),
    trashed: async (options) => host.ref(artifactStore).ask.trashed({}, options),
  }
}
