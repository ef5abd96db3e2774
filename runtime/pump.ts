/**
 * Moves records between the rings of one thread and its tables.
 *
 * A round: control lanes, then replies, then requests (a few per peer in turn), then what waits for room. Rounds repeat up
 * to a batch limit, so that timers and I/O of the thread are not starved.
 *
 * I1. Replies are drained also while requests are not taken (before `accept`, without a free cell): an `init` or a handler
 *     that asks cannot deadlock on room.
 * I2. A record whose block has not arrived stays in its ring and holds up its lane, and so does a message of an earlier
 *     incarnation that waits for its block (recovery.ts): order per sender is kept.
 * I3. A record whose block an earlier incarnation has freed has been dealt with, but for its place in the ring.
 */
import type { Asks } from './asks.ts'
import type { BlockPort } from './blocks.ts'
import type { Codec } from './codec.ts'
import type { PitError } from './common/errors.ts'
import { Pumped } from './loop.ts'
import type { HeldTable } from './mailbox/held-table.ts'
import { invalidReply, invalidRequest, type LaneDamage } from './lane-damage.ts'
import type { Incoming, Outgoing, Peer } from './peer.ts'
import { RecordFlag, RecordKind } from './rings/layout.ts'
import { readNumber } from './rings/numbers.ts'
import type { RingConsumer } from './rings/ring.ts'
import { leavingScope } from './scope.ts'
import type { Turns } from './turns.ts'
import { isDeathRecord, type DeathRecord } from './wiring.ts'

/** A batch ends at either bound: records of one pump, and time. */
const BATCH_RECORDS = 256
const BATCH_MS = 1
/** A round is bounded too, so that the batch limits are looked at. */
const REPLIES_PER_ROUND = 64
const REQUESTS_PER_ROUND = 16

export interface PumpHost {
  readonly name: string
  readonly sharedMs: () => number
  readonly peers: ReadonlyMap<string, Peer>
  readonly asks: Asks
  readonly turns: Turns
  readonly table: HeldTable
  readonly codec: Codec
  readonly blocks: BlockPort
  readonly damage: LaneDamage
  /** `withinMs`: after it the thread is ended by force. */
  readonly onStop: (withinMs: number) => void
  readonly onDeath: (record: DeathRecord) => void
}

export interface Pump {
  /** Runs rounds up to the batch limit. */
  run(): Pumped
  /** Whether a parked thread would miss something; asks for room where something waits for it. */
  hasWork(): boolean
  /** From now on requests are taken; what earlier incarnations left comes first. */
  accept(peerOf: (lane: number) => Peer | undefined): void
  /** From now on only requests that have arrived already are taken. */
  stopTaking(): void
  /** Everything that had arrived at `stopTaking` is taken. */
  allTaken(): boolean
  /** Whether requests wait for a free cell. */
  wantsCell(): boolean
}

