/**
 * Credit of a stream: how far its writer may run ahead of its reader, in items and in bytes.
 *
 *   writer                                        reader
 *   window: items, bytes   ◄── credit record ──   meter: what was read since the last one
 *   take(bytes) per item   ─── item record ────►  read(bytes) per item
 *
 * I1. Items on their way or unread never exceed the credit of the opening.
 * I2. Their bytes exceed the reply ring's capacity by less than one item: its size is known only when it is there.
 * I3. Credit goes back in halves: a reader that has read everything has left the writer more than nothing of both.
 */
export const CREDIT_DEFAULT = 64
export const CREDIT_MAX = 65_536

/** The writer's side. */
export interface CreditWindow {
  /** Whether one more item may be made. */
  open(): boolean
  take(bytes: number): void
  grant(items: number, bytes: number): void
  itemsLeft(): number
}

export function createCreditWindow(items: number, bytesMax: number): CreditWindow {
  let itemsLeft = items
  let bytesLeft = bytesMax
  return {
    open: () => itemsLeft > 0 && bytesLeft > 0,
    take(bytes) {
      itemsLeft--
      bytesLeft -= bytes
    },
    grant(moreItems, moreBytes) {
      // What a reader grants beyond the opening's credit is not there to be had.
      itemsLeft = Math.min(items, itemsLeft + moreItems)
      bytesLeft = Math.min(bytesMax, bytesLeft + moreBytes)
    },
    itemsLeft: () => itemsLeft,
  }
}

/** The reader's side. */
export interface CreditMeter {
  /** Notes that an item was read; `grant` is called when it is time to give credit back. */
  read(bytes: number): void
}

export function createCreditMeter(
  items: number,
  bytesMax: number,
  grant: (items: number, bytes: number) => void,
): CreditMeter {
  const itemsHalf = Math.ceil(items / 2)
  const bytesHalf = bytesMax / 2
  let itemsRead = 0
  let bytesRead = 0
  return {
    read(bytes) {
      itemsRead++
      bytesRead += bytes
      if (itemsRead < itemsHalf && bytesRead < bytesHalf) return
      grant(itemsRead, bytesRead)
      itemsRead = 0
      bytesRead = 0
    },
  }
}
