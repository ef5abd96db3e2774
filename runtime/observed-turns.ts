/** The receiver's side of a message as events (diagnostics.ts); nothing here runs while nobody listens. */
import type { WireError } from './common/errors.ts'
import { events, type IncomingMessage } from './diagnostics.ts'
import { messageId } from './asks.ts'
import { RecordKind } from './rings/layout.ts'
import type { TraceContext } from './trace-context.ts'

/** What a turn knows of its message. */
export interface ObservedTurn {
  readonly kind: number
  readonly correlation: number
  readonly senderIncarnation: number
  readonly sender: string
  readonly redelivered: number
  readonly call: string
  readonly trace: TraceContext | undefined
  /** Made by the first event somebody listens to. */
  incoming: IncomingMessage | undefined
}

export interface TurnEvents {
  received(turn: ObservedTurn, bytes: number): void
  redelivered(turn: ObservedTurn, crashes: number): void
  /** Runs the turn in what a subscriber wants around it. */
  started<T>(turn: ObservedTurn, run: () => T): T
  settled(turn: ObservedTurn, runMs: number, error: WireError | undefined): void
  expired(turn: ObservedTurn): void
  cancelled(turn: ObservedTurn): void
}

export function createTurnEvents(actor: string, incarnation: number): TurnEvents {
  function incomingOf(turn: ObservedTurn): IncomingMessage {
    return (turn.incoming ??= {
      actor,
      incarnation,
      kind: turn.kind === RecordKind.Ask ? 'ask' : turn.kind === RecordKind.Open ? 'stream' : 'tell',
      id: messageId(turn.correlation),
      sender: turn.sender,
      get call() {
        return turn.call
      },
      redelivered: turn.redelivered,
      get traceparent() {
        return turn.trace?.traceparent
      },
      get tracestate() {
        return turn.trace?.tracestate
      },
      within: undefined,
    })
  }
  return {
    received: (turn, bytes) => events['message-received'].publish({ message: incomingOf(turn), bytes }),
    redelivered: (turn, crashes) => events['message-redelivered'].publish({ message: incomingOf(turn), crashes }),
    started(turn, run) {
      const message = incomingOf(turn)
      events['message-started'].publish({ message })
      return message.within === undefined ? run() : message.within(run)
    },
    settled: (turn, runMs, error) => events['message-settled'].publish({ message: incomingOf(turn), runMs, error }),
    expired: (turn) => events['message-expired'].publish({ message: incomingOf(turn) }),
    cancelled: (turn) => events['message-cancelled'].publish({ message: incomingOf(turn) }),
  }
}
