/**
 * Who runs next, by a seeded choice: of all tasks that could run now one is taken, as if the threads they belong to had
 * raced. Time passes while they run, and leaps when nothing can.
 *
 * I1. Tasks of one queue keep their order (tasks.ts, I1); all other orders are possible.
 * I2. Fair: a task that could run is overtaken by a bounded number of others.
 * I3. Everything here follows from the seed: no real time, no real chance.
 */
import type { Clock, Timer } from '../common/clock.ts'
import type { Random } from '../common/random.ts'
import type { Task, Tasks } from './tasks.ts'

/** A task that was ready when this many others ran is next. */
const OVERTAKEN_MAX = 256
/** How long a step takes on average. */
const STEP_MS = 0.02

export interface Scheduler extends Tasks {
  readonly clock: Clock
  /** Takes the next task and lets a little time pass; `undefined` when none can run now. */
  take(): Task | undefined
  /** The time at which something can run that cannot now; `Infinity` when nothing will. */
  nextMs(): number
  /** Moves time on, to that time at most as far as the next timer; what is due becomes ready. */
  moveTo(ms: number): void
  /** Moves the wall clock alone. */
  jump(ms: number): void
}

export interface SchedulerOptions {
  readonly random: Random
  readonly startMs: number
  /** Until when the life runs nothing. */
  readonly stalledUntil: (task: Task) => number
  /** How long a new task is on its way. */
  readonly delayMs: (task: Task) => number
}

interface Waiting {
  readonly task: Task
  readonly readyMs: number
  readonly addedAt: number
}

interface SetTimer {
  readonly dueMs: number
  readonly order: number
  readonly fn: () => void
}

export function createScheduler({ random, startMs, stalledUntil, delayMs }: SchedulerOptions): Scheduler {
  // In order of creation: a Map keeps it, so that choices do not depend on anything else.
  const queues = new Map<object, Waiting[]>()
  const timers = new Set<SetTimer>()
  let nowMs = 0
  let wallMs = startMs
  let steps = 0
  let timersSet = 0

  function add(task: Task): void {
    const queue = queues.get(task.queue)
    const readyMs = nowMs + delayMs(task)
    const waiting = { task, readyMs, addedAt: steps }
    if (queue === undefined) queues.set(task.queue, [waiting])
    else queue.push(waiting)
  }

  /** Drops what belongs to the dead; the head of each queue that is left. */
  function* heads(): Generator<Waiting> {
    for (const [key, queue] of queues) {
      while (queue.length > 0 && queue[0]!.task.life().dead) queue.shift()
      if (queue.length === 0) queues.delete(key)
      else yield queue[0]!
    }
  }

  const readyMsOf = ({ task, readyMs }: Waiting): number => Math.max(readyMs, stalledUntil(task))

  function choose(ready: readonly Waiting[]): Waiting | undefined {
    const oldest = ready.reduce<Waiting | undefined>(
      (a, b) => (a !== undefined && a.addedAt <= b.addedAt ? a : b),
      undefined,
    )
    if (oldest !== undefined && steps - oldest.addedAt > OVERTAKEN_MAX) return oldest
    return ready[Math.floor(random.next() * ready.length)]
  }

  function nextTimer(): SetTimer | undefined {
    let next: SetTimer | undefined
    for (const timer of timers) {
      if (next === undefined || timer.dueMs < next.dueMs || (timer.dueMs === next.dueMs && timer.order < next.order)) {
        next = timer
      }
    }
    return next
  }

  function pass(untilMs: number): void {
    for (let timer = nextTimer(); timer !== undefined && timer.dueMs <= untilMs; timer = nextTimer()) {
      timers.delete(timer)
      nowMs = Math.max(nowMs, timer.dueMs)
      timer.fn()
    }
    nowMs = Math.max(nowMs, untilMs)
  }

  return {
    clock: {
      now: () => Math.floor(wallMs + nowMs),
      monotonicMs: () => nowMs,
      setTimer(delay, fn): Timer {
        const timer = { dueMs: nowMs + Math.max(0, delay), order: ++timersSet, fn }
        timers.add(timer)
        return { cancel: () => void timers.delete(timer) }
      },
    },
    add,
    due: add,
    take() {
      const chosen = choose([...heads()].filter((waiting) => readyMsOf(waiting) <= nowMs))
      if (chosen === undefined) return undefined
      steps++
      queues.get(chosen.task.queue)?.shift()
      pass(nowMs + random.next() * 2 * STEP_MS)
      return chosen.task
    },
    nextMs() {
      let next = nextTimer()?.dueMs ?? Infinity
      for (const waiting of heads()) next = Math.min(next, readyMsOf(waiting))
      return next
    },
    moveTo: pass,
    jump: (ms) => void (wallMs += ms),
  }
}
