/**
 * A system of actors on threads: `startSystem` puts the host's endpoint, its loop and the supervisor together.
 *
 * The process exits by itself when no ask is pending: threads, bells and timers are unref'd, and one port keeps the event
 * loop alive while an ask of the host is pending or the system closes.
 */
import { MessageChannel } from 'node:worker_threads'
import { CORRELATION_SPAN } from './asks.ts'
import { createBlock, createBlockStore, hasRoom, type BlockPort, type BlockStore } from './blocks.ts'
import { boardSlot, BOARD_WORD, createBoard, type BoardSlot } from './board.ts'
import { systemClock, type Clock } from './common/clock.ts'
import { integerOption, invalidOption, own, refuseUnknown } from './common/options.ts'
import { silentLogger, type Logger } from './common/logger.ts'
import { systemRandom, type Random } from './common/random.ts'
import type { ActorSystem, CloseReason, SystemOptions } from './actor-system.ts'
import type { ActorKey, AnyProtocol, CallContext, ResolvedHandler } from './define-actor.ts'
import { createDeadLetterBox, type DeadLetterBox } from './dead-letters.ts'
import { createEndpoint, type Endpoint } from './endpoint.ts'
import { fail } from './errors.ts'
import { createEventedLoop } from './loop.ts'
import { heldTableMemory } from './mailbox/held-table.ts'
import { createRefs, type Sender } from './refs.ts'
import { inlineBytesMax } from './rings/layout.ts'
import { createParking } from './rings/waiting.ts'
import { createSupervisor, type Supervisor } from './supervisor.ts'
import { BACKOFF_DEFAULTS, type BackoffLimits } from './supervision.ts'
import { FLAG_KEYS, resolveTree } from './supervisor-spec.ts'
import { threadTransport, type Transport } from './transport.ts'
import { HOST, HOST_INCARNATION, type HostProtocol } from './wiring.ts'

/** Calls about children that the host serves at the same time. */
const HOST_IN_FLIGHT_MAX = 256
/** How long `beforeExit` waits for tells to be taken. */
const FLUSH_MAX_MS = 5_000
const FLUSH_STEP_MS = 5
const CLOSE_DEFAULT_MS = 30_000

export async function startSystem(options: SystemOptions): Promise<ActorSystem> {
  return startOn(threadTransport(own(options, 'workerEntry') as URL | undefined, preloadOption(options)), options)
}

/** Starts a system whose actors live where the transport puts them; the supervisor may go by a clock of its own. */
export async function startOn(
  transport: Transport,
  options: SystemOptions,
  limits: Partial<BackoffLimits> = {},
  supervisionClock?: Clock,
): Promise<ActorSystem> {
  const resolved = resolveOptions(options)
  const { clock, random, logger, shared } = resolved
  const board = createBoard()
  const slot = boardSlot(board, 0)
  slot.set(BOARD_WORD.Incarnation, HOST_INCARNATION)
  const store = createBlockStore()
  const letters = createDeadLetterBox(logger)
  const table = heldTableMemory(HOST_IN_FLIGHT_MAX, inlineBytesMax(transport.capacity.host.requestBytes))
  const keepAlive = transport.holdsProcess ? createKeepAlive() : NO_KEEP_ALIVE
  const over = createOver()
  const loop = createEventedLoop(() => endpoint, transport.host)
  const calls = hostCalls(() => supervisor)
  const endpoint: Endpoint = createEndpoint({
    name: HOST,
    incarnation: HOST_INCARNATION,
    clock,
    thread: transport.host,
    logger,
    slot,
    slotOf: (index) => boardSlot(board, index),
    table,
    parking: createParking(slot.words, slot.parkedIndex, HOST_INCARNATION, transport.host.atomics),
    blocks: hostBlocks(store, slot, () => supervisor),
    handlers: calls,
    // The host's handlers need nothing but who asks.
    invoke: (handler, arg, call) => handler.run(undefined, arg, { call } as CallContext),
    onBell: loop.wake,
    // Senders post blocks for the host to the supervisor only.
    onBlock: () => {},
    schedule: loop.schedule,
    onPending: (pending) => keepAlive.hold('asks', pending),
    onStop: () => {},
    onDeadLetter: letters.add,
    onLetGo: (generation) => supervisor.letGo(generation),
    onControlLost: (name) => supervisor.repeatControl(name),
    reachable: async (name) => supervisor.reachable(HOST, name),
  })
  const supervisor: Supervisor = createSupervisor({
    endpoint,
    blocks: store,
    tree: resolved.tree,
    limits: { ...BACKOFF_DEFAULTS, ...limits },
    clock: supervisionClock ?? clock,
    random,
    logger,
    board,
    shared,
    logging: logger !== silentLogger,
    transport,
    hostSlot: slot,
    hostTable: table,
    onHostWork: loop.schedule,
    onShutdown: (message) => over.shutDown({ kind: 'auto-shutdown', message }),
    onFailed(failure, ended) {
      endpoint.shut(failure)
      void ended.then(() => over.resolve({ kind: 'failed', error: failure }))
    },
    onDeadLetter: letters.add,
  })
  endpoint.accept()
  try {
    await supervisor.start()
  } catch (error) {
    loop.stop()
    keepAlive.close()
    throw error
  }
  const { holdsProcess } = transport
  return openSystem({ endpoint, supervisor, letters, keepAlive, holdsProcess, shared, over, stopLoop: loop.stop })
}

