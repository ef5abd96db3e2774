/** Which states a model may go to from which, and why it may. Anything else is refused. */
import { poolErrors } from './errors.ts'
import { STATE_CODE, type StateCode } from './lease-layout.ts'
import { ModelState } from './protocol.ts'

export const TRANSITIONS = {
  cold: ['warming'],
  warming: ['hot', 'failed'],
  /** Back to hot: a lease won the race before the unload began. */
  cooling: ['cold', 'failed', 'hot'],
  hot: ['cooling', 'failed'],
  failed: ['cold'],
} as const satisfies Record<ModelState, readonly ModelState[]>

export const TransitionReason = {
  UserRequest: 'user-request',
  AutomaticTimeout: 'automatic-timeout',
  HealthCheckFailure: 'health-check-failure',
  ResourcePressure: 'resource-pressure',
  PredictivePrewarm: 'predictive-prewarm',
  ScheduledCooldown: 'scheduled-cooldown',
  ErrorRecovery: 'error-recovery',
} as const
export type TransitionReason = (typeof TransitionReason)[keyof typeof TransitionReason]

export interface StateTransition {
  readonly from: ModelState
  readonly to: ModelState
  /** Wall time. */
  readonly at: number
  readonly reason: TransitionReason
  /** The reason in a sentence, with names and numbers. */
  readonly detail: string
  /** What caused it: a call's or run's id. */
  readonly causeId?: string
  /** Time spent in `from`. */
  readonly durationMs: number
}

/** Why somebody wants a transition. */
export interface Cause {
  readonly reason: TransitionReason
  readonly detail: string
  readonly causeId?: string
}

export function isTransition(from: ModelState, to: ModelState): boolean {
  return (TRANSITIONS[from] as readonly ModelState[]).includes(to)
}

export function checkTransition(model: string, from: ModelState, to: ModelState): void {
  if (!isTransition(from, to)) throw poolErrors.fail('MODEL_TRANSITION_INVALID', { model, from, to })
}

export function codeOf(state: ModelState): StateCode {
  return STATE_CODE[state]
}

/** The state behind a code of the lease table; null for a row without a model. */
export function stateOf(code: number): ModelState | null {
  return Object.values(ModelState).find((state) => STATE_CODE[state] === code) ?? null
}
