/**
 * Watches the actors of a system and carries out what is decided about them. Lives on the host's thread and decides
 * nothing itself: what to do about a death is `supervise` (supervision.ts), whether somebody hangs is `hang-watch.ts`;
 * how a
 * thread is started and ended is `lives.ts`, in which order many are, `restarts.ts`.
 *
 *   running ─► ended ─► judge ─► restart (stop some, wait, start some) | give up | shut down | escalate
 *
 * I1. Links, held tables, board slots and blocks belong to the supervisor: a thread's death loses none of them.
 * I2. A stalled host delays restarts, and never causes one; messages between actors do not pass it.
 */
import { publishCrash, publishDecision } from './actor-events.ts'
import { createActorLinks } from './actor-links.ts'
import type { ActorStats, EventLoopTimes, Zombie } from './actor-system.ts'
import type { BlockStore } from './blocks.ts'
import { createBlockDelivery, type BlockDelivery, type BlockDeliveryOptions } from './block-delivery.ts'
import { readStats } from './board.ts'
import { isAlive, isOver, lifeOf, setStatus, type Child, type Ending } from './child.ts'
import { resolveDynamic, shutdownMsOf } from './child-spec.ts'
import type { Clock } from './common/clock.ts'
import { describe, type PitError } from './common/errors.ts'
import type { Logger } from './common/logger.ts'
import type { Random } from './common/random.ts'
import type { DeadLetter } from './dead-letters.ts'
import type { ChildControl, ExitReason } from './define-actor.ts'
import type { Endpoint } from './endpoint.ts'
import { fail } from './errors.ts'
import { createHangWatch, TICK_MS } from './hang-watch.ts'
import { createIncarnations } from './incarnations.ts'
import { createLinks } from './links.ts'
import { createLives } from './lives.ts'
import { createMemoryPool, type MemoryPool } from './memory-pool.ts'
import { readMetrics } from './metrics.ts'
import { createRestarts } from './restarts.ts'
import { createRetirement } from './retirement.ts'
import { createRoster } from './roster.ts'
import { supervise, type BackoffLimits, type SupervisionEvent, type Verdict } from './supervision.ts'
import { memberOf, plantTree } from './supervision-tree.ts'
import type { ResolvedTree } from './supervisor-spec.ts'
import { createSwitchboard, type SwitchboardOptions } from './switchboard.ts'
import { HOST, HOST_INCARNATION, type FromWorker } from './wiring.ts'

export interface SupervisorOptions
  extends
    Pick<BlockDeliveryOptions, 'hostSlot' | 'hostTable'>,
    Pick<SwitchboardOptions, 'board' | 'shared' | 'logging' | 'transport'> {
  readonly tree: ResolvedTree
  readonly endpoint: Endpoint
  readonly blocks: BlockStore
  readonly limits: BackoffLimits
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** @default one of its own */
  readonly pool?: MemoryPool
  /** The host's own endpoint may have work: a block for it has arrived, or it is time to look. */
  readonly onHostWork: () => void
  /** The root has shut itself down: the system is to be closed in order. */
  readonly onShutdown: (why: string) => void
  /** The system cannot go on. `ended` resolves when no child lives any more. */
  readonly onFailed: (error: PitError, ended: Promise<void>) => void
  readonly onDeadLetter: (letter: DeadLetter) => void
}

export interface Supervisor {
  readonly children: ChildControl
  /** Starts the static children in their order; on an error everything is stopped again. */
  start(): Promise<void>
  /** Whether an actor has, or will get, a lane to that one. Throws `ACTOR_STOPPED` when that one is over. */
  reachable(from: string, name: string): boolean
  /** The host's thread has forgotten the actor of that generation. */
  letGo(generation: number): void
  kill(name: string): Promise<void>
  readonly blocks: BlockDelivery
  /** Stops all in reverse order of their start; what is not done after `deadlineMs` is forced. */
  stopAll(deadlineMs: number): Promise<void>
  /** The child may have missed what it was told. */
  repeatControl(name: string): void
  stats(): readonly ActorStats[]
  zombies(): readonly Zombie[]
  /** Requests that no actor has taken yet. */
  untaken(): boolean
}

