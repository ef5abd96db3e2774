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
