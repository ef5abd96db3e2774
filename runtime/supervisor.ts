/**
 * Watches the actors of a system and carries out what is decided about them. Lives on the host's thread and decides
 * nothing itself: what to do about a death is `supervise` (supervision.ts), whether somebody hangs is `hang-watch.ts`;
 * how a thread is started and ended is `lives.ts`.
 *
 *   running ─► ended ─► judge ─► restart (stop some, wait, start some) | give up | shut down | escalate
 *
 * I1. Links, held tables, board slots and blocks belong to the supervisor: a thread's death loses none of them.
 * I2. A stalled host delays restarts, and never causes one; messages between actors do not pass it.
 * I3. A restart supersedes the ones before it, of the children that it covers: each start looks whether it is still the
 *     last word, and the stop before it waits for starts that are under way. So restarts need no order among them.
 */
import { publishCrash, publishDecision } from './actor-events.ts'
import type { ActorStats, EventLoopTimes, Zombie } from './actor-system.ts'
import type { BlockStore } from './blocks.ts'
import { createBlockDelivery, type BlockDelivery, type BlockDeliveryOptions } from './block-delivery.ts'
import { BOARD_WORD, readStats } from './board.ts'
import { isOver, setStatus, type Child, type Ending } from './child.ts'
import { resolveDynamic, shutdownMsOf } from './child-spec.ts'
import { sleep, type Clock } from './common/clock.ts'
import { describe, type PitError } from './common/errors.ts'
import type { Logger } from './common/logger.ts'
import type { Random } from './common/random.ts'
import type { DeadLetter } from './dead-letters.ts'
import type { ChildControl, ExitReason } from './define-actor.ts'
import type { Endpoint } from './endpoint.ts'
import { fail } from './errors.ts'
import { createHangWatch, TICK_MS } from './hang-watch.ts'
import { createLinks } from './links.ts'
import { createLives } from './lives.ts'
import { readMetrics } from './metrics.ts'
import { createRoster } from './roster.ts'
import { supervise, type BackoffLimits, type SupervisionEvent, type Verdict } from './supervision.ts'
import { memberOf, plantTree } from './supervision-tree.ts'
import type { ResolvedTree } from './supervisor-spec.ts'
import { createSwitchboard, type SwitchboardOptions } from './switchboard.ts'
import { HOST_INCARNATION, INCARNATIONS_MAX, type FromWorker } from './wiring.ts'
import type { Transport } from './transport.ts'

export interface SupervisorOptions
  extends
    Pick<BlockDeliveryOptions, 'hostSlot' | 'hostTable'>,
    Pick<SwitchboardOptions, 'board' | 'shared' | 'logging'> {
  readonly tree: ResolvedTree
  readonly endpoint: Endpoint
  readonly blocks: BlockStore
  readonly limits: BackoffLimits
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly transport: Transport
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
  kill(name: string): Promise<void>
  readonly blocks: BlockDelivery
  /** Stops all in reverse order of their start; what is not done after `deadlineMs` is forced. */
  stopAll(deadlineMs: number): Promise<void>
  stats(): readonly ActorStats[]
  zombies(): readonly Zombie[]
  /** Requests that no actor has taken yet. */
  untaken(): boolean
}

type Restart = Verdict & { readonly kind: 'restart' }

const NO_THREAD: EventLoopTimes = { activeMs: 0, idleMs: 0 }
const STOPPED: ExitReason = { kind: 'stopped' }
/** A death notice must fit into a control lane. */
const CRASH_MESSAGE_MAX = 300

