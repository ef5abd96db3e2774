/**
 * Conflicts: resources that are wanted more than they are there. Derived from the ledger and the running sum of what
 * waits, so it costs O(resources), never O(requests).
 *
 * I1: a resource is in conflict exactly when something waits for it and what is taken plus what waits exceeds
 *     `threshold × capacity`. No false negatives: the sums are exact, not sampled.
 */
import { capacityOf, usedOf, type Ledger, type Shortage } from './ledger.ts'
import { ConflictKind, type ResourceConflict } from './protocol.ts'
import type { Demanded } from './queuing.ts'
import { round } from './resolution.ts'

/** Share of the capacity above which demand counts as a conflict, by kind. */
export type ConflictThresholds = Readonly<Record<ConflictKind, number>>

export const CONFLICT_THRESHOLDS: ConflictThresholds = {
  'model-contention': 1,
  'memory-pressure': 0.9,
  'cpu-saturation': 1,
  'gpu-pressure': 0.9,
  'cost-limit': 1,
  'rate-limit': 1,
  'resource-contention': 1,
}

/** Kind of conflict by the resource's name; users' own names are plain contention. */
export function conflictKindOf(resource: string): ConflictKind {
  if (resource === 'cpu') return ConflictKind.CpuSaturation
  if (resource === 'memory') return ConflictKind.MemoryPressure
  switch (resource.split(':', 1)[0]) {
    case 'model':
      return ConflictKind.ModelContention
    case 'gpu':
      return ConflictKind.GpuPressure
    case 'cost':
      return ConflictKind.CostLimit
    case 'rate':
      return ConflictKind.RateLimit
    default:
      return ConflictKind.ResourceContention
  }
}

/** All conflicts, most wanted first. */
export function detectConflicts(
  ledger: Ledger,
  demanded: ReadonlyMap<string, Pick<Demanded, 'amount'>>,
  thresholds: ConflictThresholds = CONFLICT_THRESHOLDS,
): ResourceConflict[] {
  const conflicts: ResourceConflict[] = []
  for (const [resource, { amount: waiting }] of demanded) {
    const kind = conflictKindOf(resource)
    const capacity = capacityOf(ledger, resource)
    const inUse = usedOf(ledger, resource)
    if (inUse + waiting > thresholds[kind] * capacity) {
      conflicts.push({ kind, resource, capacity, inUse, waiting })
    }
  }
  return conflicts.sort((a, b) => pressure(b) - pressure(a) || (a.resource < b.resource ? -1 : 1))
}

/** "cpu saturation: needs 4 cpu, 1 of 8 free", for rationales. */
export function describeShortage({ resource, needed, free, capacity }: Shortage): string {
  const kind = conflictKindOf(resource).replace('-', ' ')
  return `${kind}: needs ${round(needed)} ${resource}, ${round(free)} of ${round(capacity)} free`
}

function pressure({ inUse, waiting, capacity }: ResourceConflict): number {
  return (inUse + waiting) / Math.max(capacity, Number.MIN_VALUE)
}
