/**
 * What happens when a lane's memory holds what no producer writes: a stray write of native code, a bug. A lane cannot be
 * trusted from the impossible record on, so everything in it is given up, both sides are told, and it goes on from its tail.
 *
 *   requests  A → B   B: resync ─► dead letter ─► `Damaged` to A ─► A: asks that B does not run fail with `LANE_CORRUPT`
 *   replies   B → A   A: resync ─► dead letter ─► every ask to B fails ─► `Damaged` to B
 *   control   A → B   B: resync ─► dead letter ─► `Damaged` to A
 *
 * I1. Who is told that a lane it writes was damaged publishes its tail again: what a producer knows itself is right, and
 *     after it at most one more resync finds both sides agreed (rings/ring.ts, I5).
 * I2. Nothing read from a ring reaches an assertion: it is checked here or decoded under `CODEC_INVALID`.
 */
import { CORRELATION_SPAN, type Asks } from './asks.ts'
import { describe } from './common/errors.ts'
import type { DeadLetterFacts } from './dead-letters.ts'
import type { Incoming, Outgoing, Peer } from './peer.ts'
import { isReplyKind, isRequestKind, RecordFlag, RecordKind } from './rings/layout.ts'
import { readNumber } from './rings/numbers.ts'
import type { RingConsumer } from './rings/ring.ts'
import type { Lane } from './rings/lane.ts'
import { fail } from './errors.ts'
import type { Logger } from './common/logger.ts'
import type { Turns } from './turns.ts'

/** Which of the sender's lanes was damaged, in the correlation of a `Damaged` record. */
const DamagedLane = { Requests: 0, Control: 1, Replies: 2 } as const

export interface LaneDamageHost {
  readonly name: string
  readonly incarnation: number
  readonly asks: Asks
  readonly turns: Turns
  readonly logger: Logger
  readonly onDeadLetter: (facts: DeadLetterFacts) => void
  /** That actor may not have read what this thread told it. */
  readonly onControlLost: (name: string) => void
}

export interface LaneDamage {
  requests(peer: Peer, link: Incoming, why: string): void
  control(peer: Peer, link: Incoming, why: string): void
  replies(peer: Peer, link: Outgoing, why: string): void
  /** The peer found this thread's requests or control lane damaged. */
  heardByAsker(peer: Peer, link: Outgoing): void
  /** The peer found this thread's replies damaged. */
  heardByAnswerer(link: Incoming): void
}

export function createLaneDamage(host: LaneDamageHost): LaneDamage {
  const { name, incarnation, asks, turns, logger } = host

  function giveUp(peer: Peer, ring: RingConsumer, lane: string, why: string): void {
    if (ring.resync()) peer.bell.ring()
    logger.error('lane corrupt: what was in it is given up', { actor: name, from: peer.name, lane, why })
    host.onDeadLetter({ actor: name, call: '', sender: peer.name, reason: 'ring-corrupt', detail: `${lane}: ${why}` })
  }

  function tell(lane: Lane, which: number, payload: Uint8Array): void {
    const { Damaged } = RecordKind
    lane.send(Damaged, RecordFlag.None, incarnation, which, Infinity, payload, 0, payload.length)
  }

  return {
    requests(peer, link, why) {
      giveUp(peer, link.requests, 'requests', why)
      const running = new Uint8Array(Float64Array.from(turns.runningOf(link)).buffer)
      // The list says which asks go on. One too long for the lane is left out: then all of them end.
      tell(link.replies, DamagedLane.Requests, running.length <= link.replies.capacityBytes / 16 ? running : NOTHING)
    },
    control(peer, link, why) {
      giveUp(peer, link.control, 'control', why)
      tell(link.replies, DamagedLane.Control, NOTHING)
    },
    replies(peer, link, why) {
      giveUp(peer, link.replies, 'replies', why)
      asks.failAll(fail('LANE_CORRUPT', { actor: peer.name }), link)
      tell(link.control, DamagedLane.Replies, NOTHING)
    },
    heardByAsker(peer, link) {
      const { correlation, data, payloadStart, payloadEnd } = link.replies
      link.requests.republish()
      link.control.republish()
      if (correlation === DamagedLane.Control) return host.onControlLost(peer.name)
      const bytes = Uint8Array.prototype.slice.call(data, payloadStart, payloadEnd - ((payloadEnd - payloadStart) % 8))
      asks.failAll(fail('LANE_CORRUPT', { actor: peer.name }), link, new Set(new Float64Array(bytes.buffer)))
    },
    heardByAnswerer: (link) => link.replies.republish(),
  }
}

const NOTHING = new Uint8Array(0)

/** Why the record at the head cannot be a request; `null` when it can. */
export function invalidRequest(record: RingConsumer): string | null {
  if (!isRequestKind(record.kind)) return `kind ${record.kind} is no request`
  return invalidHeader(record)
}

export function invalidReply(record: RingConsumer): string | null {
  if (!isReplyKind(record.kind)) return `kind ${record.kind} is no reply`
  return record.kind === RecordKind.Damaged ? null : invalidHeader(record)
}

function invalidHeader(record: RingConsumer): string | null {
  const { correlation, flags, payloadStart, payloadEnd } = record
  if (!(Number.isSafeInteger(correlation) && correlation > 0)) return `correlation ${describe(correlation)}`
  if ((flags & RecordFlag.Block) === 0) return null
  if (payloadEnd - payloadStart !== 8) return 'a block reference has 8 bytes'
  const id = readNumber(record.data, payloadStart, 0)
  return Number.isSafeInteger(id) && Math.floor(id / CORRELATION_SPAN) === record.incarnation
    ? null
    : `block ${describe(id)} of incarnation ${record.incarnation}`
}
