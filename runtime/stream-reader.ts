/**
 * The side of a stream that reads its items: the async iterator behind `ref.stream`.
 *
 *   unopened ── next() ──► open ── end, failure ──► ended (what has arrived is read first)
 *                           └── return(), signal, deadline ──► ended (what has arrived is dropped), the writer is told
 *
 * I1. Nothing is sent before the first `next()`: an iterator that is dropped unread costs the writer nothing.
 * I2. Unread items are bounded by the credit (credit.ts).
 * I3. The thread is kept alive only while a `next()` waits.
 */
import { createCreditMeter } from './credit.ts'

/** What comes of an opened stream. */
export interface StreamSink {
  /** It is on its way, or has been told of its end already. */
  onOpen(line: StreamLine): void
  onItem(value: unknown, bytes: number): void
  /** The writer's side is over, after all its items. */
  onEnd(error?: unknown): void
  /** This side gives it up, whatever has arrived. */
  onCut(error: unknown): void
}

/** What a reader says to its writer. */
export interface StreamLine {
  /** Bytes of items that may be on their way or unread. */
  readonly bytesMax: number
  grant(items: number, bytes: number): void
  cancel(): void
  /** Whether nobody waits for the next item. */
  rest(resting: boolean): void
}

interface Waiter {
  readonly resolve: (result: IteratorResult<unknown, undefined>) => void
  readonly reject: (error: unknown) => void
}

interface Unread {
  readonly value: unknown
  readonly bytes: number
}

const DONE: IteratorReturnResult<undefined> = Object.freeze({ done: true, value: undefined })

/** `open` sends the opening with that credit and tells the sink what comes; called once, by the first `next()`. */
export function createStreamReader(
  open: (sink: StreamSink) => void,
  credit: number,
): AsyncIterableIterator<unknown, undefined> & AsyncDisposable {
  let unread: Unread[] = []
  let waiters: Waiter[] = []
  let state: 'unopened' | 'open' | 'ended' = 'unopened'
  // Told once, to the first who asks after the last item.
  let failure: { readonly error: unknown } | undefined
  let line: StreamLine | undefined
  let meter: ReturnType<typeof createCreditMeter> | undefined

  function read({ value, bytes }: Unread): IteratorResult<unknown, undefined> {
    if (state === 'open') meter?.read(bytes)
    return { done: false, value }
  }

  function finish(error: { readonly error: unknown } | undefined): void {
    state = 'ended'
    const waiting = waiters
    waiters = []
    const [first, ...others] = waiting
    if (first === undefined) failure = error
    else if (error === undefined) first.resolve(DONE)
    else first.reject(error.error)
    for (const { resolve } of others) resolve(DONE)
  }

  const sink: StreamSink = {
    onOpen(opened) {
      if (state === 'ended') return opened.cancel()
      line = opened
      meter = createCreditMeter(credit, opened.bytesMax, (items, bytes) => opened.grant(items, bytes))
      if (waiters.length === 0) opened.rest(true)
    },
    onItem(value, bytes) {
      if (state !== 'open') return
      const waiter = waiters.shift()
      if (waiter === undefined) return void unread.push({ value, bytes })
      if (waiters.length === 0) line?.rest(true)
      waiter.resolve(read({ value, bytes }))
    },
    onEnd(...errors) {
      if (state === 'open') finish(errors.length === 0 ? undefined : { error: errors[0] })
    },
    onCut(error) {
      if (state !== 'open') return
      unread = []
      finish({ error })
    },
  }

  async function end(): Promise<IteratorReturnResult<undefined>> {
    const wasOpen = state === 'open'
    unread = []
    failure = undefined
    if (state !== 'ended') finish(undefined)
    if (wasOpen) line?.cancel()
    return DONE
  }

  const reader: AsyncIterableIterator<unknown, undefined> & AsyncDisposable = {
    next() {
      const item = unread.shift()
      if (item !== undefined) return Promise.resolve(read(item))
      if (state === 'ended') {
        const failed = failure
        failure = undefined
        return failed === undefined ? Promise.resolve(DONE) : Promise.reject(failed.error)
      }
      const { promise, resolve, reject } = Promise.withResolvers<IteratorResult<unknown, undefined>>()
      waiters.push({ resolve, reject })
      if (state === 'unopened') {
        state = 'open'
        open(sink)
      } else if (waiters.length === 1) line?.rest(false)
      return promise
    },
    return: end,
    async throw(error) {
      await end()
      throw error
    },
    [Symbol.asyncIterator]: () => reader,
    [Symbol.asyncDispose]: async () => void (await end()),
  }
  return reader
}
