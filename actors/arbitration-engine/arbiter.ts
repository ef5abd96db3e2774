/**
 * The heart: `decide(state, event, now)`. Deterministic – the same state, event and time give the same decisions, byte
 * for byte, so the audit can be replayed – and free of clocks, files and messages. The state is changed in place (a
 * copy of a million requests per decision would cost more than the decision); it belongs to one caller.
 *
 * Order of a turn: time first (expired grants return, late requests are denied), then the event, then everything that
 * fits is granted, then what just came and still waits is deferred.
 */
import { capacityOf, dominantShare, giveBack, impossible, shortages, take } from './ledger.ts'
import {
  accountOf,
  charge,
  estimateMs,
  heldMs,
  holdUnits,
  learn,
  startWaiting,
  stopWaiting,
  trueUp,
} from './fairness.ts'
import { addGrant, dropGrant, extendGrant, type Grant } from './grants.ts'
import { describeShortage } from './conflicts.ts'
import { defer, deny, retryAfterMs } from './decisions.ts'
import { dispatch } from './dispatch.ts'
import type { Claim } from './claim.ts'
import { DenialReason, type ReleaseRequest, type ResourceVector } from './protocol.ts'
import { createWaiting, dequeue, enqueue, hasRoom, rerankTenant, type Holder, type Waiting } from './queuing.ts'
import { round } from './resolution.ts'
import { laneKey } from './routing.ts'
import type { ArbiterState, Outcome, Turn } from './state.ts'

export interface PresentedGrant {
  readonly grantId: string
  readonly claim: Claim
  readonly units: number
}

export type ArbitrationEvent =
  /** A life of the engine begins. `afresh`: in a new process, where no earlier holder lives on. */
  | { readonly kind: 'opened'; readonly epoch: string; readonly afresh: boolean }
  | { readonly kind: 'requested'; readonly claims: readonly Claim[]; readonly holder: Holder }
  | { readonly kind: 'released'; readonly releases: readonly ReleaseRequest[]; readonly messageId: string }
  | { readonly kind: 'renewed'; readonly grantIds: readonly string[] }
  | { readonly kind: 'cancelled'; readonly requestIds: readonly string[] }
  | { readonly kind: 'presented'; readonly grants: readonly PresentedGrant[]; readonly holder: Holder }
  | { readonly kind: 'holder-lost'; readonly holder: Holder }
  | { readonly kind: 'capacity-set'; readonly capacity: ResourceVector }
  | { readonly kind: 'tenant-set'; readonly tenant: string; readonly weight: number }
  | { readonly kind: 'time-passed' }

export function decide(state: ArbiterState, event: ArbitrationEvent, at: number): Outcome {
  const now = Math.max(at, state.now)
  state.now = now
  const turn: Turn = { state, now, rulings: [], records: [], withdrawn: [], changed: false }
  expireDue(turn)
  const arrived = apply(turn, event)
  dispatch(turn)
  for (const waiting of arrived) if (waiting.flow !== undefined) defer(turn, waiting)
  return turn
}

/** When `time-passed` has something to do next, or undefined. */
export function nextDueAt(state: ArbiterState): number | undefined {
  const due = [state.grants.byExpiry[0]?.expiresAt, state.queue.deadlines[0]?.claim.deadlineAt]
  const soonest = Math.min(...due.filter((at) => at !== undefined))
  return Number.isFinite(soonest) ? soonest : undefined
}

function apply(turn: Turn, event: ArbitrationEvent): readonly Waiting[] {
  const { state } = turn
  switch (event.kind) {
    case 'requested':
      return event.claims.flatMap((claim) => arrive(turn, claim, event.holder))
    case 'opened':
      open(turn, event.epoch, event.afresh)
      break
    case 'released':
      for (const [index, release] of event.releases.entries()) returnUnits(turn, release, `${event.messageId}#${index}`)
      break
    case 'renewed':
      for (const id of event.grantIds) renew(turn, state.grants.byId.get(id))
      break
    case 'cancelled':
      for (const id of event.requestIds) cancel(turn, id)
      break
    case 'presented':
      for (const presented of event.grants) present(turn, presented, event.holder)
      break
    case 'holder-lost':
      dropHolder(turn, ({ name, incarnation }) => name === event.holder.name && incarnation <= event.holder.incarnation)
      break
    case 'capacity-set':
      setCapacity(turn, event.capacity)
      break
    case 'tenant-set':
      accountOf(state.shares, event.tenant).weight = event.weight
      turn.changed = true
      break
    case 'time-passed':
      break
  }
  return []
}

