/** A world in virtual time around the pure core: tenants with endless or finite work, served by what `decide` grants. */
import { claimOf } from '../../actors/arbitration-engine/claim.ts'
import { decide, type ArbitrationEvent } from '../../actors/arbitration-engine/arbiter.ts'
import type { ResourceRequest } from '../../actors/arbitration-engine/protocol.ts'
import {
  createState,
  type ArbiterSettings,
  type ArbiterState,
  type Outcome,
} from '../../actors/arbitration-engine/state.ts'

export const HOLDER = { name: 'host', incarnation: 1 }

export function arbiter(
  capacity: Readonly<Record<string, number>>,
  settings: Partial<ArbiterSettings> = {},
): ArbiterState {
  const state = createState({ strategy: 'fair', queueMax: 100_000, grantTtlMs: 1e12, ...settings })
  decide(state, { kind: 'capacity-set', capacity }, 0)
  return state
}

type Holding = { readonly name: string; readonly incarnation: number }

export function requested(...requests: readonly ResourceRequest[]): ArbitrationEvent {
  return requestedBy(HOLDER, ...requests)
}

export function requestedBy(holder: Holding, ...requests: readonly ResourceRequest[]): ArbitrationEvent {
  return { kind: 'requested', claims: requests.map(claimOf), holder }
}

let messages = 0

export function released(grantId: string, units = 1): ArbitrationEvent {
  return { kind: 'released', releases: [{ grantId, units }], messageId: `message ${++messages}` }
}

export interface Workload {
  readonly tenant: string
  readonly weight?: number
  /** How long the tenant's n-th request is held. */
  durationMs(n: number): number
  readonly resources?: Readonly<Record<string, number>>
  /** What it says a request takes. */
  readonly estimateMs?: number
  /** Requests it keeps waiting. @default 4 */
  readonly backlog?: number
}

/** Service (unit-milliseconds of the dominant share, times capacity 1) each tenant got per window of `windowMs`. */
export function simulate(
  state: ArbiterState,
  loads: readonly Workload[],
  untilMs: number,
  windowMs: number,
): number[][] {
  const windows = Array.from({ length: Math.ceil(untilMs / windowMs) }, () => loads.map(() => 0))
  const running: { readonly at: number; readonly grantId: string }[] = []
  const sent = loads.map(() => 0)
  const indexOf = new Map(loads.map(({ tenant }, i) => [tenant, i]))

  const start = (outcome: Outcome, now: number): void => {
    for (const ruling of outcome.rulings) {
      if (ruling.outcome !== 'granted') continue
      const [tenant, n] = ruling.requestId.split('#') as [string, string]
      const i = indexOf.get(tenant)!
      const endAt = now + loads[i]!.durationMs(Number(n))
      running.push({ at: endAt, grantId: ruling.grantId })
      credit(windows, windowMs, i, now, endAt, state.grants.byId.get(ruling.grantId)!.share)
    }
  }
  const refill = (now: number): void => {
    for (const [i, { tenant, resources = { slot: 1 }, backlog = 4, estimateMs }] of loads.entries()) {
      const waiting = state.shares.accounts.get(tenant)?.waiting ?? 0
      const requests = Array.from({ length: backlog - waiting }, () => ({
        id: `${tenant}#${sent[i]!++}`,
        tenant,
        resources,
        ...(estimateMs === undefined ? {} : { estimateMs }),
      }))
      if (requests.length > 0) start(decide(state, requested(...requests), now), now)
    }
  }
  for (const { tenant, weight = 1 } of loads) decide(state, { kind: 'tenant-set', tenant, weight }, 0)
  refill(0)
  for (;;) {
    running.sort((a, b) => b.at - a.at)
    const next = running.pop()
    if (next === undefined || next.at >= untilMs) return windows
    start(decide(state, released(next.grantId), next.at), next.at)
    refill(next.at)
  }
}

function credit(windows: number[][], windowMs: number, tenant: number, from: number, to: number, share: number): void {
  for (let at = from; at < to;) {
    const window = Math.floor(at / windowMs)
    const end = Math.min(to, (window + 1) * windowMs)
    if (windows[window] !== undefined) windows[window][tenant]! += (end - at) * share
    at = end
  }
}

/** The worst relative distance of any tenant's share from its weight's share, over all windows but the first. */
export function deviation(windows: readonly (readonly number[])[], weights: readonly number[]): number {
  const weightSum = weights.reduce((a, b) => a + b)
  let worst = 0
  for (const window of windows.slice(1)) {
    const total = window.reduce((a, b) => a + b)
    for (const [i, service] of window.entries()) {
      const ideal = (total * weights[i]!) / weightSum
      worst = Math.max(worst, Math.abs(service - ideal) / ideal)
    }
  }
  return worst
}
