/** W3C Trace Context (https://www.w3.org/TR/trace-context/): which trace a message belongs to, and its parent span. */
import { invalidOption } from './common/options.ts'
import type { Random } from './common/random.ts'

/** As the two HTTP headers of the same names. */
export interface TraceContext {
  /** `00-<trace id, 32 hex digits>-<parent span id, 16 hex digits>-<flags, 2 hex digits>` */
  readonly traceparent: string
  /** Vendors' data, `key=value,…`. */
  readonly tracestate: string | undefined
}

/** Version, ids that are not zero, flags; a later version may say more behind them. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32}-)[0-9a-f]{32}-(?!0{16}-)[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/
const VERSION_00_LENGTH = 55
const TRACEPARENT_LENGTH_MAX = 256
/** What every participant must be able to pass on, by the recommendation. */
const TRACESTATE_LENGTH_MAX = 512
const TRACESTATE_MEMBERS_MAX = 32
const TRACESTATE_MEMBER = /^[ \t]*(?:[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{1,256})?[ \t]*$/

export function isTraceparent(value: unknown): value is string {
  if (typeof value !== 'string' || value.length > TRACEPARENT_LENGTH_MAX || !TRACEPARENT.test(value)) return false
  return !value.startsWith('00') || value.length === VERSION_00_LENGTH
}

export function isTracestate(value: unknown): value is string {
  if (typeof value !== 'string' || value.length > TRACESTATE_LENGTH_MAX) return false
  const members = value.split(',')
  return members.length <= TRACESTATE_MEMBERS_MAX && members.every((member) => TRACESTATE_MEMBER.test(member))
}

/** The trace a caller names; `undefined` when it names none. Throws `INVALID_OPTION`. */
export function traceOption(traceparent: unknown, tracestate: unknown): TraceContext | undefined {
  if (traceparent === undefined && tracestate === undefined) return undefined
  if (!isTraceparent(traceparent)) throw invalidOption('traceparent', 'a W3C traceparent', traceparent)
  if (tracestate !== undefined && !isTracestate(tracestate))
    throw invalidOption('tracestate', 'a W3C tracestate', tracestate)
  return { traceparent, tracestate }
}

/** The trace of a message that is sent while another one is handled: the same trace, a span of its own as the parent. */
export function nextHop({ traceparent, tracestate }: TraceContext, random: Random): TraceContext {
  const span = hex8(random) + hex8(random)
  const traceId = traceparent.slice(3, 35)
  return { traceparent: `00-${traceId}-${span}-${traceparent.slice(53, 55)}`, tracestate }
}

function hex8(random: Random): string {
  // Never zero: an id of zeros alone is invalid.
  return (1 + Math.floor(random.next() * (2 ** 32 - 1))).toString(16).padStart(8, '0')
}
