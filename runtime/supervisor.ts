/**
 * Starts, watches, restarts and stops the actors of a system. Lives on the host's thread and decides nothing itself: what
 * to do about a death is `supervise` (supervision.ts), whether somebody hangs is `hang-watch.ts`.
 *
 *   spawn ─► describe ─► wire (links, bells, blocks) ─► init ─► running ─► ended ─► verdict ─► restart | give up | escalate
 *
 * I1. Links, held tables, board slots and blocks belong to the supervisor: a thread's death loses none of them.
 * I2. `blame` runs between two incarnations, when nobody else writes the held table.
 * I3. A stalled host delays restarts and large messages, and never causes a restart.
 */
import type { ActorStats, EventLoopTimes } from './actor-system.ts'
import type { BlockStore } from './blocks.ts'
import { BOARD_SLOTS, BOARD_WORD, boardSlot, readStats, resetSlot, setState } from './board.ts'
import { createChild, resolveSpec, SHUTDOWN_DEFAULT_MS, type Child } from './child.ts'
import { sleep, type Clock } from './common/clock.ts'
import { describe, type PitError } from './common/errors.ts'
import type { Logger } from './common/logger.ts'
import type { Random } from './common/random.ts'
import type { ChildControl, ChildSpec, ExitReason } from './define-actor.ts'
import type { Endpoint } from './endpoint.ts'
import { fail } from './errors.ts'
import { createHangWatch, TICK_MS } from './hang-watch.ts'
import { createLinks } from './links.ts'
import { blame } from './mailbox/held-table.ts'
import { readMetrics } from './metrics.ts'
import { noChildren, supervise, type SupervisionEvent, type SupervisionLimits, type Verdict } from './supervision.ts'
import { createSwitchboard, type SwitchboardOptions } from './switchboard.ts'
import { HOST, HOST_INCARNATION, INCARNATIONS_MAX, type BlockWiring, type FromWorker } from './wiring.ts'
import type { Transport } from './transport.ts'

export interface SupervisorOptions extends Pick<SwitchboardOptions, 'board' | 'shared' | 'logging'> {
  readonly endpoint: Endpoint
  readonly blocks: BlockStore
  readonly limits: SupervisionLimits
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly transport: Transport
  /** The host's own endpoint may have work: a block for it has arrived, or it is time to look. */
  readonly onHostWork: () => void
  /** The system cannot go on; no child lives any more or will. */
  readonly onFailed: (error: PitError) => void
}

export interface Supervisor {
  readonly children: ChildControl
  /** Starts the static children in their order; on an error everything is stopped again. */
  start(specs: readonly ChildSpec[]): Promise<void>
  /** Whether an actor has, or will get, a lane to that one. */
  reachable(from: string, name: string): boolean
  kill(name: string): Promise<void>
  /** Keeps a block and hands it to its receiver. */
  deliver(to: string, block: BlockWiring): void
  /** Stops all in reverse order of their start; what is not done after `deadlineMs` is forced. */
  stopAll(deadlineMs: number): Promise<void>
  stats(): readonly ActorStats[]
  /** Requests that no actor has taken yet. */
  untaken(): boolean
}

const NO_THREAD: EventLoopTimes = { activeMs: 0, idleMs: 0 }
/** A death notice must fit into a control lane. */
const CRASH_MESSAGE_MAX = 300

