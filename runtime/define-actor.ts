/**
 * What an actor is, and what it sees.
 *
 *   behaviour (yours)                      | runtime (here)
 *   ---------------------------------------+----------------------------------------------------------
 *   init(config, ctx) → state              | starts the worker, waits for ready, restarts it when it dies
 *   handlers.name(state, arg, ctx) → reply | mailbox, decoding, deadlines, cancellation, redelivery, replies
 *   terminate(state, reason, ctx)          | drains within the shutdown time, then forces
 *
 * A handler's turn is synchronous up to its first `await`: turns never overlap, so state needs no lock. What it awaits
 * may finish later and out of order with other messages.
 */
import type { Clock } from './common/clock.ts'
import type { Logger } from './common/logger.ts'
import type { Ids, Random } from './common/random.ts'
import type { Metrics } from './metrics.ts'
import type { FileLayer } from './persistence/index.ts'

/** The calls of an actor: name → function from one argument to the reply. Arguments and replies are msgpack-safe data. */
export type AnyProtocol = object
export type CallName<P extends AnyProtocol> = keyof P & string
export type ArgOf<F> = F extends (arg: infer A) => unknown ? A : never
export type ReplyOf<F> = F extends (...args: never[]) => infer R ? Awaited<R> : never
/** A call whose function returns an `AsyncIterable` is a stream: read with `ref.stream`, not asked. */
export type StreamName<P extends AnyProtocol> = {
  [K in CallName<P>]: IsStream<P[K]> extends true ? K : never
}[CallName<P>]
export type AskName<P extends AnyProtocol> = Exclude<CallName<P>, StreamName<P>>
export type ItemOf<F> = F extends (...args: never[]) => AsyncIterable<infer T> ? T : never
/** `any` and `never` are assignable to every type and still no streams. */
type IsStream<F> = F extends (...args: never[]) => infer R
  ? [R] extends [never]
    ? false
    : 0 extends R & 1
      ? false
      : R extends AsyncIterable<unknown>
        ? true
        : false
  : false

/** Names an actor and its protocol; what one actor needs to talk to another. */
export interface ActorKey<P extends AnyProtocol> {
  readonly name: string
  /** Only for the type checker; never set. */
  readonly protocol?: P
}

export function actorKey<P extends AnyProtocol>(name: string): ActorKey<P> {
  return Object.freeze({ name })
}

/**
 * What happens to a message when the receiver's ring has no room for it.
 *
 * - `wait`: it waits in a bounded queue of this thread; beyond that an ask fails with `MAILBOX_FULL`, a tell becomes a
 *   dead letter.
 * - `reject`: that happens at once.
 * - `drop-newest`: a tell is dropped without a word and counted (`stats().droppedNewest`); an ask fails.
 * - `drop-oldest`: it waits, and the receiver skips one older `drop-oldest` message of this sender for it, counted
 *   (`droppedOldest`); a skipped ask fails with `MAILBOX_FULL`. A receiver whose thread is busy cannot skip: when the
 *   queue is full, too, the newest is dropped and counted.
 */
export type Overflow = 'wait' | 'reject' | 'drop-newest' | 'drop-oldest'

export interface TellOptions {
  /** @default 'wait' */
  readonly overflow?: Overflow
}

/** Work that was accepted and goes on in one incarnation of its actor. */
export interface Ticket {
  /** The message's id, `ctx.call.id` in the handler. */
  readonly id: string
  readonly actor: string
  readonly incarnation: number
}

export interface CallOptions extends TellOptions {
  /** Time until the ask fails with `DEADLINE_EXCEEDED`. @default 30_000; `Infinity` for none. */
  readonly deadlineMs?: number
  /** Aborting it fails the ask with `CANCELLED` and aborts the handler's `ctx.call.signal`; the worker lives on. */
  readonly signal?: AbortSignal
  /**
   * W3C trace context of the caller. A call made in a handler needs none: it carries on the trace of the message in hand.
   * What is not valid is refused with `INVALID_OPTION`.
   */
  readonly traceparent?: string
  readonly tracestate?: string
  /**
   * Called when the actor accepts the message as work with a ticket (`HandlerSpec.ticket`), and again when its next
   * incarnation does. From then on only a deadline that was given here, or by the message in whose handler the ask is
   * made, ends the ask.
   */
  readonly onAccepted?: (ticket: Ticket) => void
}

