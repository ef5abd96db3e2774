/**
 * One thread's part in the system: its peers, the calls it has made, the messages it serves. The host's thread and every
 * worker run the same code; the host serves the supervisor's calls.
 *
 * I1. A death is told to monitors after the dead actor's messages that were in the rings, and ends the asks to it after
 *     its replies (only when no incarnation follows: otherwise they wait for it).
 * I2. An actor that is not known yet may be on its way: a call to it waits for the attachment within its deadline.
 */
import type { LinkMark } from './actor-links.ts'
import { createArrivals } from './arrivals.ts'
import { createAsks, type Asks } from './asks.ts'
import type { BlockPort } from './blocks.ts'
import { BOARD_WORD, type BoardSlot } from './board.ts'
import { createCodec, type Encoded } from './codec.ts'
import { systemClock, type Clock } from './common/clock.ts'
import { isPitError, type PitError } from './common/errors.ts'
import type { Logger } from './common/logger.ts'
import { NO_CALL_OPTIONS, resolveCallOptions, resolveStreamOptions, resolveTellOptions } from './call-options.ts'
import type { ResolvedCallOptions } from './call-options.ts'
import type { Call, CallOptions, Overflow, ResolvedHandler, StreamOptions, TellOptions } from './define-actor.ts'
import { createDeadLetterReport, type DeadLetter, type DeadLetterFacts, type DeadLetterReason } from './dead-letters.ts'
import { createDeaths } from './deaths.ts'
import type { OutgoingMessage } from './diagnostics.ts'
import { fail } from './errors.ts'
import { Pumped, type PumpedEndpoint } from './loop.ts'
import { openHeldTable, type HeldTableMemory } from './mailbox/held-table.ts'
import { createLaneDamage } from './lane-damage.ts'
import { createMonitors, type Monitors } from './monitors.ts'
import { callsObserved, publishSending, publishSettled } from './observed-calls.ts'
import { createPeer, rewire, type Outgoing, type Peer } from './peer.ts'
import { createPump } from './pump.ts'
import type { Lane } from './rings/lane.ts'
import { RecordFlag } from './rings/layout.ts'
import { createBellBatch, RING, type Parking } from './rings/waiting.ts'
import { cyclePath, messageInHand, NO_ASKERS, type CallScope } from './scope.ts'
import { bodyOf, metaOf } from './message-meta.ts'
import { createStreamReader, type StreamSink } from './stream-reader.ts'
import type { Thread } from './thread.ts'
import { isTraceparent, isTracestate, nextHop, type TraceContext } from './trace-context.ts'
import { createTurns, type Turns } from './turns.ts'
import { HOST, type BlockWiring, type DeathRecord, type PeerWiring } from './wiring.ts'

/** Names of actors that are over, as far back as anybody may still speak of them; beyond, they are unknown ones. */
const GONE_MAX = 4_096

export interface EndpointOptions {
  readonly name: string
  readonly incarnation: number
  /** The ids of calls are counted from here. @default 0 */
  readonly firstCall?: number
  readonly clock: Clock
  readonly thread: Pick<Thread, 'sharedMs' | 'atomics' | 'random'>
  readonly logger: Logger
  readonly slot: BoardSlot
  readonly slotOf: (slot: number) => BoardSlot
  readonly table: HeldTableMemory
  /** @default 0 */
  readonly ticketsMax?: number
  readonly parking: Parking
  readonly blocks: BlockPort
  readonly handlers: ReadonlyMap<string, ResolvedHandler>
  readonly invoke: (handler: ResolvedHandler, arg: unknown, call: Call) => unknown
  /** A peer rang, or posted a block: pump now. */
  readonly onBell: () => void
  /** A block came over a bell's port. */
  readonly onBlock: (block: BlockWiring) => void
  /** Pumps soon, after I/O had its turn. Idempotent until then. */
  readonly schedule: () => void
  /** Asks began (`true`) or stopped (`false`) to be pending: keeps the process alive meanwhile. */
  readonly onPending: (pending: boolean) => void
  /** `withinMs`: after it the thread is ended by force. */
  readonly onStop: (withinMs: number) => void
  /** To the host; bounded (dead-letters.ts, I1). */
  readonly onDeadLetter: (letter: DeadLetter) => void
  /** This thread has forgotten the peer of that generation and writes nothing more into its rings. */
  readonly onLetGo?: (generation: number) => void
  /** An actor that this one is linked with has died; in its order among that actor's messages. */
  readonly onLinked?: (name: string, mark: LinkMark) => void
  /** That actor may have missed what the supervisor told it. */
  readonly onControlLost?: (name: string) => void
  /** A pump has moved something. */
  readonly onWorked?: () => void
  /** The thread has dozed: time that its event loop counts as busy. */
  readonly onDozed?: (ms: number) => void
  /** Whether an unknown actor is known to the supervisor and will be attached. */
  readonly reachable: (name: string) => Promise<boolean>
}

