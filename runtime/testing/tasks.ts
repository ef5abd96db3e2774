/**
 * What waits to be run in a thread that several actors share. Who decides what is next implements `Tasks`: in order of
 * arrival (`createTaskQueue`), or by a seeded choice (`scheduler.ts`).
 *
 * I1. Tasks of the same queue run in the order in which they were added; between queues there is none.
 * I2. A task of a dead life never runs.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { HOST } from '../wiring.ts'
import type { Life } from './life.ts'

export type TaskKind =
  /** A round of an actor's loop that it has put off. */
  | 'pump'
  | 'bell'
  /** A message between an actor and its supervisor: bells' new ports, blocks, log lines, the end. */
  | 'post'
  | 'timer'
  /** A file sync is done. */
  | 'sync'
  /** An actor comes up: its module, its `init`. */
  | 'start'

export interface Task {
  readonly kind: TaskKind
  /** Who runs it. A port is handed over while a message for it is on its way: asked when the task is due. */
  readonly life: () => Life
  /** Tasks with the same queue keep their order. */
  readonly queue: object
  readonly run: () => void
}

export interface Tasks {
  add(task: Task): void
  /** A timer that is due: runs when the order of tasks allows. */
  due(task: Task): void
}

/** How many tasks run one after the other before I/O has its turn. */
const BURST = 1000

/**
 * In order of arrival, as soon as the code in hand has run: everything that needs no time is done within one turn of the
 * event loop, as if calls were promises. Timers run when their clock says so.
 */
export function createTaskQueue(): Tasks {
  const waiting: Task[] = []
  let first = 0
  let scheduled = false
  // Tasks since I/O had its turn.
  let burst = 0

  function schedule(): void {
    if (scheduled) return
    scheduled = true
    queueMicrotask(drain)
  }

  function drain(): void {
    while (first < waiting.length) {
      if (burst === BURST) return void setImmediate(afterIo)
      burst++
      runNext(waiting[first++]!)
    }
    waiting.length = 0
    first = 0
    scheduled = false
  }

  function afterIo(): void {
    burst = 0
    drain()
  }

  /** What the host throws is its own, and must not keep the others from running. */
  function runNext(task: Task): void {
    try {
      runTask(task)
    } catch (error) {
      setImmediate(() => {
        throw error
      })
    }
  }

  return {
    add(task) {
      waiting.push(task)
      schedule()
    },
    due: runTask,
  }
}

/** Tasks run outside the scope of whoever added them, as in a thread of their own. */
const outside = AsyncLocalStorage.snapshot()

/** Runs it unless its life is over. What it throws ends its life, as it would end a thread; the host's goes to its caller. */
export function runTask(task: Task): void {
  const life = task.life()
  if (life.dead) return
  if (life.name === HOST) return outside(task.run)
  try {
    outside(task.run)
  } catch (error) {
    life.die(error instanceof Error ? error : new Error(`thrown: ${String(error)}`))
  }
}
