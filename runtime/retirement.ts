/**
 * What an actor leaves that is over: given back when every thread that knew it has let go of it, or has ended.
 *
 *   actor over ─► death record to its peers ─► each takes what was sent, ends its asks, forgets the peer ─► "let go"
 *
 * Until then a peer may still write into the dead actor's rings, and a zombie into everything.
 */
import type { Life } from './actor-links.ts'

export interface Retirement {
  /** Calls `giveBack` once when all holders have let go; at once when there are none. */
  add(generation: number, holders: readonly Life[], giveBack: () => void): void
  /** That life knows nothing any more of the actor of that generation. */
  letGo(holder: Life, generation: number): void
  /** A thread has ended: it holds nothing. */
  ended(holder: Life): void
}

export function createRetirement(): Retirement {
  const waiting = new Map<number, { readonly holders: Set<string>; readonly giveBack: () => void }>()

  function release(generation: number, holder: string): void {
    const retired = waiting.get(generation)
    if (retired?.holders.delete(holder) !== true || retired.holders.size > 0) return
    waiting.delete(generation)
    retired.giveBack()
  }

  return {
    add(generation, lives, giveBack) {
      const holders = new Set(lives.map(keyOf))
      if (holders.size === 0) return giveBack()
      waiting.set(generation, { holders, giveBack })
    },
    letGo: (holder, generation) => release(generation, keyOf(holder)),
    ended(holder) {
      for (const generation of waiting.keys()) release(generation, keyOf(holder))
    },
  }
}

/** Names contain no line break. */
const keyOf = ({ name, incarnation }: Life): string => `${name}\n${incarnation}`
