/**
 * What waits: lanes (by resources needed) of flows (one per tenant) of requests.
 *
 *   lane "cpu"            flow alice  [r7, r9, r12 …]   heap by request rank
 *     heap by tenant rank flow bob    [r8 …]
 *   lane "cpu memory"     flow alice  [r10 …]
 *
 * Finding the next request is O(lanes), everything else – arrive, leave from anywhere, a tenant's rank changes – is
 * O(log n).
 *
 * I1: a flow stands in its lane exactly while it has requests; an empty lane is forgotten.
 * I2: at most `queueMax` requests wait.
 * I3: orders are total (ties go by arrival), so the same requests leave in the same order whatever the heaps look like.
 */
import type { Claim } from './claim.ts'
import type { TenantAccount } from './fairness.ts'
import { heapCountBefore, heapPush, heapRemove, heapUpdate, type HeapOrder } from './heap.ts'
import type { ResolutionStrategy } from './resolution.ts'
import { laneKey } from './routing.ts'

/** One life of an actor (or the host): who waits for a grant or holds it. */
export interface Holder {
  readonly name: string
  readonly incarnation: number
}

export interface Waiting {
  readonly claim: Claim
  readonly arrivedAt: number
  readonly sequence: number
  readonly rank: number
  holder: Holder
  /** Its latest decision (the deferral). */
  decisionId: string
  rationale: string
  /** Grants that went past it while it was the best request that did not fit. */
  bypassed: number
  flow: Flow | undefined
  slot: number
  deadlineSlot: number
}

export interface Flow {
  readonly account: TenantAccount
  readonly lane: Lane
  readonly requests: Waiting[]
  rank: number
  slot: number
}

export interface Lane {
  readonly key: string
  readonly resources: readonly string[]
  readonly flows: Flow[]
  waiting: number
}

export interface Demanded {
  /** One unit of each request, summed. */
  amount: number
  requests: number
}

export interface Queue {
  readonly lanes: Map<string, Lane>
  readonly byRequest: Map<string, Waiting>
  /** Flows of each tenant by lane. */
  readonly flows: Map<string, Map<string, Flow>>
  /** Requests with a deadline, soonest first. */
  readonly deadlines: Waiting[]
  /** What waits, by resource. */
  readonly demanded: Map<string, Demanded>
}

const REQUEST_ORDER: HeapOrder<Waiting> = {
  before: (a, b) => a.rank < b.rank || (a.rank === b.rank && a.sequence < b.sequence),
  slot: (waiting) => waiting.slot,
  setSlot: (waiting, slot) => void (waiting.slot = slot),
}
const DEADLINE_ORDER: HeapOrder<Waiting> = {
  before: (a, b) => {
    const [first, second] = [a.claim.deadlineAt!, b.claim.deadlineAt!]
    return first < second || (first === second && a.sequence < b.sequence)
  },
  slot: (waiting) => waiting.deadlineSlot,
  setSlot: (waiting, slot) => void (waiting.deadlineSlot = slot),
}
const FLOW_ORDER: HeapOrder<Flow> = {
  before: flowBefore,
  slot: (flow) => flow.slot,
  setSlot: (flow, slot) => void (flow.slot = slot),
}

/** A position further back than this is not counted exactly. */
const POSITION_COUNT_MAX = 64

export function createQueue(): Queue {
  return { lanes: new Map(), byRequest: new Map(), flows: new Map(), deadlines: [], demanded: new Map() }
}

export function createWaiting(
  claim: Claim,
  place: { readonly holder: Holder; readonly arrivedAt: number; readonly sequence: number },
  strategy: ResolutionStrategy,
): Waiting {
  const { priority, deadlineAt } = claim
  const urgency = { priority, arrivedAt: place.arrivedAt, ...(deadlineAt === undefined ? {} : { deadlineAt }) }
  return {
    claim,
    ...place,
    rank: strategy.requestRank({ ...urgency, sequence: place.sequence }),
    decisionId: '',
    rationale: '',
    bypassed: 0,
    flow: undefined,
    slot: -1,
    deadlineSlot: -1,
  }
}

/** Whether one more of this tenant may wait: as many as there are free places, so one tenant never fills the queue. */
export function hasRoom(queue: Queue, account: TenantAccount, queueMax: number): boolean {
  return account.waiting < queueMax - queue.byRequest.size
}

export function enqueue(queue: Queue, account: TenantAccount, waiting: Waiting, strategy: ResolutionStrategy): void {
  const lane = laneFor(queue, waiting.claim)
  const flow = flowFor(queue, account, lane)
  waiting.flow = flow
  heapPush(flow.requests, waiting, REQUEST_ORDER)
  lane.waiting++
  if (waiting.claim.deadlineAt !== undefined) heapPush(queue.deadlines, waiting, DEADLINE_ORDER)
  queue.byRequest.set(waiting.claim.id, waiting)
  countDemand(queue, waiting.claim, 1)
  rerankFlow(flow, strategy)
}

