/**
 * The actors of a system on the caller's own thread: same behaviours, same refs, no workers. For tests of behaviours
 * (coverage sees them) and the base of simulation. Every argument and reply goes through msgpack, as over a ring, so
 * that what does not survive the codec fails here too. `kill` drops an actor's state and in-flight turns and runs
 * `init` again, as a supervisor would.
 */
import { pack, unpack } from 'msgpackr'
import type { ActorStats, ActorSystem } from '../actor-system.ts'
import { systemClock, type Clock } from '../common/clock.ts'
import { errorFromWire, errorToWire, PitError } from '../common/errors.ts'
import { silentLogger, type Logger } from '../common/logger.ts'
import { createIds, systemRandom, type Random } from '../common/random.ts'
import {
  isActorDefinition,
  type ActorContext,
  type ActorDefinition,
  type ActorKey,
  type ActorRef,
  type AnyProtocol,
  type Call,
  type CallOptions,
  type ChildControl,
  type ChildSpec,
  type DeathNotice,
  type ExitReason,
} from '../define-actor.ts'

export interface InProcessOptions {
  /** `[definition, config]`, started in this order. */
  readonly actors: readonly (readonly [ActorDefinition, unknown?])[]
  readonly shared?: Readonly<Record<string, number>>
  readonly clock?: Clock
  readonly random?: Random
  readonly logger?: Logger
}

interface Life {
  readonly spec: ChildSpec
  readonly definition: ActorDefinition
  readonly incarnation: number
  readonly stop: AbortController
  /** Rejects what is in flight when this life ends. */
  readonly ended: Promise<never>
  readonly end: (error: PitError) => void
  ctx: ActorContext
  state: unknown
  messagesIn: number
  restarts: number
}

const STOPPED = { message: 'actor {actor} is stopped', status: 503, action: 'give-up' } as const
const RESTARTED = { message: 'actor {actor} restarted while it handled {call}', status: 503, action: 'retry' } as const
const UNKNOWN = { message: 'actor {actor} has no handler {call}', status: 404, action: 'bug' } as const
const NO_ACTOR = { message: 'no actor named {actor} can be reached from {from}', status: 404, action: 'bug' } as const
const DEADLINE = { message: 'no reply from {actor}.{call} within its deadline', status: 504, action: 'retry' } as const
const CANCELLED = { message: 'the call {actor}.{call} was cancelled', status: 499, action: 'give-up' } as const

