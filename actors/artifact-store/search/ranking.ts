/** A page of a result under an order, without sorting the rest. */
import { countBits, membersOf, type Bits } from './bits.ts'

export interface Order {
  /** By slot. */
  readonly keys: Float32Array | Float64Array
  readonly descending: boolean
  /** By slot; the smaller comes first when keys are equal. Then the slot decides. */
  readonly ties: Uint32Array
}

type Before = (a: number, b: number) => boolean

/** A page that ends later is found by partition, one before with a heap. */
const HEAP_MAX = 1024

/** The members from `offset` on in order, `limit` of them. */
export function pageOf(
  found: Bits,
  { offset, limit }: { readonly offset: number; readonly limit: number },
  order: Order,
): readonly number[] {
  if (limit === 0) return []
  const before = comparing(order)
  const sorted = (slots: Iterable<number>): number[] => [...slots].sort((a, b) => (before(a, b) ? -1 : 1))
  const end = offset + limit
  if (end <= HEAP_MAX) return sorted(firstOf(found, end, order, before)).slice(offset)
  if (offset >= countBits(found)) return []
  const members = membersOf(found)
  partition(members, offset, before)
  const page = members.subarray(offset)
  if (limit < page.length) partition(page, limit, before)
  return sorted(page.subarray(0, limit))
}

/**
 * The `count` first, in any order: a heap with the last of them on top, with which most members are only compared. Walked in
 * the direction in which times commonly come, so that the first ones are met first.
 */
function firstOf(found: Bits, count: number, { keys, descending }: Order, before: Before): readonly number[] {
  const heap: number[] = []
  /** Takes the member in when it is one of the first; returns the key of the last of them. */
  const offer = (slot: number): number => {
    if (heap.length < count) {
      heap.push(slot)
      siftUp(heap, before)
      if (heap.length < count) return descending ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
    } else if (before(slot, heap[0]!)) {
      heap[0] = slot
      siftDown(heap, before)
    }
    return keys[heap[0]!]!
  }
  if (descending) {
    let worst = Number.NEGATIVE_INFINITY
    for (let i = found.length - 1; i >= 0; i--) {
      for (let word = found[i]!; word !== 0;) {
        const bit = 31 - Math.clz32(word)
        word &= ~(1 << bit)
        const slot = (i << 5) + bit
        if (keys[slot]! >= worst) worst = offer(slot)
      }
    }
  } else {
    let worst = Number.POSITIVE_INFINITY
    for (let i = 0; i < found.length; i++) {
      for (let word = found[i]!; word !== 0; word &= word - 1) {
        const slot = (i << 5) + 31 - Math.clz32(word & -word)
        if (keys[slot]! <= worst) worst = offer(slot)
      }
    }
  }
  return heap
}

/** Brings the `count` first to the beginning (quickselect, with the middle of three as pivot). */
function partition(members: Uint32Array, count: number, before: Before): void {
  let low = 0
  let high = members.length - 1
  while (low < high) {
    const pivot = middleOf(members[low]!, members[(low + high) >>> 1]!, members[high]!, before)
    let i = low
    let j = high
    while (i <= j) {
      while (before(members[i]!, pivot)) i++
      while (before(pivot, members[j]!)) j--
      if (i > j) break
      const moved = members[i]!
      members[i++] = members[j]!
      members[j--] = moved
    }
    if (count <= j) high = j
    else if (count >= i) low = i
    else return
  }
}

function middleOf(a: number, b: number, c: number, before: Before): number {
  if (before(a, b)) return before(b, c) ? b : before(a, c) ? c : a
  return before(a, c) ? a : before(b, c) ? c : b
}

function comparing({ keys, descending, ties }: Order): Before {
  return (a, b) => {
    const keyA = keys[a]!
    const keyB = keys[b]!
    if (keyA !== keyB) return descending ? keyA > keyB : keyA < keyB
    const tieA = ties[a]!
    const tieB = ties[b]!
    return tieA === tieB ? a < b : tieA < tieB
  }
}

function siftUp(heap: number[], before: Before): void {
  let at = heap.length - 1
  const member = heap[at]!
  while (at > 0) {
    const parent = (at - 1) >>> 1
    if (!before(heap[parent]!, member)) break
    heap[at] = heap[parent]!
    at = parent
  }
  heap[at] = member
}

function siftDown(heap: number[], before: Before): void {
  const member = heap[0]!
  let at = 0
  for (;;) {
    let child = at * 2 + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && before(heap[child]!, heap[child + 1]!)) child++
    if (!before(member, heap[child]!)) break
    heap[at] = heap[child]!
    at = child
  }
  heap[at] = member
}
