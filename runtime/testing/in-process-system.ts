/**
 * The actors of a system on the caller's own thread: same behaviours, same refs, no workers. For tests of behaviours
 * (coverage sees them) and the base of simulation. Every argument and reply goes through the codec, as over a ring; only
 * declared peers can be reached. `kill` drops an actor's state and in-flight turns and runs `init` again, as a supervisor
 * would; messages to it wait meanwhile. Unlike on threads, stopping an actor does not wait for its running messages.
 */
import type { ActorStats, ActorSystem, CloseReason } from '../actor-system.ts'
import { systemClock, type Clock } from '../common/clock.ts'
import { describe } from '../common/errors.ts'
import { createDeadLetterBox } from '../dead-letters.ts'
import { silentLogger, type Logger } from '../common/logger.ts'
import { createIds, systemRandom, type Random } from '../common/random.ts'
import {
  childOf,
  isActorDefinition,
  type ActorContext,
  type ActorDefinition,
  type ActorKey,
  type ActorRef,
  type AnyProtocol,
  type ChildControl,
  type ChildSpec,
  type ExitReason,
} from '../define-actor.ts'
import { fail, initError } from '../errors.ts'
import type { TimeDistribution } from '../histogram.ts'
import { systemFiles } from '../persistence/index.ts'
import { metricsMemory, openMetrics, readMetrics } from '../metrics.ts'
import { createMonitors } from '../monitors.ts'
import { createRef, type Sender } from '../refs.ts'
import { detach } from '../scope.ts'
import { HOST, HOST_INCARNATION } from '../wiring.ts'
import { createDispatch, type Life, type Message } from './in-process-calls.ts'

export interface InProcessOptions {
  /** `[definition, config]`, started in this order. */
  readonly actors: readonly (readonly [ActorDefinition, unknown?])[]
  readonly shared?: Readonly<Record<string, number>>
  readonly clock?: Clock
  readonly random?: Random
  readonly logger?: Logger
}

/** What stays of an actor over its lives. */
interface Seat {
  readonly spec: ChildSpec
  readonly definition: ActorDefinition
  readonly dynamic: boolean
  readonly metrics: SharedArrayBuffer
  restarts: number
  life: OwnLife | undefined
  /** Settles when the restart under way is done. */
  restarting: Promise<void> | undefined
}

interface OwnLife extends Life {
  readonly incarnation: number
  readonly stop: AbortController
  readonly end: (error: Error) => void
}