export async function startInProcess(options: InProcessOptions): Promise<ActorSystem> {
  const clock = options.clock ?? systemClock
  const random = options.random ?? systemRandom
  const ids = createIds(clock, options.random)
  const logger = options.logger ?? silentLogger
  const lives = new Map<string, Life>()
  const dynamic = new Set<string>()
  /** While an actor is built again its messages wait, as in a mailbox. */
  const restarting = new Map<string, Promise<void>>()
  const monitors = new Map<string, Set<(notice: DeathNotice) => void>>()
  const regions = new Map(
    Object.entries(options.shared ?? {}).map(([name, bytes]) => [name, new SharedArrayBuffer(bytes)] as const),
  )
  let incarnations = 1
  let calls = 0

  function shared(name: string): SharedArrayBuffer {
    const region = regions.get(name)
    if (region === undefined) throw new Error(`no shared region named ${name}`)
    return region
  }

  function monitor(name: string, onDeath: (notice: DeathNotice) => void): () => void {
    const listeners = monitors.get(name) ?? new Set()
    monitors.set(name, listeners.add(onDeath))
    return () => void listeners.delete(onDeath)
  }

  function refFrom<P extends AnyProtocol>(from: string, incarnation: number, key: ActorKey<P>): ActorRef<P> {
    const call = (name: string, arg: unknown, options?: CallOptions): Promise<unknown> =>
      dispatch({ from, incarnation, to: key.name, name, arg: unpack(pack(arg)) as unknown, options: options ?? {} })
    const ask = byName((name) => (arg, options) => call(name, arg, options))
    const tell = byName((name) => (arg) => void call(name, arg).catch(() => {}))
    return { name: key.name, ask, tell } as unknown as ActorRef<P>
  }

  async function dispatch(message: {
    from: string
    incarnation: number
    to: string
    name: string
    arg: unknown
    options: CallOptions
  }): Promise<unknown> {
    const fields = { actor: message.to, call: message.name, from: message.from }
    await Promise.resolve()
    if (restarting.has(message.to)) await restarting.get(message.to)
    const life = lives.get(message.to)
    if (life === undefined) throw new PitError('ACTOR_NOT_FOUND', NO_ACTOR, fields)
    const handler = life.definition.handlers.get(message.name)
    if (handler === undefined) throw new PitError('UNKNOWN_HANDLER', UNKNOWN, fields)
    const abort = new AbortController()
    const deadlineMs = message.options.deadlineMs ?? 30_000
    const call: Call = {
      id: `${message.incarnation}-${++calls}`,
      sender: message.from,
      senderIncarnation: message.incarnation,
      redelivered: 0,
      deadlineAt: clock.now() + deadlineMs,
      signal: abort.signal,
    }
    return settleFirst(abort, deadlineMs, message.options.signal, fields, async () => {
      for (let redelivered = 0; ; redelivered++) {
        if (restarting.has(message.to)) await restarting.get(message.to)
        const current = lives.get(message.to)
        if (current === undefined) throw new PitError('ACTOR_STOPPED', STOPPED, fields)
        try {
          current.messagesIn++
          const turn = async (): Promise<unknown> =>
            handler.run(current.state, message.arg, { ...current.ctx, call: { ...call, redelivered } })
          const reply = await Promise.race([turn(), current.ended])
          return unpack(pack(reply)) as unknown
        } catch (error) {
          const restarted =
            error instanceof PitError && error.code === 'ACTOR_RESTARTED' && error.fields.actor === message.to
          if (!restarted || !handler.redeliver) throw errorFromWire(unpack(pack(errorToWire(error))) as never)
        }
      }
    })
  }

  function settleFirst(
    abort: AbortController,
    deadlineMs: number,
    signal: AbortSignal | undefined,
    fields: Record<string, string>,
    run: () => Promise<unknown>,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const fail = (code: string, spec: typeof DEADLINE | typeof CANCELLED): void => {
        const error = new PitError(code, spec, fields)
        abort.abort(error)
        reject(error)
      }
      const onAbort = (): void => fail('CANCELLED', CANCELLED)
      if (signal?.aborted === true) return onAbort()
      signal?.addEventListener('abort', onAbort, { once: true })
      const timer = Number.isFinite(deadlineMs)
        ? clock.setTimer(deadlineMs, () => fail('DEADLINE_EXCEEDED', DEADLINE), { ref: true })
        : undefined
      void run()
        .then(resolve, reject)
        .finally(() => {
          timer?.cancel()
          signal?.removeEventListener('abort', onAbort)
        })
    })
  }

  async function start(spec: ChildSpec, definition: ActorDefinition, restarts: number): Promise<void> {
    const incarnation = ++incarnations
    const stop = new AbortController()
    const { promise: ended, reject: end } = Promise.withResolvers<never>()
    ended.catch(() => {})
    const ctx: ActorContext = {
      name: spec.name,
      incarnation,
      clock,
      random,
      ids,
      logger,
      stopping: stop.signal,
      ref: (key) => refFrom(spec.name, incarnation, key),
      shared,
      // A life's callbacks end with it, as its thread's would.
      monitor(name, onDeath) {
        const undo = monitor(name, onDeath)
        stop.signal.addEventListener('abort', undo, { once: true })
        return undo
      },
      children,
    }
    const state = await definition.init(spec.config, ctx)
    lives.set(spec.name, { spec, definition, incarnation, stop, ended, end, ctx, state, messagesIn: 0, restarts })
  }

  function notify(life: Life, reason: ExitReason, restarting: boolean): void {
    const notice = { name: life.spec.name, incarnation: life.incarnation, reason, restarting }
    for (const onDeath of monitors.get(life.spec.name) ?? []) onDeath(notice)
  }

  async function stopOne(name: string): Promise<void> {
    const life = lives.get(name)
    if (life === undefined) return
    life.stop.abort()
    await life.definition.terminate(life.state, { kind: 'stopped' }, life.ctx)
    lives.delete(name)
    life.end(new PitError('ACTOR_STOPPED', STOPPED, { actor: name }))
    notify(life, { kind: 'stopped' }, false)
  }

  const children: ChildControl = {
    async startChild(spec) {
      const exports = Object.values((await import(spec.module)) as Record<string, unknown>)
      const definition = exports.find((value) => isActorDefinition(value) && value.name === spec.actor)
      if (!isActorDefinition(definition)) throw new Error(`no actor ${spec.actor} in ${spec.module}`)
      await start(spec, definition, 0)
      dynamic.add(spec.name)
    },
    stopChild: stopOne,
    list: async () => [...dynamic].filter((name) => lives.has(name)),
  }

  const close = async (): Promise<void> => {
    for (const name of [...lives.keys()].reverse()) await stopOne(name)
  }

  for (const [definition, config] of options.actors) {
    await start({ name: definition.name, module: definition.module, actor: definition.name, config }, definition, 0)
  }

  return {
    incarnation: 1,
    children,
    ref: (key) => refFrom('host', 1, key),
    shared,
    monitor,
    stats: () => [...lives.values()].map(statsOf),
    async kill(name) {
      const life = lives.get(name)
      if (life === undefined) return
      life.stop.abort()
      lives.delete(name)
      const reason: ExitReason = { kind: 'crashed', message: 'killed' }
      const started = start(life.spec, life.definition, life.restarts + 1)
      restarting.set(
        name,
        started.catch(() => {}),
      )
      await started.finally(() => restarting.delete(name))
      life.end(new PitError('ACTOR_RESTARTED', RESTARTED, { actor: name, call: '' }))
      notify(life, reason, true)
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

function statsOf(life: Life): ActorStats {
  return {
    name: life.spec.name,
    incarnation: life.incarnation,
    state: 'running',
    restarts: life.restarts,
    messagesIn: life.messagesIn,
    messagesOut: 0,
    redelivered: 0,
    deadLetters: 0,
    queueDepth: 0,
    inFlight: 0,
  }
}

/** An object whose every (string) property is a call of that name; `then` is not one, so a ref can be awaited safely. */
function byName(make: (name: string) => (arg: unknown, options?: CallOptions) => unknown): object {
  return new Proxy(Object.create(null) as object, {
    get: (_, name) => (typeof name === 'string' && name !== 'then' ? make(name) : undefined),
  })
}