/** The end of a system: the first reason counts. */
interface Over {
  readonly closed: Promise<{ readonly reason: CloseReason }>
  readonly resolve: (reason: CloseReason) => void
  /** Closes the system, as soon as it is open. */
  readonly shutDown: (reason: CloseReason) => void
  readonly onShutDown: (close: (reason: CloseReason) => void) => void
}

function createOver(): Over {
  const { promise, resolve } = Promise.withResolvers<{ readonly reason: CloseReason }>()
  const { promise: wanted, resolve: shutDown } = Promise.withResolvers<CloseReason>()
  return {
    closed: promise,
    resolve: (reason) => resolve({ reason }),
    shutDown,
    onShutDown: (close) => void wanted.then(close),
  }
}

interface Parts {
  readonly endpoint: Endpoint
  readonly supervisor: Supervisor
  readonly letters: DeadLetterBox
  readonly keepAlive: KeepAlive
  readonly holdsProcess: boolean
  readonly shared: Readonly<Record<string, SharedArrayBuffer>>
  readonly over: Over
  readonly stopLoop: () => void
}

function openSystem({
  endpoint,
  supervisor,
  letters,
  keepAlive,
  holdsProcess,
  shared,
  over,
  stopLoop,
}: Parts): ActorSystem {
  let closed: Promise<void> | undefined
  const sender: Sender = {
    ask: (to, call, arg, callOptions) =>
      closed === undefined
        ? endpoint.ask(to, call, arg, callOptions)
        : Promise.reject(fail('ACTOR_STOPPED', { actor: to })),
    tell: (to, call, arg, tellOptions) => endpoint.tell(to, call, arg, tellOptions),
    stream: (to, call, arg, streamOptions) => endpoint.stream(to, call, arg, streamOptions),
  }
  const refs = createRefs(sender)
  const untaken = (): boolean => endpoint.queued() > 0 || supervisor.untaken()
  const removeFlush = holdsProcess ? flushBeforeExit(untaken) : () => {}

  async function shutDown(deadlineMs: number, reason: CloseReason): Promise<void> {
    removeFlush()
    keepAlive.hold('close', true)
    try {
      await supervisor.stopAll(deadlineMs)
    } finally {
      endpoint.shut(fail('ACTOR_STOPPED', { actor: 'of a closed system' }))
      stopLoop()
      keepAlive.close()
      over.resolve(reason)
    }
  }

  const close: ActorSystem['close'] = ({ deadlineMs = CLOSE_DEFAULT_MS } = {}) =>
    (closed ??= shutDown(deadlineMs, { kind: 'closed' }))
  over.onShutDown((reason) => void (closed ??= shutDown(CLOSE_DEFAULT_MS, reason)))

  return {
    incarnation: HOST_INCARNATION,
    children: supervisor.children,
    ref: <P extends AnyProtocol>(key: ActorKey<P>) => refs(key),
    shared(region) {
      const buffer = Object.hasOwn(shared, region) ? shared[region] : undefined
      if (buffer === undefined) throw fail('SHARED_UNKNOWN', { region })
      return buffer
    },
    monitor: (name, onDeath) => endpoint.monitors.add(name, onDeath),
    stats: () => supervisor.stats(),
    zombies: () => supervisor.zombies(),
    deadLetters: letters.list,
    onDeadLetter: letters.listen,
    kill: (name) => supervisor.kill(name),
    close,
    closed: over.closed,
    [Symbol.asyncDispose]: () => close(),
  }
}

