/**
 * A system of actors in a simulation: one thread, virtual time, a seeded scheduler, a disk that fails, and deaths at any
 * step. The actors, their rings, held tables and supervisors are the real ones; the same seed gives the same history, byte
 * for byte (`trace`, `digest`), and another seed another one.
 *
 *   step   one task of one actor (a round of its loop, a bell, a timer, a sync's completion), chosen by the seed
 *          then all promises that can go on without time
 *
 * I1. Only `run`, `advance` and `reboot` let anything happen. Nothing real comes in between: no timer, no I/O, no chance.
 * I2. A crash leaves memory and disk as a thread's death at that store or file call would (crash-point.ts).
 */
import assert from 'node:assert/strict'
import type { ActorSystem, SystemOptions } from '../actor-system.ts'
import type { Clock } from '../common/clock.ts'
import type { Logger, LogLevel } from '../common/logger.ts'
import { seededRandom } from '../common/random.ts'
import type { ActorDefinition, CallContext } from '../define-actor.ts'
import { fail } from '../errors.ts'
import { startOn } from '../system.ts'
import { HOST } from '../wiring.ts'
import { reachOf, type Reach } from './crash-point.ts'
import { createFaultyDisk, type Fault, type FaultyDisk } from './faulty-files.ts'
import { inProcessTransport } from './in-process-transport.ts'
import type { Life } from './life.ts'
import { createPowerCord, type PowerCord } from './power-cord.ts'
import { createScheduler } from './scheduler.ts'
import { definitionsOf, findAmong } from './simulated-definitions.ts'
import { resolveFaults, type FaultRates } from './simulation-faults.ts'
import { createTrace } from './simulation-trace.ts'
import { runTask, type Task, type TaskKind } from './tasks.ts'

/** A step that is about to be taken. */
export interface SimulationStep {
  readonly step: number
  /** The actor whose step it is. */
  readonly actor: string
  readonly kind: TaskKind
}

/** What is to happen in a step. */
export type PlannedFault =
  /** Dies at the store or file call of that number in the step, from 1; 0 is before the step. Fewer: at its end. */
  { readonly kind: 'crash'; readonly atStore: number } | { readonly kind: 'stall'; readonly ms: number }

export interface SimulationOptions extends Pick<
  SystemOptions,
  'children' | 'strategy' | 'restartsMax' | 'restartPeriodMs' | 'autoShutdown' | 'shared'
> {
  readonly seed: number
  /** Behaviours by value. What is not here is imported from its child spec's module before the start. */
  readonly definitions?: readonly ActorDefinition[]
  /** From the end of the start on. @default none */
  readonly faults?: FaultRates
  /** Faults at chosen steps; asked before each step of an actor, the start included. */
  readonly plan?: (step: SimulationStep) => PlannedFault | null
  /** Wall time at the begin. @default 2026-01-01T00:00:00Z */
  readonly startMs?: number
  /** Steps of one `run` or `advance` after which it is stuck. @default 1_000_000 */
  readonly stepsMax?: number
  /** Virtual time of one `run` after which it is stuck. @default 600_000 */
  readonly runMaxMs?: number
  /** Lines of the trace that are kept. @default 10_000 */
  readonly traceLinesMax?: number
}

export interface Simulation extends AsyncDisposable {
  readonly seed: number
  /** The running system; another one after `reboot`. */
  readonly system: ActorSystem
  /** Virtual time. Do not set timers on it in a test: `advance` is what lets time pass. */
  readonly clock: Clock
  readonly disk: FaultyDisk
  /** Steps so far. */
  readonly steps: number
  /**
   * Takes steps until the promise settles, and passes its outcome on; without one until nothing can run before time
   * passes. Rejects with `SIMULATION_STUCK` when that takes too many steps or too much virtual time.
   */
  run<T>(until: Promise<T>): Promise<T>
  run(): Promise<void>
  /** Takes the steps of that much virtual time. */
  advance(ms: number): Promise<void>
  /** The next step of that actor is its last: it dies at that store or file call (see `PlannedFault`). @default 0 */
  crash(actor: string, atStore?: number): void
  /** Its present life runs nothing for that long; its supervisor may take it for hung. */
  stall(actor: string, ms: number): void
  /** Moves the wall clock, and nothing else. */
  jumpClock(ms: number): void
  /** Ends all actors, the supervisor and what was not synced. Pending asks of the host fail with `SYSTEM_FAILED`. */
  powerCut(): void
  /** Starts the system again on the same disk; the one before must be closed or without power. */
  reboot(): Promise<void>
  /** No fault of chance or plan from here on, so that a check can look at what is left; or again. */
  calm(on?: boolean): void
  /** Adds a line of the test's own to the trace. */
  note(fields: Readonly<Record<string, unknown>>): void
  /** The last lines, oldest first: canonical JSON. */
  trace(): readonly string[]
  /** SHA-256 over all lines so far. */
  digest(): string
}

