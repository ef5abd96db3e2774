/**
 * The messages a thread has taken: from the ring into a cell of the held table, through its handler, to the reply.
 *
 *   take ─► (expired | cancelled → free)
 *        ─► decode ─► unknown handler, bad bytes → failure
 *        ─► turn: handler runs to its first await; a value or a throw is answered in the same turn
 *        ─► its promise settles later → answer
 *   answer: reply published in the ring, then the cell is freed (mailbox/held-table.ts, I1)
 */
import type { BlockPort } from './blocks.ts'
import { blockReference, CORRELATION_SPAN, readBlockReference } from './asks.ts'
import { BOARD_TIMES, BOARD_WORD, type BoardSlot } from './board.ts'
import type { Codec, Encoded } from './codec.ts'
import type { Clock } from './common/clock.ts'
import { describe, errorToWire, type PitError, type WireError } from './common/errors.ts'
import type { DeadLetterFacts, DeadLetterReason } from './dead-letters.ts'
import { createDeadlineSweep } from './deadlines.ts'
import type { Call, ResolvedHandler } from './define-actor.ts'
import { events, type IncomingMessage } from './diagnostics.ts'
import { fail } from './errors.ts'
import type { HeldMessage, HeldTable } from './mailbox/held-table.ts'
import { readMeta } from './message-meta.ts'
import { createTurnEvents } from './observed-turns.ts'
import type { Incoming, Peer } from './peer.ts'
import { inlineBytesMax, RecordFlag, RecordKind } from './rings/layout.ts'
import { callScope, NO_ASKERS, type CallScope } from './scope.ts'
import type { TraceContext } from './trace-context.ts'

/** Crashes in the turn of one message after which it is not delivered again. Fewer than a system's restarts. */
export const POISON_CRASHES = 3

export interface TurnHost {
  readonly name: string
  readonly incarnation: number
  readonly clock: Clock
  readonly sharedMs: () => number
  readonly codec: Codec
  readonly blocks: BlockPort
  readonly table: HeldTable
  readonly slot: BoardSlot
  readonly handlers: ReadonlyMap<string, ResolvedHandler>
  /** Runs the handler with the behaviour's state and a context for this call. */
  readonly invoke: (handler: ResolvedHandler, arg: unknown, call: Call) => unknown
  /** A cell became free, or a message settled. */
  readonly onSettled: () => void
  readonly onDeadLetter: (facts: DeadLetterFacts) => void
}

