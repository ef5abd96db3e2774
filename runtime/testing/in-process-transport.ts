/**
 * All actors in the host's thread: the same endpoints, rings, held tables and supervisor as over threads, but ports are
 * queues of tasks, and a life that is ended is fenced off instead of its thread being terminated.
 *
 *   threads                         here
 *   ------------------------------  -------------------------------------------------------------
 *   worker thread                   `Life`: what it may still do ends with it (life.ts, fence.ts)
 *   event loop                      `Tasks`: what runs next (tasks.ts, scheduler.ts)
 *   MessagePort                     `LocalPort`: a message is a task of the receiver (local-channel.ts)
 *   Atomics.wait (blocking actors)  none: they are woken as evented ones are
 */
import type { Clock } from '../common/clock.ts'
import type { Random } from '../common/random.ts'
import { createIncarnation } from '../incarnation.ts'
import { untilExit } from '../outcome.ts'
import type { FileLayer } from '../persistence/index.ts'
import type { LinkCapacity } from '../rings/layout.ts'
import { RING } from '../rings/waiting.ts'
import type { Thread } from '../thread.ts'
import type { Transport } from '../transport.ts'
import { HOST, type FromWorker, type Outcome, type Port, type StartWiring, type ToWorker } from '../wiring.ts'
import type { WorkerHost, WorkerHostOptions } from '../worker-host.ts'
import type { Finisher } from './finisher.ts'
import { fencedClock, fencedDefinition, fencedFiles, type Witness } from './fence.ts'
import { createLife, type Life } from './life.ts'
import { createLocalChannel, type LocalPort } from './local-channel.ts'
import type { Tasks } from './tasks.ts'

/** Smaller than over threads: systems come and go in tests, and full rings and blocks are met sooner. */
const LANES: LinkCapacity = { requestBytes: 16 * 1024, controlBytes: 8 * 1024, replyBytes: 16 * 1024 }

export interface InProcessTransportOptions {
  readonly tasks: Tasks
  readonly clock: Clock
  readonly random: Random
  readonly filesOf: (life: Life) => FileLayer
  readonly find: Thread['find']
  /** Whether pending asks keep the process alive. */
  readonly holdsProcess: boolean
  /** Whether lives may hang or miss a bell. */
  readonly watched: boolean
  readonly capacity?: LinkCapacity
  /** Makes what ends each life in order when it is forced to stop. */
  readonly createFinisher?: () => Finisher
  /** How much later than the host's the actors' timers are: of two that wait for the same, the host gives up first. */
  readonly lagMs?: number
  /** Told of each new life, before anything runs in it. */
  readonly onLife?: (life: Life) => Witness
  /** Told what shared memory a life can reach. */
  readonly onWiring?: (life: Life, wiring: StartWiring) => void
  /** Told what a life is posted. */
  readonly onPost?: (life: Life, message: ToWorker) => void
  /** Whether this bell does not arrive. */
  readonly losesBell?: () => boolean
  /** Before each store of a life into shared memory. */
  readonly onStore?: (life: Life) => void
}

export interface InProcessTransport extends Transport {
  readonly hostLife: Life
}

export function inProcessTransport(options: InProcessTransportOptions): InProcessTransport {
  const { tasks, clock, random, capacity = LANES } = options
  const hostLife = createLife(HOST, 0)
  const numbers = new Map<string, number>()

  function threadOf(life: Life, find: Thread['find'], lagMs = 0): Thread {
    const queue = {}
    return {
      own: false,
      clock: fencedClock(clock, life, tasks, lagMs),
      sharedMs: () => clock.monotonicMs(),
      defer(fn) {
        let over = false
        tasks.add({ kind: 'pump', life: () => life, queue, run: () => void (over || fn()) })
        return { cancel: () => void (over = true) }
      },
      atomics: life.atomics,
      random,
      files: fencedFiles(options.filesOf(life), life),
      find,
    }
  }

  const { find } = options

  function spawn({ spec, onMessage }: WorkerHostOptions): WorkerHost {
    const number = (numbers.get(spec.name) ?? 0) + 1
    numbers.set(spec.name, number)
    const life = createLife(spec.name, number, options.onStore)
    const witness = options.onLife?.(life)
    const { port1: hostEnd, port2: lifeEnd } = createLocalChannel(tasks, 'post', hostLife)
    lifeEnd.adopt(life)
    hostEnd.on('message', (message) => onMessage(message as FromWorker))
    const finisher = options.createFinisher?.()
    const thread = threadOf(
      life,
      async (child) => {
        const definition = fencedDefinition(await find(child), life, witness)
        return finisher?.watch(definition) ?? definition
      },
      options.lagMs,
    )
    const incarnation = createIncarnation(spec, lifeEnd, thread)
    const exited = exitOf(life, hostEnd)
    const queue = {}

    /** Runs it in the life; its outcome comes to the host as a message would. */
    function call<T>(work: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
      return new Promise((resolve, reject) => {
        const tell = (settle: () => void): void => {
          if (!life.dead) tasks.add({ kind: 'post', life: () => hostLife, queue, run: settle })
        }
        const run = (): void =>
          void work().then(
            (outcome) => tell(() => resolve(outcome)),
            (error: unknown) => tell(() => reject(error)),
          )
        tasks.add({ kind: 'start', life: () => life, queue, run })
      })
    }

    const adopt = (ports: readonly Port[]): void => {
      for (const port of ports as readonly LocalPort[]) port.adopt(life)
    }

    return {
      describe: () =>
        untilExit(
          spec.name,
          call(() => incarnation.describe()),
          exited,
        ),
      async start(wiring, ports) {
        adopt(ports)
        options.onWiring?.(life, wiring)
        const started = call(() => incarnation.start(wiring))
        await untilExit(spec.name, started, exited)
      },
      post(message: ToWorker, ports = []) {
        adopt(ports)
        options.onPost?.(life, message)
        hostEnd.postMessage(message)
      },
      eventLoop: () => ({ activeMs: 0, idleMs: 0 }),
      async terminate() {
        await finisher?.finish()
        life.die(null)
        await exited
        return true
      },
      exited,
    }
  }

  /** A death reaches the host after what the life had posted, however long that is on its way. */
  function exitOf(life: Life, hostEnd: LocalPort): Promise<Error | null> {
    const { promise, resolve } = Promise.withResolvers<Error | null>()
    life.onDeath(() => hostEnd.after(() => resolve(life.thrown)))
    return promise
  }

  return {
    hostLife,
    host: threadOf(hostLife, find),
    holdsProcess: options.holdsProcess,
    watched: options.watched,
    capacity: { static: capacity, dynamic: capacity, host: capacity },
    spawn,
    channel: () =>
      createLocalChannel(tasks, 'bell', hostLife, (message) => message === RING && options.losesBell?.() === true),
  }
}
