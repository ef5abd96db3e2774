/** The engine's state as plain JSON data and back: `restoreState(snapshotOf(s))` decides exactly as `s` would. */
import type { Claim } from './claim.ts'
import { accountOf, restoreBacklog } from './fairness.ts'
import { addGrant, type Grant } from './grants.ts'
import { take } from './ledger.ts'
import type { Denied } from './protocol.ts'
import { createWaiting, enqueue, type Holder } from './queuing.ts'
import { createState, type ArbiterSettings, type ArbiterState } from './state.ts'

const FORMAT = 1

export interface ArbiterSnapshot {
  readonly format: typeof FORMAT
  readonly epoch: string
  readonly sequence: number
  readonly decisions: number
  readonly now: number
  readonly virtualNow: number
  readonly capacity: readonly (readonly [string, number])[]
  readonly tenants: readonly { readonly tenant: string; readonly weight: number; readonly virtualTime: number }[]
  readonly estimates: readonly (readonly [string, number])[]
  readonly waiting: readonly {
    readonly claim: Claim
    readonly holder: Holder
    readonly arrivedAt: number
    readonly sequence: number
    readonly decisionId: string
    readonly rationale: string
    readonly bypassed: number
  }[]
  readonly grants: readonly (Omit<Grant, 'releasedBy' | 'slot'> & { readonly releasedBy: readonly string[] })[]
  readonly denials: readonly Denied[]
}

export function snapshotOf(state: ArbiterState): ArbiterSnapshot {
  const { ledger, shares, queue, grants } = state
  return {
    format: FORMAT,
    epoch: state.epoch,
    sequence: state.sequence,
    decisions: state.decisions,
    now: state.now,
    virtualNow: shares.virtualNow,
    capacity: [...ledger.capacity],
    tenants: [...shares.accounts.values()].map(({ tenant, weight, virtualTime }) => ({ tenant, weight, virtualTime })),
    estimates: [...shares.estimates],
    waiting: [...queue.byRequest.values()].map(({ flow: _f, rank: _r, slot: _s, deadlineSlot: _d, ...rest }) => rest),
    grants: [...grants.byId.values()].map(({ slot: _s, ...grant }) => ({
      ...grant,
      releasedBy: [...grant.releasedBy],
    })),
    denials: [...state.denials.values()],
  }
}

/** The state of a snapshot, or undefined when it is of a format this version does not know. */
export function restoreState(settings: ArbiterSettings, snapshot: ArbiterSnapshot): ArbiterState | undefined {
  if (snapshot.format !== FORMAT) return undefined
  const state = createState(settings)
  const { epoch, sequence, decisions, now } = snapshot
  Object.assign(state, { epoch, sequence, decisions, now })
  state.shares.virtualNow = snapshot.virtualNow
  for (const [resource, amount] of snapshot.capacity) state.ledger.capacity.set(resource, amount)
  for (const [key, estimate] of snapshot.estimates) state.shares.estimates.set(key, estimate)
  for (const { tenant, weight, virtualTime } of snapshot.tenants) {
    Object.assign(accountOf(state.shares, tenant), { weight, virtualTime })
  }
  for (const grant of snapshot.grants)
    restoreGrant(state, { ...grant, releasedBy: new Set(grant.releasedBy), slot: -1 })
  restoreQueue(state, snapshot.waiting)
  for (const denial of snapshot.denials) state.denials.set(denial.requestId, denial)
  return state
}

function restoreGrant(state: ArbiterState, grant: Grant): void {
  take(state.ledger, grant.claim.demand, grant.units)
  accountOf(state.shares, grant.claim.tenant).grantedUnits += grant.units
  addGrant(state.grants, grant)
}

/** Accounts first: a flow's place depends on its tenant's virtual time, and restoring must not lift it. */
function restoreQueue(state: ArbiterState, waiting: ArbiterSnapshot['waiting']): void {
  const counts = new Map<string, number>()
  for (const { claim } of waiting) counts.set(claim.tenant, (counts.get(claim.tenant) ?? 0) + 1)
  for (const [tenant, count] of counts) restoreBacklog(state.shares, accountOf(state.shares, tenant), count)
  for (const { claim, holder, arrivedAt, sequence, ...rest } of waiting) {
    const restored = createWaiting(claim, { holder, arrivedAt, sequence }, state.strategy)
    enqueue(state.queue, accountOf(state.shares, claim.tenant), Object.assign(restored, rest), state.strategy)
  }
}
