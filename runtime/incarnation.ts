/**
 * One life of an actor, inside its thread.
 *
 *   describe ─► import the module, find the definition
 *   start    ─► endpoint, context, init ─► accept messages
 *   stop     ─► `stopping` aborts ─► drain ─► terminate ─► drain ─► "stopped" to the supervisor, which ends the thread
 */
import { createThreadBlocks } from './blocks.ts'
import { boardSlot } from './board.ts'
import { describe, errorToWire } from './common/errors.ts'
import { silentLogger, type Logger, type LogLevel } from './common/logger.ts'
import { createIds } from './common/random.ts'
import type { ActorContext, ActorDefinition, ChildControl } from './define-actor.ts'
import { createEndpoint, type Endpoint } from './endpoint.ts'
import { fail, initError } from './errors.ts'
import { createBlockingLoop, createDueClock, createEventedLoop, type Loop } from './loop.ts'
import { openMetrics } from './metrics.ts'
import { createLinkEnds } from './link-ends.ts'
import { createRef, createRefs } from './refs.ts'
import { createParking } from './rings/waiting.ts'
import { detach } from './scope.ts'
import { createVitals } from './vitals.ts'
import { ownThread, type Thread } from './thread.ts'
import {
  HOST,
  type Description,
  type FromWorker,
  type HostProtocol,
  type Outcome,
  type Port,
  type StartWiring,
  type ToWorker,
  type WorkerBoot,
  type WorkerControl,
} from './wiring.ts'

/** Starting or stopping a child may take as long as its `init` or its shutdown. */
const CHILD_DEADLINE_MS = 10 * 60_000

/** What has not settled by then is aborted, so that `terminate` has its time before the thread is ended by force. */
const DRAIN_SHARE = 0.8
/** Longer timers fire at once. */
const TIMER_MAX_MS = 2 ** 31 - 1

export function createIncarnation(
  boot: Pick<WorkerBoot, 'module' | 'actor'> & Partial<Pick<WorkerBoot, 'preload'>>,
  port: Port,
  thread: Thread = ownThread,
): WorkerControl {
  let definition: ActorDefinition | undefined
  return {
    async describe() {
      try {
        for (const module of boot.preload ?? []) await importFirst(module, boot.actor)
        definition = await thread.find(boot)
        const { kind, peers, inFlightMax, ticketsMax, blockingBudgetMs } = definition
        const value: Description = { kind, peers: [...peers], inFlightMax, ticketsMax, blockingBudgetMs }
        return { ok: true, value }
      } catch (error) {
        return { ok: false, error: errorToWire(error) }
      }
    },
    async start(wiring) {
      if (definition === undefined) throw new Error('start follows describe')
      return startLife(definition, wiring, port, thread)
    },
  }
}

async function importFirst(module: string, actor: string): Promise<void> {
  try {
    await import(module)
  } catch (cause) {
    throw fail('MODULE_INVALID', { module, actor, reason: `preload: ${describe(cause)}` }, { cause })
  }
}

