/**
 * The threads of actors, one life at a time: started, stopped in order, ended at once, and what a life leaves put in order
 * for the next one. Decides nothing: who is to live is the supervisor's.
 *
 * I1. `blame` runs between two incarnations, when nobody else writes the held table: for a zombie, when it has ended.
 */
import type { Zombie } from './actor-system.ts'
import { publishStatus } from './actor-events.ts'
import { BOARD_WORD } from './board.ts'
import { setStatus, showState, type Child } from './child.ts'
import { sleep, type Clock } from './common/clock.ts'
import type { Logger } from './common/logger.ts'
import { fail } from './errors.ts'
import { blame } from './mailbox/held-table.ts'
import type { Switchboard } from './switchboard.ts'
import type { Transport } from './transport.ts'
import type { FromWorker } from './wiring.ts'
import { createZombies } from './zombies.ts'

export interface LivesOptions {
  readonly switchboard: Switchboard
  readonly clock: Clock
  readonly logger: Logger
  readonly transport: Transport
  readonly nextIncarnation: (child: Child) => number
  readonly onMessage: (child: Child, message: FromWorker) => void
  /** A thread has ended, by itself or not. */
  readonly onExit: (child: Child, incarnation: number, thrown: Error | null) => void
  /** A dead incarnation's messages are in order; what else it left may be cleared away. */
  readonly onLaidDown: (child: Child) => void
}

export interface Lives {
  /** Starts a thread and imports the module in it. */
  spawn(child: Child): Promise<void>
  /** Wires the spawned thread and runs `init`. */
  init(child: Child): Promise<void>
  /** Spawns and initialises; a child that cannot is left without a thread. */
  bringUp(child: Child): Promise<void>
  /** Asks a running child to stop and ends its thread; by force after `deadlineMs`, which may be Infinity. */
  stop(child: Child, deadlineMs: number): Promise<void>
  /** Waits until the child has said that it has stopped; `false` when it ended or the time passed before. */
  untilStopped(child: Child, deadlineMs: number): Promise<boolean>
  /** Ends the thread at once; `false` when it does not end and is a zombie from now on. */
  terminate(child: Child): Promise<boolean>
  /** Puts what the dead incarnation left in order for the next one (I1). */
  layDown(child: Child, diedByItself: boolean): void
  zombies(): readonly Zombie[]
}

export function createLives(options: LivesOptions): Lives {
  const { switchboard, clock, logger } = options
  const zombies = createZombies(clock, logger)

  async function spawn(child: Child): Promise<void> {
    const incarnation = options.nextIncarnation(child)
    child.incarnation = incarnation
    child.ending = undefined
    child.stopped = Promise.withResolvers()
    child.slot.set(BOARD_WORD.Incarnation, incarnation)
    publishStatus(child, 'starting')
    const worker = options.transport.spawn({
      spec: child.spec,
      onMessage: (message) => options.onMessage(child, message),
    })
    child.worker = worker
    void worker.exited.then((thrown) => options.onExit(child, incarnation, thrown))
    child.description = await worker.describe()
  }

  async function init(child: Child): Promise<void> {
    const { worker } = child
    if (worker === undefined) throw fail('ACTOR_STOPPED', { actor: child.spec.name })
    switchboard.link(child)
    const { wiring, ports } = switchboard.plug(child)
    await worker.start(wiring, ports)
    if (child.worker !== worker) throw fail('ACTOR_STOPPED', { actor: child.spec.name })
    setStatus(child, 'running')
  }

  async function start(child: Child): Promise<void> {
    try {
      await spawn(child)
      await init(child)
    } catch (error) {
      await terminate(child)
      layDown(child, true)
      throw error
    }
  }

  async function bringUp(child: Child): Promise<void> {
    const starting = start(child)
    child.coming = starting.then(nothing, nothing)
    try {
      await starting
    } finally {
      child.coming = undefined
    }
  }

  async function stop(child: Child, deadlineMs: number): Promise<void> {
    setStatus(child, 'stopping')
    if (deadlineMs > 0) {
      switchboard.askToStop(child, deadlineMs)
      if (!(await untilStopped(child, deadlineMs))) logger.warn('stop forced', { actor: child.spec.name, deadlineMs })
    }
    await terminate(child)
    layDown(child, false)
  }

  async function untilStopped(child: Child, deadlineMs: number): Promise<boolean> {
    const late = new AbortController()
    const ends = [child.stopped.promise.then(() => true)]
    if (child.worker !== undefined) ends.push(child.worker.exited.then(() => false))
    if (deadlineMs !== Infinity) ends.push(sleep(clock, deadlineMs, late.signal).then(() => false))
    const inOrder = await Promise.race(ends)
    late.abort()
    return inOrder
  }

  async function terminate(child: Child): Promise<boolean> {
    const { worker, incarnation } = child
    if (worker === undefined) return true
    if (await worker.terminate()) return true
    if (child.zombie !== undefined) return false
    child.zombie = worker.exited.then(() => {
      child.zombie = undefined
      layDown(child, true)
      showState(child)
    })
    showState(child)
    zombies.add(child.spec.name, incarnation, worker.exited)
    return false
  }

  function layDown(child: Child, diedByItself: boolean): void {
    child.attached = false
    if (child.zombie !== undefined) return
    const turn = child.slot.get(BOARD_WORD.Turn)
    if (child.table !== undefined) blame(child.table, turn === 0 ? null : turn - 1, diedByItself)
    options.onLaidDown(child)
    child.betweenTurns = turn === 0 && diedByItself
    child.slot.set(BOARD_WORD.Turn, 0)
    child.slot.set(BOARD_WORD.Parked, 0)
    child.worker = undefined
  }

  return { spawn, init, bringUp, stop, untilStopped, terminate, layDown, zombies: () => zombies.list() }
}

function nothing(): void {}
