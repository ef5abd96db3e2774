/**
 * A death in the middle of a step, at one of its stores into shared memory.
 *
 * The code of the step cannot be stopped where it is, so it runs on as a ghost: what it does outside is held back (life.ts,
 * I1), and what it writes into memory from that store on is undone when the step is over. Nobody else runs in between, so
 * the memory is exactly what a thread would have left that died there.
 *
 * I1. A producer's ghost writes only behind the published tail, where the next life writes again: headers of rings
 *     are enough. Cells of the held table are used again at once, so the whole table is kept.
 */
import { linkOffsets, RING_HEADER_BYTES } from '../rings/layout.ts'
import type { LinkMemory, PeerWiring, StartWiring, ToWorker } from '../wiring.ts'

/** The shared memory that one life can write to. */
export interface Reach {
  /** Peers that come later bring links with them. */
  note(message: ToWorker): void
  /** Remembers it as it is; the result puts it back. */
  capture(): () => void
}

export function reachOf(wiring: StartWiring): Reach {
  const links = new Map<SharedArrayBuffer, LinkMemory>()
  const whole = [wiring.board, wiring.table.buffer, wiring.metrics, ...Object.values(wiring.shared)]

  function add(peer: PeerWiring): void {
    for (const link of [peer.out, peer.in]) if (link !== null) links.set(link.buffer, link)
  }

  wiring.peers.forEach(add)
  return {
    note(message) {
      if (message.kind === 'peer') add(message.peer)
    },
    capture() {
      const undo = [
        ...whole.map((buffer) => saved(buffer, 0, buffer.byteLength)),
        ...[...links.values()].flatMap(headers),
      ]
      return () => {
        for (const restore of undo) restore()
      }
    },
  }
}

function headers({ buffer, capacity }: LinkMemory): (() => void)[] {
  const { requests, control, replies } = linkOffsets(capacity)
  return [requests, control, replies].map((at) => saved(buffer, at, RING_HEADER_BYTES))
}

function saved(buffer: SharedArrayBuffer, at: number, bytes: number): () => void {
  const view = new Uint8Array(buffer, at, bytes)
  const copy = view.slice()
  return () => view.set(copy)
}
