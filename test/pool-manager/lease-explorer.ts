/**
 * Runs small programs over shared words in every possible interleaving of their atomic steps.
 *
 * A program is ordinary synchronous code over an `AtomicsLike`. To stop it before its n-th step, it is run from its start
 * with the recorded results of the steps before, and interrupted by a throw: no generator, no second copy of the code
 * under test. Programs must be deterministic. A program may be killed before any step, as a thread can be.
 */
import type { AtomicsLike } from '../../actors/pool-manager/lease-table.ts'

export interface Program {
  readonly name: string
  /** May die before any of its steps; what it says then is never heard. */
  readonly mortal?: boolean
  /** The program is only started when this holds of what the others have said. */
  readonly when?: (said: readonly Said[]) => boolean
  run(atomics: AtomicsLike, say: (what: string) => void): void
}

/** What programs said, in the order of the real events: the observer's log. `died` is said for the killed. */
export interface Said {
  readonly who: string
  readonly what: string
}

export interface Exploration {
  readonly states: number
  readonly ends: number
}

interface Thread {
  readonly results: readonly number[]
  readonly state: 'ready' | 'done' | 'dead'
}

/** The words that are not zero, by index. */
export type Memory = ReadonlyMap<number, number>

interface World {
  readonly memory: Memory
  readonly threads: readonly Thread[]
  readonly said: readonly Said[]
}

const PAUSE = Symbol('pause')

export interface ExploreOptions {
  readonly memory: Memory
  readonly programs: readonly Program[]
  /** Words that are no part of the protocol (statistics, constants): reading them is no step, writing them does nothing. */
  readonly quiet: (index: number) => boolean
  /** Called at every reachable state (`ended` when nobody can move). Throwing from it ends the exploration. */
  readonly check: (memory: Memory, said: readonly Said[], ended: boolean) => void
}

export function explore({ memory, programs, quiet, check }: ExploreOptions): Exploration {
  const seen = new Set<string>()
  const stack: World[] = [{ memory, threads: programs.map(() => ({ results: [], state: 'ready' })), said: [] }]
  let ends = 0
  while (stack.length > 0) {
    const world = stack.pop()!
    const key = keyOf(world)
    if (seen.has(key)) continue
    seen.add(key)
    const next = programs.flatMap((program, index) => movesOf(world, program, index, quiet))
    if (next.length === 0) ends++
    check(world.memory, world.said, next.length === 0)
    stack.push(...next)
  }
  return { states: seen.size, ends }
}

function keyOf(world: World): string {
  const threads = world.threads.map((thread) => `${thread.state}${thread.results.join(',')}`)
  const words = [...world.memory].filter(([, word]) => word !== 0).sort(([a], [b]) => a - b)
  return `${words.join(' ')}|${threads.join('|')}|${world.said.map(({ who, what }) => who + what).join(' ')}`
}

function movesOf(world: World, program: Program, index: number, quiet: ExploreOptions['quiet']): World[] {
  const thread = world.threads[index]!
  if (thread.state !== 'ready' || (thread.results.length === 0 && program.when?.(world.said) === false)) return []
  const moves = [step(world, program, index, quiet)]
  if (program.mortal === true) {
    const said = [...world.said, { who: program.name, what: 'died' }]
    moves.push({ memory: world.memory, threads: replaced(world, index, { ...thread, state: 'dead' }), said })
  }
  return moves
}

function replaced(world: World, index: number, thread: Thread): readonly Thread[] {
  return world.threads.map((old, at) => (at === index ? thread : old))
}

/** One atomic step of that thread, and what it says until the next one. */
function step(world: World, program: Program, index: number, quiet: ExploreOptions['quiet']): World {
  const thread = world.threads[index]!
  const memory = new Map(world.memory)
  const results = [...thread.results]
  const said: Said[] = [...world.said]
  let done = 0
  const read = (at: number): number => memory.get(at) ?? 0
  const perform = (at: number, change: (found: number) => number, quietResult: number): number => {
    if (quiet(at)) return quietResult
    done++
    if (done <= thread.results.length) return thread.results[done - 1]!
    if (done > thread.results.length + 1) throw PAUSE
    const found = read(at)
    memory.set(at, change(found))
    results.push(found)
    return found
  }
  const atomics: AtomicsLike = {
    load: (_, at) => perform(at, (found) => found, read(at)),
    store: (_, at, value) => (perform(at, () => value, value), value),
    add: (_, at, value) => perform(at, (found) => (found + value) >>> 0, 0),
    compareExchange: (_, at, expected, value) => perform(at, (found) => (found === expected ? value : found), 0),
  }
  // Only what is said after the new step is new: everything before was said in an earlier run.
  const say = (what: string): void => {
    if (done === thread.results.length + 1) said.push({ who: program.name, what })
  }
  let state: Thread['state'] = 'done'
  try {
    program.run(atomics, say)
  } catch (error) {
    if (error !== PAUSE) throw error
    state = 'ready'
  }
  return { memory, threads: replaced(world, index, { results, state }), said }
}
