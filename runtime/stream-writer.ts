/**
 * The side of a stream that makes its items: drives what the handler returned, one item at a time, as far as the reader's
 * credit goes.
 *
 *   open ─► next() ─► item ─► in the ring ─► credit left? ─► next() …
 *                 ├─► done, or thrown ─► end
 *   close ─► return() (the generator's `finally`) ─► closed
 *
 * I1. Never more than one `next()` at a time, and none without credit, or while an item waits for room in the ring.
 * I2. `end` or `closed` is told exactly once; after it no item is sent.
 */
import { createCreditWindow } from './credit.ts'

export interface StreamWriterHost {
  readonly credit: number
  readonly bytesMax: number
  /** Runs a step of the generator as part of its message's turn. */
  readonly turn: <T>(step: () => T) => T
  /** Sends an item and returns its bytes; `onPublished` runs when it is in the ring. Throws for what cannot be said. */
  readonly send: (value: unknown, onPublished: () => void) => number
  /** It came to its end, or failed with `error`. */
  readonly end: (error: { readonly thrown: unknown } | undefined) => void
  /** After `close`: the generator has returned. */
  readonly closed: () => void
}

export interface StreamWriter {
  grant(items: number, bytes: number): void
  /** Ends the generator. Idempotent; nothing happens when it has ended. */
  close(): void
}

/** What can be iterated, as an async iterator; `undefined` for everything else, strings included. */
export function iteratorOf(value: unknown): AsyncIterator<unknown> | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  if (Symbol.asyncIterator in value) return (value as AsyncIterable<unknown>)[Symbol.asyncIterator]()
  if (Symbol.iterator in value) return fromSync(value as Iterable<unknown>)
  return undefined
}

async function* fromSync(iterable: Iterable<unknown>): AsyncGenerator {
  yield* iterable
}

export function createStreamWriter(iterator: AsyncIterator<unknown>, host: StreamWriterHost): StreamWriter {
  const window = createCreditWindow(host.credit, host.bytesMax)
  let state: 'open' | 'closing' | 'ended' = 'open'
  let pulling = false
  let unpublished = false

  function pull(): void {
    if (state !== 'open' || pulling || unpublished || !window.open()) return
    pulling = true
    step(() => iterator.next()).then(made, failed)
  }

  /** A step that throws at once fails like one that rejects. */
  async function step<T>(take: () => T | PromiseLike<T>): Promise<T> {
    return host.turn(take)
  }

  function made({ done, value }: IteratorResult<unknown>): void {
    pulling = false
    if (state !== 'open') return
    if (done === true) return end(undefined)
    unpublished = true
    let bytes: number
    try {
      bytes = host.send(value, published)
    } catch (thrown) {
      end({ thrown })
      return void step(() => iterator.return?.()).catch(ignored)
    }
    window.take(bytes)
    pull()
  }

  function published(): void {
    unpublished = false
    // From inside `send` the item is not yet taken off the credit; `made` goes on from there.
    queueMicrotask(pull)
  }

  function failed(thrown: unknown): void {
    pulling = false
    if (state === 'open') end({ thrown })
  }

  function end(error: { readonly thrown: unknown } | undefined): void {
    state = 'ended'
    host.end(error)
  }

  function closed(): void {
    state = 'ended'
    host.closed()
  }

  // Its user has yet to be given the writer.
  queueMicrotask(pull)
  return {
    grant(items, bytes) {
      window.grant(items, bytes)
      pull()
    },
    close() {
      if (state !== 'open') return
      state = 'closing'
      // Not awaiting a `next()` under way: generators queue the two, others may end it by their `return`.
      step(() => iterator.return?.()).then(closed, closed)
    },
  }
}

/** The stream has failed already; what its clean-up throws has nobody to go to. */
function ignored(): void {}