const NO_THREAD: EventLoopTimes = { activeMs: 0, idleMs: 0 }
const STOPPED: ExitReason = { kind: 'stopped' }
/** A death notice must fit into a control lane. */
const CRASH_MESSAGE_MAX = 300

export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { endpoint, blocks, limits, clock, random, logger } = options
  const pool = options.pool ?? createMemoryPool()
  const links = createLinks(pool)
  const retirement = createRetirement()
  const roster = createRoster({ board: options.board, links, pool, retirement, blocks })
  const { children } = roster
  const incarnations = createIncarnations()
  const firstCall = (incarnation: number): number => incarnations.firstCall(incarnation)
  const switchboard = createSwitchboard({ ...options, children, links, pool, firstCall })
  const delivery = createBlockDelivery({ ...options, children, links })
  const lives = createLives({
    switchboard,
    clock,
    logger,
    transport: options.transport,
    nextIncarnation: ({ dynamic }) => incarnations.take(dynamic),
    onMessage: hear,
    onExit: ended,
    onLaidDown: (child) => delivery.dropOrphans(child),
  })
  const restarts = createRestarts({
    roster,
    lives,
    clock,
    logger,
    open: () => phase === 'open',
    announce,
    forget,
    onStartFailed(child, supervisor, error) {
      const event: SupervisionEvent = {
        kind: 'ended',
        name: memberOf(tree, supervisor, child.spec.name),
        abnormal: true,
      }
      judge(child, { kind: 'crashed', message: describe(error).slice(0, CRASH_MESSAGE_MAX) }, event)
    },
  })
  const hangs = createHangWatch()
  const actorLinks = createActorLinks()
  let tree = plantTree(options.tree.plan)
  let phase: 'open' | 'closing' | 'failed' = 'open'
  let ticker = options.transport.watched ? clock.setTimer(TICK_MS, tick) : undefined

  function decide(event: SupervisionEvent): Verdict {
    const decision = supervise(tree, event, clock.monotonicMs(), limits, random)
    tree = decision.tree
    return decision.verdict
  }

  function hear(child: Child, message: FromWorker): void {
    switch (message.kind) {
      case 'block':
        return delivery.deliver(message.to, message.block, message.given)
      case 'block-freed':
        return blocks.free(message.id)
      case 'block-unwanted':
        return delivery.unwanted(child, message.id, message.by)
      case 'log':
        return logger[message.level](message.message, message.fields)
      case 'let-go':
        return retirement.letGo(lifeOf(child), message.generation)
      case 'link':
        return link(child, message.id, message.to)
      case 'unlink':
        return actorLinks.remove(lifeOf(child), message.id)
      case 'linked':
        return endLinked(child, message.name)
      case 'stopping':
        return void finish(child, message.why)
      case 'dead-letter':
        return options.onDeadLetter(message.letter)
      case 'stopped':
        if (message.error !== null)
          logger.error('terminate failed', { actor: child.spec.name, error: message.error.message })
        return child.stopped.resolve()
    }
  }

  function endLinked(child: Child, name: string): void {
    if (child.status !== 'running')
      void lives.terminate(child) // Its start fails.
    else if (child.ending === undefined) void endThread(child, { kind: 'linked', name })
  }

  /** A link to an actor that does not live is the death of that actor for the one who makes it. */
  function link(child: Child, id: number, name: string): void {
    const other = children.get(name)
    if (other !== undefined && isAlive(other)) return actorLinks.add(lifeOf(child), id, lifeOf(other))
    const restarting = other !== undefined && !isOver(other)
    const reason: ExitReason = { kind: 'crashed', message: 'not alive' }
    const notice = { name, incarnation: other?.incarnation ?? 0, reason, restarting }
    const mark = { incarnation: child.incarnation, ids: [id], byPeer: false, ends: true, late: true }
    switchboard.tell(child, { notice, generation: other?.generation ?? 0, link: mark })
  }

  /** A thread has ended. What the supervisor has brought about itself (a stop, a failed start) is dealt with there. */
  function ended(child: Child, incarnation: number, thrown: Error | null): void {
    retirement.ended({ name: child.spec.name, incarnation })
    incarnations.giveBack(incarnation)
    if (child.incarnation !== incarnation || child.zombie !== undefined) return
    const finishing = child.status === 'stopping' && child.ending?.kind === 'finished' && child.halting === undefined
    if (child.status !== 'running' && !finishing) return
    const reason = exitReasonOf(child.ending, thrown)
    child.ending = undefined
    logger.warn('actor ended', { actor: child.spec.name, incarnation, reason: reason.kind, error: thrown?.stack })
    lives.layDown(child, reason.kind === 'hung' || (reason.kind === 'crashed' && reason.message !== KILLED))
    judge(child, reason)
  }

  function judge(child: Child, reason: ExitReason, event = endOf(child, reason)): void {
    const { name } = child.spec
    const verdict: Verdict = phase === 'open' ? decide(event) : { kind: 'none' }
    if (reason.kind !== 'stopped') publishCrash(child, reason)
    publishDecision(child, verdict.kind)
    const restarting = verdict.kind === 'restart' && verdict.start.includes(name)
    setStatus(child, restarting ? 'restarting' : reason.kind === 'stopped' ? 'stopped' : 'failed')
    announce(child, reason, restarting)
    switch (verdict.kind) {
      case 'none':
        return
      case 'restart':
        logger.info('restart', { actor: name, why: verdict.reason, start: verdict.start })
        return void restarts.restart(verdict)
      case 'give-up':
        logger[reason.kind === 'stopped' ? 'info' : 'error']('actor given up', { actor: name, reason: verdict.reason })
        forget(child)
        return void restarts.haltAll(verdict.stop)
      case 'shutdown':
        return options.onShutdown(verdict.reason)
      case 'escalate':
        return escalate(verdict.reason)
    }
  }

  function announce(child: Child, reason: ExitReason, restarting: boolean): void {
    const { incarnation, generation, betweenTurns } = child
    const { name } = child.spec
    const marks = actorLinks.end({ name, incarnation }, reason.kind !== 'stopped')
    switchboard.announce({ notice: { name, incarnation, reason, restarting }, generation, betweenTurns }, marks)
  }

  /** A dynamic child that could not start: whoever has called it meanwhile must hear that it is not there. */
  function unborn(child: Child): void {
    const { incarnation, generation, known } = child
    const { name } = child.spec
    const reason: ExitReason = { kind: 'crashed', message: 'not started' }
    const notice = { name, incarnation, reason, restarting: false }
    if (known) switchboard.announce({ notice, generation, unborn: true }, actorLinks.end(lifeOf(child), true))
    forget(child)
  }

  function forget(child: Child): void {
    decide({ kind: 'removed', name: child.spec.name })
    hangs.forget(child.spec.name)
    roster.drop(child)
  }

  /** The actor has said that it is done. */
  async function finish(child: Child, why: string): Promise<void> {
    if (child.status !== 'running') return
    logger.info('actor stops by itself', { actor: child.spec.name, why })
    const ending: Ending = { kind: 'finished' }
    child.ending = ending
    setStatus(child, 'stopping')
    await lives.untilStopped(child, shutdownMsOf(child.spec))
    // Unless it has crashed meanwhile, or is stopped for another reason.
    if (child.ending !== ending || child.halting !== undefined) return
    child.ending = undefined
    await lives.terminate(child)
    lives.layDown(child, false)
    judge(child, STOPPED)
  }

  function escalate(reason: string): void {
    const error = fail('SYSTEM_FAILED', { reason })
    logger.error('actor system failed', { reason })
    phase = 'failed'
    options.onFailed(error, forceAll())
  }

  async function forceAll(): Promise<void> {
    ticker?.cancel()
    const living = [...children.values()].filter(({ worker, zombie }) => worker !== undefined && zombie === undefined)
    for (const child of living) setStatus(child, 'failed')
    await Promise.all(living.map((child) => lives.terminate(child)))
  }

  /** Ends a thread as a crash would; what it means is decided when it has ended, or has turned out to be a zombie. */
  async function endThread(child: Child, ending: Ending): Promise<void> {
    const { worker } = child
    child.ending = ending
    if (await lives.terminate(child)) return void (await worker?.exited)
    if (child.status !== 'running' || child.ending !== ending) return
    child.ending = undefined
    lives.layDown(child, true)
    judge(child, exitReasonOf(ending, null))
  }

  function tick(): void {
    for (const child of children.values()) {
      if (child.status !== 'running' || child.ending !== undefined) continue
      const { name } = child.spec
      const budgetMs = child.description?.blockingBudgetMs ?? Infinity
      const sign = hangs.look(name, child.slot, links.waiting(name), budgetMs)
      if (sign === 'asleep') endpoint.nudge(name)
      else if (sign === 'hung') void endThread(child, { kind: 'hung' })
    }
    options.onHostWork()
    ticker = clock.setTimer(TICK_MS, tick)
  }

  return {
    children: {
      async startChild(given) {
        if (phase !== 'open') throw fail('ACTOR_STOPPED', { actor: given.name })
        const spec = resolveDynamic(given)
        // Also the name of a supervisor is taken.
        if (tree.has(spec.name)) throw fail('ACTOR_EXISTS', { actor: spec.name })
        const child = roster.add(spec, true)
        decide({ kind: 'added', name: spec.name, restart: spec.restart })
        try {
          await lives.bringUp(child)
        } catch (error) {
          setStatus(child, 'failed')
          unborn(child)
          throw error
        }
      },
      async stopChild(name) {
        const child = children.get(name)
        if (child !== undefined && !isOver(child)) await restarts.halt(child, shutdownMsOf(child.spec), false)
      },
      list: async () => [...children.values()].filter(({ dynamic }) => dynamic).map(({ spec }) => spec.name),
    },
    async start() {
      try {
        const all = options.tree.actors.map((spec) => roster.add(spec, false))
        // Threads start and import their modules side by side; `init` runs in order.
        await Promise.all(all.map((child) => lives.spawn(child)))
        for (const child of all) switchboard.link(child)
        for (const child of all) await lives.init(child)
      } catch (error) {
        phase = 'closing'
        await forceAll()
        throw error
      }
    },
    reachable(from, name) {
      const child = children.get(name)
      if (child === undefined || !switchboard.mayReach(from, child)) return false
      if (isOver(child)) throw fail('ACTOR_STOPPED', { actor: name })
      return true
    },
    letGo(generation) {
      // It may say so while the death is still being told, before there is anything to give back.
      queueMicrotask(() => retirement.letGo({ name: HOST, incarnation: HOST_INCARNATION }, generation))
    },
    blocks: delivery,
    async kill(name) {
      const child = children.get(name)
      if (child?.status === 'running') await endThread(child, { kind: 'killed' })
    },
    async stopAll(deadlineMs) {
      if (phase === 'open') phase = 'closing'
      ticker?.cancel()
      const endAt = clock.monotonicMs() + deadlineMs
      for (const child of [...children.values()].reverse()) {
        const leftMs = Math.max(0, endAt - clock.monotonicMs())
        if (!isOver(child)) await restarts.halt(child, Math.min(shutdownMsOf(child.spec), leftMs), false)
      }
    },
    repeatControl(name) {
      const child = children.get(name)
      if (child?.status === 'stopping') switchboard.askToStop(child, shutdownMsOf(child.spec))
    },
    stats: () =>
      [...children.values()].map(({ spec, slot, worker, metrics }) => ({
        ...readStats(spec.name, slot, links.depth(spec.name), worker?.eventLoop() ?? NO_THREAD),
        metrics: readMetrics(metrics),
      })),
    zombies: () => lives.zombies(),
    untaken: () =>
      [...children.values()].some((child) => child.status === 'running' && links.depth(child.spec.name).records > 0),
  }
}

const KILLED = 'killed'

function endOf({ spec }: Child, { kind }: ExitReason): SupervisionEvent {
  return { kind: 'ended', name: spec.name, abnormal: kind !== 'stopped' }
}

/** `finished`: it died of something else before it was done. */
function exitReasonOf(ending: Ending | undefined, thrown: Error | null): ExitReason {
  switch (ending?.kind) {
    case 'hung':
      return { kind: 'hung' }
    case 'linked':
      return { kind: 'linked', name: ending.name }
    case 'killed':
      return { kind: 'crashed', message: KILLED }
    case 'finished':
    case undefined:
      return { kind: 'crashed', message: describe(thrown ?? 'the thread ended by itself').slice(0, CRASH_MESSAGE_MAX) }
  }
}
