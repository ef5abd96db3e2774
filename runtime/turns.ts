/**
 * The messages a thread has taken: from the ring into a cell of the held table, through its handler, to the reply.
 *
 *   take ─► (expired | cancelled → free)
 *        ─► decode ─► unknown handler, bad bytes → failure
 *        ─► turn: handler runs to its first await; a value or a throw is answered in the same turn
 *        ─► its promise settles later → answer; with a ticket its cell is freed at once (tickets.ts)
 *        ─► an opened stream: what can be iterated → items, then the answer (stream-writer.ts)
 *   answer: reply published in the ring, then the cell is freed (mailbox/held-table.ts, I1)
 */
import type { BlockPort } from './blocks.ts'
import { createAnswers } from './answers.ts'
import { BOARD_TIMES, BOARD_WORD, type BoardSlot } from './board.ts'
import { MESSAGE_BYTES_MAX, type Codec, type Encoded } from './codec.ts'
import type { Clock } from './common/clock.ts'
import { describe, errorToWire, type PitError } from './common/errors.ts'
import { CREDIT_DEFAULT, CREDIT_MAX } from './credit.ts'
import type { DeadLetterFacts } from './dead-letters.ts'
import { createDeadlineSweep } from './deadlines.ts'
import type { Call, ResolvedHandler } from './define-actor.ts'
import { events } from './diagnostics.ts'
import { fail } from './errors.ts'
import type { HeldMessage, HeldTable } from './mailbox/held-table.ts'
import { readMeta } from './message-meta.ts'
import { createTurnEvents } from './observed-turns.ts'
import type { Incoming, Peer } from './peer.ts'
import { createRecovery } from './recovery.ts'
import { redelivery } from './redelivery.ts'
import { NO_CELL, RunningCall, type Running } from './running.ts'
import type { Lane } from './rings/lane.ts'
import { RecordFlag, RecordKind } from './rings/layout.ts'
import { readNumber } from './rings/numbers.ts'
import { callScope, NO_ASKERS } from './scope.ts'
import { createStreamWriter, iteratorOf } from './stream-writer.ts'
import { acceptanceToWire, NO_RUNS, runsBefore, type RunsBefore } from './tickets.ts'

/** How long a stop waits for the clean-up of a stream that it has ended. */
const STREAM_CLOSE_MS = 1_000

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
  readonly ticketsMax: number
  /** Runs the handler with the behaviour's state and a context for this call. */
  readonly invoke: (handler: ResolvedHandler, arg: unknown, call: Call) => unknown
  /** A cell became free, or a message settled. */
  readonly onSettled: () => void
  /** Something may be resumed. */
  readonly schedule: () => void
  readonly onDeadLetter: (facts: DeadLetterFacts) => void
}

export interface Turns {
  /** Starts the message in this cell; inside `leavingScope`. `peer` is the sender as far as it is still connected. */
  start(cell: number, peer: Peer | undefined): void
  /** Settles what earlier incarnations left, or lets it wait; inside `leavingScope`. Delivers again, or tells the asker. */
  recover(peerOf: (lane: number) => Peer | undefined): void
  /** What they left and what has waited; returns how many messages. Inside `leavingScope`. */
  resume(): number
  /** Whether `resume` would find some. */
  resumable(): boolean
  /** Whether a message of that lane waits to be resumed: what comes after it waits, too. */
  heldUp(lane: number): boolean
  /** Aborts the handler's signal; `false` when that message is not running here. */
  cancel(correlation: number): boolean
  /** Answers an ask that was skipped to make room for newer ones. */
  refuse(replies: Lane, correlation: number): void
  /** The reader of a stream gives credit back. */
  grant(correlation: number, items: number, bytes: number): void
  /** Ends every stream, open or to be opened: the actor stops. */
  endStreams(): void
  orphan(sender: string, incarnation: number): void
  /** Correlations of the messages of that link that run here, or will. */
  runningOf(link: Incoming): readonly number[]
  /** Messages that somebody still waits for. */
  awaited(): number
  abortAll(error: PitError): void
}

