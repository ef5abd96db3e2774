/**
 * One secret that gives a key to each of 65,536 records, and can forget single ones (Goldreich, Goldwasser and Micali's tree, 1986).
 *
 *   depth 0                 root                          key of a child = SHA-256(key of its parent ‖ number of the child)
 *   depth 1     0    1    …    15
 *   …                                                     destroying leaf 0x0a1f keeps the 15 siblings of each node on
 *   depth 4   leaf 0 … leaf 65,535                        its way down, and nothing above them
 *
 * I1. A key does not lead to its parent or its siblings: what is kept after `destroy` gives every other leaf, and not those.
 */
import { hash } from 'node:crypto'

export interface KeyNode {
  readonly depth: number
  /** The leaf's number without its last digits of 4 bits. */
  readonly prefix: number
  readonly key: Uint8Array
}

export interface KeyTree {
  /** The key of a leaf; null when it was destroyed. */
  key(index: number): Uint8Array | null
  /** What has to be kept. */
  readonly nodes: readonly KeyNode[]
  /** The same tree without these leaves. */
  without(indexes: readonly number[]): KeyTree
}

const DIGIT_BITS = 4
const CHILDREN = 2 ** DIGIT_BITS
const DEPTH = 4
export const LEAVES = CHILDREN ** DEPTH
export const KEY_BYTES = 32

export function rootNode(key: Uint8Array): KeyNode {
  return { depth: 0, prefix: 0, key }
}

export function createKeyTree(nodes: readonly KeyNode[]): KeyTree {
  const held = new Map(nodes.map((node) => [idOf(node.depth, node.prefix), node.key]))
  /** The way down to the leaf asked for last: the next one shares most of it. */
  const way: { prefix: number; key: Uint8Array }[] = []

  function key(index: number): Uint8Array | null {
    let found: Uint8Array | null = null
    for (let depth = 0; depth <= DEPTH; depth++) {
      const prefix = prefixOf(index, depth)
      if (found === null) found = held.get(idOf(depth, prefix)) ?? null
      else if (way[depth]?.prefix === prefix) found = way[depth]!.key
      else {
        found = childKey(found, prefix % CHILDREN)
        way[depth] = { prefix, key: found }
        way.length = depth + 1
      }
    }
    return found
  }

  return {
    key,
    nodes,
    without: (indexes) => createKeyTree(indexes.reduce(withoutLeaf, nodes)),
  }
}

function withoutLeaf(nodes: readonly KeyNode[], index: number): readonly KeyNode[] {
  const above = nodes.find(({ depth, prefix }) => prefixOf(index, depth) === prefix)
  if (above === undefined) return nodes
  const kept = nodes.filter((node) => node !== above)
  let { key } = above
  for (let depth = above.depth + 1; depth <= DEPTH; depth++) {
    const own = prefixOf(index, depth)
    const first = own - (own % CHILDREN)
    const parent = key
    for (let child = 0; child < CHILDREN; child++) {
      if (first + child !== own) kept.push({ depth, prefix: first + child, key: childKey(parent, child) })
    }
    key = childKey(parent, own % CHILDREN)
  }
  return kept
}

function prefixOf(index: number, depth: number): number {
  return index >>> (DIGIT_BITS * (DEPTH - depth))
}

function idOf(depth: number, prefix: number): number {
  return depth * LEAVES + prefix
}

function childKey(parent: Uint8Array, child: number): Uint8Array {
  const input = Buffer.alloc(KEY_BYTES + 1)
  input.set(parent)
  input[KEY_BYTES] = child
  return hash('sha256', input, 'buffer')
}
