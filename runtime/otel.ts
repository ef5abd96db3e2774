/**
 * OpenTelemetry spans of calls between actors, made of the runtime's events (diagnostics.ts) through `@opentelemetry/api`
 * alone: importing this module subscribes in that thread; exporters and the context manager are the application's.
 *
 *   host ── client span ──► actor a ── server span ── client span ──► actor b ── server span
 *
 * Import it in the host, and name it in `SystemOptions.preload` together with a module that registers a tracer provider, so
 * that actors' threads have spans too. A turn runs with its server span active; an ask made under an active span is that
 * span's child, whatever started it.
 */
import {
  context,
  createTraceState,
  isSpanContextValid,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Span,
} from '@opentelemetry/api'
import { onRuntimeEvent, type IncomingMessage, type OutgoingMessage } from './diagnostics.ts'

const tracer = trace.getTracer('symphony-pit/runtime')
const spans = new WeakMap<OutgoingMessage | IncomingMessage, Span>()

onRuntimeEvent('message-sending', ({ message }) => {
  const ask = message.kind === 'ask'
  const active = context.active()
  const parent = trace.getSpan(active) === undefined ? remoteContext(message) : active
  const kind = ask ? SpanKind.CLIENT : SpanKind.PRODUCER
  const span = tracer.startSpan(
    `${message.to}.${message.call}`,
    { kind, attributes: attributesOf(message.to, message.call, message.actor) },
    parent,
  )
  inject(span, message)
  // A tell is over for its sender when it is sent.
  if (ask) spans.set(message, span)
  else span.end()
})

onRuntimeEvent('ask-settled', ({ message, error }) => end(message, error))

onRuntimeEvent('message-started', ({ message }) => {
  const parent = remoteContext(message)
  const kind = message.kind === 'ask' ? SpanKind.SERVER : SpanKind.CONSUMER
  const attributes = {
    ...attributesOf(message.actor, message.call, message.sender),
    'pit.message.id': message.id,
    'pit.message.redelivered': message.redelivered,
  }
  const span = tracer.startSpan(`${message.actor}.${message.call}`, { kind, attributes }, parent)
  spans.set(message, span)
  message.within = (turn) => context.with(trace.setSpan(parent, span), turn)
})

onRuntimeEvent('message-settled', ({ message, error }) => end(message, error))

function attributesOf(actor: string, call: string, sender: string): Attributes {
  return { 'rpc.system': 'symphony-pit', 'rpc.service': actor, 'rpc.method': call, 'pit.sender': sender }
}

/** The span that the message's trace context names, as the parent of what happens here. */
function remoteContext({ traceparent, tracestate }: OutgoingMessage | IncomingMessage): Context {
  if (traceparent === undefined) return ROOT_CONTEXT
  const [, traceId = '', spanId = '', flags = ''] = traceparent.split('-')
  const traceState = tracestate === undefined ? {} : { traceState: createTraceState(tracestate) }
  const parent = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true, ...traceState }
  return trace.setSpanContext(ROOT_CONTEXT, parent)
}

/** Without a tracer provider spans name nothing, and the message keeps the trace it has. */
function inject(span: Span, message: OutgoingMessage): void {
  const own = span.spanContext()
  if (!isSpanContextValid(own)) return
  message.traceparent = `00-${own.traceId}-${own.spanId}-${(own.traceFlags & 0xff).toString(16).padStart(2, '0')}`
  message.tracestate = own.traceState?.serialize()
}

function end(
  message: OutgoingMessage | IncomingMessage,
  error: { readonly code: string; readonly message: string } | undefined,
): void {
  const span = spans.get(message)
  if (span === undefined) return
  spans.delete(message)
  if (error !== undefined) {
    span.setAttribute('error.type', error.code)
    span.setStatus({ code: SpanStatusCode.ERROR, message: error.message })
  }
  span.end()
}
