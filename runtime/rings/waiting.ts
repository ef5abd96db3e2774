/**
 * How an idle thread sleeps and is woken.
 *
 *   consumer                                   producer
 *   parked ← own mark                          publish a record
 *   look at every lane again ── something? ──► stay awake
 *   sleep                                      parked ≠ 0 and I can reach that incarnation?
 *                                              compare-and-swap parked → 0, and ring once
 *
 * I1. No wake-up is lost: all four accesses are sequentially consistent, so either the consumer's second look sees the
 *     record or the producer sees `parked`.
 * I2. One bell per sleep: only the producer whose swap succeeds rings.
 * I3. `parked` names the sleeping incarnation, so nobody swallows a bell for an incarnation it has no port to; when the
 *     port arrives, `connect` looks again. A new incarnation drains its lanes before it parks.
 * I4. A thread that dies between its swap and its ring, or between taking `starved` and its ring, leaves a sleeper whom
 *     nobody else will wake: after every death the supervisor nudges all others, whatever their parked word says.
 *
 * A thread sleeps in its event loop and is woken by a message on a port, or it dozes in `Atomics.wait` on the parked word
 * itself: several times faster to wake, but deaf to its event loop meanwhile. The mark of a dozing thread carries a flag
 * that says "notify, do not post". A doze always has an end, so it needs no bell of its own to be safe.
 */
import type { AtomicsLike } from './ring.ts'

/** Set in the parked word of a thread that sleeps in `Atomics.wait`. Incarnations are below it. */
const DOZING_FLAG = 1 << 16
const AWAKE = 0
/** What a bell posts; anything else on its port is a block (blocks.ts). */
export const RING = 0

/** A thread's own side: says when it sleeps. */
export interface Parking {
  /** Declares this thread asleep. The caller must then look at its lanes once more, and `unpark` if there is work. */
  park(): void
  unpark(): void
  /**
   * Sleeps in `Atomics.wait` until it is woken or the time is over. `hasWork` is the look after the declaration: when it
   * finds something, there is no sleep. The thread is awake afterwards.
   */
  doze(hasWork: () => boolean, timeoutMs: number): void
}

/** `mark` is the thread's incarnation. */
export function createParking(words: Int32Array, index: number, mark: number, atomics: AtomicsLike = Atomics): Parking {
  const unpark = (): void => void atomics.store(words, index, AWAKE)
  return {
    park: () => void atomics.store(words, index, mark),
    unpark,
    doze(hasWork, timeoutMs) {
      const dozing = mark | DOZING_FLAG
      atomics.store(words, index, dozing)
      if (!hasWork()) atomics.wait(words, index, dozing, timeoutMs)
      unpark()
    },
  }
}

/** A peer's side: wakes that thread if it sleeps. */
export interface Bell {
  /** Call after publishing. Cheap when the peer is awake. */
  ring(): void
  /** Wakes the peer whatever its parked word says (I4). */
  nudge(): void
  /** Posts something to the peer over the bell's port, if there is one. */
  post(message: unknown): void
  /** The incarnation that `post` reaches; 0 when there is no port. */
  reaches(): number
  /**
   * A port to this incarnation of the peer. The one before closes by itself, after what the dead incarnation had posted
   * was heard: closing it here would lose that.
   */
  connect(port: ClosablePort, incarnation: number): void
  close(): void
}

/** Bells that are rung together when a burst of sending is over: a peer woken by the first record would sleep again before the second. */
export interface BellBatch {
  add(ring: () => void): void
  flush(): void
  hold(): void
}

export function createBellBatch(): BellBatch {
  let due: (() => void)[] = []
  let held = false
  let scheduled = false
  function flush(): void {
    held = false
    scheduled = false
    const rings = due
    if (rings.length === 0) return
    due = []
    for (const ring of rings) ring()
  }
  return {
    add(ring) {
      due.push(ring)
      if (held || scheduled) return
      scheduled = true
      queueMicrotask(flush)
    },
    flush,
    hold: () => void (held = true),
  }
}

/** What can be rung: a MessagePort, or a test's stand-in. */
export interface BellPort {
  postMessage(value: unknown): void
}

interface ClosablePort extends BellPort {
  close(): void
}

/** Wakes the sleeper of that parked word once, if `port` reaches it. Returns whether it rang. */
export function wake(
  words: Int32Array,
  index: number,
  port: BellPort | undefined,
  incarnation: number,
  atomics: AtomicsLike = Atomics,
): boolean {
  const parked = atomics.load(words, index)
  if (parked === AWAKE) return false
  const dozing = (parked & DOZING_FLAG) !== 0
  if (!dozing && (port === undefined || parked !== incarnation)) return false
  if (atomics.compareExchange(words, index, parked, AWAKE) !== parked) return false
  if (dozing) atomics.notify(words, index)
  else port?.postMessage(RING)
  return true
}

export function createBell(words: Int32Array, index: number, batch: BellBatch, atomics: AtomicsLike = Atomics): Bell {
  let port: ClosablePort | undefined
  let incarnation = 0
  let due = false
  const ringNow = (): void => {
    due = false
    wake(words, index, port, incarnation, atomics)
  }
  return {
    ring() {
      if (due) return
      due = true
      batch.add(ringNow)
    },
    nudge() {
      port?.postMessage(RING)
      Atomics.notify(words, index)
    },
    post: (message) => port?.postMessage(message),
    reaches: () => (port === undefined ? 0 : incarnation),
    connect(next, nextIncarnation) {
      port = next
      incarnation = nextIncarnation
    },
    close() {
      port?.close()
      port = undefined
    },
  }
}
