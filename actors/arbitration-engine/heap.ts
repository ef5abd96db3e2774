/**
 * Binary heaps whose items know their place, so that any item can leave or move in O(log n).
 *
 * A heap is a plain array; a `HeapOrder` says who comes first and where an item keeps its index. One item may stand in
 * several heaps at once, with one slot for each.
 *
 * I1: `order.slot(items[i]) === i` for every i; -1 for an item that is in no heap of this order.
 */

export interface HeapOrder<T> {
  /** Strict and total: exactly one of `before(a, b)`, `before(b, a)` for two different items. */
  before(a: T, b: T): boolean
  slot(item: T): number
  setSlot(item: T, slot: number): void
}

export function heapPush<T>(items: T[], item: T, order: HeapOrder<T>): void {
  items.push(item)
  order.setSlot(item, items.length - 1)
  siftUp(items, items.length - 1, order)
}

/** Takes an item out wherever it stands; no effect when it is not in the heap. */
export function heapRemove<T>(items: T[], item: T, order: HeapOrder<T>): void {
  const slot = order.slot(item)
  if (slot < 0) return
  order.setSlot(item, -1)
  const last = items.pop()!
  if (last === item) return
  items[slot] = last
  order.setSlot(last, slot)
  settle(items, slot, order)
}

/** Puts an item whose key changed in its new place. */
export function heapUpdate<T>(items: T[], item: T, order: HeapOrder<T>): void {
  const slot = order.slot(item)
  if (slot >= 0) settle(items, slot, order)
}

/** How many items come before `item`; stops counting at `max`. Costs O(result). */
export function heapCountBefore<T>(items: readonly T[], item: T, order: HeapOrder<T>, max: number): number {
  let count = 0
  const open = [0]
  while (open.length > 0 && count < max) {
    const slot = open.pop()!
    const other = items[slot]
    if (other === undefined || !order.before(other, item)) continue
    count++
    open.push(2 * slot + 1, 2 * slot + 2)
  }
  return count
}

function settle<T>(items: T[], slot: number, order: HeapOrder<T>): void {
  if (siftUp(items, slot, order) === slot) siftDown(items, slot, order)
}

function siftUp<T>(items: T[], from: number, order: HeapOrder<T>): number {
  const item = items[from]!
  let slot = from
  while (slot > 0) {
    const parent = (slot - 1) >> 1
    const above = items[parent]!
    if (!order.before(item, above)) break
    items[slot] = above
    order.setSlot(above, slot)
    slot = parent
  }
  items[slot] = item
  order.setSlot(item, slot)
  return slot
}

function siftDown<T>(items: T[], from: number, order: HeapOrder<T>): void {
  const item = items[from]!
  let slot = from
  for (;;) {
    let child = 2 * slot + 1
    if (child >= items.length) break
    if (child + 1 < items.length && order.before(items[child + 1]!, items[child]!)) child++
    const below = items[child]!
    if (!order.before(below, item)) break
    items[slot] = below
    order.setSlot(below, slot)
    slot = child
  }
  items[slot] = item
  order.setSlot(item, slot)
}