export interface StreamOptions {
  /** Time until the stream fails with `DEADLINE_EXCEEDED`. @default Infinity */
  readonly deadlineMs?: number
  /** Aborting it fails the stream with `CANCELLED`, and ends the generator. */
  readonly signal?: AbortSignal
  /** Items that may be on their way or unread, 1 to 65,536. Their bytes are bounded by the reply ring. @default 64 */
  readonly credit?: number
}

/** A typed handle on an actor. Refs stay valid across restarts of the actor. */
export interface ActorRef<P extends AnyProtocol> {
  readonly name: string
  /**
   * Sends and waits for the reply. Always settles: reply, typed error, deadline, cancellation, stop or restart. An ask
   * that closes a cycle of asks waiting for each other is refused with `ASK_CYCLE` and the way round.
   */
  readonly ask: { readonly [K in AskName<P>]: (arg: ArgOf<P[K]>, options?: CallOptions) => Promise<ReplyOf<P[K]>> }
  /** Sends and forgets. Delivered in order with asks from the same sender; failures go to dead letters. */
  readonly tell: { readonly [K in AskName<P>]: (arg: ArgOf<P[K]>, options?: TellOptions) => void }
  /**
   * Reads a stream, for one reader. It is opened by the first `next()`; leaving the loop, the signal or the deadline end
   * the generator and abort its `ctx.call.signal`. Items arrive in order; an unread item is never dropped. Once it has
   * started it fails with `ACTOR_RESTARTED` when its actor dies and with `ACTOR_STOPPED` when its actor stops.
   */
  readonly stream: {
    readonly [K in StreamName<P>]: (arg: ArgOf<P[K]>, options?: StreamOptions) => AsyncIterableIterator<ItemOf<P[K]>>
  }
}

/** Why an actor's incarnation ended. */
export type ExitReason =
  /** In order: asked to, or by `ctx.stop`. The only normal end. */
  | { readonly kind: 'stopped' }
  | { readonly kind: 'crashed'; readonly message: string }
  | { readonly kind: 'hung' }
  /** The actor of that name, to which it was linked, ended abnormally. */
  | { readonly kind: 'linked'; readonly name: string }

export interface DeathNotice {
  readonly name: string
  readonly incarnation: number
  readonly reason: ExitReason
  /** Whether a new incarnation follows. */
  readonly restarting: boolean
}

export type RestartPolicy = 'permanent' | 'transient' | 'temporary'

/** How a supervisor starts, restarts and stops one child. */
export interface ChildSpec {
  readonly name: string
  /** Module URL of the behaviour and the `name` of the definition in it. */
  readonly module: string
  readonly actor: string
  /** Handed to `init`; structured-cloneable. */
  readonly config?: unknown
  /**
   * `permanent`: always restarted; `transient`: when it ended abnormally; `temporary`: never, also when a sibling's end
   * takes it along. @default 'permanent'
   */
  readonly restart?: RestartPolicy
  /**
   * Its end, when it is not restarted, may end its supervisor (`autoShutdown`). Not for permanent and dynamic children.
   * @default false
   */
  readonly significant?: boolean
  /**
   * Time for drain and `terminate` before force; `'brutal'` for none, `'infinity'` for as long as it takes (the deadline
   * of `close` still holds). @default 5_000
   */
  readonly shutdownMs?: number | 'brutal' | 'infinity'
  /** Actors (and `'host'`) that may send to this child, besides those whose definition names it as a peer. */
  readonly reachableFrom?: readonly string[]
  /** JS heap limit of the worker in MiB. Not a security boundary. */
  readonly heapMb?: number
}

export type Strategy = 'one-for-one' | 'one-for-all' | 'rest-for-one'
export type AutoShutdown = 'never' | 'any-significant' | 'all-significant'

