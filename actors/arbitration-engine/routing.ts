/**
 * Where a request queues and how urgent it is there.
 *
 * A *lane* is the set of resources a request needs: requests of one lane compete for the same things, and a lane with an
 * exhausted resource is passed over as a whole. Inside its tenant's own share a request is ordered by a *rank* fixed at
 * arrival – a virtual deadline – so the order never changes while it waits, and nothing is ever sorted again:
 *
 *   rank = min(deadline, arrival + PATIENCE − BOOST × priority)
 *
 * No starvation, with a number: a request is overtaken only by requests that arrive less than
 * `OVERTAKE_MAX_MS` later (background overtaken by critical), plus what stands in front of it.
 */
import { priorityWeight, type Demand } from './claim.ts'
import { Priority, type PriorityName } from './protocol.ts'

/** Milliseconds of age that one point of priority is worth. */
const BOOST_MS_PER_POINT = 30
/** So that a critical request ranks like one whose deadline is its arrival: nothing is more urgent than that. */
const PATIENCE_MS = BOOST_MS_PER_POINT * Priority.Critical

export const OVERTAKE_MAX_MS = BOOST_MS_PER_POINT * (Priority.Critical - Priority.Background)

export interface Urgency {
  readonly priority: PriorityName
  readonly arrivedAt: number
  readonly deadlineAt?: number
}

/** Lower goes first. */
export function urgencyRank({ priority, arrivedAt, deadlineAt }: Urgency): number {
  return Math.min(deadlineAt ?? Infinity, arrivedAt + PATIENCE_MS - BOOST_MS_PER_POINT * priorityWeight(priority))
}

export function laneKey(demand: Demand): string {
  return demand.map(([resource]) => resource).join('\n')
}