export async function startInProcess(options: InProcessOptions): Promise<ActorSystem> {
  const clock = options.clock ?? systemClock
  const random = options.random ?? systemRandom
  const ids = createIds(clock, options.random)
  const logger = options.logger ?? silentLogger
  const seats = new Map<string, Seat>()
  const letters = createDeadLetterBox(logger)
  const monitors = createMonitors((error) => logger.error('a monitor threw', { error: describe(error) }))
  const regions = new Map(
    Object.entries(options.shared ?? {}).map(([name, bytes]) => [name, new SharedArrayBuffer(bytes)] as const),
  )
  const dispatch = createDispatch({ clock, lifeOf })
  let incarnations = HOST_INCARNATION

  function shared(region: string): SharedArrayBuffer {
    const buffer = regions.get(region)
    if (buffer === undefined) throw fail('SHARED_UNKNOWN', { region })
    return buffer
  }

  /** As the switchboard decides it: the host reaches all, others what they declare or what lists them. */
  function mayReach(from: string, { spec }: Seat): boolean {
    const peers = seats.get(from)?.definition.peers
    return from === HOST || peers?.includes(spec.name) === true || spec.reachableFrom?.includes(from) === true
  }

  async function lifeOf({ from, to }: Message): Promise<Life> {
    const seat = seats.get(to)
    if (seat === undefined || !mayReach(from, seat)) throw fail('ACTOR_NOT_FOUND', { actor: to, from })
    if (seat.restarting !== undefined) await seat.restarting
    if (seat.life === undefined) throw fail('ACTOR_STOPPED', { actor: to })
    return seat.life
  }

  function refFrom<P extends AnyProtocol>(from: string, incarnation: number, key: ActorKey<P>): ActorRef<P> {
    const ask: Sender['ask'] = (to, call, arg, callOptions = {}) => {
      const counts = seats.get(from)?.life?.counts
      if (counts !== undefined) counts.messagesOut++
      return dispatch.ask({ from, senderIncarnation: incarnation, to, call, arg, options: callOptions })
    }
    const tell: Sender['tell'] = (to, call, arg) =>
      void ask(to, call, arg, { deadlineMs: Infinity }).catch((error: unknown) => {
        const letter = { actor: to, call, sender: from, reason: 'failed' as const, detail: describe(error) }
        logger.warn('dead letter', letter)
        letters.add({ ...letter, digest: null, bytes: 0, crashes: 0, at: clock.now() })
      })
    const stream: Sender['stream'] = (to, call, arg, streamOptions = {}) =>
      dispatch.stream({ from, senderIncarnation: incarnation, to, call, arg, options: streamOptions })
    return createRef({ ask, tell, stream }, key)
  }

  async function begin(seat: Seat): Promise<void> {
    const incarnation = ++incarnations
    const { name, config } = seat.spec
    const stop = new AbortController()
    const { promise: ended, reject: end } = Promise.withResolvers<never>()
    ended.catch(() => {})
    const ctx: ActorContext = {
      name,
      incarnation,
      clock,
      random,
      ids,
      logger,
      files: systemFiles,
      metrics: openMetrics(name, seat.metrics),
      stopping: stop.signal,
      ref: (key) => refFrom(name, incarnation, key),
      shared,
      // A life's callbacks end with it, as its thread's would.
      monitor(of, onDeath) {
        const undo = monitors.add(of, onDeath)
        stop.signal.addEventListener('abort', undo, { once: true })
        return undo
      },
      // Both ways, as long as both live.
      link(to) {
        const undo = [
          monitors.add(to, ({ reason }) => void (reason.kind !== 'stopped' && kill(name))),
          monitors.add(name, ({ reason }) => void (reason.kind !== 'stopped' && kill(to))),
        ]
        const unlink = (): void => undo.forEach((off) => off())
        stop.signal.addEventListener('abort', unlink, { once: true })
        return unlink
      },
      stop: () => void stopOne(name),
      detach,
      children,
    }
    const state = await seat.definition.init(config, ctx)
    const counts = { messagesIn: 0, messagesOut: 0, redelivered: 0, inFlight: 0 }
    seat.life = { definition: seat.definition, ctx, state, ended, counts, incarnation, stop, end }
  }

  async function add(spec: ChildSpec, definition: ActorDefinition, dynamic: boolean): Promise<void> {
    if (seats.get(spec.name)?.life !== undefined) throw fail('ACTOR_EXISTS', { actor: spec.name })
    const seat: Seat = {
      spec,
      definition,
      dynamic,
      metrics: metricsMemory(),
      restarts: 0,
      life: undefined,
      restarting: undefined,
    }
    // A call to a child that is being started waits for it.
    seat.restarting = begin(seat).finally(() => (seat.restarting = undefined))
    seats.set(spec.name, seat)
    try {
      await seat.restarting
    } catch (cause) {
      seats.delete(spec.name)
      throw initError(spec.name, cause)
    }
  }

  function notify(seat: Seat, incarnation: number, reason: ExitReason, restarting: boolean): void {
    monitors.notify({ name: seat.spec.name, incarnation, reason, restarting })
  }

  async function stopOne(name: string): Promise<void> {
    const seat = seats.get(name)
    const life = seat?.life
    if (seat === undefined || life === undefined) return
    life.stop.abort(fail('ACTOR_STOPPED', { actor: name }))
    await seat.definition.terminate(life.state, { kind: 'stopped' }, life.ctx)
    seat.life = undefined
    life.end(fail('ACTOR_STOPPED', { actor: name }))
    notify(seat, life.incarnation, { kind: 'stopped' }, false)
  }

  async function kill(name: string): Promise<void> {
    const seat = seats.get(name)
    const life = seat?.life
    if (seat === undefined || life === undefined) return
    seat.life = undefined
    seat.restarts++
    // From here on nothing the old life still does is heard.
    life.end(fail('ACTOR_RESTARTED', { actor: name }))
    life.stop.abort(fail('ACTOR_RESTARTED', { actor: name }))
    seat.restarting = begin(seat).finally(() => (seat.restarting = undefined))
    await seat.restarting
    notify(seat, life.incarnation, { kind: 'crashed', message: 'killed' }, true)
  }

  const children: ChildControl = {
    async startChild(spec) {
      await add(spec, await findDefinition(spec), true)
    },
    stopChild: stopOne,
    list: async () => [...seats.values()].filter(({ dynamic, life }) => dynamic && life !== undefined).map(nameOf),
  }

  const { promise: closed, resolve: resolveClosed } = Promise.withResolvers<{ readonly reason: CloseReason }>()
  const close = async (): Promise<void> => {
    for (const name of [...seats.keys()].reverse()) await stopOne(name)
    resolveClosed({ reason: { kind: 'closed' } })
  }

  for (const [definition, config] of options.actors) await add(childOf(definition, { config }), definition, false)

  return {
    incarnation: HOST_INCARNATION,
    children,
    ref: (key) => refFrom(HOST, HOST_INCARNATION, key),
    shared,
    monitor: (name, onDeath) => monitors.add(name, onDeath),
    deadLetters: letters.list,
    onDeadLetter: letters.listen,
    stats: () => [...seats.values()].filter(({ life, dynamic }) => life !== undefined || !dynamic).map(statsOf),
    zombies: () => [],
    kill,
    close,
    closed,
    [Symbol.asyncDispose]: close,
  }
}

const nameOf = ({ spec }: Seat): string => spec.name

async function findDefinition({ module, actor }: ChildSpec): Promise<ActorDefinition> {
  const exports = Object.values((await import(module)) as Record<string, unknown>)
  const found = exports.find((value) => isActorDefinition(value) && value.name === actor)
  if (isActorDefinition(found)) return found
  throw fail('MODULE_INVALID', { module, actor, reason: 'no export of it is an actor of that name' })
}

const NO_TIMES: TimeDistribution = { count: 0, meanMs: 0, p50Ms: 0, p90Ms: 0, p99Ms: 0, maxMs: 0 }

function statsOf({ spec, metrics, life, restarts, restarting }: Seat): ActorStats {
  const counts = life?.counts ?? { messagesIn: 0, messagesOut: 0, redelivered: 0, inFlight: 0 }
  const state = life !== undefined ? 'running' : restarting !== undefined ? 'restarting' : 'stopped'
  return {
    name: spec.name,
    incarnation: life?.incarnation ?? 0,
    state,
    restarts,
    deadLetters: 0,
    queueDepth: 0,
    queueBytes: 0,
    blockBytes: 0,
    droppedNewest: 0,
    droppedOldest: 0,
    waitTime: NO_TIMES,
    runTime: NO_TIMES,
    eventLoop: { activeMs: 0, idleMs: 0 },
    heapUsedBytes: 0,
    cpuMs: 0,
    metrics: readMetrics(metrics),
    ...counts,
  }
}
