/** A child as the supervisor keeps it: its spec, what outlives its threads, and the thread that lives now. */
import { publishStatus } from './actor-events.ts'
import type { Life } from './actor-links.ts'
import type { BoardSlot } from './board.ts'
import { setState } from './board.ts'
import type { ResolvedSpec } from './child-spec.ts'
import { metricsMemory } from './metrics.ts'
import type { HeldTableMemory } from './mailbox/held-table.ts'
import type { Description } from './wiring.ts'
import type { WorkerHost } from './worker-host.ts'

/** Why the supervisor itself ends a thread. */
export type Ending =
  | { readonly kind: 'killed' }
  | { readonly kind: 'hung' }
  | { readonly kind: 'linked'; readonly name: string }
  /** It has asked for it (`ctx.stop`). */
  | { readonly kind: 'finished' }

export type ChildStatus = 'starting' | 'running' | 'restarting' | 'stopping' | 'stopped' | 'failed'

export interface Child {
  readonly spec: ResolvedSpec
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
  /** Its peers have been given its links at least once. */
  known: boolean
  status: ChildStatus
  ending: Ending | undefined
  /** Its last incarnation ended by itself and between two turns: any work that was going on may be to blame. */
  betweenTurns: boolean
  /** Resolves when the worker says that it has stopped in order. */
  stopped: PromiseWithResolvers<void>
  /** The restart it takes part in; a later one supersedes it. */
  restart: object | undefined
  /** Settles when the start under way has succeeded or failed. */
  coming: Promise<void> | undefined
  /** Settles when the stop under way is done. */
  halting: Promise<void> | undefined
  /** While its last thread does not end: resolves when it has (zombies.ts, I1). */
  zombie: Promise<void> | undefined
}

export function createChild(
  spec: ResolvedSpec,
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
    known: false,
    status: 'starting',
    ending: undefined,
    betweenTurns: false,
    stopped: Promise.withResolvers(),
    restart: undefined,
    coming: undefined,
    halting: undefined,
    zombie: undefined,
  }
}

export function setStatus(child: Child, status: ChildStatus): void {
  if (child.status !== status) publishStatus(child, status)
  child.status = status
  showState(child)
}

/** Shows others what it is: a zombie whatever is to become of it. */
export function showState({ slot, status, zombie }: Child): void {
  setState(slot, zombie !== undefined ? 'zombie' : status === 'stopping' ? 'running' : status)
}

/** No life of it follows, unless a group or a supervisor is restarted. */
export function isOver({ status }: Child): boolean {
  return status === 'stopped' || status === 'failed'
}

/** It has a thread that is not being ended. */
export function isAlive(child: Child): boolean {
  return child.worker !== undefined && child.zombie === undefined && !isOver(child)
}

export const lifeOf = ({ spec, incarnation }: Child): Life => ({ name: spec.name, incarnation })