/** How a supervisor treats its children. */
export interface SupervisorFlags {
  /**
   * What the restart of one child means for the others: nothing; all are restarted; those started after it are.
   * @default 'one-for-one'
   */
  readonly strategy?: Strategy
  /** More than `restartsMax` restarts within `restartPeriodMs` end the supervisor, abnormally. @default 5 in 10_000 ms */
  readonly restartsMax?: number
  readonly restartPeriodMs?: number
  /** Ends the supervisor, normally, when any or the last of its significant children has ended. @default 'never' */
  readonly autoShutdown?: AutoShutdown
}

/** A supervisor below the root: a group of children with a strategy and limits of their own. It has no thread. */
export interface SupervisorSpec extends SupervisorFlags {
  /** Its name; unique among supervisors and actors. */
  readonly supervisor: string
  /** As a child of its own supervisor. @default 'permanent' */
  readonly restart?: RestartPolicy
  readonly significant?: boolean
  /** Started in this order, stopped in reverse. */
  readonly children: readonly (ChildSpec | SupervisorSpec)[]
}

export interface ChildControl {
  /** Starts a dynamic child; resolves when its `init` is done, rejects with its typed error. */
  startChild(spec: ChildSpec): Promise<void>
  /** Stops it gracefully; resolves when its thread has ended. Unknown names are no error. */
  stopChild(name: string): Promise<void>
  /** Names of the dynamic children that are alive or being restarted; a restarted actor finds its own again. */
  list(): Promise<readonly string[]>
}

/** What a behaviour is given at `init` and with every message. */
export interface ActorContext {
  readonly name: string
  /**
   * Number of this life of the actor, unique in the system (the host is 1), at most 65,535. Those of static children only
   * grow; those of dynamic children are used again after more than 32,000 others.
   */
  readonly incarnation: number
  readonly clock: Clock
  readonly random: Random
  readonly ids: Ids
  readonly logger: Logger
  /** The actor's own measurements, readable through `system.stats()`. */
  readonly metrics: Metrics
  /** The file system; in a simulation its disk. Hand it to `openLog`. */
  readonly files: FileLayer
  /** Aborted when this incarnation is told to stop. */
  readonly stopping: AbortSignal
  /** A ref to a declared peer, or to a dynamic child that lists this actor in `reachableFrom`. */
  ref<P extends AnyProtocol>(key: ActorKey<P>): ActorRef<P>
  /** A memory region shared by all actors and the host, by the name the system was started with. */
  shared(name: string): SharedArrayBuffer
  /**
   * Calls back at each death of that actor's incarnations; returns the undo. Ordered after its messages. It watches the
   * name over all its lives: set while none lives, it hears of the next death.
   */
  monitor(name: string, onDeath: (notice: DeathNotice) => void): () => void
  /**
   * Ties this life to the other actor's present one: when either ends abnormally (crash, hang, linked end), the other is
   * ended, too, with reason `linked`, after it has taken the messages the dead one had sent; then their supervisors decide.
   * Ends in order do not propagate. A link to an actor that is not alive ends this life at once. Links end with either
   * life: make them in `init`. Returns the undo, after which no end arrives through it.
   */
  link(name: string): () => void
  /**
   * This actor is done: it takes no new messages, drains, runs `terminate` and ends normally. `why` is for the log. What
   * has not ended within `shutdownMs` is forced.
   */
  stop(why?: string): void
  /**
   * Runs work that is not for the message in hand alone (it goes on after the answer, or others share it): asks made in
   * it inherit no deadline.
   */
  detach<T>(work: () => T): T
  readonly children: ChildControl
}

/** What belongs to the message in hand. */
export interface Call {
  /** The message's id: the same in every redelivery, unique otherwise. */
  readonly id: string
  readonly sender: string
  readonly senderIncarnation: number
  /** How often this message was delivered before (a crash in between). */
  readonly redelivered: number
  /** `clock.now()` time after which nobody waits for the reply; `Infinity` for a tell. */
  readonly deadlineAt: number
  /** Aborted when the asker cancels or the deadline passes. Nested asks inherit the deadline until the answer. */
  readonly signal: AbortSignal
  /** W3C trace context the message came with; nested calls carry it on. */
  readonly traceparent: string | undefined
  readonly tracestate: string | undefined
}

