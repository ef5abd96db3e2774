/** A message that a thread has taken: what the runtime keeps of it, and what its handler sees. */
import { messageId } from './asks.ts'
import type { Clock } from './common/clock.ts'
import type { PitError } from './common/errors.ts'
import type { Call } from './define-actor.ts'
import type { IncomingMessage } from './diagnostics.ts'
import type { Incoming } from './peer.ts'
import type { CallScope } from './scope.ts'
import type { StreamWriter } from './stream-writer.ts'
import type { TraceContext } from './trace-context.ts'

/** Of a message that its asker keeps: a cell that is no cell. */
export const NO_CELL = -1

export interface Running extends CallScope {
  /** `NO_CELL` once its asker keeps the message. */
  cell: number
  deadlineAt: number
  readonly kind: number
  readonly correlation: number
  readonly senderIncarnation: number
  readonly sender: string
  readonly link: Incoming | undefined
  blockId: number | null
  /** Whether its deadline ends when it is accepted. */
  readonly untilAccepted: boolean
  stream: StreamWriter | undefined
  readonly redelivered: number
  /** When the handler started, on the clock all threads share; 0 before. */
  startedAt: number
  call: string
  controller: AbortController | undefined
  abortedWith: PitError | undefined
  /** The asker's incarnation is dead: nobody waits for the reply. */
  orphaned: boolean
  askers: readonly string[]
  trace: TraceContext | undefined
  incoming: IncomingMessage | undefined
}

export interface CallClocks {
  readonly clock: Clock
  readonly sharedMs: () => number
}

/**
 * What a handler sees of its message. A class, because one is made per message and hardly ever asked for its id or its
 * signal: getters of a prototype cost nothing until then.
 */
export class RunningCall implements Call {
  readonly #turn: Running
  readonly #host: CallClocks
  readonly #signalOf: (turn: Running) => AbortSignal
  readonly redelivered: number

  constructor(turn: Running, redelivered: number, host: CallClocks, signalOf: (turn: Running) => AbortSignal) {
    this.#turn = turn
    this.#host = host
    this.#signalOf = signalOf
    this.redelivered = redelivered
  }

  get id(): string {
    return messageId(this.#turn.correlation)
  }

  get sender(): string {
    return this.#turn.sender
  }

  get senderIncarnation(): number {
    return this.#turn.senderIncarnation
  }

  get deadlineAt(): number {
    return this.#host.clock.now() + this.#turn.deadlineAt - this.#host.sharedMs()
  }

  get signal(): AbortSignal {
    return this.#signalOf(this.#turn)
  }

  get traceparent(): string | undefined {
    return this.#turn.trace?.traceparent
  }

  get tracestate(): string | undefined {
    return this.#turn.trace?.tracestate
  }
}
