/** Counters of one model, from what lease holders report. */
import type { Usage } from './protocol.ts'

export interface ModelMetrics {
  readonly invocations: number
  readonly failed: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly totalMs: number
  /** Leases that had to wait for a load. */
  readonly coldLeases: number
  readonly evictions: number
  readonly loadMs: number
}

export const NO_METRICS: ModelMetrics = Object.freeze({
  invocations: 0,
  failed: 0,
  inputTokens: 0,
  outputTokens: 0,
  totalMs: 0,
  coldLeases: 0,
  evictions: 0,
  loadMs: 0,
})

export function countInvocation(metrics: ModelMetrics, usage: Usage, failed: boolean): ModelMetrics {
  return {
    ...metrics,
    invocations: metrics.invocations + 1,
    failed: metrics.failed + (failed ? 1 : 0),
    inputTokens: metrics.inputTokens + amount(usage.inputTokens),
    outputTokens: metrics.outputTokens + amount(usage.outputTokens),
    totalMs: metrics.totalMs + amount(usage.durationMs),
  }
}

export function add(metrics: ModelMetrics, name: keyof ModelMetrics, by = 1): ModelMetrics {
  return { ...metrics, [name]: metrics[name] + by }
}

/** Reports come from other actors: a NaN must not poison the sums. */
function amount(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0
}
