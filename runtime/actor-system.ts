/** A running system of actors as its host sees it. Threads: `runtime/system.ts`; one thread, for tests: `runtime/testing/`. */
import type { Clock } from './common/clock.ts'
import type { Logger } from './common/logger.ts'
import type { Random } from './common/random.ts'
import type { ActorKey, ActorRef, AnyProtocol, ChildControl, ChildSpec, DeathNotice } from './define-actor.ts'

export type Strategy = 'one-for-one' | 'one-for-all' | 'rest-for-one'

export interface SystemOptions {
  /** Started in this order, stopped in reverse. */
  readonly children: readonly ChildSpec[]
  /** @default 'one-for-one' */
  readonly strategy?: Strategy
  /** More than `restartsMax` restarts within `restartPeriodMs` stop the system. @default 5 in 10_000 ms */
  readonly restartsMax?: number
  readonly restartPeriodMs?: number
  /** Shared memory regions by name, in bytes; zeroed; reachable through `ctx.shared(name)`. */
  readonly shared?: Readonly<Record<string, number>>
  readonly logger?: Logger
  readonly clock?: Clock
  readonly random?: Random
  /** Overrides the worker entry file, for bundlers. */
  readonly workerEntry?: URL
}

/** What one actor did so far; read from shared memory, without a message. */
export interface ActorStats {
  readonly name: string
  readonly incarnation: number
  readonly state: 'starting' | 'running' | 'restarting' | 'stopped' | 'failed'
  readonly restarts: number
  readonly messagesIn: number
  readonly messagesOut: number
  readonly redelivered: number
  readonly deadLetters: number
  readonly queueDepth: number
  readonly inFlight: number
}

export interface ActorSystem extends AsyncDisposable {
  /** The host's own incarnation number: always 1. */
  readonly incarnation: number
  readonly children: ChildControl
  ref<P extends AnyProtocol>(key: ActorKey<P>): ActorRef<P>
  shared(name: string): SharedArrayBuffer
  monitor(name: string, onDeath: (notice: DeathNotice) => void): () => void
  stats(): readonly ActorStats[]
  /**
   * Ends an actor's thread at once, as a crash would (fault injection; the supervisor restarts it).
   * Resolves when the thread has ended.
   */
  kill(name: string): Promise<void>
  /** Drains and stops all children in reverse order; force after `deadlineMs`. Idempotent. */
  close(options?: { readonly deadlineMs?: number }): Promise<void>
}