function expireDue(turn: Turn): void {
  const { state, now } = turn
  for (let grant = state.grants.byExpiry[0]; grant !== undefined && grant.expiresAt <= now;) {
    settleUnits(turn, grant, grant.units)
    grant = state.grants.byExpiry[0]
  }
  for (let late = state.queue.deadlines[0]; late !== undefined && late.claim.deadlineAt! <= now;) {
    leaveQueue(turn, late)
    const waitedMs = Math.round(now - late.arrivedAt)
    denyLate(turn, late.claim, `its deadline passed after it had waited ${waitedMs} ms`)
    late = state.queue.deadlines[0]
  }
}

function arrive(turn: Turn, claim: Claim, holder: Holder): readonly Waiting[] {
  const { state, now } = turn
  const standing = state.queue.byRequest.get(claim.id) ?? state.grants.byRequest.get(claim.id)
  if (standing !== undefined) {
    adopt(turn, standing, claim, holder)
    return []
  }
  turn.changed = true
  state.denials.delete(claim.id)
  const never = impossible(state.ledger, claim.demand)
  if (never !== undefined) {
    denyImpossible(turn, claim)
    return []
  }
  if (claim.deadlineAt !== undefined && claim.deadlineAt <= now) {
    denyLate(turn, claim, 'its deadline had passed when it came')
    return []
  }
  const account = accountOf(state.shares, claim.tenant)
  if (!hasRoom(state.queue, account, state.settings.queueMax)) {
    const rationale = `the queue is full: ${claim.tenant} has ${account.waiting} of ${state.queue.byRequest.size} waiting requests`
    deny(turn, claim, DenialReason.RateLimited, rationale, retryAfterMs(state, claim))
    return []
  }
  const waiting = createWaiting(claim, { holder, arrivedAt: now, sequence: ++state.sequence }, state.strategy)
  startWaiting(state.shares, account, now)
  rerankTenant(state.queue, claim.tenant, state.strategy)
  enqueue(state.queue, account, waiting, state.strategy)
  return [waiting]
}

/** The same request again: its asker's newest life holds it now. The same id for something else is refused. */
function adopt(turn: Turn, standing: Waiting | Grant, claim: Claim, holder: Holder): void {
  if (standing.claim.tenant !== claim.tenant || laneKey(standing.claim.demand) !== laneKey(claim.demand)) {
    turn.changed = true
    const rationale = `request id ${claim.id} is in use by ${standing.claim.tenant} for other resources`
    deny(turn, claim, DenialReason.PolicyViolation, rationale, 0)
    turn.state.denials.delete(claim.id)
    return
  }
  if (standing.holder.name === holder.name && standing.holder.incarnation === holder.incarnation) return
  standing.holder = holder
  turn.changed = true
}

function returnUnits(turn: Turn, release: ReleaseRequest, key: string): void {
  const grant = turn.state.grants.byId.get(release.grantId)
  if (grant === undefined || release.units <= 0 || grant.releasedBy.has(key)) return
  const { claim } = grant
  const held = heldMs(grant, turn.now)
  learn(turn.state.shares, claim.tenant, laneKey(claim.demand), Math.min(release.usedMs ?? held, held))
  grant.releasedBy.add(key)
  settleUnits(turn, grant, Math.min(release.units, grant.units))
}

/** Takes units back and replaces their estimate by the time they were held. */
function settleUnits(turn: Turn, grant: Grant, units: number): void {
  const { state, now } = turn
  const account = accountOf(state.shares, grant.claim.tenant)
  trueUp(state.shares, account, grant, units, now)
  rerankTenant(state.queue, account.tenant, state.strategy)
  giveBack(state.ledger, grant.claim.demand, units)
  grant.units -= units
  if (grant.units === 0) dropGrant(state.grants, grant)
  turn.changed = true
}

/** A grant that is held longer than was charged is charged for it now: nobody holds on for free. */
function renew(turn: Turn, grant: Grant | undefined): void {
  if (grant === undefined) return
  const { state, now } = turn
  if (heldMs(grant, now) > grant.chargedMs) {
    const account = accountOf(state.shares, grant.claim.tenant)
    trueUp(state.shares, account, grant, grant.units, now)
    grant.chargedMs = heldMs(grant, now)
    holdUnits(account, grant, grant.units)
    rerankTenant(state.queue, account.tenant, state.strategy)
  }
  extendGrant(state.grants, grant, now + state.settings.grantTtlMs)
  turn.changed = true
}