export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { endpoint, blocks, limits, clock, random, logger } = options
  const links = createLinks()
  const roster = createRoster({ board: options.board, links, blocks })
  const { children } = roster
  const switchboard = createSwitchboard({ ...options, children, links })
  const delivery = createBlockDelivery({ ...options, children, links })
  const lives = createLives({
    switchboard,
    clock,
    logger,
    transport: options.transport,
    nextIncarnation,
    onMessage: hear,
    onExit: ended,
    onLaidDown: (child) => delivery.dropOrphans(child),
  })
  const hangs = createHangWatch()
  let tree = plantTree(options.tree.plan)
  let incarnations: number = HOST_INCARNATION
  let phase: 'open' | 'closing' | 'failed' = 'open'
  let ticker = options.transport.watched ? clock.setTimer(TICK_MS, tick) : undefined

  function decide(event: SupervisionEvent): Verdict {
    const decision = supervise(tree, event, clock.monotonicMs(), limits, random)
    tree = decision.tree
    return decision.verdict
  }

  function nextIncarnation(): number {
    if (incarnations >= INCARNATIONS_MAX) throw fail('INCARNATIONS_EXHAUSTED', { incarnationsMax: INCARNATIONS_MAX })
    return ++incarnations
  }

  function hear(child: Child, message: FromWorker): void {
    switch (message.kind) {
      case 'block':
        return delivery.deliver(message.to, message.block, message.given)
      case 'block-freed':
        return blocks.free(message.id)
      case 'log':
        return logger[message.level](message.message, message.fields)
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

  /** A thread has ended. What the supervisor has brought about itself (a stop, a failed start) is dealt with there. */
  function ended(child: Child, incarnation: number, thrown: Error | null): void {
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
        return void restart(verdict)
      case 'give-up':
        logger[reason.kind === 'stopped' ? 'info' : 'error']('actor given up', { actor: name, reason: verdict.reason })
        forget(child)
        return void haltAll(verdict.stop)
      case 'shutdown':
        return options.onShutdown(verdict.reason)
      case 'escalate':
        return escalate(verdict.reason)
    }
  }

  function announce(child: Child, reason: ExitReason, restarting: boolean): void {
    const { spec, incarnation, generation } = child
    switchboard.announce({ notice: { name: spec.name, incarnation, reason, restarting }, generation })
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

  async function restart({ stop, start, delayMs, supervisor }: Restart): Promise<void> {
    const token = {}
    for (const name of start) claim(name, token)
    await haltAll(stop, start)
    if (delayMs > 0) await sleep(clock, delayMs)
    const claimed = (name: string): Child | undefined => {
      const child = children.get(name)
      return child?.restart === token && child.status === 'restarting' && phase === 'open' ? child : undefined
    }
    for (const name of start) {
      // What a zombie may still write to is not given to another life (zombies.ts, I1).
      await children.get(name)?.zombie
      const child = claimed(name)
      if (child === undefined) continue
      try {
        child.slot.add(BOARD_WORD.Restarts, 1)
        await lives.bringUp(child)
      } catch (error) {
        logger.error('restart failed', { actor: name, error: describe(error) })
        if (claimed(name) === undefined) continue
        const event: SupervisionEvent = { kind: 'ended', name: memberOf(tree, supervisor, name), abnormal: true }
        // What comes after it in the group is part of the next verdict.
        return judge(child, { kind: 'crashed', message: describe(error).slice(0, CRASH_MESSAGE_MAX) }, event)
      }
    }
  }

  function claim(name: string, token: object): void {
    let child = children.get(name)
    if (child === undefined) return
    if (isOver(child)) {
      child = roster.revive(child)
      setStatus(child, 'restarting')
    }
    child.restart = token
  }

  /** Stops these, one after the other; those that are also to be started keep what is theirs. */
  async function haltAll(names: readonly string[], restarted: readonly string[] = []): Promise<void> {
    const halted = names.flatMap((name) => children.get(name) ?? []).filter((child) => !isOver(child))
    // From here on an end of theirs is none to decide about.
    for (const child of halted) if (child.status === 'running') setStatus(child, 'stopping')
    for (const child of halted) await halt(child, shutdownMsOf(child.spec), restarted.includes(child.spec.name))
  }

  async function halt(child: Child, deadlineMs: number, restarting: boolean): Promise<void> {
    // Only its next life waits for a start that is to be stopped before it is done (I3).
    if (child.coming !== undefined) {
      if (!restarting) setStatus(child, 'stopping')
      await lives.terminate(child)
      await child.coming
    }
    const living = child.worker !== undefined && child.zombie === undefined
    if (living) await (child.halting ??= lives.stop(child, deadlineMs).finally(() => (child.halting = undefined)))
    if (isOver(child)) return
    setStatus(child, restarting ? 'restarting' : 'stopped')
    if (living || !restarting) announce(child, STOPPED, restarting)
    if (!restarting) forget(child)
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
          forget(child)
          throw error
        }
      },
      async stopChild(name) {
        const child = children.get(name)
        if (child !== undefined && !isOver(child)) await halt(child, shutdownMsOf(child.spec), false)
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
        if (!isOver(child)) await halt(child, Math.min(shutdownMsOf(child.spec), leftMs), false)
      }
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
