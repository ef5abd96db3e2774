/**
 * One message instead of many: what is asked in the same turn, and while a request is under way, goes out together.
 * At most one request is in flight, so a peer is never flooded and order is kept.
 */
export interface Batch<T, R> {
  /** Settles with the entry's own result; rejects when its request failed. */
  add(item: T): Promise<R>
}

export interface BatchOptions<T, R> {
  /** Answers in the order of the items. */
  readonly send: (items: readonly T[]) => Promise<readonly R[]>
  readonly itemsMax: number
  /** Size of an item, for the bound in bytes. @default all items count 0 */
  readonly sizeOf?: (item: T) => number
  /** @default Infinity */
  readonly bytesMax?: number
}

interface Entry<T, R> {
  readonly item: T
  readonly resolve: (result: R) => void
  readonly reject: (error: unknown) => void
}

export function createBatch<T, R>(options: BatchOptions<T, R>): Batch<T, R> {
  const { send, itemsMax, sizeOf = () => 0, bytesMax = Number.POSITIVE_INFINITY } = options
  let waiting: Entry<T, R>[] = []
  let busy = false

  function take(): Entry<T, R>[] {
    let count = 0
    let bytes = 0
    while (count < waiting.length && count < itemsMax) {
      bytes += sizeOf(waiting[count]!.item)
      if (count > 0 && bytes > bytesMax) break
      count++
    }
    const taken = waiting.slice(0, count)
    waiting = waiting.slice(count)
    return taken
  }

  async function drain(): Promise<void> {
    await Promise.resolve()
    while (waiting.length > 0) {
      const entries = take()
      try {
        const results = await send(entries.map(({ item }) => item))
        for (const [index, entry] of entries.entries()) entry.resolve(results[index]!)
      } catch (error) {
        for (const entry of entries) entry.reject(error)
      }
    }
    busy = false
  }

  return {
    add(item) {
      return new Promise((resolve, reject) => {
        waiting.push({ item, resolve, reject })
        if (busy) return
        busy = true
        void drain()
      })
    },
  }
}