export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { endpoint, blocks, limits, clock, random, logger } = options
  const children = new Map<string, Child>()
  const links = createLinks()
  const switchboard = createSwitchboard({ ...options, children, links })
  const hangs = createHangWatch()
  const freeSlots: number[] = Array.from({ length: BOARD_SLOTS - 1 }, (_, index) => BOARD_SLOTS - 1 - index)
  let state = noChildren
  let incarnations: number = HOST_INCARNATION
  let generations = 0
  let phase: 'open' | 'closing' | 'failed' = 'open'
  // Restarts of groups must not interleave; single children's cannot.
  let groupRestart: Promise<void> = Promise.resolve()
  let ticker = options.transport.watched ? clock.setTimer(TICK_MS, tick) : undefined

  function decide(event: SupervisionEvent): Verdict {
    const decision = supervise(state, event, clock.monotonicMs(), limits, random)
    state = decision.state
    return decision.verdict
  }

  function add(given: ChildSpec, dynamic: boolean): Child {
    const spec = resolveSpec(given)
    if (children.has(spec.name)) throw fail('ACTOR_EXISTS', { actor: spec.name })
    const slotIndex = freeSlots.pop()
    if (slotIndex === undefined) throw fail('ACTORS_MAX', { actor: spec.name, actorsMax: BOARD_SLOTS - 1 })
    const slot = boardSlot(options.board, slotIndex)
    resetSlot(slot)
    const child = createChild(spec, { dynamic, generation: ++generations, slotIndex, slot })
    children.set(spec.name, child)
    decide({ kind: 'added', name: spec.name, restart: spec.restart ?? 'permanent', dynamic })
    return child
  }

  /** Forgets a dynamic child; a static one keeps its place, so that its name still says that it is stopped. */
  function forget(child: Child): void {
    const { name } = child.spec
    blocks.dropAll(name)
    decide({ kind: 'removed', name })
    hangs.forget(name)
    if (!child.dynamic || children.get(name) !== child) return
    children.delete(name)
    links.remove(name)
    freeSlots.push(child.slotIndex)
  }

  async function spawn(child: Child): Promise<void> {
    if (incarnations >= INCARNATIONS_MAX) throw fail('INCARNATIONS_EXHAUSTED', { incarnationsMax: INCARNATIONS_MAX })
    const incarnation = ++incarnations
    child.incarnation = incarnation
    child.ending = undefined
    child.stopped = Promise.withResolvers()
    child.slot.set(BOARD_WORD.Incarnation, incarnation)
    const worker = options.transport.spawn({
      spec: child.spec,
      onMessage: (message) => hear(child, message),
    })
    child.worker = worker
    void worker.exited.then((thrown) => ended(child, incarnation, thrown))
    child.description = await worker.describe()
  }

  async function init(child: Child): Promise<void> {
    const { worker } = child
    if (worker === undefined) throw fail('ACTOR_STOPPED', { actor: child.spec.name })
    switchboard.link(child)
    const { wiring, ports } = switchboard.plug(child)
    await worker.start(wiring, ports)
    setStatus(child, 'running')
  }

  function setStatus(child: Child, status: Child['status']): void {
    child.status = status
    setState(child.slot, status === 'stopping' ? 'running' : status)
  }

  /** Spawns and initialises; a child that cannot is left without a thread. */
  async function bringUp(child: Child): Promise<void> {
    try {
      await spawn(child)
      await init(child)
    } catch (error) {
      child.attached = false
      await child.worker?.terminate()
      throw error
    }
  }

  function deliver(to: string, block: BlockWiring): void {
    blocks.keep(to, block)
    const receiver = children.get(to)
    if (receiver?.attached === true) receiver.worker?.post({ kind: 'block', block })
    else if (to === HOST) options.onHostWork()
  }

  function hear(child: Child, message: FromWorker): void {
    switch (message.kind) {
      case 'block':
        return deliver(message.to, message.block)
      case 'block-freed':
        return blocks.free(message.id)
      case 'log':
        return logger[message.level](message.message, message.fields)
      case 'stopped':
        if (message.error !== null)
          logger.error('terminate failed', { actor: child.spec.name, error: message.error.message })
        return child.stopped.resolve()
    }
  }

  /** A thread has ended. What the supervisor has brought about itself (stop, a failed start) is dealt with there. */
  function ended(child: Child, incarnation: number, thrown: Error | null): void {
    if (child.incarnation !== incarnation || child.status !== 'running') return
    const reason = exitReason(child, thrown)
    logger.warn('actor ended', { actor: child.spec.name, incarnation, reason: reason.kind, error: thrown?.stack })
    layDown(child, child.ending !== 'killed')
    judge(child, reason)
  }

  function exitReason(child: Child, thrown: Error | null): ExitReason {
    if (child.ending === 'hung') return { kind: 'hung' }
    const message = child.ending === 'killed' ? 'killed' : describe(thrown ?? 'the thread ended by itself')
    return { kind: 'crashed', message: message.slice(0, CRASH_MESSAGE_MAX) }
  }

  /** Puts the dead incarnation's messages in order for the next one (I2). */
  function layDown(child: Child, diedByItself: boolean): void {
    const turn = child.slot.get(BOARD_WORD.Turn)
    if (child.table !== undefined) blame(child.table, turn === 0 ? null : turn - 1, diedByItself)
    child.slot.set(BOARD_WORD.Turn, 0)
    child.slot.set(BOARD_WORD.Parked, 0)
    child.attached = false
    child.worker = undefined
  }

  function judge(child: Child, reason: ExitReason): void {
    const { name } = child.spec
    const verdict: Verdict = phase === 'open' ? decide({ kind: 'ended', name, abnormal: true }) : { kind: 'none' }
    const restarting = verdict.kind === 'restart'
    const notice = { name, incarnation: child.incarnation, reason, restarting }
    setStatus(child, restarting ? 'restarting' : 'failed')
    switchboard.announce({ notice, generation: child.generation })
    switch (verdict.kind) {
      case 'none':
        return
      case 'restart':
        return scheduleRestart(verdict)
      case 'give-up':
        logger.error('actor given up', { actor: name, reason: verdict.reason })
        return forget(child)
      case 'escalate':
        return escalate(verdict.reason)
    }
  }

  function scheduleRestart(verdict: Verdict & { kind: 'restart' }): void {
    const names = verdict.start
    for (const name of names) {
      const child = children.get(name)
      if (child !== undefined && child.status !== 'running') setStatus(child, 'restarting')
    }
    if (limits.strategy === 'one-for-one' || names.length === 1) void restartGroup(verdict)
    else groupRestart = groupRestart.then(() => restartGroup(verdict))
  }

  async function restartGroup({ stop, start, delayMs }: Verdict & { kind: 'restart' }): Promise<void> {
    for (const name of stop) {
      const child = children.get(name)
      if (child?.status === 'running') await stopThread(child, shutdownMsOf(child), true)
    }
    if (delayMs > 0) await sleep(clock, delayMs)
    for (const name of start) {
      const child = children.get(name)
      if (child === undefined || child.status !== 'restarting' || phase !== 'open') continue
      try {
        child.slot.add(BOARD_WORD.Restarts, 1)
        await bringUp(child)
      } catch (error) {
        logger.error('restart failed', { actor: name, error: describe(error) })
        if (child.status !== 'restarting') continue
        layDown(child, true)
        // What comes after it in the group is part of the next verdict.
        return judge(child, { kind: 'crashed', message: describe(error).slice(0, CRASH_MESSAGE_MAX) })
      }
    }
  }

  function escalate(reason: string): void {
    const error = fail('SYSTEM_FAILED', { reason })
    logger.error('actor system failed', { reason })
    phase = 'failed'
    options.onFailed(error)
    void forceAll()
  }

  async function forceAll(): Promise<void> {
    ticker?.cancel()
    const living = [...children.values()].filter(({ worker }) => worker !== undefined)
    for (const child of living) setStatus(child, 'failed')
    await Promise.all(living.map(terminate))
  }

  async function terminate(child: Child): Promise<void> {
    const { worker } = child
    if (worker === undefined || (await worker.terminate())) return
    logger.error('zombie: the thread does not end', { actor: child.spec.name, incarnation: child.incarnation })
  }

  const shutdownMsOf = ({ spec }: Child): number =>
    spec.shutdownMs === 'brutal' ? 0 : (spec.shutdownMs ?? SHUTDOWN_DEFAULT_MS)

  /** Drains and ends a running child's thread; force after `deadlineMs`. */
  async function stopThread(child: Child, deadlineMs: number, restarting: boolean): Promise<void> {
    setStatus(child, 'stopping')
    if (deadlineMs > 0) {
      switchboard.askToStop(child)
      const late = new AbortController()
      const inOrder = await Promise.race([
        child.stopped.promise.then(() => true),
        child.worker?.exited.then(() => false),
        sleep(clock, deadlineMs, late.signal).then(() => false),
      ])
      late.abort()
      if (inOrder !== true) logger.warn('stop forced', { actor: child.spec.name, deadlineMs })
    }
    await terminate(child)
    layDown(child, false)
    setStatus(child, restarting ? 'restarting' : 'stopped')
    const notice = {
      name: child.spec.name,
      incarnation: child.incarnation,
      reason: { kind: 'stopped' as const },
      restarting,
    }
    switchboard.announce({ notice, generation: child.generation })
    if (!restarting) forget(child)
  }

  async function stopChild(child: Child, deadlineMs: number): Promise<void> {
    if (child.status === 'running') return stopThread(child, deadlineMs, false)
    // Between two incarnations, or before the first: no thread to ask.
    if (child.status !== 'restarting' && child.status !== 'starting') return
    setStatus(child, 'stopped')
    await terminate(child)
    layDown(child, false)
    const { name } = child.spec
    const notice = { name, incarnation: child.incarnation, reason: { kind: 'stopped' as const }, restarting: false }
    switchboard.announce({ notice, generation: child.generation })
    forget(child)
  }

  function tick(): void {
    for (const child of children.values()) {
      if (child.status !== 'running') continue
      const { name } = child.spec
      const budgetMs = child.description?.blockingBudgetMs ?? Infinity
      const sign = hangs.look(name, child.slot, links.waiting(name), budgetMs)
      if (sign === 'asleep') endpoint.nudge(name)
      else if (sign === 'hung') {
        child.ending = 'hung'
        void terminate(child)
      }
    }
    options.onHostWork()
    ticker = clock.setTimer(TICK_MS, tick)
  }

  return {
    children: {
      async startChild(spec) {
        if (phase !== 'open') throw fail('ACTOR_STOPPED', { actor: spec.name })
        const child = add(spec, true)
        try {
          await bringUp(child)
        } catch (error) {
          setStatus(child, 'failed')
          forget(child)
          throw error
        }
      },
      async stopChild(name) {
        const child = children.get(name)
        if (child !== undefined) await stopChild(child, shutdownMsOf(child))
      },
      list: async () => [...children.values()].filter(({ dynamic }) => dynamic).map(({ spec }) => spec.name),
    },
    async start(specs) {
      const all = specs.map((spec) => add(spec, false))
      try {
        // Threads start and import their modules side by side; `init` runs in order.
        await Promise.all(all.map(spawn))
        for (const child of all) switchboard.link(child)
        for (const child of all) await init(child)
      } catch (error) {
        phase = 'closing'
        await forceAll()
        throw error
      }
    },
    reachable(from, name) {
      const child = children.get(name)
      return child !== undefined && child.status !== 'failed' && switchboard.mayReach(from, child)
    },
    deliver,
    async kill(name) {
      const child = children.get(name)
      if (child?.status !== 'running' || child.worker === undefined) return
      child.ending = 'killed'
      const { exited } = child.worker
      await terminate(child)
      await exited
    },
    async stopAll(deadlineMs) {
      if (phase === 'open') phase = 'closing'
      ticker?.cancel()
      const endAt = clock.monotonicMs() + deadlineMs
      for (const child of [...children.values()].reverse()) {
        await stopChild(child, Math.min(shutdownMsOf(child), Math.max(0, endAt - clock.monotonicMs())))
      }
    },
    stats: () =>
      [...children.values()].map(({ spec, slot, worker, metrics }) => ({
        ...readStats(spec.name, slot, links.depth(spec.name), worker?.eventLoop() ?? NO_THREAD),
        metrics: readMetrics(metrics),
      })),
    untaken: () =>
      [...children.values()].some((child) => child.status === 'running' && links.depth(child.spec.name).records > 0),
  }
}
