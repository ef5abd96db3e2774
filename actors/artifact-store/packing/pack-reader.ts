/**
 * Decoded packs, the ones used last kept in memory: successive reads are mostly of neighbours.
 *
 * I1. A pack's number never means other bytes (I2 of `packs.ts`), so what is kept is never stale.
 */
import type { LogPosition } from '../../../runtime/index.ts'
import { decompress } from './codec.ts'
import type { Packs } from './packs.ts'

export type PackRead =
  { readonly kind: 'content'; readonly content: Uint8Array } | { readonly kind: 'damaged'; readonly problem: string }

export interface PackReader {
  /** The decoded pack; not to be changed. Throws what `readAt` throws. */
  read(id: number, packs: Pick<Packs, 'find'>): PackRead
}

export function createPackReader(readAt: (position: LogPosition) => Uint8Array, keptBytesMax: number): PackReader {
  /** In the order of their last use. */
  const kept = new Map<number, Uint8Array>()
  let keptBytes = 0

  function keep(id: number, content: Uint8Array): void {
    kept.set(id, content)
    keptBytes += content.length
    for (const [oldest, { length }] of kept) {
      if (keptBytes <= keptBytesMax) return
      kept.delete(oldest)
      keptBytes -= length
    }
  }

  function read(id: number, packs: Pick<Packs, 'find'>): PackRead {
    const known = kept.get(id)
    if (known !== undefined) {
      kept.delete(id)
      kept.set(id, known)
      return { kind: 'content', content: known }
    }
    const pack = packs.find(id)
    if (pack === null) return { kind: 'damaged', problem: `pack ${id} is missing` }
    const base = pack.base === null ? null : read(pack.base, packs)
    if (base?.kind === 'damaged') return base
    const encoded = readAt(pack.position)
    try {
      const content = decompress(encoded, base?.content ?? null, pack.rawBytes)
      keep(id, content)
      return { kind: 'content', content }
    } catch {
      return { kind: 'damaged', problem: `pack ${id} does not decode` }
    }
  }

  return { read }
}
