/**
 * When to leave a failing model alone and when to try it again. Pure.
 *
 * A failed load, or `FAILURES_MAX` failures of its backend in a row, opens the breaker: no lease until the back-off is
 * over. Then one load is the probe: it closes the breaker, or doubles the back-off. So a failure heals by itself, and a
 * dead server is not asked a thousand times.
 */
import type { Random } from '../../runtime/index.ts'

/** Backend failures in a row that open the breaker of a loaded model. */
export const FAILURES_MAX = 5
const BACKOFF_FIRST_MS = 500
const BACKOFF_MAX_MS = 60_000

export interface Health {
  readonly failuresInRow: number
  /** How often the breaker opened in a row. */
  readonly openings: number
  /** Monotonic time until which nothing is tried; null while closed. */
  readonly openUntil: number | null
  readonly lastError: string | null
}

export type HealthStatus =
  | { readonly status: 'unknown' }
  | { readonly status: 'healthy' }
  | { readonly status: 'degraded'; readonly reason: string }
  | { readonly status: 'unhealthy'; readonly error: string; readonly retryAfterMs: number }

export const FRESH: Health = Object.freeze({ failuresInRow: 0, openings: 0, openUntil: null, lastError: null })

/** Codes that speak of the backend, not of what it was asked. */
const BACKEND_CODES: ReadonlySet<string> = new Set([
  'BACKEND_UNREACHABLE',
  'BACKEND_TIMEOUT',
  'BACKEND_UNAVAILABLE',
  'BACKEND_BAD_RESPONSE',
  'POISON_MESSAGE',
])

export function isBackendFailure(code: string | undefined): boolean {
  return code !== undefined && BACKEND_CODES.has(code)
}

export function succeeded(health: Health): Health {
  return health.failuresInRow === 0 && health.openUntil === null ? health : FRESH
}

/** One failed request of a loaded model. */
export function failedOnce(health: Health, error: string, now: number, random: Random): Health {
  const failuresInRow = health.failuresInRow + 1
  const next = { ...health, failuresInRow, lastError: error }
  return failuresInRow < FAILURES_MAX ? next : opened(next, error, now, random)
}

/** A failed load, or a failure too many. Back-off with jitter: half of it is sure, half is chance. */
export function opened(health: Health, error: string, now: number, random: Random): Health {
  const fullMs = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(health.openings, 16))
  const backoffMs = fullMs / 2 + (random.next() * fullMs) / 2
  return { failuresInRow: 0, openings: health.openings + 1, openUntil: now + backoffMs, lastError: error }
}

/** The back-off is over (or somebody insists): the next load is the probe. */
export function probing(health: Health): Health {
  return { ...health, openUntil: null }
}

export function retryAfterMs(health: Health, now: number): number {
  return health.openUntil === null ? 0 : Math.max(0, Math.ceil(health.openUntil - now))
}

export function healthStatus(health: Health, everUsed: boolean, now: number): HealthStatus {
  if (health.openUntil !== null) {
    return { status: 'unhealthy', error: health.lastError ?? '', retryAfterMs: retryAfterMs(health, now) }
  }
  if (health.failuresInRow > 0) {
    return { status: 'degraded', reason: `${health.failuresInRow} failures in a row: ${health.lastError ?? ''}` }
  }
  return everUsed ? { status: 'healthy' } : { status: 'unknown' }
}
