/** Which actors may talk to which, and the shared memory they do it through. Kept across restarts of both. */
import type { QueueDepth } from './board.ts'
import { linkOffsets, RING_WORD } from './rings/layout.ts'
import type { MemoryPool } from './memory-pool.ts'
import type { LinkMemory } from './wiring.ts'
import type { LinkCapacity } from './rings/layout.ts'

export interface Links {
  /** The link from one actor to another; made when it is asked for first. */
  ensure(from: string, to: string, capacity: LinkCapacity): LinkMemory
  get(from: string, to: string): LinkMemory | null
  /** Names linked with this one in either direction. */
  peersOf(name: string): readonly string[]
  /** Forgets every link of an actor that is gone for good, and returns their memory. */
  remove(name: string): readonly LinkMemory[]
  /** Requests that wait in this actor's rings. */
  depth(name: string): QueueDepth
  /** Whether anything waits for this actor: requests, control records or replies. */
  waiting(name: string): boolean
}

interface Link {
  readonly from: string
  readonly to: string
  readonly memory: LinkMemory
  readonly requests: Int32Array
  readonly control: Int32Array
  readonly replies: Int32Array
}

export function createLinks(pool: MemoryPool): Links {
  const links = new Map<string, Link>()
  // Names never contain a line break (`resolveSpec`), so two pairs never share a key.
  const key = (from: string, to: string): string => `${from}\n${to}`
  let lanes = 0

  return {
    ensure(from, to, capacity) {
      const found = links.get(key(from, to))
      if (found !== undefined) return found.memory
      const memory = pool.link(capacity, ++lanes)
      const offsets = linkOffsets(capacity)
      const header = (at: number): Int32Array => new Int32Array(memory.buffer, at, RING_WORD.Starved + 1)
      const rings = {
        requests: header(offsets.requests),
        control: header(offsets.control),
        replies: header(offsets.replies),
      }
      links.set(key(from, to), { from, to, memory, ...rings })
      return memory
    },
    get: (from, to) => links.get(key(from, to))?.memory ?? null,
    peersOf(name) {
      const names = new Set<string>()
      for (const { from, to } of links.values()) {
        if (from === name) names.add(to)
        if (to === name) names.add(from)
      }
      return [...names]
    },
    remove(name) {
      const removed: LinkMemory[] = []
      for (const [id, { from, to, memory }] of links) {
        if (from !== name && to !== name) continue
        links.delete(id)
        removed.push(memory)
      }
      return removed
    },
    depth(name) {
      const depth = { records: 0, bytes: 0, droppedNewest: 0, droppedOldest: 0 }
      for (const { to, requests } of links.values()) {
        if (to !== name) continue
        depth.records += records(requests)
        depth.bytes += (Atomics.load(requests, RING_WORD.Tail) - Atomics.load(requests, RING_WORD.Head)) >>> 0
        depth.droppedNewest += Atomics.load(requests, RING_WORD.DroppedNewest) >>> 0
        depth.droppedOldest += Atomics.load(requests, RING_WORD.Skipped) >>> 0
      }
      return depth
    },
    waiting: (name) =>
      [...links.values()].some(
        ({ from, to, requests, control, replies }) =>
          (to === name && (records(requests) > 0 || records(control) > 0)) || (from === name && records(replies) > 0),
      ),
  }
}

/** Who dies beside its counter leaves the counts apart; whether there is anything, the positions say. */
function records(header: Int32Array): number {
  if (Atomics.load(header, RING_WORD.Tail) === Atomics.load(header, RING_WORD.Head)) return 0
  return Math.max(1, (Atomics.load(header, RING_WORD.Published) - Atomics.load(header, RING_WORD.Taken)) | 0)
}
