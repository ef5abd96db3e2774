/** A running system of actors as its host sees it. Threads: `runtime/system.ts`; one thread, for tests: `runtime/testing/`. */
import type { Clock } from './common/clock.ts'
import type { Logger } from './common/logger.ts'
import type { Random } from './common/random.ts'
import type { PitError } from './common/errors.ts'
import type { DeadLetter } from './dead-letters.ts'
import type { TimeDistribution } from './histogram.ts'
import type { MetricValues } from './metrics.ts'
import type {
  ActorKey,
  ActorRef,
  AnyProtocol,
  ChildControl,
  ChildSpec,
  DeathNotice,
  SupervisorFlags,
  SupervisorSpec,
} from './define-actor.ts'

/** The flags are those of the root: when it ends abnormally the system has failed, when normally it closes. */
export interface SystemOptions extends SupervisorFlags {
  /** The supervision tree: actors and supervisors, started in this order, stopped in reverse. */
  readonly children: readonly (ChildSpec | SupervisorSpec)[]
  /** Shared memory regions by name, in bytes; zeroed; reachable through `ctx.shared(name)`. */
  readonly shared?: Readonly<Record<string, number>>
  readonly logger?: Logger
  readonly clock?: Clock
  readonly random?: Random
  /**
   * URLs of modules that every actor's thread imports before its behaviour, and the host does not: to subscribe to events
   * of the runtime there (`onRuntimeEvent`, OpenTelemetry). One that fails to import is `MODULE_INVALID`.
   */
  readonly preload?: readonly string[]
  /** Overrides the worker entry file, for bundlers. */
  readonly workerEntry?: URL
}

/** How long a thread's event loop has worked and waited since the thread started. Utilisation is active / (active + idle). */
export interface EventLoopTimes {
  readonly activeMs: number
  readonly idleMs: number
}

/**
 * What one actor did so far; read from shared memory, without a message. Counters and times go on over restarts, heap, CPU
 * and event loop are those of the present thread.
 */
export interface ActorStats {
  readonly name: string
  readonly incarnation: number
  /** `zombie`: it was ended, but its thread does not end; its restart waits for that. */
  readonly state: 'starting' | 'running' | 'restarting' | 'stopped' | 'failed' | 'zombie'
  readonly restarts: number
  readonly messagesIn: number
  readonly messagesOut: number
  readonly redelivered: number
  readonly deadLetters: number
  /** Requests in its rings that it has not taken. */
  readonly queueDepth: number
  readonly queueBytes: number
  /** Large bodies on their way to it or in its hands, which travel outside the rings. */
  readonly blockBytes: number
  /** Messages to it that found no room and were given up as their `overflow` says. */
  readonly droppedNewest: number
  /** Messages in its rings that were skipped to make room for newer ones. */
  readonly droppedOldest: number
  /** Taken and not settled. */
  readonly inFlight: number
  /** From the sender's call to the start of the handler. */
  readonly waitTime: TimeDistribution
  /** From the start of the handler to its settlement. */
  readonly runTime: TimeDistribution
  readonly eventLoop: EventLoopTimes
  /** As sampled while it works, once a second at most. */
  readonly heapUsedBytes: number
  /** CPU time of its thread, sampled as the heap. */
  readonly cpuMs: number
  /** What the actor measures of itself (`ctx.metrics`), by name. */
  readonly metrics: MetricValues
}

/** A thread that was ended and does not end: it is inside native code. */
export interface Zombie {
  readonly name: string
  readonly incarnation: number
  /** Wall time at which it was given up waiting for it, in milliseconds since the epoch. */
  readonly sinceMs: number
}

/** Why a system is over. */
export type CloseReason =
  /** `close` was called. */
  | { readonly kind: 'closed' }
  /** Its root has shut itself down (`autoShutdown`). */
  | { readonly kind: 'auto-shutdown'; readonly message: string }
  /** Its root has failed; `error` is a `SYSTEM_FAILED`. */
  | { readonly kind: 'failed'; readonly error: PitError }

export interface ActorSystem extends AsyncDisposable {
  /** The host's own incarnation number: always 1. */
  readonly incarnation: number
  readonly children: ChildControl
  ref<P extends AnyProtocol>(key: ActorKey<P>): ActorRef<P>
  shared(name: string): SharedArrayBuffer
  monitor(name: string, onDeath: (notice: DeathNotice) => void): () => void
  stats(): readonly ActorStats[]
  /** Threads that could not be ended and have not ended since. They hold up neither `close` nor the process's exit. */
  zombies(): readonly Zombie[]
  /**
   * The last 256 messages of the whole system that reached nobody, oldest first. `stats()` counts all of them; of a flood,
   * each thread reports a hundred a second.
   */
  deadLetters(): readonly DeadLetter[]
  /** Calls back at each reported dead letter; returns the undo. */
  onDeadLetter(onLetter: (letter: DeadLetter) => void): () => void
  /**
   * Ends an actor's thread at once, as a crash would (fault injection; the supervisor restarts it).
   * Resolves when the thread has ended.
   */
  kill(name: string): Promise<void>
  /** Drains and stops all children in reverse order; force after `deadlineMs`. Idempotent. */
  close(options?: { readonly deadlineMs?: number }): Promise<void>
  /** Resolves, never rejects, when no actor lives any more. */
  readonly closed: Promise<{ readonly reason: CloseReason }>
}
