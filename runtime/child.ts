/** A child as the supervisor keeps it: its spec, what outlives its threads, and the thread that lives now. */
import { invalidOption, integerOption, own, refuseUnknown, stringOption } from './common/options.ts'
import type { BoardSlot } from './board.ts'
import type { ChildSpec } from './define-actor.ts'
import { fail } from './errors.ts'
import { metricsMemory } from './metrics.ts'
import type { HeldTableMemory } from './mailbox/held-table.ts'
import { HOST, type Description } from './wiring.ts'
import type { WorkerHost } from './worker-host.ts'

export const SHUTDOWN_DEFAULT_MS = 5_000

export interface Child {
  readonly spec: ChildSpec
  readonly dynamic: boolean
  /** Tells children of the same name apart. */
  readonly generation: number
  readonly slotIndex: number
  readonly slot: BoardSlot
  /** The actor's own measurements (metrics.ts). */
  readonly metrics: SharedArrayBuffer
  description: Description | undefined
  table: HeldTableMemory | undefined
  worker: WorkerHost | undefined
  incarnation: number
  /** Its thread has its wiring: peers can be told of new bells. */
  attached: boolean
  status: 'starting' | 'running' | 'restarting' | 'stopping' | 'stopped' | 'failed'
  /** Why the supervisor itself ends the thread. */
  ending: 'killed' | 'hung' | undefined
  /** Resolves when the worker says that it has stopped in order. */
  stopped: PromiseWithResolvers<void>
}

export function createChild(
  spec: ChildSpec,
  place: Pick<Child, 'dynamic' | 'generation' | 'slotIndex' | 'slot'>,
): Child {
  return {
    ...place,
    spec,
    metrics: metricsMemory(),
    description: undefined,
    table: undefined,
    worker: undefined,
    incarnation: 0,
    attached: false,
    status: 'starting',
    ending: undefined,
    stopped: Promise.withResolvers(),
  }
}

const SPEC_KEYS = ['name', 'module', 'actor', 'config', 'restart', 'shutdownMs', 'reachableFrom', 'heapMb'] as const

/** Checks a spec that came from a user or over a lane; only own properties count. */
export function resolveSpec(given: ChildSpec): ChildSpec {
  refuseUnknown(given, SPEC_KEYS, 'child.')
  const name = stringOption(given, 'name', '')
  if (name === '' || name === HOST || /[\n\r]/.test(name)) {
    throw invalidOption('child.name', `a non-empty line other than '${HOST}'`, own(given, 'name'))
  }
  const restart = own(given, 'restart') ?? 'permanent'
  if (restart !== 'permanent' && restart !== 'transient' && restart !== 'temporary') {
    throw invalidOption('child.restart', 'permanent, transient or temporary', restart)
  }
  const shutdown = own(given, 'shutdownMs')
  const shutdownMs =
    shutdown === 'brutal' ? shutdown : integerOption(given, 'shutdownMs', SHUTDOWN_DEFAULT_MS, { min: 0 })
  const reachableFrom = own(given, 'reachableFrom') ?? []
  if (!Array.isArray(reachableFrom) || !reachableFrom.every((from) => typeof from === 'string')) {
    throw invalidOption('child.reachableFrom', 'a list of actor names', reachableFrom)
  }
  const heapMb = own(given, 'heapMb') === undefined ? {} : { heapMb: integerOption(given, 'heapMb', 0, { min: 8 }) }
  const module = stringOption(given, 'module', '')
  const actor = stringOption(given, 'actor', '')
  if (module === '' || actor === '')
    throw fail('MODULE_INVALID', { module, actor, reason: 'the child spec names none' })
  return { name, module, actor, config: own(given, 'config'), restart, shutdownMs, reachableFrom, ...heapMb }
}
