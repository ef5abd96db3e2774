/**
 * The message in whose handler the current code runs, carried through its awaits: asks made there inherit its deadline,
 * its trace and the chain of askers that wait for it, also through refs that the behaviour took at `init`. All of that
 * ends with the message: what goes on after the answer, or is detached because others share it, inherits nothing.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { TraceContext } from './trace-context.ts'

export interface CallScope {
  /** On `systemClock.monotonicMs()`, which all threads share. */
  readonly deadlineAt: number
  /** The actors whose handlers wait for this message, outermost first; none for a tell, or when the host asks. */
  readonly askers: readonly string[]
  readonly trace: TraceContext | undefined
  /** The message has its answer. */
  settled: boolean
}

export const NO_ASKERS: readonly string[] = Object.freeze([])

export const callScope = new AsyncLocalStorage<CallScope>()

/**
 * Runs `work`, in which each message's handler enters its own scope (`callScope.enterWith`), and has the scope from before
 * back afterwards. `callScope.run` around each handler would build a second scope per message to go back to.
 */
export const leavingScope = AsyncLocalStorage.snapshot()

/** The message whose handler waits for what happens now, if any. */
export function messageInHand(): CallScope | undefined {
  const scope = callScope.getStore()
  return scope === undefined || scope.settled ? undefined : scope
}

const NO_MESSAGE: CallScope = { deadlineAt: Infinity, askers: NO_ASKERS, trace: undefined, settled: true }

export function detach<T>(work: () => T): T {
  return callScope.run(NO_MESSAGE, work)
}

/** The way from the first waiting actor back to itself, when `actor` asking `to` closes a cycle. */
export function cyclePath(message: CallScope, actor: string, to: string): readonly string[] | undefined {
  if (to === actor) return [actor, to]
  const start = message.askers.indexOf(to)
  return start === -1 ? undefined : [...message.askers.slice(start), actor, to]
}