export function createTurns(host: TurnHost): Turns {
  const { table, slot, codec, clock, sharedMs } = host
  const running = new Map<number, Running>()
  const told = createTurnEvents(host.name, host.incarnation)
  const { answer, bury, refuse, release, sendBack, settle } = createAnswers({
    ...host,
    running,
    told,
    onTicketSettled: () => tickets--,
  })
  const sweep = createDeadlineSweep(clock, expire)
  const recovery = createRecovery({
    ...host,
    recover(message) {
      const peer = peerOf(message.lane)
      if (message.interrupted) recoverInterrupted(message.cell, message, peer)
      else start(message.cell, peer)
    },
    drop: (message) => release(open(message, undefined)),
    onDue: host.schedule,
  })
  let peerOf: (lane: number) => Peer | undefined = () => undefined
  let tickets = 0
  // Streams that the stop has ended and whose clean-up still runs.
  let closing = 0
  let stopping = false

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
    turn.stream?.close()
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
      blockId: large ? readNumber(message.bytes, message.payloadStart, 0) : null,
      untilAccepted: (message.flags & RecordFlag.DeadlineUntilAccepted) !== 0,
      stream: undefined,
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

  function encodedBody(message: HeldMessage, turn: Running): Encoded {
    const block = turn.blockId === null ? undefined : host.blocks.get(turn.blockId)
    return block === undefined
      ? { bytes: message.bytes, start: message.payloadStart, end: message.payloadEnd }
      : { bytes: Buffer.from(block as unknown as ArrayBuffer), start: 0, end: block.byteLength }
  }

  /** The body; the call's name and what else the message carries go into `turn`. */
  function readBody(message: HeldMessage, turn: Running): readonly unknown[] {
    const { bytes, start, end } = encodedBody(message, turn)
    const body = codec.decode(bytes, start, end, host.name)
    if (!Array.isArray(body) || typeof body[0] !== 'string')
      throw fail('CODEC_INVALID', { actor: host.name, reason: 'the body is not a call' })
    turn.call = body[0]
    if (body.length > 2 && body[2] !== null) noteMeta(turn, body[2])
    return body
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

  /** The scope is left where messages are taken from (`leavingScope`). */
  function inScope(turn: Running, handler: ResolvedHandler, arg: unknown, call: Call): unknown {
    callScope.enterWith(turn)
    return host.invoke(handler, arg, call)
  }

  function run(message: HeldMessage, turn: Running, handler: ResolvedHandler, body: readonly unknown[]): void {
    const before = body.length > 3 ? runsBefore(body) : NO_RUNS
    const arg = body[1]
    const call = new RunningCall(turn, message.redelivered + before.redelivered, host, signalOf)
    let result: unknown
    slot.put(BOARD_WORD.Turn, turn.cell + 1)
    try {
      result = events['message-started'].hasSubscribers
        ? told.started(turn, () => callScope.run(turn, host.invoke, handler, arg, call))
        : inScope(turn, handler, arg, call)
    } catch (error) {
      answer(turn, RecordKind.Failure, errorToWire(error))
      return
    } finally {
      slot.put(BOARD_WORD.Turn, 0)
    }
    if (!isPromiseLike(result)) return came(turn, result, body)
    if (handler.ticket && turn.kind === RecordKind.Ask) accept(message, turn, handler, before)
    Promise.resolve(result).then(
      (value: unknown) => came(turn, value, body),
      (error: unknown) => answer(turn, RecordKind.Failure, errorToWire(error)),
    )
  }

  /** What the handler has come to: the reply, or what a stream iterates. */
  function came(turn: Running, value: unknown, body: readonly unknown[]): void {
    if (turn.settled) return
    if (turn.kind === RecordKind.Open) return stream(turn, value, body[CREDIT_AT])
    if (typeof value === 'object' && value !== null && isStream(value)) {
      return answer(turn, RecordKind.Failure, errorToWire(fail('STREAM_ONLY', { actor: host.name, call: turn.call })))
    }
    answer(turn, RecordKind.Reply, value)
  }

  function stream(turn: Running, value: unknown, credit: unknown): void {
    const { link } = turn
    const iterator = iteratorOf(value)
    if (iterator === undefined || link === undefined) {
      const error = fail('NOT_A_STREAM', { actor: host.name, call: turn.call })
      return answer(turn, RecordKind.Failure, errorToWire(error))
    }
    turn.stream = createStreamWriter(iterator, {
      credit: typeof credit === 'number' && credit >= 1 && credit <= CREDIT_MAX ? credit : CREDIT_DEFAULT,
      bytesMax: link.replies.capacityBytes,
      turn: (step) => inTurn(turn, step),
      send(item, onPublished) {
        const body = codec.encode(item, host.name)
        const bytes = body.end - body.start
        slot.add(BOARD_WORD.MessagesOut, 1)
        sendBack(turn, link, RecordKind.Item, body, onPublished)
        return bytes
      },
      end(error) {
        if (error === undefined) answer(turn, RecordKind.Reply, undefined)
        else answer(turn, RecordKind.Failure, errorToWire(error.thrown))
      },
      closed() {
        if (!turn.settled) return answer(turn, RecordKind.Failure, errorToWire(turn.abortedWith))
        if (closing > 0) closing--
        host.onSettled()
      },
    })
    if (turn.abortedWith !== undefined) turn.stream.close()
  }

  /** Code of a handler that goes on after its first turn. */
  function inTurn<T>(turn: Running, step: () => T): T {
    slot.put(BOARD_WORD.Turn, turn.cell + 1)
    try {
      return callScope.run(turn, step)
    } finally {
      slot.put(BOARD_WORD.Turn, 0)
    }
  }

  /** From here on the message is its asker's to keep (tickets.ts, I1). */
  function accept(message: HeldMessage, turn: Running, handler: ResolvedHandler, before: RunsBefore): void {
    const { link } = turn
    if (link === undefined) return
    let body: Uint8Array | null = null
    if (handler.redeliver) {
      const { bytes, start, end } = encodedBody(message, turn)
      // Too large to be handed back: its cell keeps it.
      if (end - start > MESSAGE_BYTES_MAX / 2) return
      body = Uint8Array.prototype.slice.call(bytes, start, end)
    }
    const acceptance = acceptanceToWire({
      incarnation: host.incarnation,
      redelivered: message.redelivered + before.redelivered,
      crashes: message.crashes + before.crashes,
      body,
    })
    tickets++
    if (turn.untilAccepted) turn.deadlineAt = Infinity
    sendBack(turn, link, RecordKind.Accepted, codec.encode(acceptance, host.name), () => {
      if (turn.cell !== NO_CELL) release(turn)
    })
  }

  function start(cell: number, peer: Peer | undefined): void {
    const message = table.read(cell)
    const turn = open(message, peer)
    // Asked again by its asker, and delivered again from its cell: it runs already, and is answered once (tickets.ts, I1).
    if ((message.flags & RecordFlag.Again) !== 0 && running.has(turn.correlation)) return release(turn)
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
    let body: readonly unknown[]
    try {
      body = readBody(message, turn)
    } catch (error) {
      return answer(turn, RecordKind.Failure, errorToWire(error))
    }
    const handler = host.handlers.get(turn.call)
    if (handler === undefined) {
      const error = fail('UNKNOWN_HANDLER', { actor: host.name, call: turn.call })
      return answer(turn, RecordKind.Failure, errorToWire(error))
    }
    if (handler.generator || handler.ticket || turn.kind === RecordKind.Open) {
      const refused = refusal(turn, peer, handler)
      if (refused !== undefined) return answer(turn, RecordKind.Failure, errorToWire(refused))
    }
    table.markStarted(cell)
    turn.startedAt = now
    slot.time(BOARD_TIMES.Wait, now - message.sentAt)
    run(message, turn, handler, body)
  }

  /** Why a stream or work with a ticket does not begin. */
  function refusal(turn: Running, peer: Peer | undefined, handler: ResolvedHandler): PitError | undefined {
    const fields = { actor: host.name, call: turn.call }
    if (turn.kind !== RecordKind.Open) {
      if (handler.generator) return fail('STREAM_ONLY', fields)
      if (!handler.ticket || turn.kind !== RecordKind.Ask || tickets < host.ticketsMax) return undefined
      return fail('MAILBOX_FULL', { ...fields, reason: `${tickets} works with a ticket are running` })
    }
    if (handler.ticket) return fail('NOT_A_STREAM', fields)
    if (stopping) return fail('ACTOR_STOPPED', fields)
    // Its reader died: nobody would ever take an item, or end it.
    return peer?.lives(turn.senderIncarnation) === true ? undefined : fail('CANCELLED', fields)
  }

  /** Its reader is told at once: the generator may hang in an await. */
  function endStream(turn: Running): void {
    const error = fail('ACTOR_STOPPED', { actor: host.name })
    if (turn.stream !== undefined) closing++
    answer(turn, RecordKind.Failure, errorToWire(error))
    abort(turn, error)
  }

  /** A message whose handler ran when its incarnation died: again, or the end of it. */
  function recoverInterrupted(cell: number, message: HeldMessage, peer: Peer | undefined): void {
    const turn = open(message, peer)
    // It has expired before its block came: nothing of it can be read.
    if (turn.blockId !== null && host.blocks.get(turn.blockId) === undefined) return start(cell, peer)
    let handler: ResolvedHandler | undefined
    let crashes = message.crashes
    try {
      const body = readBody(message, turn)
      handler = host.handlers.get(turn.call)
      crashes += runsBefore(body).crashes
    } catch (error) {
      return answer(turn, RecordKind.Failure, errorToWire(error))
    }
    const fields = { actor: host.name, call: turn.call, crashes }
    switch (redelivery(handler?.redeliver === true && turn.kind !== RecordKind.Open, crashes)) {
      case 'poison': {
        const error = fail('POISON_MESSAGE', fields)
        // A tell's failure is a dead letter anyway.
        if (turn.kind === RecordKind.Ask && turn.link !== undefined) bury(turn, 'poison', error.message)
        return answer(turn, RecordKind.Failure, errorToWire(error))
      }
      case 'restarted':
        return answer(turn, RecordKind.Failure, errorToWire(fail('ACTOR_RESTARTED', fields)))
      case 'again':
        slot.add(BOARD_WORD.Redelivered, 1)
        if (events['message-redelivered'].hasSubscribers) told.redelivered(turn, crashes)
        return start(cell, peer)
    }
  }

  return {
    start,
    recover(from) {
      peerOf = from
      recovery.begin(table.takeLeftovers())
    },
    resume: () => recovery.resume(),
    resumable: () => recovery.due(),
    heldUp: (lane) => recovery.holdsUp(lane),
    cancel(correlation) {
      const turn = running.get(correlation)
      if (turn === undefined) return recovery.cancel(correlation)
      if (events['message-cancelled'].hasSubscribers) told.cancelled(turn)
      abort(turn, fail('CANCELLED', { actor: host.name, call: turn.call }))
      return true
    },
    orphan(sender, incarnation) {
      for (const turn of running.values()) {
        if (turn.sender !== sender || turn.senderIncarnation !== incarnation) continue
        turn.orphaned = true
        if (turn.kind === RecordKind.Open) abort(turn, fail('CANCELLED', { actor: host.name, call: turn.call }))
      }
    },
    refuse,
    grant: (correlation, items, bytes) => running.get(correlation)?.stream?.grant(items, bytes),
    endStreams() {
      if (stopping) return
      stopping = true
      for (const turn of running.values()) if (turn.kind === RecordKind.Open) endStream(turn)
      if (closing === 0) return
      clock.setTimer(STREAM_CLOSE_MS, () => {
        closing = 0
        host.onSettled()
      })
    },
    runningOf: (link) => [
      ...[...running.values()].filter((turn) => turn.link === link).map((turn) => turn.correlation),
      ...recovery.waiting(link.lane),
    ],
    awaited: () =>
      closing +
      recovery.waiting().length +
      [...running.values()].filter(({ orphaned, abortedWith }) => !orphaned && abortedWith === undefined).length,
    abortAll(error) {
      for (const turn of running.values()) abort(turn, error)
    },
  }
}

/** Place of a stream's credit in the body of its opening, after call, argument and context. */
export const CREDIT_AT = 3

function isStream(value: object): boolean {
  return Symbol.asyncIterator in value
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return (
    (typeof value === 'object' || typeof value === 'function') &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  )
}
