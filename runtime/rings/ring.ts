/**
 * A single-producer, single-consumer ring of records in shared memory.
 *
 *   producer                                consumer
 *   write bytes at tail                     read tail
 *   store tail ──── publishes ───────────►  read bytes at head
 *                                           store head ──── gives the room back ────►
 *
 * I1. The bytes of a record are written before the store of `tail` that publishes it, and read before the store of
 *     `head` that gives them back. Both stores are sequentially consistent, so plain reads and writes in between are safe.
 * I2. Only the producer writes `tail`, only the consumer writes `head`: a thread that dies between two steps leaves a ring
 *     that its next incarnation can go on with; an unpublished record never was.
 * I3. A record never crosses the end of the data: a padding record fills the lap. A record is at most capacity/8, so a
 *     padding and a record always fit into an empty ring.
 * I4. A producer without room sets `starved`, looks again, and only then waits; a consumer that gives room back looks at
 *     `starved` once half of the ring is free, where any record fits. One of the two sees the other: before that half the
 *     consumer has more to take, after it the producer's second look finds room.
 * I5. The consumer believes nothing it reads: positions and records that no producer makes set `corrupt`, and nothing more
 *     is taken until `resync` has given up everything up to the tail. Each side's own position is its own variable, so a
 *     damaged word of the header is put right by its owner: `republish` by the producer, `settle` by the consumer.
 *
 * The memory is reached through `AtomicsLike` and array views that tests replace to explore every interleaving.
 */
import assert from 'node:assert/strict'
import {
  invalidCapacity,
  RECORD,
  RECORD_ALIGN_BYTES,
  RECORD_HEADER_BYTES,
  recordBytes,
  RecordFlag,
  RecordKind,
  RING_HEADER_BYTES,
  RING_WORD,
} from './layout.ts'

/** What the protocol needs of `Atomics`; sequentially consistent. */
export interface AtomicsLike {
  load(words: Int32Array, index: number): number
  store(words: Int32Array, index: number, value: number): number
  compareExchange(words: Int32Array, index: number, expected: number, value: number): number
  wait(words: Int32Array, index: number, value: number, timeoutMs: number): 'ok' | 'not-equal' | 'timed-out'
  notify(words: Int32Array, index: number): number
}

/** Views of the same bytes: the ring's header words, and its data three times. */
export interface RingMemory {
  readonly words: Int32Array
  readonly data: Uint8Array
  readonly dataWords: Int32Array
  readonly dataDoubles: Float64Array
  readonly capacityBytes: number
}

export function ringMemory(buffer: SharedArrayBuffer, byteOffset: number, capacityBytes: number): RingMemory {
  const invalid = invalidCapacity(capacityBytes)
  assert(invalid === null, invalid ?? '')
  const dataAt = byteOffset + RING_HEADER_BYTES
  return {
    words: new Int32Array(buffer, byteOffset, RING_HEADER_BYTES / 4),
    // A Buffer, because msgpackr reads strings fastest from one.
    data: Buffer.from(buffer as unknown as ArrayBuffer, dataAt, capacityBytes),
    dataWords: new Int32Array(buffer, dataAt, capacityBytes / 4),
    dataDoubles: new Float64Array(buffer, dataAt, capacityBytes / 8),
    capacityBytes,
  }
}

export interface RingProducer {
  readonly capacityBytes: number
  /** Writes and publishes one record; `false` when there is no room (nothing changed). */
  write(
    kind: RecordKind,
    flags: number,
    incarnation: number,
    correlation: number,
    deadlineAt: number,
    payload: Uint8Array,
    start: number,
    end: number,
    /** @default 0 */
    sentAt?: number,
  ): boolean
  /** Declares that the producer waits; `false` when room appeared meanwhile (I4). */
  starve(payloadBytes: number): boolean
  /** Whether a record with that payload can be written now. */
  fits(payloadBytes: number): boolean
  /** Asks the consumer to skip so many of the oldest droppable records; takes back what was asked before. */
  askSkips(count: number): void
  countDropped(): void
  /** Writes its position again (I5). */
  republish(): void
}

