/**
 * What others may ask of the Pool Manager, of a model host, and the lease fast path that needs neither:
 * `LeaseTable` (re-exported) works on shared memory from any thread.
 */
import { actorKey } from '../../runtime/index.ts'
import type { HealthStatus } from './health.ts'
import type { PriorityName } from '../arbitration-engine/protocol.ts'

export { LeaseTable, LEASE_REGION, leaseRegionBytes, type LeaseToken } from './lease-table.ts'
export { LeaseClient, type AcquireOptions, type Lease, type LeaseClientOptions } from './lease-client.ts'

export type { HealthStatus } from './health.ts'

export const ModelState = {
  Cold: 'cold',
  Warming: 'warming',
  Hot: 'hot',
  Cooling: 'cooling',
  Failed: 'failed',
} as const
export type ModelState = (typeof ModelState)[keyof typeof ModelState]

/** How a model is reached. Keys come from the environment by name, never from the spec. */
export type BackendSpec =
  | {
      readonly kind: 'module'
      /** Module URL or absolute path exporting `{ load, infer, unload }` under `export` (a `ModelModule`). */
      readonly module: string
      readonly export?: string
      readonly options?: Readonly<Record<string, unknown>>
    }
  | {
      readonly kind: 'openai-http'
      /** Base URL, with or without `/v1`. */
      readonly url: string
      readonly model: string
      /** Name of the environment variable that holds the API key. */
      readonly apiKeyEnv?: string
      readonly timeoutMs?: number
    }

export interface ModelSpec {
  readonly id: string
  readonly backend: BackendSpec
  /** Upper bound of the memory it takes when loaded. @default 16 MiB for modules, 0 for remote models */
  readonly memoryBytes?: number
  /** Concurrent leases, at most 1_024. @default 8 */
  readonly slots?: number
  /** Unload after this time without a lease. @default 300_000 */
  readonly keepAliveMs?: number
  /** Part of cache keys; a change invalidates cached results. @default '1' */
  readonly version?: string
  /** Same inputs give the same outputs, so results may be shared between runs. @default true for built-in instruments */
  readonly deterministic?: boolean
  readonly pricePerSecond?: number
  readonly pricePerMillionTokens?: number
}

export interface ModelInfo {
  readonly id: string
  readonly state: ModelState
  readonly backend: BackendSpec['kind']
  readonly version: string
  readonly deterministic: boolean
  readonly slots: number
  readonly leased: number
  readonly memoryBytes: number
  readonly pinned: boolean
  readonly loads: number
  readonly failures: number
  readonly invocations: number
  readonly lastUsedAt: number | null
  readonly stateSince: number
  /** Why it is in this state: the last transition's reason in a sentence. */
  readonly reason: string
  readonly health: HealthStatus
}

/** The whole pool in numbers. */
export interface PoolStats {
  readonly models: number
  readonly loaded: number
  readonly chargedBytes: number
  readonly budgetBytes: number
  /** Leases taken in all, and those that found their model cold. */
  readonly leases: number
  readonly coldLeases: number
  readonly loads: number
  readonly loadMs: number
  readonly evictions: number
  readonly waiting: number
  readonly prewarms: number
  /** Prewarmed residencies that were used, of those that have ended; null while none has. */
  readonly prewarmPrecision: number | null
}

/** A lease as it crosses threads; with it the holder asks `host` to infer and later frees the slot. */
export interface LeaseGrant {
  readonly leaseId: string
  readonly model: string
  readonly version: string
  /** Name of the model-host actor to ask (`modelHost(name)`). */
  readonly host: string
  /**
   * Index of the model in the lease table, slot and token. From `allocate` it is an offer: `LeaseTable.claim` makes it a
   * lease (`LeaseClient` does), unclaimed it lapses. From a `Lease` it is what `LeaseTable.release` takes.
   */
  readonly modelIndex: number
  readonly slot: number
  readonly token: number
  /** True when the model was hot already. */
  readonly warm: boolean
}

export interface AllocateRequest {
  readonly model: string
  readonly tenant: string
  readonly priority?: PriorityName
  readonly deadlineMs?: number
}

/** What a model is asked to do. `input` is plain data whose shape the model defines (text models: a string or `{ text }`). */
export interface InferRequest {
  readonly model: string
  readonly input: unknown
  readonly parameters?: Readonly<Record<string, unknown>>
}

export interface Usage {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly durationMs: number
}

export interface InferResult {
  readonly output: unknown
  readonly usage: Usage
}

export interface ModelTransition {
  readonly from: ModelState
  readonly to: ModelState
  readonly at: number
  readonly reason: string
  readonly durationMs: number
}

export interface PoolManagerProtocol {
  /** Adds or replaces a model (cold). Refuses a bad spec with `MODEL_SPEC_INVALID`. */
  register(arg: { readonly spec: ModelSpec }): ModelInfo
  list(arg: Record<string, never>): readonly ModelInfo[]
  info(arg: { readonly model: string }): ModelInfo
  /**
   * Offers a slot to the caller's incarnation, to be claimed in the lease table; loads the model when it must
   * (single-flight). Callers use `LeaseClient.acquire`, which does both.
   */
  allocate(arg: AllocateRequest): LeaseGrant
  /** A lease client says that it is there: slots of earlier incarnations of the same actor are freed. */
  attach(arg: Record<string, never>): void
  /** A slot was freed while the pool wanted to know. Nothing is lost if this is: the pool also looks by itself. */
  slotFreed(arg: { readonly model: string }): void
  /** Usage of a finished lease (the slot itself is freed in shared memory by the holder). */
  report(arg: {
    readonly leaseId: string
    readonly model: string
    readonly tenant: string
    readonly usage: Usage
    readonly failed?: boolean
    /** Code of the error when it failed: a backend's own failures (`BACKEND_…`) count against the model's health. */
    readonly errorCode?: string
  }): void
  load(arg: { readonly model: string }): ModelInfo
  /** Drains (no new leases, waits for held ones) and unloads. */
  unload(arg: { readonly model: string }): ModelInfo
  pin(arg: { readonly model: string; readonly pinned: boolean }): ModelInfo
  /** Which models a run will need next, soonest first: plan-driven prewarming. */
  plan(arg: { readonly runId: string; readonly models: readonly string[] }): void
  stats(arg: Record<string, never>): PoolStats
  explain(arg: { readonly model: string }): { readonly info: ModelInfo; readonly history: readonly ModelTransition[] }
}

export interface ModelHostProtocol {
  load(arg: { readonly spec: ModelSpec }): { readonly memoryBytes: number }
  infer(arg: InferRequest): InferResult
  unload(arg: { readonly model: string }): void
}

export const poolManager = actorKey<PoolManagerProtocol>('pool-manager')
export const modelHost = (name: string) => actorKey<ModelHostProtocol>(name)
