/**
 * The sending side of a ring, with a bounded queue for what finds no room.
 *
 * Order is kept: while anything waits, everything waits. The queue is bounded by count and bytes; at the bound `send`
 * says so and its caller decides (an ask fails with `MAILBOX_FULL`, a tell becomes a dead letter). While a droppable record
 * waits, the consumer is asked to skip one older one for each that waits; what it has not skipped by the time the queue
 * is empty is not asked for any more.
 */
import { RecordFlag, type RecordKind } from './layout.ts'
import type { RingProducer } from './ring.ts'
import type { Bell } from './waiting.ts'

export interface LaneLimits {
  readonly queuedMax: number
  readonly queuedBytesMax: number
}

export interface Lane {
  readonly capacityBytes: number
  /** Publishes or queues one record; `false` when the queue is full. `onPublished` runs when it is in the ring. */
  send(
    kind: RecordKind,
    flags: number,
    incarnation: number,
    correlation: number,
    deadlineAt: number,
    payload: Uint8Array,
    start: number,
    end: number,
    onPublished?: () => void,
    sentAt?: number,
  ): boolean
  /** Publishes what waits, as far as there is room. Returns whether anything was published. */
  flush(): boolean
  /** Writes its position again: the other side found it damaged (ring.ts, I5). */
  republish(): void
  /** Records that wait for room. */
  queued(): number
  /** The ring is not this lane's any more: what is sent from now on, or waits, goes nowhere and counts as published. */
  close(): void
  /** Whether a record with that payload would be published at once. */
  fits(payloadBytes: number): boolean
  /** Whether `send` would take it, into the ring or the queue. */
  takes(payloadBytes: number): boolean
  /** Takes a waiting record back; `false` when it is in the ring, was never here, or has its body in a block. */
  withdraw(correlation: number): boolean
  /** Counts a record that was given up for want of room. */
  countDropped(): void
  /** Asks the consumer to wake this thread when it makes room; `false` when there is room already or nothing waits. */
  waitForRoom(): boolean
}

interface Waiting {
  readonly kind: RecordKind
  readonly flags: number
  readonly incarnation: number
  readonly correlation: number
  readonly deadlineAt: number
  readonly payload: Uint8Array
  readonly onPublished: (() => void) | undefined
  readonly sentAt: number
}

export function createLane(producer: RingProducer, bell: Bell, limits: LaneLimits): Lane {
  let queue: Waiting[] = []
  // Index of the first waiting record: taking from the front must not move the rest.
  let first = 0
  let queuedBytes = 0
  let closed = false

  // Waiting records that may push older ones out.
  let droppable = 0

  const count = (): number => queue.length - first

  // What an earlier incarnation of this thread asked for is no longer wanted.
  producer.askSkips(0)

  const queueTakes = (bytes: number): boolean =>
    count() < limits.queuedMax && queuedBytes + bytes <= limits.queuedBytesMax

  function publish(waiting: Waiting): boolean {
    const { kind, flags, incarnation, correlation, deadlineAt, payload, sentAt } = waiting
    return producer.write(kind, flags, incarnation, correlation, deadlineAt, payload, 0, payload.length, sentAt)
  }

  function flush(): boolean {
    let published = false
    while (count() > 0 && publish(queue[first]!)) {
      const { payload, flags, onPublished } = queue[first]!
      queuedBytes -= payload.length
      if ((flags & RecordFlag.Droppable) !== 0) producer.askSkips(--droppable)
      first++
      published = true
      onPublished?.()
    }
    if (count() === 0 || first > 1024) {
      queue = queue.slice(first)
      first = 0
    }
    // Not enough was skipped: records differ in size.
    if (droppable > 0) producer.askSkips(droppable)
    if (published || droppable > 0) bell.ring()
    return published
  }

  return {
    capacityBytes: producer.capacityBytes,
    send(kind, flags, incarnation, correlation, deadlineAt, payload, start, end, onPublished, sentAt = 0) {
      if (closed) {
        onPublished?.()
        return true
      }
      if (
        count() === 0 &&
        producer.write(kind, flags, incarnation, correlation, deadlineAt, payload, start, end, sentAt)
      ) {
        onPublished?.()
        bell.ring()
        return true
      }
      if (!queueTakes(end - start)) return false
      queuedBytes += end - start
      queue.push({
        kind,
        flags,
        incarnation,
        correlation,
        deadlineAt,
        payload: copyOf(payload, start, end),
        onPublished,
        sentAt,
      })
      if ((flags & RecordFlag.Droppable) !== 0) producer.askSkips(++droppable)
      // The consumer may be making room just now: it must know that somebody waits, or there is room already.
      if (count() === 1 && !producer.starve(end - start)) flush()
      bell.ring()
      return true
    },
    flush,
    republish() {
      producer.republish()
      bell.ring()
    },
    queued: count,
    close() {
      closed = true
      const waiting = queue.slice(first)
      queue = []
      first = 0
      queuedBytes = 0
      droppable = 0
      for (const { onPublished } of waiting) onPublished?.()
    },
    fits: (payloadBytes) => closed || (count() === 0 && producer.fits(payloadBytes)),
    takes: (payloadBytes) => closed || queueTakes(payloadBytes) || (count() === 0 && producer.fits(payloadBytes)),
    withdraw(correlation) {
      const index = queue.findIndex((waiting, at) => at >= first && waiting.correlation === correlation)
      const waiting = queue[index]
      // A block is its receiver's to free.
      if (waiting === undefined || (waiting.flags & RecordFlag.Block) !== 0) return false
      queue.splice(index, 1)
      queuedBytes -= waiting.payload.length
      if ((waiting.flags & RecordFlag.Droppable) !== 0) producer.askSkips(--droppable)
      return true
    },
    countDropped: () => producer.countDropped(),
    waitForRoom: () => count() > 0 && producer.starve(queue[first]!.payload.length),
  }
}

/** `Buffer.prototype.slice` would be a view of the encoder's buffer, which is written again. */
function copyOf(payload: Uint8Array, start: number, end: number): Uint8Array {
  return Uint8Array.prototype.slice.call(payload, start, end)
}