/** The record at the head. Values stay valid until the next `next()`; the payload until `release()`. */
export interface RingConsumer {
  readonly data: Uint8Array
  kind: number
  flags: number
  incarnation: number
  correlation: number
  deadlineAt: number
  sentAt: number
  payloadStart: number
  payloadEnd: number
  /** Ring position of the current record. */
  position: number
  /** What is impossible about the memory at the head; nothing is taken before `resync` (I5). */
  corrupt: string | null
  /** Moves to the record at the head, over padding; `false` when the ring is empty. Does not take it. */
  next(): boolean
  /** Takes the current record; its room is given back by `release`. */
  take(): void
  /** Gives the room of what was taken back. `true` when the producer waits for room and must be woken. */
  release(): boolean
  /** `take` and `release`. */
  advance(): boolean
  /** Whether the current record is droppable and the producer wants its room. */
  skippable(): boolean
  /** Takes the current record as skipped; returns what `advance` does. */
  skip(): boolean
  empty(): boolean
  /** Gives up everything up to the tail. `true` when the producer waits for room and must be woken. */
  resync(): boolean
  /** For an empty ring: gives all of its room back again when the producer waits for it nevertheless; `true` to wake it. */
  settle(): boolean
  /** Position after the last published record. */
  tail(): number
  /** Position up to which records are taken. */
  head(): number
}

/** An assertion that fails; the test beside it keeps the hot path small enough to be inlined. */
export function broken(invariant: string): never {
  assert.fail(invariant)
}

/** Up to it a loop is faster than a call; beyond it `copy` is twice as fast as `set`, which needs a view. */
const COPY_LOOP_BYTES = 24
const copyBytes = Buffer.prototype.copy

export function copy(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): void {
  if (end - start > COPY_LOOP_BYTES) copyBytes.call(from, to, at, start, end)
  else for (let index = start; index < end; index++) to[at++] = from[index]!
}

export function createProducer(memory: RingMemory, atomics: AtomicsLike = Atomics): RingProducer {
  const { words, data, dataWords, dataDoubles, capacityBytes } = memory
  const mask = capacityBytes - 1
  let tail = atomics.load(words, RING_WORD.Tail)
  // The head as last seen: the shared line is only read when this one says there is no room.
  let headSeen = atomics.load(words, RING_WORD.Head)

  function room(neededBytes: number): boolean {
    if (capacityBytes - ((tail - headSeen) >>> 0) >= neededBytes) return true
    headSeen = atomics.load(words, RING_WORD.Head)
    const usedBytes = (tail - headSeen) >>> 0
    // A head beyond the tail: the consumer has believed a damaged tail (I5).
    if (usedBytes > capacityBytes) atomics.store(words, RING_WORD.Tail, tail)
    return capacityBytes - usedBytes >= neededBytes
  }

  /** Bytes to claim for a record at the tail, its padding included. */
  function claim(sizeBytes: number): number {
    const lapBytes = capacityBytes - (tail & mask)
    return sizeBytes <= lapBytes ? sizeBytes : lapBytes + sizeBytes
  }

  return {
    capacityBytes,
    write(kind, flags, incarnation, correlation, deadlineAt, payload, start, end, sentAt = 0) {
      const sizeBytes = recordBytes(end - start)
      if (sizeBytes > capacityBytes >> 3) broken('a record is at most capacity/8')
      const claimedBytes = claim(sizeBytes)
      if (!room(claimedBytes)) return false
      let at = tail & mask
      if (claimedBytes !== sizeBytes) {
        dataWords[at >> 2] = claimedBytes - sizeBytes - 8
        dataWords[(at >> 2) + 1] = RecordKind.Padding
        at = 0
      }
      dataWords[at >> 2] = end - start
      dataWords[(at >> 2) + 1] = kind | (flags << 8) | (incarnation << 16)
      dataDoubles[(at + RECORD.correlation) >> 3] = correlation
      dataDoubles[(at + RECORD.deadlineAt) >> 3] = deadlineAt
      dataDoubles[(at + RECORD.sentAt) >> 3] = sentAt
      copy(payload, start, end, data, at + RECORD.payload)
      tail = (tail + claimedBytes) | 0
      words[RING_WORD.Published]! += 1
      atomics.store(words, RING_WORD.Tail, tail)
      return true
    },
    starve(payloadBytes) {
      atomics.store(words, RING_WORD.Starved, 1)
      if (!room(claim(recordBytes(payloadBytes)))) return true
      atomics.store(words, RING_WORD.Starved, 0)
      return false
    },
    fits: (payloadBytes) => room(claim(recordBytes(payloadBytes))),
    askSkips: (count) =>
      atomics.store(words, RING_WORD.SkipUntil, (atomics.load(words, RING_WORD.Skipped) + count) | 0),
    countDropped: () => void (words[RING_WORD.DroppedNewest]! += 1),
    republish: () => void atomics.store(words, RING_WORD.Tail, tail),
  }
}

