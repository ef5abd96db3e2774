/**
 * Where everything is in the shared memory of rings, links and the board. Offsets are sums of the sizes before them.
 *
 *   link (one per ordered pair of actors that may talk: asker A, answerer B)
 *   ├── requests  A → B   asks and tells; taken into B's held table
 *   ├── control   A → B   cancel, stop, death notices; always read first
 *   └── replies   B → A   never waits for requests, so an asker in a handler cannot deadlock on room
 *
 *   ring (single producer, single consumer)
 *   ├── line 0: tail, published, …   written by the producer only
 *   ├── line 1: head, taken, …       written by the consumer only
 *   ├── line 2: starved           1 while the producer waits for room
 *   └── data: capacityBytes, a power of two
 *
 *   positions are monotonic modulo 2^32:  empty ⇔ head = tail,  used = tail − head ≤ capacity,  offset = position & mask
 *
 *   record, 8-byte aligned, never split by the wrap (a padding record fills the rest of the lap)
 *   0        4     5      6            8                16            24       32
 *   ├ length ┼ kind┼ flags┼ incarnation┼ correlation ───┼ deadlineAt ─┼ sentAt ┼ payload … (+ up to 7 bytes)
 *     u32      u8    u8     u16          f64              f64           f64
 *   A padding record has only its first 8 bytes; its length counts the bytes after them.
 */
import assert from 'node:assert/strict'

/** Two 64-byte lines: neighbouring lines are fetched in pairs. */
export const LINE_BYTES = 128
const LINE_WORDS = LINE_BYTES / 4

export const RING_WORD = {
  /** Position after the last published record. */
  Tail: 0,
  /** Records published so far, for metrics. */
  Published: 1,
  /** Records that found no room and were given up by the producer, as their overflow policy says. */
  DroppedNewest: 2,
  /** What `Skipped` should come to: the producer asks for that many of the oldest droppable records to be skipped. */
  SkipUntil: 3,
  /** Position of the next record to take. */
  Head: LINE_WORDS,
  /** Records taken so far, for metrics. */
  Taken: LINE_WORDS + 1,
  /** Records skipped on the producer's request. */
  Skipped: LINE_WORDS + 2,
  /** Set by a producer that waits for room; cleared by the consumer that makes it. */
  Starved: 2 * LINE_WORDS,
} as const
export const RING_HEADER_BYTES = 3 * LINE_BYTES

export const RECORD = {
  length: 0,
  kind: 4,
  flags: 5,
  incarnation: 6,
  correlation: 8,
  deadlineAt: 16,
  /** When the sender sent it, on the clock all threads share, in ms; 0 where nobody asks. */
  sentAt: 24,
  payload: 32,
} as const
export const RECORD_HEADER_BYTES = RECORD.payload
export const RECORD_ALIGN_BYTES = 8

export const RecordKind = {
  /** Fills the rest of a lap. */
  Padding: 1,
  Ask: 2,
  Tell: 3,
  Reply: 4,
  /** A reply whose payload is a `WireError`. */
  Failure: 5,
  /** The asker does not wait any more; `correlation` names the ask. */
  Cancel: 6,
  /** From the supervisor: drain and stop within so many ms (`numbers.ts`). */
  Stop: 7,
  /** From the supervisor: a `DeathNotice`. */
  Death: 8,
  /** Asks for a stream; `correlation` names it from now on. Its end is a reply or a failure. */
  Open: 9,
  /** The reader of a stream has taken so many items of so many bytes (`numbers.ts`). */
  Credit: 10,
  /** One item of a stream. */
  Item: 11,
  /** The message of that `correlation` is work of its own now; its reply comes later (`tickets.ts`). */
  Accepted: 12,
  /** The receiver found a lane of the sender damaged (lane-damage.ts). */
  Damaged: 13,
} as const
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind]

export function isRequestKind(kind: number): boolean {
  return kind === RecordKind.Ask || kind === RecordKind.Tell || kind === RecordKind.Open
}

export function isReplyKind(kind: number): boolean {
  switch (kind) {
    case RecordKind.Reply:
    case RecordKind.Failure:
    case RecordKind.Item:
    case RecordKind.Accepted:
    case RecordKind.Damaged:
      return true
    default:
      return false
  }
}

export const RecordFlag = {
  None: 0,
  /** The payload is the f64 id of a block outside the ring. */
  Block: 1,
  /** A handler of the asker waits for the reply. */
  Nested: 2,
  /** May be skipped when its sender needs the room. */
  Droppable: 4,
  /** Nobody asked for this deadline: it ends when the message is accepted as work with a ticket. */
  DeadlineUntilAccepted: 8,
  /** Asked again after its actor died: the same message may be running already. */
  Again: 16,
} as const

/** Largest payload that travels in the ring itself; larger ones go into a block. */
export function inlineBytesMax(capacityBytes: number): number {
  return capacityBytes / 8 - RECORD_HEADER_BYTES
}

export function recordBytes(payloadBytes: number): number {
  return (RECORD_HEADER_BYTES + payloadBytes + RECORD_ALIGN_BYTES - 1) & ~(RECORD_ALIGN_BYTES - 1)
}

export function ringBytes(capacityBytes: number): number {
  return RING_HEADER_BYTES + capacityBytes
}

/** Capacities of a link's three rings. */
export interface LinkCapacity {
  readonly requestBytes: number
  readonly controlBytes: number
  readonly replyBytes: number
}

export interface LinkOffsets {
  readonly requests: number
  readonly control: number
  readonly replies: number
  readonly totalBytes: number
}

export function linkOffsets(capacity: LinkCapacity): LinkOffsets {
  const requests = 0
  const control = requests + ringBytes(capacity.requestBytes)
  const replies = control + ringBytes(capacity.controlBytes)
  return { requests, control, replies, totalBytes: replies + ringBytes(capacity.replyBytes) }
}

/** Why these bytes cannot be a ring's; `null` when they can. */
export function invalidCapacity(capacityBytes: number): string | null {
  if (!Number.isInteger(capacityBytes)) return `capacity ${capacityBytes} is not a whole number`
  if ((capacityBytes & (capacityBytes - 1)) !== 0) return `capacity ${capacityBytes} is not a power of two`
  if (capacityBytes < RING_CAPACITY_MIN_BYTES) return `capacity ${capacityBytes} is below ${RING_CAPACITY_MIN_BYTES}`
  if (capacityBytes > 2 ** 30)
    return `capacity ${capacityBytes} is above 2^30: positions could not tell full from empty`
  return null
}

/** Room for the padding of one lap and a record of the largest inline size. */
export const RING_CAPACITY_MIN_BYTES = 512

assert(
  RING_WORD.Head * 4 >= LINE_BYTES && RING_WORD.Starved * 4 >= RING_WORD.Head * 4 + LINE_BYTES,
  'one owner per line',
)
assert(RING_HEADER_BYTES % RECORD_ALIGN_BYTES === 0, 'ring data is aligned')
assert(RECORD.correlation % 8 === 0 && RECORD.deadlineAt % 8 === 0 && RECORD.sentAt % 8 === 0, 'doubles are aligned')
assert(RECORD.payload === RECORD.sentAt + 8, 'the header has no gap')
