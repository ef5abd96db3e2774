/** What others may ask of the Arbitration Engine: who gets scarce resources, decided fairly, with reasons. */
import { actorKey } from '../../runtime/index.ts'

/** Urgency of a request, by its weight in ordering inside a tenant's own share. */
export const Priority = {
  /** Someone waits and something breaks. */
  Critical: 1000,
  High: 100,
  Normal: 0,
  Low: -100,
  /** Housekeeping; runs when nothing else wants to. */
  Background: -1000,
} as const
export type Priority = (typeof Priority)[keyof typeof Priority]
export type PriorityName = 'critical' | 'high' | 'normal' | 'low' | 'background'

/** Units by resource name: `cpu` (cores), `memory` (bytes), `model:<id>` (slots), or a user's own name. */
export type ResourceVector = Readonly<Record<string, number>>

export interface ResourceRequest {
  /** The requester's id for this request; the same id again is the same request (idempotent). */
  readonly id: string
  readonly tenant: string
  /** @default 'normal' */
  readonly priority?: PriorityName
  /** What one unit of work needs. */
  readonly resources: ResourceVector
  /** How many such units at most: a grant is a block of 1…`units`. @default 1 */
  readonly units?: number
  /** Expected time each unit is held; charged at dispatch, trued up at release. @default a moving estimate */
  readonly estimateMs?: number
  /** Wall time after which the request is pointless. */
  readonly deadlineAt?: number
  readonly runId?: string
  readonly nodeId?: string
}

export const DenialReason = {
  LowerPriority: 'lower-priority',
  ResourceUnavailable: 'resource-unavailable',
  CostExceeded: 'cost-exceeded',
  RateLimited: 'rate-limited',
  PolicyViolation: 'policy-violation',
} as const
export type DenialReason = (typeof DenialReason)[keyof typeof DenialReason]

interface RulingBase {
  readonly requestId: string
  readonly decisionId: string
  /** One sentence that says why, with the numbers that decided. */
  readonly rationale: string
}
export interface Granted extends RulingBase {
  readonly outcome: 'granted'
  readonly grantId: string
  readonly units: number
  /** Wall time when unspent units return by themselves; spend or renew before. */
  readonly expiresAt: number
}
export interface Deferred extends RulingBase {
  readonly outcome: 'deferred'
  /** Requests in front of this one, 0 is next. */
  readonly position: number
  readonly estimatedStartAt: number
}
export interface Denied extends RulingBase {
  readonly outcome: 'denied'
  readonly reason: DenialReason
  readonly retryAfterMs: number
}
export type Ruling = Granted | Deferred | Denied

export interface ArbitrationResult {
  readonly rulings: readonly Ruling[]
}

/** Hands units of a grant back; `usedMs` is what the work really took per unit (true-up). */
export interface ReleaseRequest {
  readonly grantId: string
  readonly units: number
  readonly usedMs?: number
}

export interface DecisionRecord {
  readonly id: string
  readonly at: number
  readonly requestId: string
  readonly tenant: string
  readonly outcome: Ruling['outcome']
  readonly units: number
  readonly resources: ResourceVector
  readonly strategy: string
  readonly rationale: string
  readonly scores: Readonly<Record<string, number>>
  readonly runId?: string
  readonly nodeId?: string
}

export interface TenantUsage {
  readonly tenant: string
  readonly weight: number
  /** Decayed dominant-resource usage in unit-milliseconds, by which the Fair policy orders tenants. */
  readonly virtualTime: number
  readonly grantedUnits: number
  readonly waiting: number
}

export const ConflictKind = {
  /** Slots of a `model:<id>`. */
  ModelContention: 'model-contention',
  MemoryPressure: 'memory-pressure',
  CpuSaturation: 'cpu-saturation',
  /** `gpu` and `gpu:<name>`. */
  GpuPressure: 'gpu-pressure',
  /** `cost:<budget>`. */
  CostLimit: 'cost-limit',
  /** `rate:<limit>`. */
  RateLimit: 'rate-limit',
  /** Any other name. */
  ResourceContention: 'resource-contention',
} as const
export type ConflictKind = (typeof ConflictKind)[keyof typeof ConflictKind]

/** A resource of which more is wanted than there is. */
export interface ResourceConflict {
  readonly kind: ConflictKind
  readonly resource: string
  readonly capacity: number
  readonly inUse: number
  /** One unit of everything that waits for it, summed. */
  readonly waiting: number
}

/** Whether the audit trail is whole: every record's hash chains to the one before. */
export interface AuditCheck {
  readonly intact: boolean
  readonly entries: number
  /** Log position of the first entry that does not chain. */
  readonly brokenAt?: number
}

export interface ArbitrationStatus {
  readonly strategy: string
  readonly capacity: ResourceVector
  readonly inUse: ResourceVector
  readonly queued: number
  readonly decisions: number
  readonly tenants: readonly TenantUsage[]
  /** Most wanted first. */
  readonly conflicts: readonly ResourceConflict[]
}

export interface ArbitrationProtocol {
  /** Decides at once: granted, deferred (stays queued until `awaitGrant`, `cancel` or its deadline) or denied. */
  arbitrate(arg: { readonly requests: readonly ResourceRequest[] }): ArbitrationResult
  /** Settles as soon as at least one of these deferred requests is granted or denied; answers all that are. */
  awaitGrant(arg: { readonly requestIds: readonly string[] }): ArbitrationResult
  release(arg: { readonly releases: readonly ReleaseRequest[] }): void
  /** Extends grants; those that are gone are listed. */
  renew(arg: { readonly grantIds: readonly string[] }): { readonly expiresAt: number; readonly lost: readonly string[] }
  cancel(arg: { readonly requestIds: readonly string[] }): void
  /** After a restart of the engine: a holder says again what it holds. Idempotent. */
  present(arg: {
    readonly grants: readonly {
      readonly grantId: string
      readonly request: ResourceRequest
      readonly units: number
      readonly expiresAt: number
    }[]
  }): void
  /** Capacities by resource; the Pool Manager sets `model:<id>`, the host `cpu` and `memory`. */
  setCapacity(arg: { readonly capacity: ResourceVector }): void
  setTenant(arg: { readonly tenant: string; readonly weight: number }): void
  /** By decision id or request id (the latest of that request's decisions that are still kept). */
  explain(arg: { readonly id: string }): DecisionRecord | null
  decisions(arg: {
    readonly tenant?: string
    readonly runId?: string
    readonly limit?: number
  }): readonly DecisionRecord[]
  verifyAudit(arg: Record<string, never>): AuditCheck
  status(arg: Record<string, never>): ArbitrationStatus
}

export const arbitrationEngine = actorKey<ArbitrationProtocol>('arbitration-engine')
