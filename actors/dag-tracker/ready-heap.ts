/**
 * The ready nodes of a run, most urgent first: larger key, then larger rank, then smaller number. A binary heap in
 * typed arrays; the key is fixed when a node enters, so ageing costs nothing (see `scheduler.ts`).
 */
export interface ReadyHeap {
  readonly size: number
  push(node: number, key: number, rank: number): void
  /** The most urgent node, or -1. */
  pop(): number
}

export function createReadyHeap(): ReadyHeap {
  let nodes = new Uint32Array(64)
  let keys = new Float64Array(64)
  let ranks = new Float64Array(64)
  let size = 0

  /** Whether the entry at `a` goes before the one at `b`. */
  function before(a: number, b: number): boolean {
    if (keys[a] !== keys[b]) return keys[a]! > keys[b]!
    if (ranks[a] !== ranks[b]) return ranks[a]! > ranks[b]!
    return nodes[a]! < nodes[b]!
  }

  function swap(a: number, b: number): void {
    ;[nodes[a], nodes[b]] = [nodes[b]!, nodes[a]!]
    ;[keys[a], keys[b]] = [keys[b]!, keys[a]!]
    ;[ranks[a], ranks[b]] = [ranks[b]!, ranks[a]!]
  }

  function grow(): void {
    const [oldNodes, oldKeys, oldRanks] = [nodes, keys, ranks]
    nodes = new Uint32Array(size * 2)
    keys = new Float64Array(size * 2)
    ranks = new Float64Array(size * 2)
    nodes.set(oldNodes)
    keys.set(oldKeys)
    ranks.set(oldRanks)
  }

  return {
    get size() {
      return size
    },
    push(node, key, rank) {
      if (size === nodes.length) grow()
      let at = size++
      nodes[at] = node
      keys[at] = key
      ranks[at] = rank
      while (at > 0) {
        const parent = (at - 1) >> 1
        if (!before(at, parent)) break
        swap(at, parent)
        at = parent
      }
    },
    pop() {
      if (size === 0) return -1
      const top = nodes[0]!
      swap(0, --size)
      for (let at = 0; ;) {
        let first = at
        for (let child = 2 * at + 1; child <= 2 * at + 2 && child < size; child++) {
          if (before(child, first)) first = child
        }
        if (first === at) return top
        swap(at, first)
        at = first
      }
    },
  }
}