function cancel(turn: Turn, requestId: string): void {
  const { state } = turn
  const waiting = state.queue.byRequest.get(requestId)
  const grant = state.grants.byRequest.get(requestId)
  if (waiting !== undefined) withdraw(turn, waiting)
  if (grant !== undefined) settleUnits(turn, grant, grant.units)
}

/**
 * A holder says what it holds. What is known gets its new holder and time; what is not known any more is taken into the
 * books as it is – it is in use, so pretending otherwise would give it away twice.
 */
function present(turn: Turn, presented: PresentedGrant, holder: Holder): void {
  const { state, now } = turn
  const known = state.grants.byId.get(presented.grantId)
  turn.changed = true
  if (known !== undefined) {
    known.holder = holder
    extendGrant(state.grants, known, now + state.settings.grantTtlMs)
    if (presented.units < known.units) settleUnits(turn, known, known.units - presented.units)
    return
  }
  const { claim } = presented
  const waiting = state.queue.byRequest.get(claim.id)
  if (waiting !== undefined) withdraw(turn, waiting)
  if (state.grants.byRequest.has(claim.id)) return
  const grant = grantFrom(turn, presented, holder)
  take(state.ledger, claim.demand, grant.units)
  charge(state.shares, accountOf(state.shares, claim.tenant), grant, grant.units)
  rerankTenant(state.queue, claim.tenant, state.strategy)
  addGrant(state.grants, grant)
}

function dropHolder(turn: Turn, isLost: (holder: Holder) => boolean): void {
  const { grants, queue } = turn.state
  for (const waiting of queue.byRequest.values()) if (isLost(waiting.holder)) withdraw(turn, waiting)
  for (const grant of grants.byId.values()) if (isLost(grant.holder)) settleUnits(turn, grant, grant.units)
}

function open(turn: Turn, epoch: string, afresh: boolean): void {
  turn.state.epoch = epoch
  turn.changed = true
  if (afresh) dropHolder(turn, () => true)
}

function setCapacity(turn: Turn, capacity: ResourceVector): void {
  const { ledger, queue } = turn.state
  const changed = Object.entries(capacity).filter(([resource, amount]) => capacityOf(ledger, resource) !== amount)
  if (changed.length === 0) return
  turn.changed = true
  for (const [resource, amount] of changed) {
    if (amount > 0) ledger.capacity.set(resource, amount)
    else ledger.capacity.delete(resource)
  }
  for (const waiting of queue.byRequest.values()) {
    if (impossible(ledger, waiting.claim.demand) === undefined) continue
    leaveQueue(turn, waiting)
    denyImpossible(turn, waiting.claim)
  }
}

function withdraw(turn: Turn, waiting: Waiting): void {
  leaveQueue(turn, waiting)
  turn.withdrawn.push(waiting.claim.id)
}

function leaveQueue(turn: Turn, waiting: Waiting): void {
  const { account } = waiting.flow!
  dequeue(turn.state.queue, waiting, turn.state.strategy)
  stopWaiting(turn.state.shares, account)
  turn.changed = true
}

function denyImpossible(turn: Turn, claim: Claim): void {
  const { resource, needed, capacity } = impossible(turn.state.ledger, claim.demand)!
  const there = capacity === 0 ? `there is no ${resource} here` : `there are ${round(capacity)} in all`
  const rationale = `one unit needs ${round(needed)} ${resource}, ${there}`
  deny(turn, claim, DenialReason.ResourceUnavailable, rationale, retryAfterMs(turn.state, claim))
}

function denyLate(turn: Turn, claim: Claim, why: string): void {
  const lacking = shortages(turn.state.ledger, claim.demand).map(describeShortage)
  const rationale = [why, ...lacking].join('; ')
  deny(turn, claim, DenialReason.ResourceUnavailable, rationale, retryAfterMs(turn.state, claim))
}

function grantFrom(turn: Turn, { grantId, claim, units }: PresentedGrant, holder: Holder): Grant {
  const { state, now } = turn
  return {
    id: grantId,
    claim,
    sequence: ++state.sequence,
    grantedAt: now,
    holder,
    units,
    slot: -1,
    share: dominantShare(state.ledger, claim.demand),
    decisionId: '',
    rationale: 'presented by its holder',
    chargedMs: estimateMs(state.shares, claim.tenant, laneKey(claim.demand), claim.estimateMs),
    expiresAt: now + state.settings.grantTtlMs,
    releasedBy: new Set<string>(),
  }
}