const OPTION_KEYS = [...FLAG_KEYS, 'shared', 'logger', 'clock', 'random', 'workerEntry', 'preload'] as const

function preloadOption(options: SystemOptions): readonly string[] {
  const preload = own(options, 'preload') ?? []
  if (!Array.isArray(preload) || !preload.every((module) => typeof module === 'string' && module !== ''))
    throw invalidOption('preload', 'a list of module URLs', preload)
  return preload as readonly string[]
}

function resolveOptions(options: SystemOptions) {
  refuseUnknown(options, OPTION_KEYS)
  const regions = (own(options, 'shared') ?? {}) as Readonly<Record<string, number>>
  const sizes = Object.keys(regions).map((region) => [region, integerOption(regions, region, 0, { min: 0 })] as const)
  return {
    tree: resolveTree(options),
    clock: (own(options, 'clock') ?? systemClock) as Clock,
    random: (own(options, 'random') ?? systemRandom) as Random,
    logger: (own(options, 'logger') ?? silentLogger) as Logger,
    shared: Object.fromEntries(sizes.map(([region, bytes]) => [region, new SharedArrayBuffer(bytes)])),
  }
}

/** The supervisor as actors call it. */
function hostCalls(supervisor: () => Supervisor): ReadonlyMap<string, ResolvedHandler> {
  type HostHandlers = {
    [K in keyof HostProtocol]: (
      arg: Parameters<HostProtocol[K]>[0],
      sender: string,
    ) => ReturnType<HostProtocol[K]> | Promise<ReturnType<HostProtocol[K]>>
  }
  const handlers: HostHandlers = {
    startChild: ({ spec }) => supervisor().children.startChild(spec),
    stopChild: ({ name }) => supervisor().children.stopChild(name),
    listChildren: () => supervisor().children.list(),
    reachable: ({ name }, sender) => supervisor().reachable(sender, name),
  }
  type AnyHandler = (arg: unknown, sender: string) => unknown
  return new Map(
    (Object.entries(handlers) as [string, AnyHandler][]).map(([name, handler]) => [
      name,
      { redeliver: false, ticket: false, generator: false, run: (_state, arg, ctx) => handler(arg, ctx.call.sender) },
    ]),
  )
}

function hostBlocks(store: BlockStore, slot: BoardSlot, supervisor: () => Supervisor): BlockPort {
  let counter = 0
  return {
    room: (to, bytes) => hasRoom(supervisor().blocks.slotOf(to), bytes),
    send(to, bytes, start, end) {
      const id = HOST_INCARNATION * CORRELATION_SPAN + ++counter
      supervisor().blocks.deliver(to, createBlock(id, bytes, start, end), 0)
      supervisor()
        .blocks.slotOf(to)
        ?.addShared(BOARD_WORD.BlockBytes, end - start)
      return id
    },
    get: (id) => store.get(id),
    free(id) {
      slot.addShared(BOARD_WORD.BlockBytes, -(store.get(id)?.byteLength ?? 0))
      store.free(id)
    },
    // It has one life.
    freed: () => false,
  }
}

interface KeepAlive {
  /** Keeps the process alive for that reason, or does so no more. */
  hold(reason: string, on: boolean): void
  close(): void
}

/** A port nobody writes to: referenced, it keeps the event loop alive; changing that is cheaper than a timer. */
function createKeepAlive(): KeepAlive {
  const { port1, port2 } = new MessageChannel()
  port1.unref()
  const reasons = new Set<string>()
  return {
    hold(reason, on) {
      const before = reasons.size
      if (on) reasons.add(reason)
      else reasons.delete(reason)
      if (before === 0 && reasons.size > 0) port1.ref()
      else if (before > 0 && reasons.size === 0) port1.unref()
    },
    close() {
      port1.close()
      port2.close()
    },
  }
}

const NO_KEEP_ALIVE: KeepAlive = Object.freeze({ hold() {}, close() {} })

/** Tells have nobody waiting for them: before the process exits by itself, their actors must have taken them. */
function flushBeforeExit(unsent: () => boolean): () => void {
  let waitedMs = 0
  const onBeforeExit = (): void => {
    if (!unsent() || waitedMs >= FLUSH_MAX_MS) return
    waitedMs += FLUSH_STEP_MS
    // The pending timer lets the event loop run; `beforeExit` comes again after it.
    systemClock.setTimer(FLUSH_STEP_MS, () => {}, { ref: true })
  }
  process.on('beforeExit', onBeforeExit)
  return () => void process.off('beforeExit', onBeforeExit)
}
