/** The model hosts: started when first needed, watched, found again after a restart of the pool. */
import { type ActorContext, isPitError } from '../../runtime/index.ts'
import { modelHostActor } from './model-host.ts'
import { hostName } from './placement.ts'
import type { Hosts } from './pool.ts'
import { modelHost } from './protocol.ts'

/** A large model may take minutes to load. */
const LOAD_DEADLINE_MS = 600_000
const UNLOAD_DEADLINE_MS = 60_000
/** Who may ask a host to infer. */
const REACHABLE_FROM = ['host', 'dag-tracker', 'pool-manager']

export interface HostPark extends Hosts {
  /** Notes a host that an earlier life of the pool has started. */
  adopt(host: number): void
}

/** `onLost` is called when a host has died and its models are gone. */
export function createHosts(ctx: ActorContext, onLost: (host: number, why: string) => void): HostPark {
  const started = new Map<number, Promise<void>>()
  const watched = new Set<number>()

  function watch(host: number): void {
    if (watched.has(host)) return
    watched.add(host)
    ctx.monitor(hostName(host), ({ reason, restarting }) => {
      if (reason.kind === 'stopped') return
      if (!restarting) started.delete(host)
      const why = reason.kind === 'crashed' ? `crashed (${reason.message})` : reason.kind
      onLost(host, `${hostName(host)} ${why}`)
    })
  }

  function ensure(host: number): Promise<void> {
    watch(host)
    const running = started.get(host)
    if (running !== undefined) return running
    const starting = ctx.children
      .startChild({
        name: hostName(host),
        module: modelHostActor.module,
        actor: modelHostActor.name,
        restart: 'permanent',
        reachableFrom: REACHABLE_FROM,
      })
      .catch((error: unknown) => {
        // It is there already: then an earlier life of the pool has started it, unnoticed.
        if (isPitError(error, 'ACTOR_EXISTS')) return
        started.delete(host)
        throw error
      })
    started.set(host, starting)
    return starting
  }

  const ref = (host: number) => ctx.ref(modelHost(hostName(host)))

  return {
    adopt(host) {
      watch(host)
      started.set(host, Promise.resolve())
    },
    // Everybody who waits for the model shares its load; the first one's deadline must not be that of all.
    load: (host, spec) =>
      ctx.detach(async () => {
        await ensure(host)
        return ref(host).ask.load({ spec }, { deadlineMs: LOAD_DEADLINE_MS })
      }),
    unload: (host, model) =>
      ctx.detach(async () => {
        if (started.has(host)) await ref(host).ask.unload({ model }, { deadlineMs: UNLOAD_DEADLINE_MS })
      }),
    stop: (host) =>
      ctx.detach(async () => {
        started.delete(host)
        await ctx.children.stopChild(hostName(host))
      }),
  }
}
