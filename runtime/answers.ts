/**
 * What goes back from a thread that has taken a message: its reply or failure, what comes before them, and the cell that
 * is free then.
 *
 * I1. A message is answered once. Its cell is freed when the answer is in the ring, not before.
 */
import { BOARD_TIMES, BOARD_WORD } from './board.ts'
import type { Encoded } from './codec.ts'
import { errorToWire, type WireError } from './common/errors.ts'
import type { DeadLetterReason } from './dead-letters.ts'
import { events } from './diagnostics.ts'
import { fail } from './errors.ts'
import type { TurnEvents } from './observed-turns.ts'
import type { Incoming } from './peer.ts'
import { inlineBytesMax, RecordFlag, RecordKind } from './rings/layout.ts'
import type { Lane } from './rings/lane.ts'
import { numbersPayload } from './rings/numbers.ts'
import { NO_CELL, type Running } from './running.ts'
import type { TurnHost } from './turns.ts'

export interface AnswerHost extends TurnHost {
  /** By correlation; an answered message is taken out. */
  readonly running: Map<number, Running>
  readonly told: TurnEvents
  readonly onTicketSettled: () => void
}

export interface Answers {
  /** The reply, or a failure (`value` is a `WireError`); once. */
  answer(this: void, turn: Running, kind: RecordKind, value: unknown): void
  /** A record before the answer; `published` runs when it is in the ring. */
  sendBack(this: void, turn: Running, link: Incoming, kind: RecordKind, body: Encoded, published: () => void): void
  /** Answers an ask that was skipped to make room for newer ones. */
  refuse(this: void, replies: Lane, correlation: number): void
  /** Makes it a dead letter. */
  bury(this: void, turn: Running, reason: DeadLetterReason, detail: string): void
  /** Nothing more comes of it. */
  settle(this: void, turn: Running): void
  /** The message needs its cell no more. */
  release(this: void, turn: Running): void
}

export function createAnswers(host: AnswerHost): Answers {
  const { codec, running, sharedMs, slot, table, told } = host

  function answer(turn: Running, kind: RecordKind, value: unknown): void {
    if (turn.settled) return
    running.delete(turn.correlation)
    turn.settled = true
    if (turn.startedAt > 0) slot.time(BOARD_TIMES.Run, sharedMs() - turn.startedAt)
    if (turn.link === undefined || turn.kind === RecordKind.Tell) {
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
    sendBack(turn, link, kind, body, () => settle(turn))
  }

  function sendBack(turn: Running, link: Incoming, kind: RecordKind, body: Encoded, published: () => void): void {
    const { bytes, start, end } = body
    const { correlation } = turn
    if (end - start <= inlineBytesMax(link.replies.capacityBytes)) {
      link.replies.send(kind, RecordFlag.None, host.incarnation, correlation, Infinity, bytes, start, end, published)
      return
    }
    // The asker's next life would have to free a block that it never asked for.
    if (turn.orphaned) return published()
    const reference = numbersPayload(host.blocks.send(turn.sender, bytes, start, end))
    link.replies.send(kind, RecordFlag.Block, host.incarnation, correlation, Infinity, reference, 0, 8, published)
  }

  function settle(turn: Running): void {
    if (turn.cell === NO_CELL) {
      host.onTicketSettled()
      return host.onSettled()
    }
    release(turn)
  }

  /** The message needs its cell no more. */
  function release(turn: Running): void {
    if (turn.blockId !== null) host.blocks.free(turn.blockId)
    table.free(turn.cell)
    turn.blockId = null
    turn.cell = NO_CELL
    slot.put(BOARD_WORD.InFlight, table.inFlight())
    host.onSettled()
  }

  function refuse(replies: Lane, correlation: number): void {
    const error = fail('MAILBOX_FULL', { actor: host.name, reason: 'this message was dropped for a newer one' })
    const { bytes, start, end } = codec.encode(errorToWire(error), host.name)
    const { Failure } = RecordKind
    replies.send(Failure, RecordFlag.None, host.incarnation, correlation, Infinity, bytes, start, end)
  }

  return { answer, sendBack, refuse, bury, settle, release }
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
