/**
 * How the supervisor reaches its actors: where they live, and the ports between them. Rings, held tables and the board are
 * shared memory in either case; only who runs where, and what wakes it, is the transport's.
 *
 *   threads      one worker thread per actor, MessagePorts                         (here; the default)
 *   in process   all actors in the host's thread, ports that are queues of tasks   (`runtime/testing/`)
 */
import { MessageChannel } from 'node:worker_threads'
import { ownThread, type Thread } from './thread.ts'
import { DYNAMIC_LINK, HOST_LINK, STATIC_LINK, type Port } from './wiring.ts'
import { spawnWorker, type WorkerHost, type WorkerHostOptions } from './worker-host.ts'
import type { LinkCapacity } from './rings/layout.ts'

export interface Transport {
  /** The host's own thread. */
  readonly host: Thread
  /** Whether pending asks keep the process alive, and tells are flushed before it exits by itself. */
  readonly holdsProcess: boolean
  /** Whether actors may hang, or miss a bell: the supervisor looks at them in ticks. */
  readonly watched: boolean
  /** Lanes between long-lived actors, those of dynamic children, and those from an actor to the supervisor. */
  readonly capacity: { readonly static: LinkCapacity; readonly dynamic: LinkCapacity; readonly host: LinkCapacity }
  spawn(options: WorkerHostOptions): WorkerHost
  /** Two ports, each hearing what is posted at the other, in order. */
  channel(): { readonly port1: Port; readonly port2: Port }
}

/** `entry` overrides the worker's entry file, for bundlers; `preload` are modules that every thread imports first. */
export function threadTransport(entry: URL | undefined, preload: readonly string[] = []): Transport {
  return {
    host: ownThread,
    holdsProcess: true,
    watched: true,
    capacity: { static: STATIC_LINK, dynamic: DYNAMIC_LINK, host: HOST_LINK },
    spawn: (options) => spawnWorker(options, preload, entry),
    channel: () => new MessageChannel(),
  }
}
