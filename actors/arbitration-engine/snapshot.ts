/** The engine's state as plain JSON data and back: `restoreState(snapshotOf(s))` decides exactly as `s` would. */
import type { Claim } from './claim.ts'
import { accountOf, restoreAccount, type TenantAccount } from './fairness.ts'
import { addGrant, type Grant } from './grants.ts'
import type { Denied } from './protocol.ts'
import { createWaiting, enqueue, type Demanded, type Holder } from './queuing.ts'
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
  /** Sums are stored as they are: added up anew they would differ in the last digit, and so would a decision. */
  readonly used: readonly (readonly [string, number])[]
  readonly holds: readonly (readonly [string, number])[]
  readonly demanded: readonly (readonly [string, Demanded])[]
  readonly tenants: readonly Omit<TenantAccount, 'slot'>[]
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
    used: [...ledger.used],
    holds: [...ledger.holds],
    demanded: [...queue.demanded],
    tenants: [...shares.accounts.values()].map(({ slot: _s, ...account }) => account),
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
  for (const [resource, amount] of snapshot.used) state.ledger.used.set(resource, amount)
  for (const [resource, units] of snapshot.holds) state.ledger.holds.set(resource, units)
  for (const [key, estimate] of snapshot.estimates) state.shares.estimates.set(key, estimate)
  for (const account of snapshot.tenants) restoreAccount(state.shares, account)
  for (const grant of snapshot.grants) {
    addGrant(state.grants, { ...grant, releasedBy: new Set(grant.releasedBy), slot: -1 })
  }
  for (const { claim, holder, arrivedAt, sequence, ...rest } of snapshot.waiting) {
    const waiting = createWaiting(claim, { holder, arrivedAt, sequence }, state.strategy)
    enqueue(state.queue, accountOf(state.shares, claim.tenant), Object.assign(waiting, rest), state.strategy)
  }
  state.queue.demanded.clear()
  for (const [resource, demanded] of snapshot.demanded) state.queue.demanded.set(resource, demanded)
  for (const denial of snapshot.denials) state.denials.set(denial.requestId, denial)
  return state
}
