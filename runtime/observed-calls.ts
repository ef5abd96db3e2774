/** The sender's side of a call as events (diagnostics.ts); nothing here runs while nobody listens. */
import type { PitError } from './common/errors.ts'
import { events, type MessageKind, type OutgoingMessage } from './diagnostics.ts'
import type { TraceContext } from './trace-context.ts'

interface Sending extends OutgoingMessage {
  id: string
}

/** Whether anybody in this thread listens to calls that are made. */
export function callsObserved(): boolean {
  return (
    events['message-sending'].hasSubscribers ||
    events['message-sent'].hasSubscribers ||
    events['ask-settled'].hasSubscribers
  )
}

/** Tells of a call that is about to be coded; its trace context is what the subscribers made of it. */
export function publishSending(
  actor: string,
  incarnation: number,
  kind: MessageKind,
  to: string,
  call: string,
  trace: TraceContext | undefined,
): OutgoingMessage {
  const message: Sending = {
    actor,
    incarnation,
    kind,
    to,
    call,
    id: '',
    traceparent: trace?.traceparent,
    tracestate: trace?.tracestate,
  }
  events['message-sending'].publish({ message })
  return message
}

export function publishSent(message: OutgoingMessage, id: string, bytes: number): void {
  ;(message as Sending).id = id
  events['message-sent'].publish({ message, bytes })
}

/** The same promise; its end is told of. */
export function publishSettled(message: OutgoingMessage, reply: Promise<unknown>): Promise<unknown> {
  reply.then(
    () => events['ask-settled'].publish({ message, error: undefined }),
    (error: unknown) => events['ask-settled'].publish({ message, error: error as PitError }),
  )
  return reply
}
