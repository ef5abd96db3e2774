/** A thread's view of one other thread it may talk to: lanes out, lanes in, and the bell. */
import { lives, type BoardSlot } from './board.ts'
import { createLane, type Lane, type LaneLimits } from './rings/lane.ts'
import { createConsumer, createProducer, type AtomicsLike, type RingConsumer } from './rings/ring.ts'
import { createBell, type Bell, type BellBatch } from './rings/waiting.ts'
import { linkRings, type LinkMemory, type PeerWiring } from './wiring.ts'

/** This thread asks; the peer answers. */
export interface Outgoing {
  readonly lane: number
  readonly requests: Lane
  readonly control: Lane
  readonly replies: RingConsumer
}

/** The peer asks; this thread answers. */
export interface Incoming {
  readonly lane: number
  readonly requests: RingConsumer
  readonly control: RingConsumer
  readonly replies: Lane
  /** Cancelled asks that are still in the ring; emptied when the ring is. */
  readonly cancelled: Set<number>
}

export interface Peer {
  readonly name: string
  generation: number
  readonly slot: BoardSlot
  readonly bell: Bell
  out: Outgoing | undefined
  in: Incoming | undefined
  /** Whether that incarnation of the peer lives, as far as the supervisor knows. */
  readonly lives: (incarnation: number) => boolean
}

/** What waits for room in a request ring: beyond it an ask fails with `MAILBOX_FULL`. */
export const REQUESTS_WAITING: LaneLimits = { queuedMax: 4096, queuedBytesMax: 16 * 1024 * 1024 }
/** Replies and control records are bounded by what is in flight; the queue itself never refuses. */
export const UNLIMITED: LaneLimits = { queuedMax: Infinity, queuedBytesMax: Infinity }

export function createPeer(wiring: PeerWiring, slot: BoardSlot, bells: BellBatch, atomics: AtomicsLike): Peer {
  const peer: Peer = {
    name: wiring.name,
    generation: wiring.generation,
    slot,
    bell: createBell(slot.words, slot.parkedIndex, bells, atomics),
    out: undefined,
    in: undefined,
    lives: (incarnation) => lives(slot, incarnation),
  }
  rewire(peer, wiring, atomics)
  return peer
}

/** Takes over new lanes and a new bell; what is unchanged stays in use. */
export function rewire(peer: Peer, wiring: PeerWiring, atomics: AtomicsLike): void {
  peer.generation = wiring.generation
  if (wiring.out?.lane !== peer.out?.lane)
    peer.out = wiring.out === null ? undefined : outgoing(wiring.out, peer.bell, atomics)
  if (wiring.in?.lane !== peer.in?.lane)
    peer.in = wiring.in === null ? undefined : incoming(wiring.in, peer.bell, atomics)
}

function outgoing(link: LinkMemory, bell: Bell, atomics: AtomicsLike): Outgoing {
  const rings = linkRings(link)
  return {
    lane: link.lane,
    requests: createLane(createProducer(rings.requests, atomics), bell, REQUESTS_WAITING),
    control: createLane(createProducer(rings.control, atomics), bell, UNLIMITED),
    replies: createConsumer(rings.replies, atomics),
  }
}

function incoming(link: LinkMemory, bell: Bell, atomics: AtomicsLike): Incoming {
  const rings = linkRings(link)
  return {
    lane: link.lane,
    requests: createConsumer(rings.requests, atomics),
    control: createConsumer(rings.control, atomics),
    replies: createLane(createProducer(rings.replies, atomics), bell, UNLIMITED),
    cancelled: new Set(),
  }
}
