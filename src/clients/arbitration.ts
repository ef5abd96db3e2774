/**
 * `pit.arbitration`: who gets scarce resources. The client remembers what it was granted and says it again when the
 * engine has restarted, so that a crash of the engine loses no grant.
 */
import {
  arbitrationEngine,
  type ArbitrationResult,
  type ArbitrationStatus,
  type DecisionRecord,
  type Granted,
  type ReleaseRequest,
  type ResourceRequest,
  type ResourceVector,
} from '../../actors/arbitration-engine/protocol.ts'
import { createIds, systemClock, type CallOptions } from '../../runtime/index.ts'
import type { Host } from '../host.ts'

/** A request as users write it: `id` is minted and `tenant` is the configured one unless given. */
export type ArbitrationRequest = Omit<ResourceRequest, 'id' | 'tenant'> &
  Partial<Pick<ResourceRequest, 'id' | 'tenant'>>

export interface ArbitrationClient {
  /** Decides at once: a ruling per request, in their order – granted, deferred or denied, with the reason. */
  arbitrate(requests: readonly ArbitrationRequest[], options?: CallOptions): Promise<ArbitrationResult>
  /** Settles when at least one of these deferred requests is decided. @default deadlineMs Infinity */
  awaitGrant(requestIds: readonly string[], options?: CallOptions): Promise<ArbitrationResult>
  release(releases: readonly ReleaseRequest[], options?: CallOptions): Promise<void>
  renew(
    grantIds: readonly string[],
    options?: CallOptions,
  ): Promise<{ readonly expiresAt: number; readonly lost: readonly string[] }>
  cancel(requestIds: readonly string[], options?: CallOptions): Promise<void>
  setCapacity(capacity: ResourceVector, options?: CallOptions): Promise<void>
  setTenant(tenant: string, weight: number, options?: CallOptions): Promise<void>
  /** The record of a decision by the id in its ruling; null when it is not kept any more. */
  explain(decisionId: string, options?: CallOptions): Promise<DecisionRecord | null>
  decisions(
    filter?: { readonly tenant?: string; readonly runId?: string; readonly limit?: number },
    options?: CallOptions,
  ): Promise<readonly DecisionRecord[]>
  status(options?: CallOptions): Promise<ArbitrationStatus>
}

const ASKED_MAX = 10_000
/** Held grants at which those that have expired are looked for. */
const SWEEP_MIN = 1_000

interface HeldGrant {
  readonly grantId: string
  readonly request: ResourceRequest
  units: number
  expiresAt: number
}

export function createArbitrationClient(host: Host): ArbitrationClient {
  const ids = createIds(systemClock)
  const asked = new Map<string, ResourceRequest>()
  const held = new Map<string, HeldGrant>()
  let sweepAt = SWEEP_MIN
  const ask = () => host.ref(arbitrationEngine).ask

  /** Requests nobody ever asks about again must not pile up. */
  function remember(request: ResourceRequest): void {
    asked.set(request.id, request)
    if (asked.size > ASKED_MAX) asked.delete(asked.keys().next().value!)
  }

  function note(result: ArbitrationResult): ArbitrationResult {
    for (const ruling of result.rulings) {
      if (ruling.outcome === 'granted') hold(ruling)
      if (ruling.outcome !== 'deferred') asked.delete(ruling.requestId)
    }
    return result
  }

  function hold(ruling: Granted): void {
    const request = asked.get(ruling.requestId)
    if (request === undefined) return
    const { grantId, units, expiresAt } = ruling
    held.set(grantId, { grantId, request, units, expiresAt })
    if (held.size < sweepAt) return
    dropExpired()
    sweepAt = Math.max(SWEEP_MIN, 2 * held.size)
  }

  /** What is never released ends by itself. */
  function dropExpired(): void {
    const now = systemClock.now()
    for (const grant of held.values()) if (grant.expiresAt <= now) held.delete(grant.grantId)
  }

  function presentAll(): void {
    dropExpired()
    if (held.size > 0) host.ref(arbitrationEngine).tell.present({ grants: [...held.values()] })
  }

  host.system.monitor(arbitrationEngine.name, (notice) => {
    if (notice.restarting) presentAll()
  })

  return {
    async arbitrate(requests, options) {
      const complete = requests.map((request) => ({ id: ids.next('request'), tenant: host.config.tenant, ...request }))
      for (const request of complete) remember(request)
      return note(await ask().arbitrate({ requests: complete }, options))
    },
    awaitGrant: async (requestIds, options) =>
      note(await ask().awaitGrant({ requestIds }, { deadlineMs: Infinity, ...options })),
    async release(releases, options) {
      for (const { grantId, units } of releases) {
        const grant = held.get(grantId)
        if (grant === undefined) continue
        grant.units -= units
        if (grant.units <= 0) held.delete(grantId)
      }
      await ask().release({ releases }, options)
    },
    async renew(grantIds, options) {
      const renewed = await ask().renew({ grantIds }, options)
      for (const grantId of grantIds) {
        const grant = held.get(grantId)
        if (grant !== undefined) grant.expiresAt = renewed.expiresAt
      }
      for (const grantId of renewed.lost) held.delete(grantId)
      return renewed
    },
    async cancel(requestIds, options) {
      for (const id of requestIds) asked.delete(id)
      await ask().cancel({ requestIds }, options)
    },
    setCapacity: async (capacity, options) => ask().setCapacity({ capacity }, options),
    setTenant: async (tenant, weight, options) => ask().setTenant({ tenant, weight }, options),
    explain: async (id, options) => ask().explain({ id }, options),
    decisions: async (filter = {}, options) => ask().decisions(filter, options),
    status: async (options) => ask().status({}, options),
  }
}
