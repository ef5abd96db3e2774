/**
 * Deaths of peers, told in order: a monitor hears of a death after every message that the dead actor had put into the
 * rings; asks to it end after its replies were read, when no incarnation follows, and else its works with a ticket do.
 */
import type { LinkMark } from './actor-links.ts'
import type { Monitors } from './monitors.ts'
import type { Peer } from './peer.ts'
import type { RingConsumer } from './rings/ring.ts'
import type { Turns } from './turns.ts'
import type { DeathRecord } from './wiring.ts'

export interface DeathHost {
  readonly monitors: Monitors
  readonly turns: Turns
  /** No reply of this peer will come any more. */
  readonly endAsks: (peer: Peer) => void
  /** Another incarnation follows: what the dead one had accepted ends. */
  readonly endTickets: (peer: Peer, record: DeathRecord) => void
  /** Its last message is taken too: forget it. */
  readonly end: (peer: Peer) => void
  /** The dead one was linked with this thread's actor. */
  readonly onLinked: (name: string, mark: LinkMark) => void
}

export interface Deaths {
  add(record: DeathRecord, peer: Peer | undefined): void
  /** Tells what may be told by now. */
  deliver(): void
  deliverable(): boolean
}

interface Waiting {
  readonly record: DeathRecord
  /** The dead actor, unless it is unknown here or its name has gone to another life. */
  readonly peer: Peer | undefined
  readonly repliesTail: number
  readonly requestsTail: number
  asksEnded: boolean
}

export function createDeaths({ monitors, turns, endAsks, endTickets, end, onLinked }: DeathHost): Deaths {
  let waiting: Waiting[] = []

  const repliesRead = ({ peer, repliesTail }: Waiting): boolean => passed(peer?.out?.replies, repliesTail)
  const requestsTaken = ({ peer, requestsTail }: Waiting): boolean =>
    passed(peer?.in?.requests, requestsTail) && (peer?.in === undefined || !turns.heldUp(peer.in.lane))
  const askersDue = (death: Waiting): boolean => endsAsks(death) && repliesRead(death)
  const done = (death: Waiting): boolean => repliesRead(death) && requestsTaken(death)

  return {
    add(record, known) {
      const peer = known?.generation === record.generation ? known : undefined
      const repliesTail = peer?.out?.replies.tail() ?? 0
      const requestsTail = peer?.in?.requests.tail() ?? 0
      if (record.link?.late !== true) turns.orphan(record.notice.name, record.notice.incarnation)
      waiting.push({ record, peer, repliesTail, requestsTail, asksEnded: false })
    },
    deliver() {
      if (waiting.length === 0) return
      for (const death of waiting) {
        const { peer, record } = death
        if (peer === undefined || !askersDue(death)) continue
        death.asksEnded = true
        if (record.notice.restarting) endTickets(peer, record)
        else endAsks(peer)
      }
      const settled = waiting.filter(done)
      waiting = waiting.filter((death) => !settled.includes(death))
      for (const { record, peer } of settled) {
        const { notice, link } = record
        if (link?.late !== true) {
          if (peer !== undefined && !notice.restarting) end(peer)
          if (record.unborn !== true) monitors.notify(notice)
        }
        if (link !== undefined) onLinked(notice.name, link)
      }
    },
    deliverable: () => waiting.some((death) => done(death) || askersDue(death)),
  }
}

/** Whether asks, or works with a ticket, are still to be ended with it. */
function endsAsks({ record, peer, asksEnded }: Waiting): boolean {
  return peer !== undefined && record.link?.late !== true && !asksEnded
}

/** Whether everything up to `tail` has been taken. */
function passed(ring: RingConsumer | undefined, tail: number): boolean {
  return ring === undefined || ((ring.head() - tail) | 0) >= 0
}
