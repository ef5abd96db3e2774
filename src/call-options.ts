/** Options of public calls hold the call's own (`signal`, `deadlineMs`, the trace context) beside those of the request. */
import type { CallOptions } from '../runtime/index.ts'

/** The two apart. Undefined values are left out, as if they were not given. */
export function split<T extends CallOptions>(options: T): { call: CallOptions; rest: Omit<T, keyof CallOptions> } {
  const { deadlineMs, signal, traceparent, tracestate, ...rest } = options
  const call = {
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
    ...(signal === undefined ? {} : { signal }),
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(tracestate === undefined ? {} : { tracestate }),
  }
  const given = Object.entries(rest).filter(([, value]) => value !== undefined)
  return { call, rest: Object.fromEntries(given) as Omit<T, keyof CallOptions> }
}
