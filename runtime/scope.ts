/**
 * The message in whose handler the current code runs, carried through its awaits: asks made there inherit its deadline,
 * also through refs that the behaviour took at `init`. The deadline ends with the message: what goes on after the answer,
 * or is detached because others share it, inherits none.
 */
import { AsyncLocalStorage } from 'node:async_hooks'

export interface CallScope {
  /** On `systemClock.monotonicMs()`, which all threads share. */
  readonly deadlineAt: number
  /** The message has its answer. */
  settled: boolean
}

export const callScope = new AsyncLocalStorage<CallScope>()

export function inheritedDeadlineAt(): number {
  const scope = callScope.getStore()
  return scope === undefined || scope.settled ? Infinity : scope.deadlineAt
}

const NO_MESSAGE: CallScope = { deadlineAt: Infinity, settled: false }

export function detach<T>(work: () => T): T {
  return callScope.run(NO_MESSAGE, work)
}
