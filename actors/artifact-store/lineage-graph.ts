/**
 * Edges between numbered nodes, in memory: walks of a million nodes in tens of milliseconds.
 *
 *   up[child]    → edge → its next one upwards   → …      every edge is in two lists:
 *   down[parent] → edge → its next one downwards → …      0 ends a list
 *
 *   edge, by its place in the array:  | child | parent | next upwards | next downwards |     side by side: a walk waits for memory more than for anything
 *
 * Walks go over a compact copy of the lists, made when it is missing or too old, and over the newer edges before it.
 *
 * I1. A removed edge stays in its lists, without a child: walks pass it by. A copy that has it is given up.
 * I2. Lists begin with their newest edge: those that a copy lacks come first.
 */

export type Direction = 'ancestors' | 'descendants'

export interface Walk {
  /** Nodes that were reached, the start aside. */
  readonly count: number
  /** Steps to the farthest one. */
  readonly depth: number
  /** Nearest first. */
  readonly nodes: Uint32Array
  /** For each, the node it was first reached from. */
  readonly via: Uint32Array
  /** Where each depth ends in `nodes`. */
  readonly ends: readonly number[]
}

export interface WalkBounds {
  /** Stops after so many nodes. */
  readonly nodesMax?: number
  /** Goes no farther. */
  readonly depthMax?: number
  /** Stops when it is reached. */
  readonly until?: number
}

export interface LineageGraph {
  /** An edge that is not there yet. */
  add(child: number, parent: number): void
  remove(child: number, parent: number): void
  walk(from: number, direction: Direction, bounds?: WalkBounds): Walk
}

const CHILD = 0
const PARENT = 1
const NEXT_UP = 2
const NEXT_DOWN = 3
const FIELDS = 4
const GONE = 0xffff_ffff
/** A copy that lacks more than this share of the edges is made again, */
const NEWER_SHARE_MAX = 0.25
/** but not for so few. */
const NEWER_MIN = 1000

/** The edges of one direction one after the other: those of a node from `offsets[node]` to `offsets[node + 1]`. */
interface Compact {
  readonly offsets: Uint32Array
  readonly targets: Uint32Array
  /** Edges from here on are not in it. */
  readonly end: number
}

export function createLineageGraph(): LineageGraph {
  let up = new Uint32Array(64)
  let down = new Uint32Array(64)
  let edges = new Uint32Array(64 * FIELDS)
  let end = FIELDS
  let compact: Partial<Record<Direction, Compact>> = {}
  /** Scratch of walks: a bit per node, and room for the result. */
  let seen = new Uint32Array(2)
  let nodes = new Uint32Array(0)
  let via = new Uint32Array(0)

  return {
    add(child, parent) {
      const last = Math.max(child, parent)
      if (last >= up.length) {
        up = grown(up, last + 1)
        down = grown(down, last + 1)
      }
      const at = end
      end += FIELDS
      if (end > edges.length) edges = grown(edges, end)
      edges[at + CHILD] = child
      edges[at + PARENT] = parent
      edges[at + NEXT_UP] = up[child]!
      edges[at + NEXT_DOWN] = down[parent]!
      up[child] = at
      down[parent] = at
    },
    remove(child, parent) {
      for (let edge = up[child] ?? 0; edge !== 0; edge = edges[edge + NEXT_UP]!) {
        if (edges[edge + PARENT] !== parent || edges[edge + CHILD] !== child) continue
        edges[edge + CHILD] = GONE
        compact = {}
      }
    },
    walk(from, direction, { nodesMax = Infinity, depthMax = Infinity, until = 0 } = {}) {
      const room = Math.min(nodesMax, up.length)
      if (nodes.length < room) {
        nodes = new Uint32Array(room)
        via = new Uint32Array(room)
      }
      if (seen.length * 32 < up.length) seen = new Uint32Array(Math.ceil(up.length / 32))
      else seen.fill(0)
      const known = compact[direction]
      const newer = (end - (known?.end ?? 0)) / FIELDS
      const isFresh = known !== undefined && (newer <= NEWER_MIN || newer <= (end / FIELDS) * NEWER_SHARE_MAX)
      const copy = isFresh ? known : compacted(edges, end, up.length, direction)
      compact[direction] = copy
      const heads = direction === 'ancestors' ? up : down
      const ground = { heads, edges, copy, hasNewer: copy.end < end, direction, nodes, via, seen }
      const ends = walkLevels(from, ground, { nodesMax, depthMax, until })
      const count = ends.at(-1) ?? 0
      return { count, depth: ends.length, nodes: nodes.slice(0, count), via: via.slice(0, count), ends }
    },
  }
}

