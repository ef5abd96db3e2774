/**
 * The message in whose handler the current code runs, carried through its awaits: asks made there inherit its deadline,
 * also through refs that the behaviour took at `init`.
 */
import { AsyncLocalStorage } from 'node:async_hooks'

export interface CallScope {
  /** On `systemClock.monotonicMs()`, which all threads share. */
  readonly deadlineAt: number
}

export const callScope = new AsyncLocalStorage<CallScope>()

export function inheritedDeadlineAt(): number {
  return callScope.getStore()?.deadlineAt ?? Infinity
}
