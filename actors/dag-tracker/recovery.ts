/**
 * What becomes of a node's failed attempt. Pure: `decide` says what, the executor does it.
 *
 *   failed ──retry policy left──▶ retry after a delay ──┐
 *      └─▶ fallback (value, model, node) ─▶ skip (with a default) ─▶ fail
 */
import { errorToWire, PitError, type Random } from '../../runtime/index.ts'
import { dagErrors } from './errors.ts'
import type { NodeDefinition, RetryPolicy } from './workflow/definition.ts'

export type FailureDecision =
  | { readonly kind: 'retry'; readonly delayMs: number }
  | { readonly kind: 'value'; readonly value: unknown }
  /** Another model or node takes over. */
  | { readonly kind: 'fallback' }
  | { readonly kind: 'skip'; readonly hasDefault: boolean; readonly default: unknown }
  | { readonly kind: 'fail' }

export interface FailedAttempt {
  /** Number of the attempt that failed, from 1. */
  readonly attempt: number
  /** The fallback has taken over already. */
  readonly fellBack: boolean
  readonly error: PitError
}

export function decide(
  node: NodeDefinition,
  { attempt, fellBack, error }: FailedAttempt,
  random: Random,
): FailureDecision {
  const { retry, fallback, skip } = node
  if (retry !== undefined && !fellBack && attempt < retry.attempts && isRetryable(retry, error)) {
    return { kind: 'retry', delayMs: delayMsOf(retry, attempt, random) }
  }
  if (fallback !== undefined && !fellBack) {
    return 'value' in fallback ? { kind: 'value', value: fallback.value } : { kind: 'fallback' }
  }
  if (skip !== undefined) return { kind: 'skip', hasDefault: Object.hasOwn(skip, 'default'), default: skip.default }
  return { kind: 'fail' }
}

function isRetryable(retry: RetryPolicy, error: PitError): boolean {
  return retry.retryOn === undefined ? error.action === 'retry' : retry.retryOn.includes(error.code)
}

/** Delay after attempt `attempt` (from 1). With jitter: anything between nothing and the full delay. */
export function delayMsOf(retry: RetryPolicy, attempt: number, random: Random): number {
  const baseMs = retry.delayMs ?? 100
  const growth = { constant: 1, linear: attempt, exponential: 2 ** (attempt - 1) }[retry.backoff ?? 'exponential']
  const delayMs = Math.min(baseMs * growth, retry.maxDelayMs ?? 30_000)
  return retry.jitter === false ? delayMs : random.next() * delayMs
}

/** Any thrown thing as an error with a code: what an operator or a peer throws keeps its own. */
export function toPitError(error: unknown, nodeId: string): PitError {
  if (error instanceof PitError) return error
  const { message } = errorToWire(error)
  return dagErrors.fail('NODE_FAILED', { nodeId, reason: message }, { cause: error })
}
