/** What others may ask of the Stale Manager: what may go, why, and a plan that can be run and undone. */
import { actorKey } from '../../runtime/index.ts'
import type { ContentHash } from '../artifact-store/protocol.ts'

/** Which artifacts a policy speaks of; all given conditions must hold. An empty selector is refused unless `all: true`. */
export interface Selector {
  readonly all?: boolean
  /** Has all of these. */
  readonly tags?: readonly string[]
  readonly contentType?: string
  readonly tenant?: string
  readonly runId?: string
  /** Name of the artifact or of a version of it; `*` stands for any characters, `?` for one. */
  readonly nameGlob?: string
  readonly minBytes?: number
}

/**
 * Keep rules protect; expire rules nominate. Keep always beats expire. Whatever the policies say, an artifact that is
 * pinned, was made by an unfinished run, or is the newest version of a name is kept.
 */
export type RetentionRule =
  /** Created longer ago. */
  | { readonly kind: 'max-age'; readonly days: number }
  /** Not read for longer. */
  | { readonly kind: 'max-idle'; readonly days: number }
  /** All that the policy selects together; least recently and least often used go first. */
  | { readonly kind: 'max-total-size'; readonly bytes: number }
  /** Has one of these tags; `*` stands for any characters. */
  | { readonly kind: 'keep-tagged'; readonly tags: readonly string[] }
  /** The newest `count` versions of each name, and the newest `count` outputs of each node that have no name. */
  | { readonly kind: 'keep-last'; readonly count: number }
  /** Is a version of any name. */
  | { readonly kind: 'keep-versions' }
  /** Something that is kept was made from it. */
  | { readonly kind: 'keep-referenced' }

export interface RetentionPolicy {
  readonly name: string
  readonly selector: Selector
  readonly rules: readonly RetentionRule[]
  /** Of several policies that nominate an artifact the one with the highest gives the reason. @default 0 */
  readonly priority?: number
  /** @default true */
  readonly enabled?: boolean
}

export type RetentionDecision =
  | { readonly action: 'keep'; readonly hash: ContentHash; readonly rule: string; readonly reason: string }
  | {
      readonly action: 'delete'
      readonly hash: ContentHash
      readonly rule: string
      readonly reason: string
      readonly sizeBytes: number
    }

/** A cleanup before it happens. `id` is the hash of its deletions: the same world gives the same plan. */
export interface CleanupPlan {
  readonly id: string
  readonly createdAt: number
  readonly deletions: readonly (RetentionDecision & { readonly action: 'delete' })[]
  readonly keptCount: number
  readonly bytes: number
}

export interface CleanupResult {
  readonly planId: string
  readonly dryRun: boolean
  readonly examined: number
  readonly deletions: readonly (RetentionDecision & { readonly action: 'delete' })[]
  readonly keptCount: number
  /** Logical bytes moved to the trash (or that would be). */
  readonly bytes: number
  /** Planned but not moved, because the artifact came into use meanwhile. */
  readonly skipped: readonly { readonly hash: ContentHash; readonly reason: string }[]
}

export interface StaleManagerProtocol {
  policies(arg: Record<string, never>): readonly RetentionPolicy[]
  /** Replaces all policies; contradictions, empty selectors and unknown rules are refused with `POLICY_INVALID`. */
  setPolicies(arg: { readonly policies: readonly RetentionPolicy[] }): void
  plan(arg: Record<string, never>): CleanupPlan
  /**
   * Dry run and run are the same code. With `planId` only that very plan runs; `PLAN_STALE` when the world changed.
   * `PLAN_REFUSED` when nearly everything would go, unless `force`. A run also drops trash older than the grace time.
   */
  runCleanup(arg: { readonly dryRun?: boolean; readonly planId?: string; readonly force?: boolean }): CleanupResult
  /** Brings back everything a cleanup moved to the trash, until the grace time ends. */
  undo(arg: { readonly planId: string }): { readonly restored: readonly ContentHash[] }
  explain(arg: { readonly hash: ContentHash }): RetentionDecision
}

export const staleManager = actorKey<StaleManagerProtocol>('stale-manager')
