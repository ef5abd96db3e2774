/**
 * What a supervisor decides: whom to start, restart and stop, and when to give up. Pure, after Erlang's `supervisor`,
 * with back-off added.
 *
 *   one-for-one   restart the child that ended
 *   rest-for-one  stop those started after it, restart it and them in order
 *   one-for-all   stop all others, restart all in order
 *
 *   permanent     always restarted
 *   transient     restarted when it crashed or hung
 *   temporary     never restarted
 *
 * More than `restartsMax` restarts within `restartPeriodMs` end the system. Dynamic children are restarted one for one and
 * counted each for itself: a child of a user's making that cannot live is given up alone.
 * The first restart is immediate, each further one waits twice as long, with full jitter, until a child has lived for
 * `resetMs`.
 */
import type { Strategy } from './actor-system.ts'
import type { Random } from './common/random.ts'
import type { RestartPolicy } from './define-actor.ts'

export interface SupervisionLimits {
  readonly strategy: Strategy
  readonly restartsMax: number
  readonly restartPeriodMs: number
  readonly backoffMinMs: number
  readonly backoffMaxMs: number
  readonly resetMs: number
}

export const SUPERVISION_DEFAULTS: SupervisionLimits = Object.freeze({
  strategy: 'one-for-one',
  restartsMax: 5,
  restartPeriodMs: 10_000,
  backoffMinMs: 50,
  backoffMaxMs: 5_000,
  resetMs: 10_000,
})

export interface SupervisedChild {
  readonly name: string
  readonly restart: RestartPolicy
  readonly dynamic: boolean
  /** Restarts in a row, each within `resetMs` of the one before. */
  readonly streak: number
  readonly restartedAt: readonly number[]
}

export interface SupervisionState {
  /** Static children in their order, then dynamic ones. */
  readonly children: readonly SupervisedChild[]
  /** Restarts of static children. */
  readonly restartedAt: readonly number[]
}

export const noChildren: SupervisionState = Object.freeze({ children: [], restartedAt: [] })

export type SupervisionEvent =
  | { readonly kind: 'added'; readonly name: string; readonly restart: RestartPolicy; readonly dynamic: boolean }
  /** Ended by itself; `abnormal` unless it stopped in order. */
  | { readonly kind: 'ended'; readonly name: string; readonly abnormal: boolean }
  | { readonly kind: 'removed'; readonly name: string }

export type Verdict =
  | { readonly kind: 'none' }
  /** Stop these in this order, wait, then start those in that order. */
  | {
      readonly kind: 'restart'
      readonly stop: readonly string[]
      readonly start: readonly string[]
      readonly delayMs: number
    }
  /** This child is over. */
  | { readonly kind: 'give-up'; readonly name: string; readonly reason: string }
  /** The system is over. */
  | { readonly kind: 'escalate'; readonly reason: string }

export interface Decision {
  readonly state: SupervisionState
  readonly verdict: Verdict
}

export function supervise(
  state: SupervisionState,
  event: SupervisionEvent,
  now: number,
  limits: SupervisionLimits,
  random: Random,
): Decision {
  switch (event.kind) {
    case 'added': {
      const { name, restart, dynamic } = event
      const child: SupervisedChild = { name, restart, dynamic, streak: 0, restartedAt: [] }
      return { state: { ...state, children: [...state.children, child] }, verdict: { kind: 'none' } }
    }
    case 'removed':
      return { state: without(state, event.name), verdict: { kind: 'none' } }
    case 'ended': {
      const child = state.children.find(({ name }) => name === event.name)
      if (child === undefined) return { state, verdict: { kind: 'none' } }
      if (!isRestarted(child.restart, event.abnormal)) {
        const reason = `${child.restart} child ended ${event.abnormal ? 'abnormally' : 'in order'}`
        return { state: without(state, child.name), verdict: { kind: 'give-up', name: child.name, reason } }
      }
      return restart(state, child, now, limits, random)
    }
  }
}

function isRestarted(policy: RestartPolicy, abnormal: boolean): boolean {
  return policy === 'permanent' || (policy === 'transient' && abnormal)
}

function restart(
  state: SupervisionState,
  child: SupervisedChild,
  now: number,
  limits: SupervisionLimits,
  random: Random,
): Decision {
  const own = [...recent(child.restartedAt, now, limits), now]
  const all = child.dynamic ? state.restartedAt : [...recent(state.restartedAt, now, limits), now]
  const counted = child.dynamic ? own : all
  const reason = `more than ${limits.restartsMax} restarts within ${limits.restartPeriodMs} ms`
  if (counted.length > limits.restartsMax) {
    return child.dynamic
      ? { state: without(state, child.name), verdict: { kind: 'give-up', name: child.name, reason } }
      : { state: { ...state, restartedAt: all }, verdict: { kind: 'escalate', reason: `${child.name}: ${reason}` } }
  }
  const last = child.restartedAt.at(-1)
  const streak = last !== undefined && now - last < limits.resetMs ? child.streak + 1 : 0
  const restarted: SupervisedChild = { ...child, streak, restartedAt: own }
  const children = state.children.map((other) => (other === child ? restarted : other))
  const start = group(state, child, limits.strategy)
  const stop = start.filter((name) => name !== child.name).reverse()
  const verdict: Verdict = { kind: 'restart', stop, start, delayMs: backoffMs(streak, limits, random) }
  return { state: { children, restartedAt: all }, verdict }
}

function group(state: SupervisionState, child: SupervisedChild, strategy: Strategy): readonly string[] {
  const all = state.children.filter(({ dynamic }) => !dynamic).map(({ name }) => name)
  if (child.dynamic) return [child.name]
  switch (strategy) {
    case 'one-for-one':
      return [child.name]
    case 'one-for-all':
      return all
    case 'rest-for-one':
      return all.slice(all.indexOf(child.name))
  }
}

/** 0, then between 0 and min·2ⁿ (full jitter, so that children that died together do not come back together). */
export function backoffMs(streak: number, limits: SupervisionLimits, random: Random): number {
  if (streak === 0) return 0
  return Math.round(Math.min(limits.backoffMaxMs, limits.backoffMinMs * 2 ** (streak - 1)) * random.next())
}

function recent(times: readonly number[], now: number, { restartPeriodMs }: SupervisionLimits): readonly number[] {
  return times.filter((at) => now - at < restartPeriodMs)
}

function without(state: SupervisionState, name: string): SupervisionState {
  return { ...state, children: state.children.filter((child) => child.name !== name) }
}
