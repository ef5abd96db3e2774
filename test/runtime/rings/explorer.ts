/**
 * Runs small programs against shared memory in every order in which their accesses can happen.
 *
 * A program is an ordinary function; each access to shared memory goes through `step`. To take a thread one access
 * further, its program is run again from the start with the results of its earlier accesses, performs one new access, and
 * is left at the next. A state is the shared memory and, per thread, the results it has seen: two ways to the same state
 * are explored once.
 */
import { createHash } from 'node:crypto'

/** Performs one access, or gives back what it returned before. Without `enabled` a step can always be taken. */
export type Step = <T extends number | undefined>(access: () => T, enabled?: () => boolean) => T

export interface Thread {
  readonly name: string
  /** Only threads that are `alive` run; a death starts them again from nothing. */
  readonly program: (step: Step) => void
  /** What the world does to shared memory when this thread dies; threads without it do not die. */
  readonly onDeath?: () => void
}

export interface Exploration {
  /** All shared memory; copied and restored between states. */
  readonly memory: Uint8Array
  readonly threads: readonly Thread[]
  readonly deathsMax: number
  /** Called where no thread can go on; throws when that must not be. */
  readonly atEnd: () => void
}

export interface Explored {
  readonly states: number
  readonly ends: number
  /** The first violation and the order of threads that led to it. */
  readonly violation: string | null
}

/** What a thread has seen so far, and a digest of it. */
interface Log {
  readonly results: readonly (number | undefined)[]
  readonly digest: string
}
const NOTHING_SEEN: Log = { results: [], digest: '' }
interface State {
  readonly memory: Uint8Array
  readonly logs: readonly Log[]
  readonly deaths: number
  readonly path: string
}

/** More than any program here needs. */
const ACCESSES_MAX = 400
const LEFT = Symbol('left at the next access')
const BLOCKED = Symbol('cannot go on')

export function explore({ memory, threads, deathsMax, atEnd }: Exploration): Explored {
  const seen = new Set<string>()
  const stack: State[] = [{ memory: memory.slice(), logs: threads.map(() => NOTHING_SEEN), deaths: 0, path: '' }]
  let ends = 0

  function visit(state: State): void {
    let moved = false
    threads.forEach((thread, index) => {
      memory.set(state.memory)
      const log = advance(thread, state.logs[index]!)
      if (log === null) return
      moved = true
      push(state, index, log, state.deaths, thread.name[0]!)
    })
    if (!moved) {
      memory.set(state.memory)
      ends++
      atEnd()
    }
    if (state.deaths < deathsMax) die(state)
  }

  function die(state: State): void {
    threads.forEach((thread, index) => {
      if (thread.onDeath === undefined) return
      memory.set(state.memory)
      thread.onDeath()
      push(state, index, NOTHING_SEEN, state.deaths + 1, `[${thread.name} dies]`)
    })
  }

  function push(from: State, index: number, log: Log, deaths: number, how: string): void {
    const logs = from.logs.map((other, at) => (at === index ? log : other))
    const digest = sha1(memory, `${logs.map((other) => other.digest).join()}${deaths}`)
    if (seen.has(digest)) return
    seen.add(digest)
    if (log.results.length > ACCESSES_MAX) throw new Error(`${how} never comes to an end`)
    stack.push({ memory: memory.slice(), logs, deaths, path: from.path + how })
  }

  for (let state = stack.pop(); state !== undefined; state = stack.pop()) {
    try {
      visit(state)
    } catch (error) {
      return { states: seen.size, ends, violation: `${(error as Error).message} after ${state.path}` }
    }
  }
  return { states: seen.size, ends, violation: null }
}

/** The log with one more access, or `null` when the thread is done or blocked. */
function advance(thread: Thread, log: Log): Log | null {
  const { results } = log
  let cursor = 0
  let next: Log | null = null
  const step: Step = (access, enabled) => {
    if (cursor < results.length) return results[cursor++] as ReturnType<typeof access>
    if (next !== null) throw LEFT
    if (enabled?.() === false) throw BLOCKED
    cursor++
    const result = access()
    next = { results: [...results, result], digest: sha1(log.digest, String(result)) }
    return result
  }
  try {
    thread.program(step)
  } catch (thrown) {
    if (thrown !== LEFT && thrown !== BLOCKED) throw thrown
  }
  return next
}

function sha1(first: Uint8Array | string, second: string): string {
  return createHash('sha1').update(first).update(second).digest('base64')
}