export function createConsumer(memory: RingMemory, atomics: AtomicsLike = Atomics): RingConsumer {
  const { words, data, dataWords, dataDoubles, capacityBytes } = memory
  const mask = capacityBytes - 1
  let head = atomics.load(words, RING_WORD.Head)
  let tailSeen = head
  let sizeBytes = 0

  function damaged(why: string): false {
    consumer.corrupt = why
    sizeBytes = 0
    return false
  }

  /** Loads the tail; `false` when it cannot be one. */
  function look(): boolean {
    tailSeen = atomics.load(words, RING_WORD.Tail)
    return (tailSeen - head) >>> 0 <= capacityBytes && ((tailSeen | head) & (RECORD_ALIGN_BYTES - 1)) === 0
  }

  /** Why no record of this length can be there; the ring's end, its size and its tail bound it. */
  function impossible(lengthBytes: number, at: number, position: number): string | null {
    if (lengthBytes < 0 || lengthBytes > capacityBytes >> 3) return `a record of ${lengthBytes} bytes`
    const size = recordBytes(lengthBytes)
    if (size > capacityBytes >> 3 || size > capacityBytes - at) return 'a record beyond its lap'
    return size > (tailSeen - position) >>> 0 ? 'a record beyond the tail' : null
  }

  function wakesProducer(): boolean {
    // One wake-up per half a ring, not one per record (I4).
    if ((tailSeen - head) >>> 0 > capacityBytes >> 1) return false
    return atomics.load(words, RING_WORD.Starved) === 1 && atomics.compareExchange(words, RING_WORD.Starved, 1, 0) === 1
  }

  const consumer: RingConsumer = {
    data,
    kind: 0,
    flags: 0,
    incarnation: 0,
    correlation: 0,
    deadlineAt: 0,
    sentAt: 0,
    payloadStart: 0,
    payloadEnd: 0,
    position: 0,
    corrupt: null,
    next() {
      if (consumer.corrupt !== null) return false
      if (head === tailSeen && !look()) return damaged(`tail ${tailSeen} with head ${head}`)
      let skippedBytes = 0
      for (;;) {
        const position = (head + skippedBytes) | 0
        if (position === tailSeen) return false
        const at = position & mask
        const lengthBytes = dataWords[at >> 2]!
        const meta = dataWords[(at >> 2) + 1]!
        if ((meta & 0xff) === RecordKind.Padding) {
          skippedBytes += lengthBytes + 8
          if (lengthBytes + 8 !== capacityBytes - at || skippedBytes >= (tailSeen - head) >>> 0)
            return damaged(`padding of ${lengthBytes} bytes`)
          continue
        }
        const why = impossible(lengthBytes, at, position)
        if (why !== null) return damaged(why)
        sizeBytes = skippedBytes + recordBytes(lengthBytes)
        consumer.kind = meta & 0xff
        consumer.flags = (meta >>> 8) & 0xff
        consumer.incarnation = meta >>> 16
        consumer.correlation = dataDoubles[(at + RECORD.correlation) >> 3]!
        consumer.deadlineAt = dataDoubles[(at + RECORD.deadlineAt) >> 3]!
        consumer.sentAt = dataDoubles[(at + RECORD.sentAt) >> 3]!
        consumer.payloadStart = at + RECORD_HEADER_BYTES
        consumer.payloadEnd = consumer.payloadStart + lengthBytes
        consumer.position = position
        return true
      }
    },
    take() {
      if (sizeBytes === 0) broken('next() found a record')
      head = (head + sizeBytes) | 0
      sizeBytes = 0
      words[RING_WORD.Taken]! += 1
    },
    release() {
      atomics.store(words, RING_WORD.Head, head)
      return wakesProducer()
    },
    advance() {
      consumer.take()
      return consumer.release()
    },
    skippable: () =>
      (consumer.flags & RecordFlag.Droppable) !== 0 &&
      ((atomics.load(words, RING_WORD.SkipUntil) - words[RING_WORD.Skipped]!) | 0) > 0,
    skip() {
      atomics.store(words, RING_WORD.Skipped, (words[RING_WORD.Skipped]! + 1) | 0)
      return consumer.advance()
    },
    empty: () => head === atomics.load(words, RING_WORD.Tail),
    resync() {
      head = atomics.load(words, RING_WORD.Tail) & ~(RECORD_ALIGN_BYTES - 1)
      tailSeen = head
      sizeBytes = 0
      consumer.corrupt = null
      words[RING_WORD.Taken] = words[RING_WORD.Published]!
      atomics.store(words, RING_WORD.Head, head)
      return wakesProducer()
    },
    settle() {
      if (words[RING_WORD.Starved] !== 1 || head !== atomics.load(words, RING_WORD.Tail)) return false
      atomics.store(words, RING_WORD.Head, head)
      return wakesProducer()
    },
    tail() {
      const tail = atomics.load(words, RING_WORD.Tail)
      // A damaged one is not to be waited for.
      return (tail - head) >>> 0 <= capacityBytes ? tail : head
    },
    head: () => head,
  }
  return consumer
}
