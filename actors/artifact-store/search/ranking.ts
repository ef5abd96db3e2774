/** The first documents of a result under an order, without sorting the rest. */

export interface Order {
  /** By slot. */
  readonly keys: Float32Array | Float64Array
  readonly descending: boolean
  /** By slot; the smaller comes first when keys are equal. Then the slot decides. */
  readonly ties: Uint32Array
}

/** The `count` first of `members`, in order. */
export function firstOf(members: Uint32Array, count: number, order: Order): readonly number[] {
  const before = comparing(order)
  if (count * 4 >= members.length) return [...members].sort((a, b) => (before(a, b) ? -1 : 1)).slice(0, count)
  // A heap with the last of the first ones on top: most members are only compared with it.
  const heap: number[] = []
  for (const member of members) {
    if (heap.length < count) {
      heap.push(member)
      siftUp(heap, before)
    } else if (count > 0 && before(member, heap[0]!)) {
      heap[0] = member
      siftDown(heap, before)
    }
  }
  return heap.sort((a, b) => (before(a, b) ? -1 : 1))
}

function comparing({ keys, descending, ties }: Order): (a: number, b: number) => boolean {
  return (a, b) => {
    const keyA = keys[a]!
    const keyB = keys[b]!
    if (keyA !== keyB) return descending ? keyA > keyB : keyA < keyB
    const tieA = ties[a]!
    const tieB = ties[b]!
    return tieA === tieB ? a < b : tieA < tieB
  }
}

function siftUp(heap: number[], before: (a: number, b: number) => boolean): void {
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

function siftDown(heap: number[], before: (a: number, b: number) => boolean): void {
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