function compacted(edges: Uint32Array, end: number, nodeCount: number, direction: Direction): Compact {
  const [own, other] = direction === 'ancestors' ? [CHILD, PARENT] : [PARENT, CHILD]
  const offsets = new Uint32Array(nodeCount + 1)
  for (let edge = FIELDS; edge < end; edge += FIELDS) {
    if (edges[edge + CHILD] !== GONE) offsets[edges[edge + own]! + 1]!++
  }
  for (let node = 0; node < nodeCount; node++) offsets[node + 1]! += offsets[node]!
  const targets = new Uint32Array(offsets[nodeCount]!)
  const free = offsets.slice()
  for (let edge = FIELDS; edge < end; edge += FIELDS) {
    if (edges[edge + CHILD] !== GONE) targets[free[edges[edge + own]!]!++] = edges[edge + other]!
  }
  return { offsets, targets, end }
}

interface Ground {
  readonly heads: Uint32Array
  readonly edges: Uint32Array
  readonly copy: Compact
  readonly hasNewer: boolean
  readonly direction: Direction
  readonly nodes: Uint32Array
  readonly via: Uint32Array
  readonly seen: Uint32Array
}

/** Breadth first; gives where each level ends in `nodes`. */
function walkLevels(from: number, ground: Ground, bounds: Required<WalkBounds>): readonly number[] {
  const { nodes, via, seen, hasNewer } = ground
  const { offsets, targets } = ground.copy
  const { nodesMax, depthMax, until } = bounds
  const levels: number[] = []
  if (from >= ground.heads.length) return levels
  seen[from >>> 5] = 1 << (from & 31)
  let count = 0
  for (let at = -1, end = 0; levels.length < depthMax; end = count) {
    for (; at < end; at++) {
      const node = at < 0 ? from : nodes[at]!
      const newer = hasNewer ? newerOf(node, ground) : NONE
      // A node that is newer than the copy has nothing in it.
      const last = node + 1 < offsets.length ? offsets[node + 1]! + newer.length : newer.length
      const first = node + 1 < offsets.length ? offsets[node]! : 0
      for (let place = first; place < last; place++) {
        const rest = last - place
        const reached = rest <= newer.length ? newer[newer.length - rest]! : targets[place]!
        const bit = 1 << (reached & 31)
        if ((seen[reached >>> 5]! & bit) !== 0) continue
        if (count === nodesMax) return count === levels.at(-1) ? levels : [...levels, count]
        seen[reached >>> 5]! |= bit
        nodes[count] = reached
        via[count++] = node
        if (reached === until) return [...levels, count]
      }
    }
    if (count === end) break
    levels.push(count)
  }
  return levels
}

const NONE: readonly number[] = []

/** What a node's edges lead to that the copy lacks. */
function newerOf(node: number, { heads, edges, copy, direction }: Ground): readonly number[] {
  let edge = heads[node]!
  if (edge < copy.end) return NONE
  const [other, next] = direction === 'ancestors' ? [PARENT, NEXT_UP] : [CHILD, NEXT_DOWN]
  const found: number[] = []
  for (; edge >= copy.end; edge = edges[edge + next]!) {
    if (edges[edge + CHILD] !== GONE) found.push(edges[edge + other]!)
  }
  return found
}

function grown(array: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(Math.max(length, array.length * 2))
  larger.set(array)
  return larger
}