export interface CallContext extends ActorContext {
  readonly call: Call
}

/** A stream's handler is a generator, or returns something that can be iterated. */
export type Handler<S, F> =
  IsStream<F> extends true
    ? (
        state: S,
        arg: ArgOf<F>,
        ctx: CallContext,
      ) => AsyncIterable<ItemOf<F>> | Iterable<ItemOf<F>> | Promise<AsyncIterable<ItemOf<F>> | Iterable<ItemOf<F>>>
    : (state: S, arg: ArgOf<F>, ctx: CallContext) => ReplyOf<F> | Promise<ReplyOf<F>>

export interface HandlerSpec<S, F> {
  /**
   * For work of more than a second: after its synchronous turn the message counts as accepted. It no longer holds a place
   * among the messages in flight, its asker's default deadline ends, and its asker keeps it instead: when the actor dies
   * the ask fails with `ACTOR_RESTARTED`, or is asked again (`redeliver`). No effect on tells and streams.
   *
   * @default false
   */
  readonly ticket?: boolean
  /**
   * What happens when the actor dies while this message runs: `true` delivers it again to the next incarnation (the
   * handler must be idempotent by `ctx.call.id`), `false` fails the ask with `ACTOR_RESTARTED`. A stream that has started
   * is never delivered again.
   */
  readonly redeliver: boolean
  readonly run: Handler<S, F>
}

/** Evented actors use timers and I/O; blocking ones only compute, and park their thread between messages. */
export type ActorKind = 'evented' | 'blocking'

export interface Behaviour<P extends AnyProtocol, S, C> {
  readonly name: string
  /** The behaviour's own `import.meta.url`; the definition must be a named export of that module. */
  readonly module: string
  /** @default 'evented' */
  readonly kind?: ActorKind
  /** Names of the actors this one may send to. */
  readonly peers?: readonly string[]
  /** Messages taken and not settled, at most. @default 1_024 */
  readonly inFlightMax?: number
  /** Works with a ticket at the same time; beyond it an ask for one fails with `MAILBOX_FULL`. @default 1_024 */
  readonly ticketsMax?: number
  /** How long one turn may block the thread before the actor counts as hung. @default 10_000 */
  readonly blockingBudgetMs?: number
  init(config: C, ctx: ActorContext): S | Promise<S>
  /** A bare function means `redeliver: false`. */
  readonly handlers: { readonly [K in CallName<P>]: Handler<S, P[K]> | HandlerSpec<S, P[K]> }
  terminate?(state: S, reason: ExitReason, ctx: ActorContext): void | Promise<void>
}

export interface ResolvedHandler {
  readonly redeliver: boolean
  readonly ticket: boolean
  /** Known to be a stream before it runs: a generator function. */
  readonly generator: boolean
  readonly run: (state: unknown, arg: unknown, ctx: CallContext) => unknown
}

/** A behaviour as the runtime runs it: state and configuration types are forgotten, handlers are in a map. */
export interface ActorDefinition<P extends AnyProtocol = AnyProtocol> extends ActorKey<P> {
  readonly module: string
  readonly kind: ActorKind
  readonly peers: readonly string[]
  readonly inFlightMax: number
  readonly ticketsMax: number
  readonly blockingBudgetMs: number
  readonly init: (config: unknown, ctx: ActorContext) => unknown
  /** Only declared handlers can be called: a map has no prototype to reach. */
  readonly handlers: ReadonlyMap<string, ResolvedHandler>
  readonly terminate: (state: unknown, reason: ExitReason, ctx: ActorContext) => void | Promise<void>
}

const DEFINITION = Symbol.for('symphony-pit.actor-definition')