interface Running extends CallScope {
  readonly cell: number
  readonly kind: number
  readonly correlation: number
  readonly senderIncarnation: number
  readonly sender: string
  readonly link: Incoming | undefined
  readonly blockId: number | null
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

export interface Turns {
  /** Starts the message in this cell; `peer` is the sender as far as it is still connected. */
  start(cell: number, peer: Peer | undefined): void
  /** Settles what earlier incarnations left: delivers again, or tells the asker. */
  recover(peerOf: (lane: number) => Peer | undefined): void
  /** Aborts the handler's signal; `false` when that message is not running here. */
  cancel(correlation: number): boolean
  orphan(sender: string, incarnation: number): void
  /** Messages that somebody still waits for. */
  awaited(): number
  abortAll(error: PitError): void
}

export function createTurns(host: TurnHost): Turns {
  const { table, slot, codec, clock, sharedMs } = host
  const running = new Map<number, Running>()
  const told = createTurnEvents(host.name, host.incarnation)
  const sweep = createDeadlineSweep(clock, expire)

  function expire(): number {
    const now = sharedMs()
    let next = Infinity
    for (const turn of running.values()) {
      if (turn.controller === undefined || turn.abortedWith !== undefined) continue
      if (turn.deadlineAt <= now) abort(turn, deadlineError(turn))
      else next = Math.min(next, turn.deadlineAt)
    }
    return next - now + clock.monotonicMs()
  }

  const deadlineError = (turn: Running): PitError =>
    fail('DEADLINE_EXCEEDED', { actor: host.name, call: turn.call, deadlineMs: 0 })

  function abort(turn: Running, error: PitError): void {
    turn.abortedWith ??= error
    turn.controller?.abort(turn.abortedWith)
  }

  function signalOf(turn: Running): AbortSignal {
    if (turn.controller === undefined) {
      turn.controller = new AbortController()
      if (turn.abortedWith === undefined && turn.deadlineAt <= sharedMs()) {
        turn.abortedWith = deadlineError(turn)
      }
      if (turn.abortedWith !== undefined) turn.controller.abort(turn.abortedWith)
      else if (turn.deadlineAt !== Infinity) sweep.note(clock.monotonicMs() + turn.deadlineAt - sharedMs())
    }
    return turn.controller.signal
  }

  function open(message: HeldMessage, peer: Peer | undefined): Running {
    const { cell, kind, correlation, deadlineAt, incarnation } = message
    const large = (message.flags & RecordFlag.Block) !== 0
    return {
      cell,
      kind,
      correlation,
      deadlineAt,
      senderIncarnation: incarnation,
      sender: peer?.name ?? '',
      link: peer?.in,
      blockId: large ? readBlockReference(message.bytes, message.payloadStart) : null,
      redelivered: message.redelivered,
      startedAt: 0,
      call: '',
      settled: false,
      controller: undefined,
      abortedWith: undefined,
      orphaned: false,
      askers: (message.flags & RecordFlag.Nested) === 0 ? NO_ASKERS : [peer?.name ?? ''],
      trace: undefined,
      incoming: undefined,
    }
  }

  /** The argument; the call's name and what else the message carries go into `turn`. */
  function readBody(message: HeldMessage, turn: Running): unknown {
    const block = turn.blockId === null ? undefined : host.blocks.get(turn.blockId)
    const body =
      block === undefined
        ? codec.decode(message.bytes, message.payloadStart, message.payloadEnd, host.name)
        : codec.decode(Buffer.from(block as unknown as ArrayBuffer), 0, block.byteLength, host.name)
    if (!Array.isArray(body) || typeof body[0] !== 'string')
      throw fail('CODEC_INVALID', { actor: host.name, reason: 'the body is not a call' })
    turn.call = body[0]
    if (body.length > 2) noteMeta(turn, body[2])
    return body[1]
  }

  function noteMeta(turn: Running, data: unknown): void {
    try {
      const { askers, trace } = readMeta(data)
      if (askers.length > 0) turn.askers = [...askers, ...turn.askers]
      turn.trace = trace
    } catch (cause) {
      throw fail('CODEC_INVALID', { actor: host.name, reason: describe(cause) }, { cause })
    }
  }

  function run(message: HeldMessage, turn: Running, handler: ResolvedHandler, arg: unknown): void {
    const call = new RunningCall(turn, message.redelivered, host, signalOf)
    let result: unknown
    slot.put(BOARD_WORD.Turn, turn.cell + 1)
    try {
      result = events['message-started'].hasSubscribers
        ? told.started(turn, () => callScope.run(turn, host.invoke, handler, arg, call))
        : callScope.run(turn, host.invoke, handler, arg, call)
    } catch (error) {
      answer(turn, RecordKind.Failure, errorToWire(error))
      return
    } finally {
      slot.put(BOARD_WORD.Turn, 0)
    }
    if (!isPromiseLike(result)) return answer(turn, RecordKind.Reply, result)
    Promise.resolve(result).then(
      (value: unknown) => answer(turn, RecordKind.Reply, value),
      (error: unknown) => answer(turn, RecordKind.Failure, errorToWire(error)),
    )
  }

  function answer(turn: Running, kind: RecordKind, value: unknown): void {
    running.delete(turn.correlation)
    turn.settled = true
    if (turn.startedAt > 0) slot.time(BOARD_TIMES.Run, sharedMs() - turn.startedAt)
    if (turn.link === undefined || turn.kind !== RecordKind.Ask) {
      const error = kind === RecordKind.Failure ? (value as WireError) : undefined
      noteSettled(turn, error)
      if (error !== undefined) bury(turn, reasonOf(error.code), error.message)
      return settle(turn)
    }
    slot.add(BOARD_WORD.MessagesOut, 1)
    sendReply(turn, turn.link, kind, value)
  }

  function noteSettled(turn: Running, error: WireError | undefined): void {
    if (events['message-settled'].hasSubscribers)
      told.settled(turn, turn.startedAt > 0 ? sharedMs() - turn.startedAt : 0, error)
  }

  /** Its cell still holds it. */
  function bury(turn: Running, reason: DeadLetterReason, detail: string): void {
    const message = table.read(turn.cell)
    const body = (): Uint8Array | undefined => {
      if (turn.blockId === null) return message.bytes.subarray(message.payloadStart, message.payloadEnd)
      const block = host.blocks.get(turn.blockId)
      return block === undefined ? undefined : new Uint8Array(block)
    }
    const { call, sender } = turn
    host.onDeadLetter({ actor: host.name, call, sender, reason, detail, crashes: message.crashes, body })
  }

  function sendReply(turn: Running, link: Incoming, kind: RecordKind, value: unknown): void {
    let body: Encoded
    try {
      body = codec.encode(value, host.name)
    } catch (error) {
      return sendReply(turn, link, RecordKind.Failure, errorToWire(error))
    }
    noteSettled(turn, kind === RecordKind.Failure ? (value as WireError) : undefined)
    const { bytes, start, end } = body
    const { correlation } = turn
    const freed = (): void => settle(turn)
    if (end - start <= inlineBytesMax(link.replies.capacityBytes)) {
      link.replies.send(kind, RecordFlag.None, host.incarnation, correlation, Infinity, bytes, start, end, freed)
      return
    }
    // The asker's next life would have to free a block that it never asked for.
    if (turn.orphaned) return settle(turn)
    const reference = blockReference(host.blocks.send(turn.sender, bytes, start, end))
    link.replies.send(kind, RecordFlag.Block, host.incarnation, correlation, Infinity, reference, 0, 8, freed)
  }

  function settle(turn: Running): void {
    if (turn.blockId !== null) host.blocks.free(turn.blockId)
    table.free(turn.cell)
    slot.put(BOARD_WORD.InFlight, table.inFlight())
    host.onSettled()
  }

  function start(cell: number, peer: Peer | undefined): void {
    const message = table.read(cell)
    const turn = open(message, peer)
    running.set(turn.correlation, turn)
    slot.add(BOARD_WORD.MessagesIn, 1)
    slot.put(BOARD_WORD.InFlight, table.inFlight())
    if (events['message-received'].hasSubscribers) told.received(turn, message.payloadEnd - message.payloadStart)
    const now = sharedMs()
    if (turn.deadlineAt <= now) {
      running.delete(turn.correlation)
      if (events['message-expired'].hasSubscribers) told.expired(turn)
      bury(turn, 'expired', 'its deadline passed before its turn')
      return settle(turn)
    }
    let arg: unknown
    try {
      arg = readBody(message, turn)
    } catch (error) {
      return answer(turn, RecordKind.Failure, errorToWire(error))
    }
    const handler = host.handlers.get(turn.call)
    if (handler === undefined) {
      const error = fail('UNKNOWN_HANDLER', { actor: host.name, call: turn.call })
      return answer(turn, RecordKind.Failure, errorToWire(error))
    }
    table.markStarted(cell)
    turn.startedAt = now
    slot.time(BOARD_TIMES.Wait, now - message.sentAt)
    run(message, turn, handler, arg)
  }

  /** Its block is gone: it was answered, and its incarnation died before it freed the cell too. */
  function isFreed({ flags, bytes, payloadStart }: HeldMessage): boolean {
    return (flags & RecordFlag.Block) !== 0 && host.blocks.get(readBlockReference(bytes, payloadStart)) === undefined
  }

  /** A message whose handler ran when its incarnation died: again, or the end of it. */
  function recoverInterrupted(cell: number, message: HeldMessage, peer: Peer | undefined): void {
    const turn = open(message, peer)
    let handler: ResolvedHandler | undefined
    try {
      readBody(message, turn)
      handler = host.handlers.get(turn.call)
    } catch (error) {
      return answer(turn, RecordKind.Failure, errorToWire(error))
    }
    const fields = { actor: host.name, call: turn.call, crashes: message.crashes }
    if (message.crashes >= POISON_CRASHES) {
      const error = fail('POISON_MESSAGE', fields)
      // A tell's failure is a dead letter anyway.
      if (turn.kind === RecordKind.Ask && turn.link !== undefined) bury(turn, 'poison', error.message)
      return answer(turn, RecordKind.Failure, errorToWire(error))
    }
    if (handler?.redeliver !== true) {
      return answer(turn, RecordKind.Failure, errorToWire(fail('ACTOR_RESTARTED', fields)))
    }
    slot.add(BOARD_WORD.Redelivered, 1)
    if (events['message-redelivered'].hasSubscribers) told.redelivered(turn, message.crashes)
    start(cell, peer)
  }

  return {
    start,
    recover(peerOf) {
      for (const cell of table.takeLeftovers()) {
        const message = table.read(cell)
        const peer = peerOf(message.lane)
        if (isFreed(message)) table.free(cell)
        else if (message.interrupted) recoverInterrupted(cell, message, peer)
        else start(cell, peer)
      }
    },
    cancel(correlation) {
      const turn = running.get(correlation)
      if (turn === undefined) return false
      if (events['message-cancelled'].hasSubscribers) told.cancelled(turn)
      abort(turn, fail('CANCELLED', { actor: host.name, call: turn.call }))
      return true
    },
    orphan(sender, incarnation) {
      for (const turn of running.values()) {
        if (turn.sender === sender && turn.senderIncarnation === incarnation) turn.orphaned = true
      }
    },
    awaited: () =>
      [...running.values()].filter(({ orphaned, abortedWith }) => !orphaned && abortedWith === undefined).length,
    abortAll(error) {
      for (const turn of running.values()) abort(turn, error)
    },
  }
}

/**
 * What a handler sees of its message. A class, because one is made per message and hardly ever asked for its id or its
 * signal: getters of a prototype cost nothing until then.
 */
class RunningCall implements Call {
  readonly #turn: Running
  readonly #host: Pick<TurnHost, 'clock' | 'sharedMs'>
  readonly #signalOf: (turn: Running) => AbortSignal
  readonly redelivered: number

  constructor(
    turn: Running,
    redelivered: number,
    host: Pick<TurnHost, 'clock' | 'sharedMs'>,
    signalOf: (turn: Running) => AbortSignal,
  ) {
    this.#turn = turn
    this.#host = host
    this.#signalOf = signalOf
    this.redelivered = redelivered
  }

  get id(): string {
    const { senderIncarnation, correlation } = this.#turn
    return `${senderIncarnation}-${correlation - senderIncarnation * CORRELATION_SPAN}`
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

/** Why the failed message of somebody who does not wait is a dead letter. */
function reasonOf(code: string): DeadLetterReason {
  switch (code) {
    case 'UNKNOWN_HANDLER':
      return 'unknown-handler'
    case 'CODEC_INVALID':
      return 'invalid'
    case 'POISON_MESSAGE':
      return 'poison'
    case 'ACTOR_RESTARTED':
      return 'interrupted'
    default:
      return 'failed'
  }
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return (
    (typeof value === 'object' || typeof value === 'function') &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  )
}
