/** What a caller may say with a call; checked once per call that says anything, and only own properties count. */
import { choiceOption, integerOption, invalidOption, own, refuseUnknown } from './common/options.ts'
import { CREDIT_DEFAULT, CREDIT_MAX } from './credit.ts'
import type { CallOptions, Overflow, StreamOptions, TellOptions } from './define-actor.ts'
import { traceOption, type TraceContext } from './trace-context.ts'

export interface ResolvedCallOptions {
  readonly deadlineMs: number | undefined
  readonly signal: AbortSignal | undefined
  readonly trace: TraceContext | undefined
  readonly overflow: Overflow
  readonly onAccepted: CallOptions['onAccepted']
}

export interface ResolvedStreamOptions extends ResolvedCallOptions {
  readonly credit: number
}

export const NO_CALL_OPTIONS: ResolvedCallOptions = Object.freeze({
  deadlineMs: undefined,
  signal: undefined,
  trace: undefined,
  overflow: 'wait',
  onAccepted: undefined,
})

const CALL_KEYS = [
  'deadlineMs',
  'signal',
  'traceparent',
  'tracestate',
  'overflow',
  'onAccepted',
] as const satisfies readonly (keyof CallOptions)[]

const STREAM_KEYS = ['deadlineMs', 'signal', 'credit'] as const satisfies readonly (keyof StreamOptions)[]
const OVERFLOWS = ['wait', 'reject', 'drop-newest', 'drop-oldest'] as const satisfies readonly Overflow[]

/** Throws `INVALID_OPTION`. */
export function resolveCallOptions(options: CallOptions | undefined): ResolvedCallOptions {
  if (options === undefined) return NO_CALL_OPTIONS
  refuseUnknown(options, CALL_KEYS)
  const onAccepted = own(options, 'onAccepted')
  if (onAccepted !== undefined && typeof onAccepted !== 'function')
    throw invalidOption('onAccepted', 'a function', onAccepted)
  return {
    ...resolvePatience(options),
    trace: traceOption(own(options, 'traceparent'), own(options, 'tracestate')),
    overflow: resolveOverflow(options),
    onAccepted: onAccepted as CallOptions['onAccepted'],
  }
}

/** Throws `INVALID_OPTION`. */
export function resolveStreamOptions(options: StreamOptions | undefined): ResolvedStreamOptions {
  refuseUnknown(options, STREAM_KEYS)
  const credit = integerOption(options, 'credit', CREDIT_DEFAULT, { min: 1, max: CREDIT_MAX })
  return { ...NO_CALL_OPTIONS, ...resolvePatience(options), credit }
}

/** Throws `INVALID_OPTION`. */
export function resolveTellOptions(options: TellOptions): Overflow {
  refuseUnknown(options, ['overflow'] satisfies (keyof TellOptions)[])
  return resolveOverflow(options)
}

function resolveOverflow(options: TellOptions): Overflow {
  return choiceOption(options, 'overflow', 'wait', OVERFLOWS)
}

function resolvePatience(
  options: CallOptions | StreamOptions | undefined,
): Pick<ResolvedCallOptions, 'deadlineMs' | 'signal'> {
  const deadlineMs = own(options, 'deadlineMs')
  if (deadlineMs !== undefined && (typeof deadlineMs !== 'number' || Number.isNaN(deadlineMs)))
    throw invalidOption('deadlineMs', 'a number of milliseconds', deadlineMs)
  const signal = own(options, 'signal')
  if (signal !== undefined && !isSignal(signal)) throw invalidOption('signal', 'an AbortSignal', signal)
  return { deadlineMs, signal }
}

/** Not by its class: signals may come from another realm. */
function isSignal(value: unknown): value is AbortSignal {
  return typeof value === 'object' && value !== null && 'aborted' in value && 'addEventListener' in value
}
