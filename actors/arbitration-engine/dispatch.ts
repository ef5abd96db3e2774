/**
 * Hands out what is free, to whom the strategy puts first, as long as anything that waits fits.
 *
 * I1 (capacity): only what `fitUnits` allows is granted.
 * I2 (work conservation): afterwards nothing among the first `LOOK_AHEAD` tenants of any lane fits, but for what is kept for
 *     a blocked request.
 * I3 (no starvation by size): a request that is first and does not fit may be passed by others that do, while the strategy
 *     allows it and at most `BYPASS_MAX` times; from then on all it needs is kept back for it until it fits.
 * I4 (blocks): a grant has 1 unit while anyone waits for the same resources; what is left over when nobody does grows
 *     the grants of this turn up to the units they asked for, one by one in the strategy's order.
 */
import type { Demand } from './claim.ts'
import { accountOf, charge, estimateMs, stopWaiting } from './fairness.ts'
import { addGrant, type Grant } from './grants.ts'
import { dominantShare, fitUnits, isExhausted, take, type Reserved } from './ledger.ts'
import { recordGrant } from './decisions.ts'
import { dequeue, flowsInOrder, headOf, rerankTenant, type Waiting } from './queuing.ts'
import { mintId, type ArbiterState, type Turn } from './state.ts'

/** Tenants of a lane tried behind a blocked one. */
const LOOK_AHEAD = 8
/** A hard end, whatever the strategy says: ever new tenants could pass one by one for ever. */
const BYPASS_MAX = 64

interface Fresh {
  readonly grant: Grant
  readonly waitedMs: number
}

export function dispatch(turn: Turn): void {
  const fresh: Fresh[] = []
  for (let next = chooseNext(turn.state); next !== undefined; next = chooseNext(turn.state)) {
    fresh.push({ grant: grantOne(turn, next), waitedMs: turn.now - next.arrivedAt })
  }
  growBlocks(turn.state, fresh)
  for (const { grant, waitedMs } of fresh) recordGrant(turn, grant, waitedMs)
}

/** The first request that fits. Those passed over remember it, and in the end keep back what they need. */
function chooseNext(state: ArbiterState): Waiting | undefined {
  const { ledger, queue } = state
  const openLanes = [...queue.lanes.values()].filter((lane) => !isExhausted(ledger, lane.resources))
  if (openLanes.length === 0) return undefined
  const blocked: Waiting[] = []
  for (const flow of flowsInOrder(openLanes, LOOK_AHEAD)) {
    const head = headOf(flow)
    if (fitUnits(ledger, head.claim.demand, 1, keptFrom(state, head, blocked)) === 1) {
      for (const other of blocked) if (overlaps(other.claim.demand, head.claim.demand)) other.bypassed++
      return head
    }
    blocked.push(head)
  }
  return undefined
}

/** What this request must leave for those that come before it and do not fit yet. */
function keptFrom(state: ArbiterState, passer: Waiting, blocked: readonly Waiting[]): Reserved {
  const kept = new Map<string, number>()
  for (const first of blocked) {
    const { account, lane } = first.flow!
    const { tenant, demand, estimateMs: declaredMs } = first.claim
    const cost = dominantShare(state.ledger, demand) * estimateMs(state.shares, tenant, lane.key, declaredMs)
    const mayPass = first.bypassed < BYPASS_MAX && state.strategy.mayPass(passer.flow!.account, account, cost)
    if (mayPass) continue
    for (const [resource, amount] of demand) kept.set(resource, (kept.get(resource) ?? 0) + amount)
  }
  return kept
}

function grantOne(turn: Turn, waiting: Waiting): Grant {
  const { state, now } = turn
  const { claim, flow } = waiting
  const { account, lane } = flow!
  const share = dominantShare(state.ledger, claim.demand)
  const why = state.strategy.reason(account, state.shares.backlog.length)
  const grant: Grant = {
    id: mintId(state, 'grant'),
    claim,
    sequence: state.sequence,
    grantedAt: now,
    share,
    holder: waiting.holder,
    decisionId: mintId(state, 'decision'),
    rationale: `${claim.tenant}: ${why}; it fits in what is free`,
    units: 1,
    chargedMs: estimateMs(state.shares, claim.tenant, lane.key, claim.estimateMs),
    expiresAt: now + state.settings.grantTtlMs,
    releasedBy: new Set<string>(),
    slot: -1,
  }
  dequeue(state.queue, waiting, state.strategy)
  stopWaiting(state.shares, account)
  takeUnits(state, grant, 1)
  addGrant(state.grants, grant)
  turn.changed = true
  return grant
}

function takeUnits(state: ArbiterState, grant: Grant, units: number): void {
  take(state.ledger, grant.claim.demand, units)
  charge(state.shares, accountOf(state.shares, grant.claim.tenant), grant, units)
  rerankTenant(state.queue, grant.claim.tenant, state.strategy)
}

function growBlocks(state: ArbiterState, fresh: readonly Fresh[]): void {
  let growing = fresh
    .map(({ grant }) => grant)
    .filter((grant) => grant.units < grant.claim.units && !isContended(state, grant.claim.demand))
  while (growing.length > 0) {
    const alone = growing.length === 1
    const grant = alone ? growing[0]! : firstInOrder(state, growing)
    const units = fitUnits(state.ledger, grant.claim.demand, alone ? grant.claim.units - grant.units : 1)
    takeUnits(state, grant, units)
    grant.units += units
    if (units === 0 || grant.units === grant.claim.units) growing = growing.filter((other) => other !== grant)
  }
}

function firstInOrder(state: ArbiterState, grants: readonly Grant[]): Grant {
  const rank = (grant: Grant): number =>
    state.strategy.tenantRank(accountOf(state.shares, grant.claim.tenant), { sequence: grant.sequence })
  return grants.reduce((first, grant) => (rank(grant) < rank(first) ? grant : first))
}

/** Whether anything that waits needs any of these resources. */
function isContended(state: ArbiterState, demand: Demand): boolean {
  return demand.some(([resource]) => state.queue.demanded.has(resource))
}

function overlaps(a: Demand, b: Demand): boolean {
  return a.some(([resource]) => b.some(([other]) => other === resource))
}