export interface Endpoint extends PumpedEndpoint {
  readonly monitors: Monitors
  peer(name: string): Peer | undefined
  /** Adds a peer, or gives it new lanes or a new bell. */
  connect(wiring: PeerWiring): void
  accept(): void
  ask(name: string, call: string, arg: unknown, options?: CallOptions): Promise<unknown>
  tell(name: string, call: string, arg: unknown, options?: TellOptions): void
  stream(name: string, call: string, arg: unknown, options?: StreamOptions): AsyncIterableIterator<unknown>
  /** A death that the supervisor told (I1). */
  onDeath(record: DeathRecord): void
  /** The lane for the supervisor's words to that actor. */
  controlOf(name: string): Lane | undefined
  /** Wakes that actor whatever it says of itself (rings/waiting.ts, I4). */
  nudge(name: string): void
  /** Takes nothing new; resolves when everything that had arrived is settled and everything to send is in the rings. */
  drain(): Promise<void>
  abortAll(error: PitError): void
  /** Fails what is pending and every later call. */
  shut(error: PitError): void
  /** Records of this thread that wait for room. */
  queued(): number
}

export function createEndpoint(options: EndpointOptions): Endpoint {
  const { name, slot, parking, logger, clock, incarnation, blocks } = options
  const { sharedMs, atomics, random } = options.thread
  const codec = createCodec()
  const bells = createBellBatch()
  const table = openHeldTable(options.table, atomics)
  const peers = new Map<string, Peer>()
  /** Who is over, by name, with its last generation. */
  const gone = new Map<string, number>()
  const monitors = createMonitors((error) => logger.error('a monitor threw', { actor: name, error: String(error) }))
  let onDrained: (() => void) | undefined
  let shutBy: PitError | undefined
  let pendingShown = false
  let pumping = false

  const report = createDeadLetterReport({
    now: () => clock.now(),
    monotonicMs: () => clock.monotonicMs(),
    logger,
    forward: options.onDeadLetter,
  })
  const asks: Asks = createAsks({
    name,
    incarnation,
    firstCall: options.firstCall ?? 0,
    clock,
    sharedMs,
    codec,
    blocks,
    onPending: showPending,
    onSent: () => slot.add(BOARD_WORD.MessagesOut, 1),
    onDeadLetter: deadLetter,
  })
  const turns: Turns = createTurns({
    name,
    incarnation,
    clock,
    sharedMs,
    codec,
    blocks,
    table,
    slot,
    handlers: options.handlers,
    ticketsMax: options.ticketsMax ?? 0,
    invoke: options.invoke,
    onSettled: () => {
      if (onDrained !== undefined || pump.wantsCell()) options.schedule()
    },
    schedule: options.schedule,
    onDeadLetter: deadLetter,
  })
  const arrivals = createArrivals({ name, clock, reachable: options.reachable, outgoing, onWaiting: showPending })
  const deaths = createDeaths({ monitors, turns, endAsks, endTickets, end, onLinked: options.onLinked ?? (() => {}) })
  const damage = createLaneDamage({
    name,
    incarnation,
    asks,
    turns,
    logger,
    onDeadLetter: deadLetter,
    onControlLost: (to) => options.onControlLost?.(to),
  })
  const pump = createPump({
    damage,
    name,
    sharedMs,
    peers,
    asks,
    turns,
    table,
    codec,
    blocks,
    onStop: options.onStop,
    onDeath: noteDeath,
  })

  function showPending(): void {
    const now = asks.pending() > 0 || arrivals.waiting() > 0
    // While it pumps, the next ask is often made at once: that none is pending is said before it rests.
    if (now === pendingShown || (pumping && !now)) return
    pendingShown = now
    options.onPending(now)
  }

  function deadLetter(facts: DeadLetterFacts): void {
    slot.add(BOARD_WORD.DeadLetters, 1)
    report(facts)
  }

  /** A tell of this thread that reaches nobody. */
  function undelivered(to: string, call: string, reason: DeadLetterReason, detail: string, body?: Encoded): void {
    const bytes = body === undefined ? undefined : () => body.bytes.subarray(body.start, body.end)
    deadLetter({ actor: to, call, sender: name, reason, detail, ...(bytes === undefined ? {} : { body: bytes }) })
  }

  function noteDeath(record: DeathRecord): void {
    const { notice, generation, link } = record
    const known = peers.get(notice.name)
    deaths.add(record, known)
    // Its wiring, if it is on its way, comes too late.
    if (!notice.restarting && link?.late !== true && (known === undefined || known.generation < generation)) {
      forget(notice.name, generation)
    }
    options.schedule()
  }

  /** No incarnation of this peer follows. A later child of the same name is another peer. */
  function endAsks(peer: Peer): void {
    if (peer.out !== undefined) asks.failAll(fail('ACTOR_STOPPED', { actor: peer.name }), peer.out)
    if (peers.get(peer.name) === peer) noteGone(peer.name, peer.generation)
  }

  function endTickets({ out }: Peer, { notice, betweenTurns }: DeathRecord): void {
    if (out !== undefined) asks.endTickets(out, notice.incarnation, betweenTurns === true)
  }

  function end(peer: Peer): void {
    endAsks(peer)
    if (peers.get(peer.name) === peer) peers.delete(peer.name)
    peer.bell.close()
    // Its rings are somebody else's from now on.
    for (const lane of [peer.out?.requests, peer.out?.control, peer.in?.replies]) lane?.close()
    options.onLetGo?.(peer.generation)
  }

  function forget(peer: string, generation: number): void {
    noteGone(peer, generation)
    options.onLetGo?.(generation)
  }

  function noteGone(peer: string, generation: number): void {
    gone.delete(peer)
    gone.set(peer, generation)
    if (gone.size > GONE_MAX) gone.delete(gone.keys().next().value!)
  }

  function connect(wiring: PeerWiring): void {
    if (wiring.generation <= (gone.get(wiring.name) ?? -1)) {
      wiring.bell?.port.close()
      return forget(wiring.name, wiring.generation)
    }
    let peer = peers.get(wiring.name)
    if (peer === undefined || peer.generation !== wiring.generation) {
      if (peer !== undefined) end(peer)
      peer = createPeer(wiring, options.slotOf(wiring.slot), bells, atomics)
      peers.set(peer.name, peer)
    } else rewire(peer, wiring, atomics)
    gone.delete(peer.name)
    if (wiring.bell !== null) {
      wiring.bell.port.on('message', hear)
      wiring.bell.port.unref()
      peer.bell.connect(wiring.bell.port, wiring.bell.incarnation)
      // It may have parked before this port was here (rings/waiting.ts, I3).
      peer.bell.ring()
    }
    arrivals.arrived(peer.name)
    options.schedule()
  }

  function hear(message: unknown): void {
    if (message !== RING) options.onBlock(message as BlockWiring)
    options.onBell()
  }

  function outgoing(to: string): { readonly peer: Peer; readonly out: Outgoing } | undefined {
    const peer = peers.get(to)
    return peer?.out === undefined ? undefined : { peer, out: peer.out }
  }

  async function askLater(
    to: string,
    call: string,
    body: Encoded,
    callOptions: ResolvedCallOptions,
    at: number,
    flags: number,
    observed: OutgoingMessage | undefined,
  ): Promise<unknown> {
    const { peer, out, leftMs } = await arrivals.until(to, call, callOptions, at)
    return asks.ask(peer, out, call, body, { ...callOptions, deadlineMs: leftMs }, at, flags, observed)
  }

  function ask(to: string, call: string, arg: unknown, callOptions?: CallOptions): Promise<unknown> {
    if (shutBy !== undefined) return Promise.reject(shutBy)
    if (gone.has(to)) return Promise.reject(fail('ACTOR_STOPPED', { actor: to }))
    const message = messageInHand()
    // The host's turns wait for starts and stops, not for asks: no cycle goes through it.
    const nested = message !== undefined && name !== HOST
    let observed: OutgoingMessage | undefined
    let options = NO_CALL_OPTIONS
    let body: Encoded
    try {
      if (callOptions !== undefined) options = resolveCallOptions(callOptions)
      if (nested) refuseCycle(message, to, call)
      if (callsObserved())
        observed = publishSending(name, incarnation, 'ask', to, call, options.trace ?? message?.trace)
      const meta = metaOf(nested ? message.askers : NO_ASKERS, carried(observed ?? options.trace, message))
      body = codec.encode(bodyOf(call, arg, meta), to)
    } catch (error) {
      const failed = Promise.reject(error)
      return observed === undefined ? failed : publishSettled(observed, failed)
    }
    const flags = nested ? RecordFlag.Nested : RecordFlag.None
    const inheritedAt = message?.deadlineAt ?? Infinity
    const peer = peers.get(to)
    const reply =
      peer?.out === undefined
        ? askLater(to, call, copyOf(body), options, inheritedAt, flags, observed)
        : asks.ask(peer, peer.out, call, body, options, inheritedAt, flags, observed)
    return observed === undefined ? reply : publishSettled(observed, reply)
  }

  function refuseCycle(message: CallScope, to: string, call: string): void {
    const path = cyclePath(message, name, to)
    if (path !== undefined) throw fail('ASK_CYCLE', { actor: to, call, path: path.join(' → ') })
  }

  /** The trace that a call carries: the caller's or a subscriber's own, or the next hop of the message in hand. */
  function carried(trace: MaybeTrace | undefined, message: CallScope | undefined): TraceContext | undefined {
    const { traceparent = message?.trace?.traceparent } = trace ?? {}
    if (traceparent === undefined) return undefined
    if (traceparent === message?.trace?.traceparent) return nextHop(message.trace, random)
    // What a subscriber has set must not fail the call.
    if (!isTraceparent(traceparent) || (trace?.tracestate !== undefined && !isTracestate(trace.tracestate)))
      return undefined
    return { traceparent, tracestate: trace?.tracestate }
  }

  function stream(to: string, call: string, arg: unknown, given?: StreamOptions): AsyncIterableIterator<unknown> {
    const options = resolveStreamOptions(given)
    const message = messageInHand()
    const meta = metaOf(NO_ASKERS, carried(undefined, message)) ?? null
    // As with an ask, what is sent is the argument of now. The credit is at `CREDIT_AT`.
    const body = copyOf(codec.encode([call, arg, meta, options.credit], to))
    const at = message?.deadlineAt ?? Infinity
    const open = (sink: StreamSink): void => {
      if (shutBy !== undefined) return sink.onEnd(shutBy)
      if (gone.has(to)) return sink.onEnd(fail('ACTOR_STOPPED', { actor: to }))
      const found = outgoing(to)
      if (found !== undefined) return asks.open(found.peer, found.out, call, body, options, at, sink)
      arrivals.until(to, call, { ...options, deadlineMs: options.deadlineMs ?? Infinity }, at).then(
        ({ peer, out, leftMs }) => asks.open(peer, out, call, body, { ...options, deadlineMs: leftMs }, at, sink),
        (error: unknown) => sink.onEnd(error),
      )
    }
    return createStreamReader(open, options.credit)
  }

  function tell(to: string, call: string, arg: unknown, tellOptions?: TellOptions): void {
    const overflow = tellOptions === undefined ? 'wait' : resolveTellOptions(tellOptions)
    if (shutBy !== undefined || gone.has(to))
      return undelivered(to, call, 'actor-stopped', shutBy?.message ?? 'the receiver is stopped')
    const message = messageInHand()
    let observed: OutgoingMessage | undefined
    let body: Encoded
    try {
      if (callsObserved()) observed = publishSending(name, incarnation, 'tell', to, call, message?.trace)
      body = codec.encode(bodyOf(call, arg, metaOf(NO_ASKERS, carried(observed, message))), to)
    } catch (error) {
      return undelivered(to, call, 'invalid', String(error))
    }
    const found = outgoing(to)
    if (found === undefined) return tellLater(to, call, copyOf(body), overflow, observed)
    if (!asks.tell(found.peer, found.out, body, overflow, observed))
      undelivered(to, call, 'mailbox-full', 'no room', body)
  }

  function tellLater(
    to: string,
    call: string,
    body: Encoded,
    overflow: Overflow,
    observed: OutgoingMessage | undefined,
  ): void {
    arrivals.arrival(to).then(
      () => {
        const arrived = outgoing(to)
        if (arrived === undefined) undelivered(to, call, 'actor-stopped', 'it was stopped meanwhile', body)
        else if (!asks.tell(arrived.peer, arrived.out, body, overflow, observed))
          undelivered(to, call, 'mailbox-full', 'no room', body)
      },
      (error: unknown) =>
        undelivered(
          to,
          call,
          isPitError(error, 'ACTOR_NOT_FOUND') ? 'not-reachable' : 'actor-stopped',
          String(error),
          body,
        ),
    )
  }

  function queued(): number {
    let count = 0
    for (const { out, in: link } of peers.values()) {
      count += (out?.requests.queued() ?? 0) + (out?.control.queued() ?? 0) + (link?.replies.queued() ?? 0)
    }
    return count
  }

  const hasWork = (): boolean => pump.hasWork() || deaths.deliverable()

  function checkDrained(): void {
    if (onDrained === undefined || turns.awaited() > 0 || !pump.allTaken() || queued() > 0) return
    onDrained()
    onDrained = undefined
  }

  return {
    monitors,
    peer: (of) => peers.get(of),
    connect,
    accept: () => pump.accept((lane) => [...peers.values()].find((peer) => peer.in?.lane === lane)),
    pump() {
      parking.unpark()
      slot.add(BOARD_WORD.Beat, 1)
      bells.hold()
      pumping = true
      let done: Pumped
      try {
        done = pump.run()
      } finally {
        pumping = false
      }
      if (done !== Pumped.Idle) options.onWorked?.()
      deaths.deliver()
      checkDrained()
      bells.flush()
      return done
    },
    hasWork,
    park() {
      showPending()
      parking.park()
      if (!hasWork()) return true
      parking.unpark()
      return false
    },
    doze(timeoutMs) {
      const startedAt = systemClock.monotonicMs()
      parking.doze(hasWork, timeoutMs)
      options.onDozed?.(systemClock.monotonicMs() - startedAt)
    },
    ask,
    tell,
    stream,
    onDeath: noteDeath,
    controlOf: (to) => peers.get(to)?.out?.control,
    nudge: (to) => peers.get(to)?.bell.nudge(),
    drain() {
      const { promise, resolve } = Promise.withResolvers<void>()
      onDrained = resolve
      pump.stopTaking()
      turns.endStreams()
      options.schedule()
      return promise
    },
    abortAll: (error) => turns.abortAll(error),
    shut(error) {
      shutBy = error
      asks.failAll(error)
      arrivals.fail(error)
    },
    queued,
  }
}

type MaybeTrace = { readonly [K in keyof TraceContext]: TraceContext[K] | undefined }

function copyOf({ bytes, start, end }: Encoded): Encoded {
  return { bytes: Uint8Array.prototype.slice.call(bytes, start, end), start: 0, end: end - start }
}
