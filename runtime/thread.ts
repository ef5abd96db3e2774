/**
 * What the runtime uses of the thread that it runs in: time, timers, chance, files, atomics, and a later turn. An actor's
 * life gets all of it from here, so that the same life runs in a thread of its own (`ownThread`) and beside others in one
 * thread (`runtime/testing/`).
 */
import { systemClock, type Clock } from './common/clock.ts'
import { systemRandom, type Random } from './common/random.ts'
import type { ActorDefinition, ChildSpec } from './define-actor.ts'
import { findDefinition } from './find-definition.ts'
import { systemFiles, type FileLayer } from './persistence/index.ts'
import type { AtomicsLike } from './rings/ring.ts'

export interface Deferred {
  cancel(): void
}

export interface Thread {
  /** Nobody else runs in it: it may sleep in `Atomics.wait`, look for work a moment longer, and count its heap and CPU. */
  readonly own: boolean
  readonly clock: Clock
  /** Milliseconds on the clock that all threads of the system share; deadlines in records are on it. */
  readonly sharedMs: () => number
  /** Calls `fn` soon, after I/O had its turn. */
  readonly defer: (fn: () => void) => Deferred
  readonly atomics: AtomicsLike
  readonly random: Random
  readonly files: FileLayer
  readonly find: (child: Pick<ChildSpec, 'module' | 'actor'>) => Promise<ActorDefinition>
}

export const ownThread: Thread = Object.freeze({
  own: true,
  clock: systemClock,
  sharedMs: () => systemClock.monotonicMs(),
  defer(fn: () => void): Deferred {
    const immediate = setImmediate(fn)
    return { cancel: () => clearImmediate(immediate) }
  },
  atomics: Atomics,
  random: systemRandom,
  files: systemFiles,
  find: findDefinition,
})
