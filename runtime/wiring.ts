/** What the supervisor hands to a thread so that it can take part: links, bells, blocks; plain data and shared memory. */
import type { MessagePort } from 'node:worker_threads'
import type { LinkMark } from './actor-links.ts'
import type { WireError } from './common/errors.ts'
import type { LogLevel } from './common/logger.ts'
import type { DeadLetter } from './dead-letters.ts'
import type { ActorKind, ChildSpec, DeathNotice } from './define-actor.ts'
import type { HeldTableMemory } from './mailbox/held-table.ts'
import { linkOffsets, type LinkCapacity } from './rings/layout.ts'
import { ringMemory, type RingMemory } from './rings/ring.ts'

/** The end of a channel: a MessagePort, or its twin in one thread. */
export interface Port {
  postMessage(value: unknown): void
  on(event: 'message', listener: (message: unknown) => void): unknown
  unref(): void
  close(): void
}

export const HOST = 'host'
export const HOST_INCARNATION = 1
/** Incarnation numbers fit into 16 bits of a record's header. */
export const INCARNATIONS_MAX = 65_535

/** Lanes between long-lived actors, and between them and the host. */
export const STATIC_LINK: LinkCapacity = { requestBytes: 256 * 1024, controlBytes: 8 * 1024, replyBytes: 256 * 1024 }
/** Lanes of dynamic children: there may be many. */
export const DYNAMIC_LINK: LinkCapacity = { requestBytes: 64 * 1024, controlBytes: 8 * 1024, replyBytes: 64 * 1024 }
/** Lanes from an actor to the supervisor: a few calls about children. */
export const HOST_LINK: LinkCapacity = { requestBytes: 16 * 1024, controlBytes: 8 * 1024, replyBytes: 16 * 1024 }

/** The memory of one ordered pair; outlives both threads. */
export interface LinkMemory {
  readonly buffer: SharedArrayBuffer
  readonly capacity: LinkCapacity
  /** Names the lane in the receiver's held table; unique in the system. */
  readonly lane: number
}

export interface LinkRings {
  readonly requests: RingMemory
  readonly control: RingMemory
  readonly replies: RingMemory
}

export function linkRings(link: LinkMemory): LinkRings {
  const { capacity, buffer } = link
  const offsets = linkOffsets(capacity)
  return {
    requests: ringMemory(buffer, offsets.requests, capacity.requestBytes),
    control: ringMemory(buffer, offsets.control, capacity.controlBytes),
    replies: ringMemory(buffer, offsets.replies, capacity.replyBytes),
  }
}

/** One peer as a thread sees it. */
export interface PeerWiring {
  readonly name: string
  /** Tells lives of a name apart: a stopped child's notice must not end a later child of the same name. */
  readonly generation: number
  readonly slot: number
  /** This thread asks the peer. */
  readonly out: LinkMemory | null
  /** The peer asks this thread. */
  readonly in: LinkMemory | null
  /** Absent while the peer has no thread. */
  readonly bell: { readonly port: Port; readonly incarnation: number } | null
}

export interface BlockWiring {
  readonly id: number
  readonly buffer: SharedArrayBuffer
}

/** Everything an incarnation needs to run. */
export interface StartWiring {
  readonly name: string
  readonly incarnation: number
  /** Ids of its calls and blocks are counted from here (incarnations.ts). */
  readonly firstCall: number
  readonly config: unknown
  readonly board: SharedArrayBuffer
  readonly slot: number
  readonly table: HeldTableMemory
  readonly metrics: SharedArrayBuffer
  readonly peers: readonly PeerWiring[]
  readonly shared: Readonly<Record<string, SharedArrayBuffer>>
  readonly blocks: readonly BlockWiring[]
  /** Named by what earlier incarnations left, and freed by them. */
  readonly blocksFreed: readonly number[]
  /** Whether the host wants to hear the actor's log. */
  readonly logging: boolean
}

/** What the supervisor must know of a behaviour before it can wire it. */
export interface Description {
  readonly kind: ActorKind
  readonly peers: readonly string[]
  readonly inFlightMax: number
  readonly ticketsMax: number
  readonly blockingBudgetMs: number
}

export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: WireError }

/** The control channel (Comlink) of a worker, until its actor runs. Nothing throws: errors keep their codes as data. */
export interface WorkerControl {
  describe(): Promise<Outcome<Description>>
  start(wiring: StartWiring): Promise<Outcome<null>>
}

export interface WorkerBoot {
  readonly module: string
  readonly actor: string
  readonly name: string
  readonly control: MessagePort
  /** Modules to import before the behaviour's. */
  readonly preload: readonly string[]
}

export type ToWorker =
  | { readonly kind: 'peer'; readonly peer: PeerWiring }
  | { readonly kind: 'block'; readonly block: BlockWiring }
  /** These blocks' sender died before it published their records. */
  | { readonly kind: 'blocks-orphaned'; readonly ids: readonly number[] }

export type FromWorker =
  /** `given`: the receiver's incarnation to which the sender has posted it itself; 0 for none. */
  | { readonly kind: 'block'; readonly block: BlockWiring; readonly to: string; readonly given: number }
  | { readonly kind: 'block-freed'; readonly id: number }
  /** Freed by that incarnation before it came. */
  | { readonly kind: 'block-unwanted'; readonly id: number; readonly by: number }
  | {
      readonly kind: 'log'
      readonly level: LogLevel
      readonly message: string
      readonly fields: Record<string, unknown>
    }
  /** It has forgotten the peer of that generation. */
  | { readonly kind: 'let-go'; readonly generation: number }
  /** Links this life to the present one of that actor, or undoes that. */
  | { readonly kind: 'link'; readonly id: number; readonly to: string }
  | { readonly kind: 'unlink'; readonly id: number }
  /** An actor that this one is linked to has ended abnormally: so does this life. */
  | { readonly kind: 'linked'; readonly name: string }
  /** The actor stops by itself. */
  | { readonly kind: 'stopping'; readonly why: string }
  | { readonly kind: 'dead-letter'; readonly letter: DeadLetter }
  | { readonly kind: 'stopped'; readonly error: WireError | null }

/** A death notice on the control lane. */
export interface DeathRecord {
  readonly notice: DeathNotice
  readonly generation: number
  /** A start that failed: peers forget the actor, monitors hear nothing. */
  readonly unborn?: boolean
  /** The receiver is linked to the dead one. */
  readonly link?: LinkMark
  /** It ended by itself and between two turns: any work that was going on may be to blame. */
  readonly betweenTurns?: boolean
}

export function isDeathRecord(value: unknown): value is DeathRecord {
  const { notice, generation } = (value ?? {}) as { notice?: Partial<DeathNotice>; generation?: unknown }
  return typeof generation === 'number' && typeof notice?.name === 'string' && typeof notice.reason?.kind === 'string'
}

/** The calls of the supervisor, asked by actors through their lane to the host. */
export interface HostProtocol {
  startChild(arg: { readonly spec: ChildSpec }): void
  stopChild(arg: { readonly name: string }): void
  listChildren(arg: null): readonly string[]
  /** Whether the asker has, or will get, a lane to that actor. */
  reachable(arg: { readonly name: string }): boolean
}
