/**
 * Shared memory that is used again: dynamic children come and go, and what they leave to the garbage collector is given
 * back late, if ever. Buffers are kept by their size.
 *
 * I1. Only what no thread can reach any more is given back (retirement.ts), so nothing of a former life can be taken for
 *     the present one's, whatever is still written there.
 * I2. What is given back is clean where somebody looks: ring headers and cell states. Bytes behind them are never read
 *     before they are written; to clear them would make every page of a table resident.
 */
import { clearHeldTable, heldTableBytes, type HeldTableMemory } from './mailbox/held-table.ts'
import { linkOffsets, RING_HEADER_BYTES, type LinkCapacity } from './rings/layout.ts'
import type { LinkMemory } from './wiring.ts'

/** Buffers of one size that are kept for later; more are left to the garbage collector. */
const KEPT_MAX = 64

export interface MemoryPool {
  link(capacity: LinkCapacity, lane: number): LinkMemory
  table(cells: number, payloadBytes: number): HeldTableMemory
  releaseLink(link: LinkMemory): void
  releaseTable(table: HeldTableMemory): void
}

/** `allocate` makes a zeroed buffer. */
export function createMemoryPool(allocate = (bytes: number) => new SharedArrayBuffer(bytes)): MemoryPool {
  const kept = new Map<number, SharedArrayBuffer[]>()

  const acquire = (bytes: number): SharedArrayBuffer => kept.get(bytes)?.pop() ?? allocate(bytes)

  function release(buffer: SharedArrayBuffer): void {
    const ofSize = kept.get(buffer.byteLength) ?? []
    if (ofSize.length >= KEPT_MAX) return
    ofSize.push(buffer)
    kept.set(buffer.byteLength, ofSize)
  }

  return {
    link: (capacity, lane) => ({ buffer: acquire(linkOffsets(capacity).totalBytes), capacity, lane }),
    table: (cells, payloadBytes) => ({ buffer: acquire(heldTableBytes(cells, payloadBytes)), cells, payloadBytes }),
    releaseLink({ buffer, capacity }) {
      const { requests, control, replies } = linkOffsets(capacity)
      for (const at of [requests, control, replies]) new Uint8Array(buffer, at, RING_HEADER_BYTES).fill(0)
      release(buffer)
    },
    releaseTable(table) {
      clearHeldTable(table)
      release(table.buffer)
    },
  }
}