export function createPump(host: PumpHost): Pump {
  const { sharedMs, peers, asks, turns, table, codec, blocks, damage } = host
  let accepting = false
  // For each lane the tail at the time of the stop.
  let stopTails: Map<number, number> | undefined
  let cellWanted = false

  function advance(ring: RingConsumer, peer: Peer): void {
    if (ring.advance()) peer.bell.ring()
  }

  function readControl(peer: Peer, link: Incoming): number {
    let count = 0
    const { control } = link
    while (control.next()) {
      const { kind, correlation, data, payloadStart, payloadEnd } = control
      const wanted = kind === RecordKind.Credit ? 2 : kind === RecordKind.Stop ? 1 : 0
      if (payloadEnd - payloadStart < wanted * 8) {
        damage.control(peer, link, `kind ${kind} without its numbers`)
        break
      }
      const first = wanted > 0 ? readNumber(data, payloadStart, 0) : 0
      const second = wanted > 1 ? readNumber(data, payloadStart, 1) : 0
      const death = kind === RecordKind.Death ? readDeath(control) : undefined
      advance(control, peer)
      if (kind === RecordKind.Cancel) cancel(link, correlation)
      else if (kind === RecordKind.Credit) turns.grant(correlation, first, second)
      else if (kind === RecordKind.Stop) host.onStop(first)
      else if (kind === RecordKind.Damaged) damage.heardByAnswerer(link)
      else if (death !== undefined) host.onDeath(death)
      else damage.control(peer, link, `kind ${kind} is no control record`)
      count++
    }
    if (control.corrupt !== null) damage.control(peer, link, control.corrupt)
    else if (control.settle()) peer.bell.ring()
    return count
  }

  function readDeath({ data, payloadStart, payloadEnd }: RingConsumer): DeathRecord | undefined {
    try {
      const body = codec.decode(data, payloadStart, payloadEnd, host.name)
      return isDeathRecord(body) ? body : undefined
    } catch {
      // What cannot be decoded is no record of the supervisor's.
      return undefined
    }
  }

  /** A cancel overtakes its ask: one that is still in the ring must be remembered. */
  function cancel(link: Incoming, correlation: number): void {
    if (!turns.cancel(correlation) && !link.requests.empty()) link.cancelled.add(correlation)
  }

  function readReplies(peer: Peer, link: Outgoing): number {
    const { replies } = link
    let count = 0
    while (count < REPLIES_PER_ROUND && replies.next()) {
      const { kind, correlation } = replies
      const invalid = invalidReply(replies)
      if (invalid !== null) {
        damage.replies(peer, link, invalid)
        break
      }
      if (kind === RecordKind.Damaged) {
        damage.heardByAsker(peer, link)
        advance(replies, peer)
        continue
      }
      const large = (replies.flags & RecordFlag.Block) !== 0
      const id = large ? readNumber(replies.data, replies.payloadStart, 0) : 0
      const block = large ? blocks.get(id) : undefined
      // Also when nobody waits for it any more: what arrives after it was freed would stay.
      if (large && block === undefined && !blocks.freed(id)) break
      if (asks.has(correlation, link)) settleReply(peer, kind as RecordKind, correlation, replies, block)
      else if (kind === RecordKind.Item) asks.disown(link, correlation)
      if (large) blocks.free(id)
      replies.take()
      count++
    }
    if (count > 0 && replies.release()) peer.bell.ring()
    if (replies.corrupt !== null) damage.replies(peer, link, replies.corrupt)
    else if (replies.settle()) peer.bell.ring()
    return count
  }

  function settleReply(
    peer: Peer,
    kind: RecordKind,
    correlation: number,
    { data, payloadStart, payloadEnd }: RingConsumer,
    block: SharedArrayBuffer | undefined,
  ): void {
    const bytes = block?.byteLength ?? payloadEnd - payloadStart
    let value: unknown
    try {
      value =
        block === undefined
          ? codec.decode(data, payloadStart, payloadEnd, peer.name)
          : codec.decode(Buffer.from(block as unknown as ArrayBuffer), 0, block.byteLength, peer.name)
    } catch (error) {
      return asks.refuse(correlation, error as PitError)
    }
    asks.settle(correlation, kind, value, bytes)
  }

  /** The record at the head came after the stop. */
  function tooLate(link: Incoming): boolean {
    if (stopTails === undefined) return false
    const tail = stopTails.get(link.lane)
    return tail === undefined || ((link.requests.position - tail) | 0) >= 0
  }

  /** Whether the request at the head may be taken now; `next()` has found it. */
  function takeable(link: Incoming): boolean {
    const { requests } = link
    if (tooLate(link)) return false
    if ((requests.flags & RecordFlag.Block) === 0) return true
    const id = readNumber(requests.data, requests.payloadStart, 0)
    if (blocks.get(id) !== undefined || blocks.freed(id)) return true
    // Nobody waits for it any more: it need not hold up the others.
    return requests.deadlineAt <= sharedMs()
  }

  function readRequest(peer: Peer, link: Incoming): boolean {
    const { requests, lane, cancelled } = link
    if (!requests.next()) {
      if (cancelled.size > 0) cancelled.clear()
      return false
    }
    const invalid = invalidRequest(requests)
    if (invalid !== null) {
      damage.requests(peer, link, invalid)
      return false
    }
    if (!takeable(link)) return false
    if ((requests.flags & RecordFlag.Droppable) !== 0 && requests.skippable()) {
      skip(peer, link)
      return true
    }
    if ((cancelled.size > 0 && cancelled.delete(requests.correlation)) || isFreed(requests)) {
      if ((requests.flags & RecordFlag.Block) !== 0) blocks.free(readNumber(requests.data, requests.payloadStart, 0))
      advance(requests, peer)
      return true
    }
    const cell = table.take(lane, requests)
    if (cell === -1) {
      cellWanted = true
      return false
    }
    advance(requests, peer)
    turns.start(cell, peer)
    return true
  }

  function isFreed({ flags, data, payloadStart }: RingConsumer): boolean {
    return (flags & RecordFlag.Block) !== 0 && blocks.freed(readNumber(data, payloadStart, 0))
  }

  /** The sender wants the room of this record for a newer one. */
  function skip(peer: Peer, { requests, replies }: Incoming): void {
    const { kind, flags, correlation, data, payloadStart } = requests
    if ((flags & RecordFlag.Block) !== 0) blocks.free(readNumber(data, payloadStart, 0))
    if (kind === RecordKind.Ask) turns.refuse(replies, correlation)
    if (requests.skip()) peer.bell.ring()
  }

  function takeRequests(peer: Peer, link: Incoming): number {
    let count = 0
    while (count < REQUESTS_PER_ROUND && readRequest(peer, link)) {
      count++
      // The turn may have taken its time: what came over the control lane meanwhile goes first.
      if (!link.control.empty()) count += readControl(peer, link)
    }
    return count
  }

  function readRequests(peer: Peer, link: Incoming): number {
    if (turns.heldUp(link.lane)) return 0
    if (link.requests.next()) return leavingScope(takeRequests, peer, link)
    if (link.cancelled.size > 0) link.cancelled.clear()
    if (link.requests.corrupt !== null) damage.requests(peer, link, link.requests.corrupt)
    else if (link.requests.settle()) peer.bell.ring()
    return 0
  }

  function flush(peer: Peer): boolean {
    let published = false
    if (peer.out !== undefined) {
      if (peer.out.requests.queued() > 0) published = peer.out.requests.flush()
      if (peer.out.control.queued() > 0) published = peer.out.control.flush() || published
    }
    if (peer.in !== undefined && peer.in.replies.queued() > 0) published = peer.in.replies.flush() || published
    return published
  }

  function round(): number {
    let count = 0
    for (const peer of peers.values()) if (peer.in !== undefined) count += readControl(peer, peer.in)
    for (const peer of peers.values()) if (peer.out !== undefined) count += readReplies(peer, peer.out)
    if (accepting) {
      cellWanted = false
      if (turns.resumable()) count += leavingScope(() => turns.resume())
      for (const peer of peers.values()) if (peer.in !== undefined) count += readRequests(peer, peer.in)
    }
    for (const peer of peers.values()) if (flush(peer)) count++
    return count
  }

  function laneHasWork(peer: Peer): boolean {
    const { out } = peer
    const link = peer.in
    if (out !== undefined) {
      if (out.replies.corrupt !== null || (out.replies.next() && replyReadable(out))) return true
      if (out.requests.queued() > 0 && !out.requests.waitForRoom()) return true
      if (out.control.queued() > 0 && !out.control.waitForRoom()) return true
    }
    if (link === undefined) return false
    if (!link.control.empty() || (link.replies.queued() > 0 && !link.replies.waitForRoom())) return true
    if (!accepting || turns.heldUp(link.lane)) return false
    const { requests } = link
    if (!requests.next()) return requests.corrupt !== null
    if (invalidRequest(requests) !== null) return true
    return takeable(link) && (!cellWanted || requests.skippable())
  }

  function replyReadable({ replies }: Outgoing): boolean {
    if ((replies.flags & RecordFlag.Block) === 0 || invalidReply(replies) !== null) return true
    return isFreed(replies) || blocks.get(readNumber(replies.data, replies.payloadStart, 0)) !== undefined
  }

  return {
    run() {
      const endAt = sharedMs() + BATCH_MS
      let moved = 0
      while (moved < BATCH_RECORDS) {
        const count = round()
        if (count === 0) return moved === 0 ? Pumped.Idle : Pumped.Drained
        moved += count
        if (sharedMs() >= endAt) return Pumped.More
      }
      return Pumped.More
    },
    hasWork() {
      if (accepting && turns.resumable()) return true
      for (const peer of peers.values()) if (laneHasWork(peer)) return true
      return false
    },
    accept(peerOf) {
      for (const peer of peers.values()) {
        const link = peer.in
        if (link !== undefined && link.requests.next() && table.holds(link.lane, link.requests)) {
          advance(link.requests, peer)
        }
      }
      leavingScope(() => turns.recover(peerOf))
      accepting = true
    },
    stopTaking() {
      // A second drain is for what `terminate` has begun: it takes nothing that came after the first.
      if (stopTails !== undefined) return
      stopTails = new Map()
      for (const { in: link } of peers.values()) if (link !== undefined) stopTails.set(link.lane, link.requests.tail())
    },
    allTaken() {
      for (const { in: link } of peers.values()) {
        if (link !== undefined && link.requests.next() && !tooLate(link)) return false
      }
      return true
    },
    wantsCell: () => cellWanted,
  }
}
