/**
 * The actors of a system on the caller's own thread, for tests of behaviours: the real runtime over the in-process
 * transport, on the system's clock or a test's. Coverage sees the behaviours, `kill` is a crash, and no worker starts.
 *
 * What differs from threads: a kill is waited for until the actor is up again; a restart is tried again after milliseconds; a stop waits for
 * running messages only for a moment, and then `terminate` runs all the same, because nothing else would free what the
 * actor holds in this process. For seeded interleavings and faults see `simulation.ts`.
 */
import type { ActorSystem } from '../actor-system.ts'
import { systemClock, type Clock } from '../common/clock.ts'
import type { Logger } from '../common/logger.ts'
import { systemRandom, type Random } from '../common/random.ts'
import { childOf, type ActorDefinition } from '../define-actor.ts'
import { findDefinition } from '../find-definition.ts'
import { systemFiles } from '../persistence/index.ts'
import { startOn } from '../system.ts'
import { createFinisher } from './finisher.ts'
import { inProcessTransport } from './in-process-transport.ts'
import { createTaskQueue } from './tasks.ts'

export interface InProcessOptions {
  /** `[definition, config]`, started in this order. */
  readonly actors: readonly (readonly [ActorDefinition, unknown?])[]
  readonly shared?: Readonly<Record<string, number>>
  readonly clock?: Clock
  readonly random?: Random
  readonly logger?: Logger
}

/** How long a stop waits for running messages. */
const DRAIN_MS = 50
/** What a killed life has locked is free when its I/O under way is done: an `init` that met the lock is tried again. */
const BACKOFF_MS = 25
/** More than the grain of Node's timers. */
const LAG_MS = 2
/** Tests may kill as often as they like. */
const RESTARTS_MAX = 10_000

export async function startInProcess(options: InProcessOptions): Promise<ActorSystem> {
  const { actors, clock = systemClock, random = systemRandom, logger, shared } = options
  const transport = inProcessTransport({
    tasks: createTaskQueue(),
    clock,
    random,
    filesOf: () => systemFiles,
    async find({ module, actor }) {
      const given = actors.find(([definition]) => definition.name === actor && definition.module === module)
      return given?.[0] ?? findDefinition({ module, actor })
    },
    holdsProcess: true,
    watched: false,
    createFinisher,
    lagMs: clock === systemClock ? LAG_MS : 0,
  })
  const system = await startOn(
    transport,
    {
      children: actors.map(([definition, config]) => childOf(definition, { config, shutdownMs: DRAIN_MS })),
      restartsMax: RESTARTS_MAX,
      clock,
      random,
      ...(logger === undefined ? {} : { logger }),
      ...(shared === undefined ? {} : { shared }),
    },
    { backoffMinMs: BACKOFF_MS, backoffMaxMs: BACKOFF_MS },
    // A test that holds the clock still must be able to stop and restart actors.
    systemClock,
  )
  const stateOf = (name: string): string | undefined => system.stats().find((stats) => stats.name === name)?.state
  return {
    ...system,
    async kill(name) {
      await system.kill(name)
      while (stateOf(name) === 'restarting') await new Promise((resolve) => void setImmediate(resolve))
    },
  }
}