export function dequeue(queue: Queue, waiting: Waiting, strategy: ResolutionStrategy): void {
  const flow = waiting.flow!
  heapRemove(flow.requests, waiting, REQUEST_ORDER)
  heapRemove(queue.deadlines, waiting, DEADLINE_ORDER)
  queue.byRequest.delete(waiting.claim.id)
  waiting.flow = undefined
  flow.lane.waiting--
  countDemand(queue, waiting.claim, -1)
  if (flow.requests.length > 0) return rerankFlow(flow, strategy)
  heapRemove(flow.lane.flows, flow, FLOW_ORDER)
  dropFlow(queue, flow)
}

/** After a tenant's account changed: its flows find their new places. */
export function rerankTenant(queue: Queue, tenant: string, strategy: ResolutionStrategy): void {
  for (const flow of queue.flows.get(tenant)?.values() ?? []) rerankFlow(flow, strategy)
}

/**
 * Flows of these lanes from first to last over all of them, at most `lookAhead` per lane. Best-first over the lanes' heaps:
 * nothing is taken out, so the caller may stop at any time – but must not change the queue while it looks.
 */
export function* flowsInOrder(lanes: Iterable<Lane>, lookAhead: number): Generator<Flow, void, void> {
  const open: { readonly lane: Lane; readonly slot: number }[] = []
  const seen = new Map<Lane, number>()
  for (const lane of lanes) open.push({ lane, slot: 0 })
  while (open.length > 0) {
    let best = 0
    for (let i = 1; i < open.length; i++) {
      if (flowBefore(at(open[i]!), at(open[best]!))) best = i
    }
    const { lane, slot } = open[best]!
    open[best] = open.at(-1)!
    open.pop()
    const count = (seen.get(lane) ?? 0) + 1
    seen.set(lane, count)
    yield at({ lane, slot })
    if (count >= lookAhead) continue
    for (const child of [2 * slot + 1, 2 * slot + 2]) {
      if (child < lane.flows.length) open.push({ lane, slot: child })
    }
  }
}

/**
 * How many requests are probably served before this one: those of its tenant that rank before it, and one of each other
 * tenant of the lane for each turn its tenant needs.
 */
export function positionOf(waiting: Waiting): number {
  const { requests, lane } = waiting.flow!
  const counted = heapCountBefore(requests, waiting, REQUEST_ORDER, POSITION_COUNT_MAX)
  const ahead = counted < POSITION_COUNT_MAX ? counted : requests.length - 1
  return Math.min(lane.waiting - 1, (ahead + 1) * lane.flows.length - 1)
}

function at({ lane, slot }: { readonly lane: Lane; readonly slot: number }): Flow {
  return lane.flows[slot]!
}

function flowBefore(a: Flow, b: Flow): boolean {
  return a.rank < b.rank || (a.rank === b.rank && headOf(a).sequence < headOf(b).sequence)
}

export function headOf(flow: Flow): Waiting {
  return flow.requests[0]!
}

function rerankFlow(flow: Flow, strategy: ResolutionStrategy): void {
  flow.rank = strategy.tenantRank(flow.account, headOf(flow))
  if (flow.slot < 0) heapPush(flow.lane.flows, flow, FLOW_ORDER)
  else heapUpdate(flow.lane.flows, flow, FLOW_ORDER)
}

/** The entry goes with its last request, so that no rounding of the sums stays behind. */
function countDemand(queue: Queue, claim: Claim, requests: 1 | -1): void {
  for (const [resource, amount] of claim.demand) {
    const demanded = queue.demanded.get(resource) ?? { amount: 0, requests: 0 }
    demanded.amount += requests * amount
    demanded.requests += requests
    if (demanded.requests > 0) queue.demanded.set(resource, demanded)
    else queue.demanded.delete(resource)
  }
}

function laneFor(queue: Queue, claim: Claim): Lane {
  const key = laneKey(claim.demand)
  const known = queue.lanes.get(key)
  if (known !== undefined) return known
  const lane = { key, resources: claim.demand.map(([resource]) => resource), flows: [], waiting: 0 }
  queue.lanes.set(key, lane)
  return lane
}

function flowFor(queue: Queue, account: TenantAccount, lane: Lane): Flow {
  const flows = queue.flows.get(account.tenant) ?? new Map<string, Flow>()
  queue.flows.set(account.tenant, flows)
  const flow = flows.get(lane.key) ?? { account, lane, requests: [], rank: 0, slot: -1 }
  flows.set(lane.key, flow)
  return flow
}

function dropFlow(queue: Queue, flow: Flow): void {
  const flows = queue.flows.get(flow.account.tenant)
  flows?.delete(flow.lane.key)
  if (flows?.size === 0) queue.flows.delete(flow.account.tenant)
  if (flow.lane.flows.length === 0) queue.lanes.delete(flow.lane.key)
}
