/** Life of one model as a value: its state, since when, how it came there, and how often things went right and wrong. */
import { ModelState } from './protocol.ts'
import { type Cause, checkTransition, type StateTransition, TransitionReason } from './transitions.ts'

/** Transitions remembered per model. */
export const HISTORY_MAX = 32

export interface ModelLifecycle {
  readonly model: string
  readonly state: ModelState
  /** Wall time of the last transition. */
  readonly since: number
  /** Transitions in all. */
  readonly transitions: number
  /** Times it became hot. */
  readonly loads: number
  /** Times it became failed. */
  readonly failures: number
  /** The last `HISTORY_MAX` transitions, oldest first. */
  readonly history: readonly StateTransition[]
  /** Why it is in this state. */
  readonly reason: string
}

export function bornCold(model: string, now: number): ModelLifecycle {
  return {
    model,
    state: ModelState.Cold,
    since: now,
    transitions: 0,
    loads: 0,
    failures: 0,
    history: [],
    reason: 'never used yet',
  }
}

/** As after a restart of the pool: the model was hot before, and still is. */
export function foundHot(model: string, now: number): ModelLifecycle {
  return {
    ...bornCold(model, now),
    state: ModelState.Hot,
    loads: 1,
    reason: `it was hot before the pool restarted (${TransitionReason.ErrorRecovery})`,
  }
}

/** The lifecycle after a transition. Throws `MODEL_TRANSITION_INVALID`. */
export function transition(lifecycle: ModelLifecycle, to: ModelState, cause: Cause, now: number): ModelLifecycle {
  const { model, state: from } = lifecycle
  checkTransition(model, from, to)
  const durationMs = Math.max(0, now - lifecycle.since)
  const step: StateTransition = { from, to, at: now, ...cause, durationMs }
  return {
    model,
    state: to,
    since: now,
    transitions: lifecycle.transitions + 1,
    // Coming back from cooling is no load.
    loads: lifecycle.loads + (from === ModelState.Warming && to === ModelState.Hot ? 1 : 0),
    failures: lifecycle.failures + (to === ModelState.Failed ? 1 : 0),
    history: [...lifecycle.history, step].slice(-HISTORY_MAX),
    reason: `${cause.detail} (${cause.reason})`,
  }
}
