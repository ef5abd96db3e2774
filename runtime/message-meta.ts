/**
 * What a message carries besides its call and argument: third in its body `[call, argument, meta]`, and absent from most
 * messages. `[askers, traceparent, tracestate]`; what is missing is `null` or cut off.
 *
 * The nearest asker is not among the askers: it is the sender, and a flag in the header says that it waits.
 */
import { NO_ASKERS, type CallScope } from './scope.ts'
import { isTraceparent, isTracestate, type TraceContext } from './trace-context.ts'

export type MessageMeta = readonly [
  askers: readonly string[] | null,
  traceparent?: string,
  tracestate?: string | undefined,
]

/** `undefined` when there is nothing to say. */
export function metaOf(askers: readonly string[], trace: TraceContext | undefined): MessageMeta | undefined {
  const waiting = askers.length === 0 ? null : askers
  if (trace === undefined) return waiting === null ? undefined : [waiting]
  const { traceparent, tracestate } = trace
  return tracestate === undefined ? [waiting, traceparent] : [waiting, traceparent, tracestate]
}

/** A message's body: its arguments are cut off where they say nothing. */
export function bodyOf(call: string, arg: unknown, meta: MessageMeta | undefined): readonly unknown[] {
  if (meta !== undefined) return [call, arg, meta]
  return arg === undefined ? [call] : [call, arg]
}

/** Throws a `TypeError` for what `metaOf` never makes. */
export function readMeta(meta: unknown): Pick<CallScope, 'askers' | 'trace'> {
  if (!Array.isArray(meta)) throw new TypeError('the meta data is not a list')
  const [askers, traceparent, tracestate] = meta as unknown[]
  if (askers !== null && !(Array.isArray(askers) && askers.every((asker) => typeof asker === 'string')))
    throw new TypeError('the askers are not names')
  if (traceparent === undefined) return { askers: askers ?? NO_ASKERS, trace: undefined }
  if (!isTraceparent(traceparent) || (tracestate !== undefined && !isTracestate(tracestate)))
    throw new TypeError('the trace context is invalid')
  return { askers: askers ?? NO_ASKERS, trace: { traceparent, tracestate } }
}
