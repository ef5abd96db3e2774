/**
 * One life of an actor that shares its thread with others, and how it ends.
 *
 * I1. A dead life changes nothing any more, although its promises may still run: its timers, tasks, ports and files are
 *     gone, its stores into rings and tables are dropped, what it awaits never settles, and nobody hears what it answers.
 */
import type { AtomicsLike } from '../rings/ring.ts'

export interface Life {
  /** `host`, or the actor's name and the number of the life: `ledger/2`. */
  readonly label: string
  /** The actor's name, or `host`. */
  readonly name: string
  readonly dead: boolean
  /** What its rings and tables are reached through. */
  readonly atomics: AtomicsLike
  /** Runs at the death, or now when it is dead; returns the undo. */
  onDeath(fn: () => void): () => void
  /** Ends it at once, with what was thrown. Idempotent. */
  die(thrown: Error | null): void
  /** What ended it. */
  readonly thrown: Error | null
}

/** `onStore` is told before each store into shared memory: the places where a death makes a difference. */
export function createLife(name: string, number: number, onStore: (life: Life) => void = () => {}): Life {
  const endings = new Set<() => void>()
  let dead = false
  let thrown: Error | null = null
  const life: Life = {
    label: number === 0 ? name : `${name}/${number}`,
    name,
    get dead() {
      return dead
    },
    get thrown() {
      return thrown
    },
    atomics: {
      load: (words, index) => Atomics.load(words, index),
      store(words, index, value) {
        onStore(life)
        return dead ? value : Atomics.store(words, index, value)
      },
      compareExchange(words, index, expected, value) {
        onStore(life)
        // A dead thread swaps nothing: its copy of the code must not believe that it did.
        return dead ? ~expected : Atomics.compareExchange(words, index, expected, value)
      },
      // Nobody sleeps in a thread that others use.
      wait: () => 'not-equal',
      notify: () => 0,
    },
    onDeath(fn) {
      if (dead) fn()
      else endings.add(fn)
      return () => void endings.delete(fn)
    },
    die(error) {
      if (dead) return
      dead = true
      thrown = error
      for (const end of endings) end()
      endings.clear()
    },
  }
  return life
}
