/**
 * Bodies too large for a ring travel in shared blocks that the supervisor keeps, so that they outlive sender and receiver.
 *
 *   sender ── block ──► supervisor ── block ──► receiver          (ports; the ring's record carries only the id)
 *          ── record ─────────────────────────►                   the receiver waits at the record until the block is here
 *                       supervisor ◄── freed ── receiver
 *
 * The block is posted before the record is published, so a published record's block is never lost; a new incarnation of
 * the receiver is given the blocks that are not freed yet.
 */
import type { BlockWiring } from './wiring.ts'

export function createBlock(id: number, bytes: Uint8Array, start: number, end: number): BlockWiring {
  const buffer = new SharedArrayBuffer(end - start)
  new Uint8Array(buffer).set(bytes.subarray(start, end))
  return { id, buffer }
}

/** A thread's side. */
export interface BlockPort {
  /** Copies the bytes into a new block for that actor and returns its id. */
  send(to: string, bytes: Uint8Array, start: number, end: number): number
  /** The block, when it has arrived. */
  get(id: number): SharedArrayBuffer | undefined
  free(id: number): void
}

/** The supervisor's side: which blocks are on their way or in use, and for whom. */
export interface BlockStore {
  keep(to: string, block: BlockWiring): void
  free(id: number): void
  get(id: number): SharedArrayBuffer | undefined
  of(to: string): readonly BlockWiring[]
  dropAll(to: string): void
  count(): number
}

export function createBlockStore(): BlockStore {
  const blocks = new Map<number, { readonly to: string; readonly block: BlockWiring }>()
  return {
    keep: (to, block) => void blocks.set(block.id, { to, block }),
    free: (id) => void blocks.delete(id),
    get: (id) => blocks.get(id)?.block.buffer,
    of: (to) => [...blocks.values()].filter((kept) => kept.to === to).map((kept) => kept.block),
    dropAll(to) {
      for (const [id, kept] of blocks) if (kept.to === to) blocks.delete(id)
    },
    count: () => blocks.size,
  }
}
