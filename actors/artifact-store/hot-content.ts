/**
 * Content that was put or read lately, in memory: verified when it came in, and its hash names it, so it is never stale.
 * Bounded in bytes; the least recently used goes first.
 *
 *   put, verified read ──► keep ──► get: neither a file call nor a hash
 *
 * I1. Nothing is changed in place: whoever keeps bytes here gives them away. Replies copy them.
 * I2. What is damaged on the disk is found by reads of the disk (`verify`, packing, the next life), not through this.
 */
import type { ContentHash } from './protocol.ts'

export interface HotContent {
  get(hash: ContentHash): Uint8Array | undefined
  /** Larger content than a quarter of the bound is not kept. */
  keep(hash: ContentHash, content: Uint8Array): void
  clear(): void
  readonly bytes: number
}

export function createHotContent(bytesMax: number): HotContent {
  // In the order of their use: a Map keeps the order of insertion.
  const kept = new Map<ContentHash, Uint8Array>()
  let bytes = 0

  function drop(hash: ContentHash): void {
    bytes -= kept.get(hash)?.byteLength ?? 0
    kept.delete(hash)
  }

  return {
    get bytes() {
      return bytes
    },
    get(hash) {
      const content = kept.get(hash)
      if (content === undefined) return undefined
      kept.delete(hash)
      kept.set(hash, content)
      return content
    },
    keep(hash, content) {
      if (content.byteLength > bytesMax / 4) return
      drop(hash)
      kept.set(hash, content)
      bytes += content.byteLength
      for (const [oldest] of kept) {
        if (bytes <= bytesMax) break
        drop(oldest)
      }
    },
    clear() {
      kept.clear()
      bytes = 0
    },
  }
}
