/** What the tracker did so far: counts and a duration histogram per kind of node. */
import type { DagMetrics, KindMetrics } from './protocol.ts'
import type { NodeKind } from './workflow/definition.ts'

export type NodeOutcome = 'completed' | 'failed' | 'cached'

export interface Metrics {
  observe(kind: NodeKind, outcome: NodeOutcome, durationMs: number): void
  kinds(): DagMetrics['kinds']
}

/** Upper bounds of the histogram's buckets, milliseconds; the last bucket is open. */
export const DURATION_BUCKETS_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 60_000] as const

export function createMetrics(): Metrics {
  const kinds = new Map<NodeKind, Record<NodeOutcome, number> & { totalMs: number; buckets: number[] }>()

  return {
    observe(kind, outcome, durationMs) {
      let entry = kinds.get(kind)
      if (entry === undefined) {
        entry = {
          completed: 0,
          failed: 0,
          cached: 0,
          totalMs: 0,
          buckets: Array<number>(DURATION_BUCKETS_MS.length + 1).fill(0),
        }
        kinds.set(kind, entry)
      }
      entry[outcome]++
      if (outcome === 'cached') return
      entry.totalMs += durationMs
      const bucket = DURATION_BUCKETS_MS.findIndex((boundMs) => durationMs <= boundMs)
      entry.buckets[bucket < 0 ? DURATION_BUCKETS_MS.length : bucket]!++
    },
    kinds() {
      return [...kinds].map(([kind, { buckets, ...rest }]): KindMetrics => ({
        kind,
        ...rest,
        durationBuckets: [...buckets],
      }))
    },
  }
}