/**
 * Starts a system in a simulation.
 *
 * @example
 * await using simulation = await simulate({ seed: 1, children: [childOf(counter)], faults: { crash: 0.01 } })
 * await simulation.run(simulation.system.ref(counter).ask.add(2))
 */
export async function simulate(options: SimulationOptions): Promise<Simulation> {
  const definitions = await definitionsOf(options)
  const simulation = createSimulation(options, definitions)
  await simulation.reboot()
  return simulation
}

interface Armed {
  readonly life: Life
  storesLeft: number
  restore: (() => void) | undefined
}

function createSimulation(options: SimulationOptions, definitions: readonly ActorDefinition[]): Simulation {
  const { seed, stepsMax = 1_000_000, runMaxMs = 600_000 } = options
  const faults = resolveFaults(options.faults)
  const choice = seededRandom(seed)
  const chance = seededRandom(seed ^ 0x5bd1e995)
  const actorsRandom = seededRandom(seed ^ 0x2545f491)
  const disk = createFaultyDisk(seededRandom(seed ^ 0x6c8e9cf5))
  const trace = createTrace(options.traceLinesMax ?? 10_000)
  const stalls = new WeakMap<Life, number>()
  /** The present life of each actor. */
  const present = new Map<string, Life>()
  const crashes = new Map<string, number>()
  const reaches = new Map<Life, Reach>()
  let cord: PowerCord | undefined
  let system: ActorSystem | undefined
  let armed: Armed | undefined
  let calm = true
  /** The test has asked for calm: nothing is planned either. */
  let resting = false
  let steps = 0
  let running = false

  const happens = (rate: number): boolean => !calm && rate > 0 && chance.next() < rate
  const upTo = (ms: number): number => chance.next() * ms

  const scheduler = createScheduler({
    random: choice,
    startMs: options.startMs ?? Date.UTC(2026, 0, 1),
    stalledUntil: (task) => stalls.get(task.life()) ?? 0,
    delayMs: ({ kind }) => (kind !== 'pump' && kind !== 'timer' && happens(faults.delay) ? upTo(faults.delayMs) : 0),
  })
  const { clock } = scheduler
  const now = (): number => Math.round(clock.monotonicMs() * 1000)
  const write = (fields: Readonly<Record<string, unknown>>): void => trace.add({ us: now(), ...fields })

  /** Before each store and file call: the places where a life may end. */
  function onStore(life: Life): void {
    if (armed?.life !== life || life.dead || --armed.storesLeft > 0) return
    armed.restore = reaches.get(life)?.capture()
    life.die(new Error('simulated crash'))
  }

  function diskFault(life: Life): Fault | null {
    onStore(life)
    if (life.dead) return 'kill'
    if (happens(faults.enospc)) return 'ENOSPC'
    return happens(faults.eio) ? 'EIO' : null
  }

  const log =
    (level: LogLevel) =>
    (message: string, fields: Record<string, unknown> = {}) =>
      write({ log: level, message, actor: typeof fields.actor === 'string' ? fields.actor : HOST })
  const logger: Logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }

  async function boot(): Promise<ActorSystem> {
    const lives = new Set<Life>()
    const transport = inProcessTransport({
      tasks: scheduler,
      clock,
      random: actorsRandom,
      find: findAmong(definitions),
      holdsProcess: false,
      watched: true,
      capacity: { requestBytes: 4 * 1024, controlBytes: 8 * 1024, replyBytes: 4 * 1024 },
      filesOf(life) {
        const later = (done: () => void): void =>
          scheduler.add({ kind: 'sync', life: () => life, queue: {}, run: done })
        const process = disk.join({ plan: () => diskFault(life), later })
        life.onDeath(() => process.kill())
        return process.files
      },
      onLife(life) {
        lives.add(life)
        present.set(life.name, life)
        life.onDeath(() => {
          lives.delete(life)
          reaches.delete(life)
          write({ life: life.label, died: life.thrown === null ? 'ended' : life.thrown.message })
        })
        return { onTurn: (turn, ctx) => write({ life: life.label, turn, ...calledBy(ctx) }) }
      },
      onWiring: (life, wiring) => void reaches.set(life, reachOf(wiring)),
      onPost: (life, message) => reaches.get(life)?.note(message),
      losesBell: () => happens(faults.loseBell),
      onStore,
    })
    cord = createPowerCord(() => {
      for (const life of [...lives, transport.hostLife]) life.die(null)
    })
    const { children, strategy, restartsMax, restartPeriodMs, autoShutdown, shared } = options
    const given = { strategy, restartsMax, restartPeriodMs, autoShutdown, shared }
    const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
    const starting = startOn(transport, { children, ...set, clock: transport.host.clock, random: actorsRandom, logger })
    return cord.supply(await runUntil(starting))
  }

  /** What happens to the life in this step. */
  function faultOf(life: Life, kind: TaskKind): PlannedFault | null {
    if (life.name === HOST) return null
    const planned = resting ? null : options.plan?.({ step: steps, actor: life.name, kind })
    if (planned !== undefined && planned !== null) return planned
    const atStore = crashes.get(life.name)
    if (atStore !== undefined) {
      crashes.delete(life.name)
      return { kind: 'crash', atStore }
    }
    if (faults.spares(life.name)) return null
    // Most steps have few stores: the early ones are tried more often.
    if (happens(faults.crash)) return { kind: 'crash', atStore: Math.floor(chance.next() ** 2 * 40) }
    return happens(faults.stall) ? { kind: 'stall', ms: upTo(faults.stallMs) } : null
  }

  async function take(task: Task): Promise<void> {
    const life = task.life()
    steps++
    write({ step: steps, life: life.label, kind: task.kind })
    const fault = faultOf(life, task.kind)
    if (fault !== null) write({ step: steps, life: life.label, fault: { ...fault } })
    if (fault?.kind === 'crash' && fault.atStore === 0) return life.die(new Error('simulated crash'))
    if (fault?.kind === 'crash') armed = { life, storesLeft: fault.atStore, restore: undefined }
    if (fault?.kind === 'stall') stalls.set(life, clock.monotonicMs() + fault.ms)
    if (happens(faults.clockJump)) scheduler.jump(upTo(7_200_000) - 3_600_000)
    runTask(task)
    await settled()
    if (armed === undefined) return
    // The ghost has run to the end of its step: its memory goes back to what it was at its death.
    armed.restore?.()
    armed.life.die(new Error('simulated crash'))
    armed = undefined
  }

  /** One step, or time up to `untilMs`; `false` when there is neither. */
  async function step(untilMs: number): Promise<boolean> {
    const task = scheduler.take()
    if (task !== undefined) {
      await take(task)
      return true
    }
    const nextMs = scheduler.nextMs()
    if (nextMs > untilMs || nextMs === Infinity) return false
    scheduler.moveTo(nextMs)
    return true
  }

  async function exclusively<T>(work: () => Promise<T>): Promise<T> {
    assert(!running, 'one run at a time: a simulation has one thread')
    running = true
    try {
      return await work()
    } finally {
      running = false
    }
  }

  const stuck = (reason: string): Error => fail('SIMULATION_STUCK', { seed, steps, atMs: clock.monotonicMs(), reason })

  function runUntil<T>(until: Promise<T>): Promise<T> {
    const watch = { over: false }
    const watched = until.finally(() => (watch.over = true))
    watched.catch(() => {})
    const endMs = clock.monotonicMs() + runMaxMs
    return exclusively(async () => {
      await settled()
      for (let taken = 0; !watch.over; taken++) {
        if (taken === stepsMax) throw stuck(`more than ${stepsMax} steps`)
        if (!(await step(endMs))) throw stuck('nothing can run, and the promise is pending')
      }
      return watched
    })
  }

  function advance(ms: number): Promise<void> {
    const endMs = clock.monotonicMs() + ms
    return exclusively(async () => {
      await settled()
      for (let taken = 0; clock.monotonicMs() <= endMs && (await step(endMs)); taken++) {
        if (taken === stepsMax) throw stuck(`more than ${stepsMax} steps`)
      }
      scheduler.moveTo(endMs)
    })
  }

  async function close(): Promise<void> {
    calm = resting = true
    if (cord?.cut === false && system !== undefined) await runUntil(system.close())
  }

  return {
    seed,
    get system() {
      if (system === undefined) throw fail('SYSTEM_FAILED', { reason: 'the simulation has no running system' })
      return system
    },
    clock,
    disk,
    get steps() {
      return steps
    },
    run: ((until?: Promise<unknown>) => (until === undefined ? advance(0) : runUntil(until))) as Simulation['run'],
    advance,
    crash: (actor, atStore = 0) => void crashes.set(actor, atStore),
    stall(actor, ms) {
      const life = present.get(actor)
      if (life !== undefined) stalls.set(life, clock.monotonicMs() + ms)
    },
    jumpClock: (ms) => scheduler.jump(ms),
    powerCut() {
      write({ fault: 'power cut' })
      disk.powerCut()
      cord?.pull()
    },
    async reboot() {
      calm = true
      crashes.clear()
      write({ boot: true })
      system = await boot()
      calm = resting
    },
    calm: (on = true) => void (calm = resting = on),
    note: (fields) => write({ note: fields }),
    trace: () => trace.lines(),
    digest: () => trace.digest(),
    [Symbol.asyncDispose]: close,
  }
}

function calledBy({ call }: Partial<CallContext>): object {
  return call === undefined ? {} : { call: call.id, redelivered: call.redelivered }
}

const realImmediate = setImmediate

/** All promises that can go on without time have gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => void realImmediate(resolve))
}