async function startLife(
  definition: ActorDefinition,
  wiring: StartWiring,
  port: Port,
  thread: Thread,
): Promise<Outcome<null>> {
  const post = (message: FromWorker): void => port.postMessage(message)
  const slot = boardSlot(wiring.board, wiring.slot)
  const blocking = thread.own && definition.kind === 'blocking'
  const due = createDueClock()
  const clock = blocking ? due.clock : thread.clock
  const logger = wiring.logging ? forwardingLogger(post, wiring.name) : silentLogger
  const stopping = new AbortController()
  const vitals = thread.own ? createVitals(slot, clock) : undefined
  // Until `init` is done the thread sleeps in its event loop, also that of a blocking actor.
  let loop: Loop = createEventedLoop(() => endpoint, thread)
  let state: unknown

  const blocks = createThreadBlocks({
    incarnation: wiring.incarnation,
    firstCall: wiring.firstCall,
    slot,
    given: wiring.blocks,
    freed: wiring.blocksFreed,
    peer: (name) => endpoint.peer(name),
    post,
  })
  const linkEnds = createLinkEnds({ incarnation: wiring.incarnation, post, end: () => loop.stop() })
  const endpoint: Endpoint = createEndpoint({
    name: wiring.name,
    incarnation: wiring.incarnation,
    firstCall: wiring.firstCall,
    clock,
    thread,
    logger,
    slot,
    slotOf: (index) => boardSlot(wiring.board, index),
    table: wiring.table,
    parking: createParking(slot.words, slot.parkedIndex, wiring.incarnation, thread.atomics),
    blocks,
    handlers: definition.handlers,
    ticketsMax: definition.ticketsMax,
    invoke: (handler, arg, call) => handler.run(state, arg, { ...context, call }),
    onBell: () => loop.wake(),
    onBlock: (block) => blocks.take(block),
    schedule: () => loop.schedule(),
    onPending: () => {},
    onStop: (withinMs) => void stop(withinMs),
    onDeadLetter: (letter) => post({ kind: 'dead-letter', letter }),
    onLetGo: (generation) => post({ kind: 'let-go', generation }),
    // One that stops in order lets nobody else's end hurry it.
    onLinked: (name, mark) => void (stopping.signal.aborted || linkEnds.onMarked(name, mark)),
    onWorked: () => vitals?.touch(),
    onDozed: (ms) => vitals?.dozed(ms),
    reachable: (name) => endpoint.ask(HOST, 'reachable' satisfies keyof HostProtocol, { name }) as Promise<boolean>,
  })
  const context = createContext(wiring, endpoint, thread, {
    clock,
    logger,
    stopping: stopping.signal,
    link: (name) => linkEnds.link(name),
    stop(why = 'done') {
      if (!stopping.signal.aborted) post({ kind: 'stopping', why })
      void stop()
    },
  })

  async function stop(withinMs = Infinity): Promise<void> {
    if (stopping.signal.aborted) return
    let error: unknown = null
    stopping.abort(fail('ACTOR_STOPPED', { actor: wiring.name }))
    const lateMs = Math.min(withinMs * DRAIN_SHARE, TIMER_MAX_MS)
    const late = clock.setTimer(lateMs, () => endpoint.abortAll(fail('ACTOR_STOPPED', { actor: wiring.name })))
    await endpoint.drain()
    late.cancel()
    try {
      await definition.terminate(state, { kind: 'stopped' }, context)
    } catch (thrown) {
      error = errorToWire(thrown)
    }
    await endpoint.drain()
    post({ kind: 'stopped', error } as FromWorker)
  }

  function hear(message: ToWorker): void {
    switch (message.kind) {
      case 'peer':
        return endpoint.connect(message.peer)
      case 'block':
        blocks.take(message.block)
        return loop.schedule()
      case 'blocks-orphaned':
        return blocks.drop(message.ids)
    }
  }

  port.on('message', (message) => hear(message as ToWorker))
  for (const peer of wiring.peers) endpoint.connect(peer)
  try {
    state = await definition.init(wiring.config, context)
  } catch (cause) {
    loop.stop()
    return { ok: false, error: errorToWire(initError(wiring.name, cause)) }
  }
  if (blocking) {
    loop.stop()
    loop = createBlockingLoop(() => endpoint, due.nextDueMs)
  }
  vitals?.touch()
  endpoint.accept()
  loop.schedule()
  return { ok: true, value: null }
}

function createContext(
  wiring: StartWiring,
  endpoint: Endpoint,
  { own, random, files }: Thread,
  given: Pick<ActorContext, 'clock' | 'logger' | 'stopping' | 'link' | 'stop'>,
): ActorContext {
  const options = { deadlineMs: CHILD_DEADLINE_MS }
  const host = createRef<HostProtocol>(endpoint, { name: HOST })
  const children: ChildControl = {
    startChild: (spec) => host.ask.startChild({ spec }, options),
    stopChild: (name) => host.ask.stopChild({ name }, options),
    list: () => host.ask.listChildren(null),
  }
  return {
    ...given,
    name: wiring.name,
    incarnation: wiring.incarnation,
    random,
    metrics: openMetrics(wiring.name, wiring.metrics),
    files,
    ids: createIds(given.clock, own ? undefined : random),
    ref: createRefs(endpoint),
    shared(region) {
      const buffer = Object.hasOwn(wiring.shared, region) ? wiring.shared[region] : undefined
      if (buffer === undefined) throw fail('SHARED_UNKNOWN', { region })
      return buffer
    },
    monitor: (name, onDeath) => endpoint.monitors.add(name, onDeath),
    detach,
    children,
  }
}

function forwardingLogger(post: (message: FromWorker) => void, actor: string): Logger {
  const at =
    (level: LogLevel) =>
    (message: string, fields: Record<string, unknown> = {}): void => {
      try {
        post({ kind: 'log', level, message, fields: { actor, ...fields } })
      } catch {
        // A field that cannot be cloned must not end the actor that logs it.
        post({ kind: 'log', level, message, fields: { actor, unloggable: describe(fields) } })
      }
    }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
