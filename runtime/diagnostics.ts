/**
 * What happens in the runtime, as events of `node:diagnostics_channel`: `symphony-pit:runtime:<event>`.
 *
 *   thread of       event                  payload
 *   --------------  ---------------------  ------------------------------------------------------------------
 *   the sender      message-sending        { message }  before it is coded: a subscriber may set its trace context
 *                   message-sent           { message, bytes }  it is in the ring, or waits for room
 *                   ask-settled            { message, error }  `error` is undefined for a reply
 *   the receiver    message-received       { message, bytes }
 *                   message-redelivered    { message, crashes }  an earlier life died in its turn
 *                   message-started        { message }  before its turn: a subscriber may set `message.within`
 *                   message-settled        { message, runMs, error }
 *                   message-expired        { message }  its deadline passed before its turn
 *                   message-cancelled      { message }  nobody waits for it any more
 *   either          dead-letter            DeadLetter
 *   the host        actor-starting, -ready, -stopping, -stopped, -restarting, -failed   { actor, incarnation }
 *                   actor-crashed          { actor, incarnation, reason }
 *                   actor-zombie           { actor, incarnation }  its thread was ended and does not end
 *                   supervisor-decision    { actor, incarnation, verdict }
 *
 * Channels are of one thread: `SystemOptions.preload` names modules that subscribe in the actors' threads. Subscribers run
 * inside the runtime, so they must be quick; what they throw ends the thread as an uncaught exception.
 * Without a subscriber an event costs one look at its channel, and no payload is made.
 */
import { channel, type Channel } from 'node:diagnostics_channel'
import type { PitError, WireError } from './common/errors.ts'
import type { DeadLetter } from './dead-letters.ts'
import type { ExitReason } from './define-actor.ts'

export type MessageKind = 'ask' | 'tell' | 'stream'

/** A message as its sender's thread sees it: the same object in all its events there. */
export interface OutgoingMessage {
  /** The sender and its life. */
  readonly actor: string
  readonly incarnation: number
  readonly kind: MessageKind
  readonly to: string
  readonly call: string
  /** The same as the receiver's `ctx.call.id`; empty until it is sent. */
  readonly id: string
  /** W3C trace context it is sent with; while it is `message-sending`, a subscriber may set it. */
  traceparent: string | undefined
  tracestate: string | undefined
}

/** A message as its receiver's thread sees it: the same object in all its events there. */
export interface IncomingMessage {
  /** The receiver and its life. */
  readonly actor: string
  readonly incarnation: number
  readonly kind: MessageKind
  readonly id: string
  readonly sender: string
  /** Empty until it is decoded. */
  readonly call: string
  readonly redelivered: number
  readonly traceparent: string | undefined
  readonly tracestate: string | undefined
  /** What its turn runs in, set by a subscriber of `message-started`: must call `turn` once and return its result. */
  within: (<T>(turn: () => T) => T) | undefined
}

export interface ActorEvent {
  readonly actor: string
  readonly incarnation: number
}

/** Payloads by event; the channel's name is `symphony-pit:runtime:` and the event's. */
export interface RuntimeEvents {
  'message-sending': { readonly message: OutgoingMessage }
  'message-sent': { readonly message: OutgoingMessage; readonly bytes: number }
  'ask-settled': { readonly message: OutgoingMessage; readonly error: PitError | undefined }
  'message-received': { readonly message: IncomingMessage; readonly bytes: number }
  'message-redelivered': { readonly message: IncomingMessage; readonly crashes: number }
  'message-started': { readonly message: IncomingMessage }
  'message-settled': {
    readonly message: IncomingMessage
    readonly runMs: number
    readonly error: WireError | undefined
  }
  'message-expired': { readonly message: IncomingMessage }
  'message-cancelled': { readonly message: IncomingMessage }
  'dead-letter': DeadLetter
  'actor-starting': ActorEvent
  'actor-ready': ActorEvent
  'actor-stopping': ActorEvent
  'actor-stopped': ActorEvent
  'actor-restarting': ActorEvent
  'actor-failed': ActorEvent
  'actor-crashed': ActorEvent & { readonly reason: ExitReason }
  'actor-zombie': ActorEvent
  'supervisor-decision': ActorEvent & { readonly verdict: string }
}
export type RuntimeEvent = keyof RuntimeEvents

/** A channel whose payload is known. */
export interface EventChannel<T> extends Pick<Channel, 'hasSubscribers'> {
  publish(payload: T): void
}

export const CHANNEL_PREFIX = 'symphony-pit:runtime:'

const channelOf = <E extends RuntimeEvent>(event: E): EventChannel<RuntimeEvents[E]> =>
  channel(`${CHANNEL_PREFIX}${event}`)

/** Held for good: a channel nobody holds is collected, and its subscribers with it. */
export const events: { readonly [E in RuntimeEvent]: EventChannel<RuntimeEvents[E]> } = Object.freeze({
  'message-sending': channelOf('message-sending'),
  'message-sent': channelOf('message-sent'),
  'ask-settled': channelOf('ask-settled'),
  'message-received': channelOf('message-received'),
  'message-redelivered': channelOf('message-redelivered'),
  'message-started': channelOf('message-started'),
  'message-settled': channelOf('message-settled'),
  'message-expired': channelOf('message-expired'),
  'message-cancelled': channelOf('message-cancelled'),
  'dead-letter': channelOf('dead-letter'),
  'actor-starting': channelOf('actor-starting'),
  'actor-ready': channelOf('actor-ready'),
  'actor-stopping': channelOf('actor-stopping'),
  'actor-stopped': channelOf('actor-stopped'),
  'actor-restarting': channelOf('actor-restarting'),
  'actor-failed': channelOf('actor-failed'),
  'actor-crashed': channelOf('actor-crashed'),
  'actor-zombie': channelOf('actor-zombie'),
  'supervisor-decision': channelOf('supervisor-decision'),
})

/**
 * Calls `listener` at each event of that kind in this thread; returns the undo.
 *
 * @example
 * const undo = onRuntimeEvent('dead-letter', ({ actor, reason }) => console.warn(actor, reason))
 */
export function onRuntimeEvent<E extends RuntimeEvent>(
  event: E,
  listener: (payload: RuntimeEvents[E]) => void,
): () => void {
  const subscribed = channel(`${CHANNEL_PREFIX}${event}`)
  const onMessage = (payload: unknown): void => listener(payload as RuntimeEvents[E])
  subscribed.subscribe(onMessage)
  return () => {
    subscribed.unsubscribe(onMessage)
  }
}