export function defineActor<P extends AnyProtocol, S, C = undefined>(
  behaviour: Behaviour<P, S, C>,
): ActorDefinition<P> {
  type AnyHandler = Handler<unknown, (arg: unknown) => unknown>
  const handlers = new Map<string, ResolvedHandler>()
  type AnySpec = { readonly redeliver: boolean; readonly ticket?: boolean; readonly run: AnyHandler }
  for (const [name, entry] of Object.entries(behaviour.handlers) as [string, AnyHandler | AnySpec][]) {
    const { redeliver, ticket = false, run } = typeof entry === 'function' ? { redeliver: false, run: entry } : entry
    handlers.set(name, { redeliver, ticket, generator: isGeneratorFunction(run), run })
  }
  return Object.freeze({
    [DEFINITION]: true,
    name: behaviour.name,
    module: behaviour.module,
    kind: behaviour.kind ?? 'evented',
    peers: Object.freeze([...(behaviour.peers ?? [])]),
    inFlightMax: behaviour.inFlightMax ?? 1024,
    ticketsMax: behaviour.ticketsMax ?? 1024,
    blockingBudgetMs: behaviour.blockingBudgetMs ?? 10_000,
    init: (config: unknown, ctx: ActorContext) => behaviour.init(config as C, ctx),
    handlers,
    terminate: (state: unknown, reason: ExitReason, ctx: ActorContext) =>
      behaviour.terminate?.(state as S, reason, ctx),
  })
}

/** The protocol of handlers that were written without one: each handler's argument and reply. */
export type ProtocolOf<H> = {
  readonly [K in keyof H]: (arg: HandlerArg<H[K]>) => HandlerReply<H[K]>
}
type HandlerRun<E> = E extends { readonly run: infer R } ? R : E
type HandlerArg<E> = HandlerRun<E> extends (state: never, arg: infer A, ...rest: never[]) => unknown ? A : null
type HandlerReply<E> = HandlerRun<E> extends (...args: never[]) => infer R ? StreamOr<Awaited<R>> : never
/** What a generator yields is a stream's item; other iterables (lists, sets) are replies. */
type StreamOr<R> = [R] extends [never]
  ? R
  : 0 extends R & 1
    ? R
    : R extends AsyncIterable<infer T>
      ? AsyncIterable<T>
      : R extends Generator<infer T>
        ? AsyncIterable<T>
        : R

type InferredHandler<S> =
  | ((state: S, arg: never, ctx: CallContext) => unknown)
  | {
      readonly redeliver: boolean
      readonly ticket?: boolean
      readonly run: (state: S, arg: never, ctx: CallContext) => unknown
    }

/** A behaviour whose protocol follows from its handlers. */
export interface InferredBehaviour<H, S, C> extends Omit<Behaviour<AnyProtocol, S, C>, 'handlers'> {
  readonly handlers: H
}

/**
 * Defines an actor without a protocol of its own: refs are typed by its handlers' arguments and replies. Annotate the
 * argument of each handler; its reply follows.
 *
 * @example
 * const counter = actorFrom({
 *   name: 'counter',
 *   module: import.meta.url,
 *   init: () => ({ count: 0 }),
 *   handlers: { add: (state, amount: number) => (state.count += amount) },
 * })
 * await system.ref(counter).ask.add(2) // a number
 */
export function actorFrom<S, const H extends Readonly<Record<string, InferredHandler<S>>>, C = undefined>(
  behaviour: InferredBehaviour<H, S, C>,
): ActorDefinition<ProtocolOf<H>> {
  return defineActor<ProtocolOf<H>, S, C>(behaviour as unknown as Behaviour<ProtocolOf<H>, S, C>)
}

function isGeneratorFunction(run: unknown): boolean {
  const tag = Object.prototype.toString.call(run)
  return tag === '[object AsyncGeneratorFunction]' || tag === '[object GeneratorFunction]'
}

export function isActorDefinition(value: unknown): value is ActorDefinition {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, DEFINITION)
}

/** The child spec of a definition: what most children need. */
export function childOf(
  definition: ActorDefinition,
  options: Partial<Omit<ChildSpec, 'module' | 'actor'>> = {},
): ChildSpec {
  return { name: definition.name, ...options, module: definition.module, actor: definition.name }
}
