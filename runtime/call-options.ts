/** What a caller may say with a call; checked once per call that says anything, and only own properties count. */
import { invalidOption, own, refuseUnknown } from './common/options.ts'
import type { CallOptions } from './define-actor.ts'
import { traceOption, type TraceContext } from './trace-context.ts'

export interface ResolvedCallOptions {
  readonly deadlineMs: number | undefined
  readonly signal: AbortSignal | undefined
  readonly trace: TraceContext | undefined
}

export const NO_CALL_OPTIONS: ResolvedCallOptions = Object.freeze({
  deadlineMs: undefined,
  signal: undefined,
  trace: undefined,
})

const CALL_KEYS = [
  'deadlineMs',
  'signal',
  'traceparent',
  'tracestate',
] as const satisfies readonly (keyof CallOptions)[]

/** Throws `INVALID_OPTION`. */
export function resolveCallOptions(options: CallOptions | undefined): ResolvedCallOptions {
  if (options === undefined) return NO_CALL_OPTIONS
  refuseUnknown(options, CALL_KEYS)
  const deadlineMs = own(options, 'deadlineMs')
  if (deadlineMs !== undefined && (typeof deadlineMs !== 'number' || Number.isNaN(deadlineMs)))
    throw invalidOption('deadlineMs', 'a number of milliseconds', deadlineMs)
  const signal = own(options, 'signal')
  if (signal !== undefined && !isSignal(signal)) throw invalidOption('signal', 'an AbortSignal', signal)
  return { deadlineMs, signal, trace: traceOption(own(options, 'traceparent'), own(options, 'tracestate')) }
}

/** Not by its class: signals may come from another realm. */
function isSignal(value: unknown): value is AbortSignal {
  return typeof value === 'object' && value !== null && 'aborted' in value && 'addEventListener' in value
}
