/**
 * The ledger of resources: how much there is, how much is taken, what still fits.
 *
 * I1: `take` is only called for what `fitUnits` allowed, so `used <= capacity` for every resource, except after a capacity
 *     was lowered or a holder presented a grant that the engine no longer knew (then nothing more is taken until it is true again).
 * I2: a resource that nobody holds is used exactly 0, whatever rounding the sums went through.
 */
import type { Demand } from './claim.ts'

export interface Ledger {
  readonly capacity: Map<string, number>
  readonly used: Map<string, number>
  /** Units out, per resource: tells when `used` must be exactly 0. */
  readonly holds: Map<string, number>
}

/** Amounts kept back for blocked requests, by resource. */
export type Reserved = ReadonlyMap<string, number>

export interface Shortage {
  readonly resource: string
  readonly needed: number
  readonly free: number
  readonly capacity: number
}

const NOTHING: Reserved = new Map()

export function createLedger(): Ledger {
  return { capacity: new Map(), used: new Map(), holds: new Map() }
}

export function capacityOf(ledger: Ledger, resource: string): number {
  return ledger.capacity.get(resource) ?? 0
}

export function usedOf(ledger: Ledger, resource: string): number {
  return ledger.used.get(resource) ?? 0
}

/** How many units of the demand fit now, at most `max`, leaving `reserved` untouched. */
export function fitUnits(ledger: Ledger, demand: Demand, max: number, reserved: Reserved = NOTHING): number {
  let units = max
  for (const [resource, amount] of demand) {
    const capacity = capacityOf(ledger, resource)
    const free = capacity - usedOf(ledger, resource) - (reserved.get(resource) ?? 0)
    units = Math.min(units, Math.floor((free + roundingOf(capacity)) / amount))
    if (units <= 0) return 0
  }
  return units
}

export function take(ledger: Ledger, demand: Demand, units: number): void {
  for (const [resource, amount] of demand) {
    ledger.used.set(resource, usedOf(ledger, resource) + amount * units)
    ledger.holds.set(resource, (ledger.holds.get(resource) ?? 0) + units)
  }
}

export function giveBack(ledger: Ledger, demand: Demand, units: number): void {
  for (const [resource, amount] of demand) {
    const holds = (ledger.holds.get(resource) ?? 0) - units
    ledger.holds.set(resource, holds)
    ledger.used.set(resource, holds <= 0 ? 0 : usedOf(ledger, resource) - amount * units)
  }
}

/** The largest share of any one resource that one unit takes (DRF, Ghodsi et al., NSDI 2011). In [0, 1] for what can fit. */
export function dominantShare(ledger: Ledger, demand: Demand): number {
  let share = 0
  for (const [resource, amount] of demand)
    share = Math.max(share, amount / Math.max(capacityOf(ledger, resource), amount))
  return share
}

/** What one unit lacks now. */
export function shortages(ledger: Ledger, demand: Demand): Shortage[] {
  return demand
    .map(([resource, needed]) => {
      const capacity = capacityOf(ledger, resource)
      return { resource, needed, free: Math.max(0, capacity - usedOf(ledger, resource)), capacity }
    })
    .filter(({ needed, free, capacity }) => needed > free + roundingOf(capacity))
}

/** Why one unit can never fit, or undefined. */
export function impossible(ledger: Ledger, demand: Demand): Shortage | undefined {
  return shortages(ledger, demand).find(({ needed, capacity }) => needed > capacity + roundingOf(capacity))
}

/** Whether any of these resources is used up, so that no demand for them can fit. */
export function isExhausted(ledger: Ledger, resources: readonly string[]): boolean {
  return resources.some((resource) => {
    const capacity = capacityOf(ledger, resource)
    return capacity - usedOf(ledger, resource) <= roundingOf(capacity)
  })
}

/** Sums of fractions such as 0.1 are off in the last digits; that must not make the last unit misfit. */
function roundingOf(capacity: number): number {
  return capacity * 1e-9
}
