/** Decisions as rulings for the asker and records for the audit, with the numbers that decided in one sentence. */
import { vectorOf, type Claim } from './claim.ts'
import { describeShortage } from './conflicts.ts'
import { accountOf, estimateMs } from './fairness.ts'
import type { Grant } from './grants.ts'
import { dominantShare, fitUnits, impossible, shortages } from './ledger.ts'
import type { DecisionRecord, Deferred, DenialReason, Denied, Granted, Ruling } from './protocol.ts'
import { positionOf, type Waiting } from './queuing.ts'
import { round } from './resolution.ts'
import { laneKey } from './routing.ts'
import { mintId, rememberDenial, type ArbiterState, type Turn } from './state.ts'

/** Soonest that asking again makes sense. */
const RETRY_MIN_MS = 100
/** Share of the queue that should have drained before the refused come again. */
const RETRY_DRAIN = 0.1

export function recordGrant(turn: Turn, grant: Grant, waitedMs: number): void {
  const scores = { ...scoresOf(turn.state, grant.claim), waitedMs: round(waitedMs), chargedMs: round(grant.chargedMs) }
  turn.records.push(recordOf(turn, grant.claim, { ...grant, outcome: 'granted', scores }))
  turn.rulings.push(grantedRuling(grant))
}

/** Rules that a request waits. Its position and start are estimates at this moment. */
export function defer(turn: Turn, waiting: Waiting): void {
  const { state } = turn
  const lacking = shortages(state.ledger, waiting.claim.demand)
  const position = positionOf(waiting)
  const why =
    lacking.length > 0 ? lacking.map(describeShortage).join('; ') : 'free resources are kept for an earlier request'
  waiting.decisionId = mintId(state, 'decision')
  waiting.rationale = `${why}; ${position} requests in front`
  const scores = { ...scoresOf(state, waiting.claim), position, rank: round(waiting.rank) }
  turn.records.push(recordOf(turn, waiting.claim, { ...waiting, units: 0, outcome: 'deferred', scores }))
  turn.rulings.push(deferredRuling(state, waiting, position, turn.now))
}

export function deny(turn: Turn, claim: Claim, reason: DenialReason, rationale: string, retryAfterMs: number): void {
  const { state } = turn
  const decisionId = mintId(state, 'decision')
  const denial: Denied = { outcome: 'denied', requestId: claim.id, decisionId, rationale, reason, retryAfterMs }
  const scores = { ...scoresOf(state, claim), retryAfterMs }
  turn.records.push(recordOf(turn, claim, { decisionId, units: 0, rationale, outcome: 'denied', scores }))
  turn.rulings.push(denial)
  rememberDenial(state, denial)
}

/** The ruling that stands for a request, or undefined when the engine knows nothing of it. */
export function standingRuling(state: ArbiterState, requestId: string, now: number): Ruling | undefined {
  const grant = state.grants.byRequest.get(requestId)
  if (grant !== undefined) return grantedRuling(grant)
  const waiting = state.queue.byRequest.get(requestId)
  return waiting === undefined ? state.denials.get(requestId) : deferredRuling(state, waiting, positionOf(waiting), now)
}

/** What an asker hears about a request that is neither waiting nor granted nor lately denied. */
export function unknownRuling(requestId: string): Denied {
  return {
    outcome: 'denied',
    requestId,
    decisionId: '',
    reason: 'resource-unavailable',
    retryAfterMs: RETRY_MIN_MS,
    rationale: `request ${requestId} does not wait here: it was cancelled, or has ended, or never came; ask again`,
  }
}

/** Milliseconds until a tenth of what waits for these resources is served, at the pace learned so far. */
export function retryAfterMs(state: ArbiterState, claim: Claim): number {
  const waiting = state.queue.lanes.get(laneKey(claim.demand))?.waiting ?? 0
  return Math.max(RETRY_MIN_MS, Math.ceil(waiting * RETRY_DRAIN * paceMs(state, claim)))
}

function grantedRuling(grant: Grant): Granted {
  return {
    outcome: 'granted',
    requestId: grant.claim.id,
    decisionId: grant.decisionId,
    rationale: grant.rationale,
    grantId: grant.id,
    units: grant.units,
    expiresAt: grant.expiresAt,
  }
}

function deferredRuling(state: ArbiterState, waiting: Waiting, position: number, now: number): Deferred {
  const estimatedStartAt = Math.ceil(now + (position + 1) * paceMs(state, waiting.claim))
  const { decisionId, rationale, claim } = waiting
  return { outcome: 'deferred', requestId: claim.id, decisionId, rationale, position, estimatedStartAt }
}

/** Expected time between two starts of such requests when all of what they need is taken by their like. */
function paceMs(state: ArbiterState, claim: Claim): number {
  const empty = { ...state.ledger, used: new Map<string, number>() }
  const parallel = impossible(state.ledger, claim.demand) ? 1 : Math.max(1, fitUnits(empty, claim.demand, 1_000_000))
  return estimateMs(state.shares, claim.tenant, laneKey(claim.demand), claim.estimateMs) / parallel
}

function scoresOf(state: ArbiterState, claim: Claim): Record<string, number> {
  const account = accountOf(state.shares, claim.tenant)
  return {
    virtualTime: round(account.virtualTime),
    weight: account.weight,
    dominantShare: round(dominantShare(state.ledger, claim.demand)),
    waiting: state.queue.byRequest.size,
  }
}

function recordOf(
  turn: Turn,
  claim: Claim,
  decision: Pick<DecisionRecord, 'outcome' | 'units' | 'rationale' | 'scores'> & { readonly decisionId: string },
): DecisionRecord {
  turn.state.decisions++
  return {
    id: decision.decisionId,
    at: turn.now,
    requestId: claim.id,
    tenant: claim.tenant,
    outcome: decision.outcome,
    units: decision.units,
    resources: vectorOf(claim.demand),
    strategy: turn.state.strategy.name,
    rationale: decision.rationale,
    scores: decision.scores,
    ...(claim.runId === undefined ? {} : { runId: claim.runId }),
    ...(claim.nodeId === undefined ? {} : { nodeId: claim.nodeId }),
  }
}
