/** Reads that were counted but not yet written to the log: one record stands for many of them. */
import type { ContentHash } from './protocol.ts'

export interface Accesses {
  touch(hash: ContentHash, at: number): void
  of(hash: ContentHash): { readonly count: number; readonly at: number }
  readonly size: number
  /** Hands them over and starts again. */
  take(): readonly (readonly [hash: ContentHash, count: number, at: number])[]
}

export function createAccesses(): Accesses {
  const counts = new Map<ContentHash, { count: number; at: number }>()
  return {
    touch(hash, at) {
      const { count } = counts.get(hash) ?? { count: 0 }
      counts.set(hash, { count: count + 1, at })
    },
    of: (hash) => counts.get(hash) ?? { count: 0, at: 0 },
    get size() {
      return counts.size
    },
    take() {
      const taken = [...counts].map(([hash, { count, at }]) => [hash, count, at] as const)
      counts.clear()
      return taken
    },
  }
}
