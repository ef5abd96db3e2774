/** A worker thread as the supervisor sees it: its control channel, its port, and how it ended. */
import { transfer, wrap } from 'comlink'
import { extname } from 'node:path'
import { MessageChannel, Worker, type Transferable } from 'node:worker_threads'
import type { EventLoopTimes } from './actor-system.ts'
import { describe, errorFromWire, PitError } from './common/errors.ts'
import type { ChildSpec } from './define-actor.ts'
import { fail } from './errors.ts'
import type { Description, FromWorker, Outcome, StartWiring, ToWorker, WorkerBoot, WorkerControl } from './wiring.ts'

/** The entry file beside this one, as source or compiled. */
const WORKER_ENTRY = new URL(`./worker-entry${extname(import.meta.filename)}`, import.meta.url)

/** Recovery of a large journal takes its time; an `init` that has not ended by then never will. */
const START_MS = 10 * 60_000

/** A thread that has not ended by then is stuck in native code. */
const TERMINATE_MS = 2_000

export interface WorkerHost {
  /** Imports the module in the worker and says what it needs. Rejects with `MODULE_INVALID`, or when the worker ends. */
  describe(): Promise<Description>
  /** Runs `init`. Rejects with `INIT_FAILED`, or when the worker ends. */
  start(wiring: StartWiring, transferList: readonly Transferable[]): Promise<void>
  post(message: ToWorker, transferList?: readonly Transferable[]): void
  /** Read from outside, without a message. */
  eventLoop(): EventLoopTimes
  /** Ends the thread at once; `false` when it does not end (a zombie). */
  terminate(): Promise<boolean>
  /** Resolves when the thread has ended, with what was thrown, or `null`. */
  readonly exited: Promise<Error | null>
}

export interface WorkerHostOptions {
  readonly spec: ChildSpec
  readonly entry: URL | undefined
  readonly onMessage: (message: FromWorker) => void
}

export function spawnWorker({ spec, entry = WORKER_ENTRY, onMessage }: WorkerHostOptions): WorkerHost {
  const channel = new MessageChannel()
  const workerData: WorkerBoot = { module: spec.module, actor: spec.actor, name: spec.name, control: channel.port2 }
  const worker = new Worker(entry, {
    name: spec.name,
    workerData,
    transferList: [channel.port2],
    // A host started with `--input-type --eval` hands both on, and Node then refuses a module file as a thread's entry.
    ...(process.execArgv.some((flag) => flag.startsWith('--input-type')) ? { execArgv: [] } : {}),
    ...(spec.heapMb === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: spec.heapMb } }),
  })
  const control = wrap<WorkerControl>(channel.port1)
  const { promise: exited, resolve: resolveExit } = Promise.withResolvers<Error | null>()
  let thrown: Error | null = null
  worker.on('message', onMessage)
  worker.on('error', (error: unknown) => {
    thrown = error instanceof Error ? error : new Error(`thrown: ${String(error)}`)
  })
  worker.once('exit', (code) => {
    channel.port1.close()
    resolveExit(thrown ?? (code === 0 ? null : new Error(`the thread ended with exit code ${code}`)))
  })

  /** A Comlink call to a dead worker never settles: the worker's end settles it, or the deadline. */
  async function untilExit<T>(call: Promise<Outcome<T>>): Promise<T> {
    const outcome = await Promise.race([call.catch(notSent), exited.then(diedEarly), timeout(START_MS)])
    if (outcome === false) throw fail('INIT_FAILED', { actor: spec.name, reason: `no answer within ${START_MS} ms` })
    if (outcome.ok) return outcome.value
    throw errorFromWire(outcome.error)
  }

  /** A configuration that cannot be cloned. */
  function notSent(cause: unknown): never {
    throw fail('INIT_FAILED', { actor: spec.name, reason: describe(cause) }, { cause })
  }

  function diedEarly(cause: Error | null): never {
    if (cause instanceof PitError) throw cause
    const reason = cause?.message ?? 'the thread ended'
    throw fail('INIT_FAILED', { actor: spec.name, reason }, { cause: cause ?? undefined })
  }

  return {
    describe: () => untilExit(control.describe()),
    async start(wiring, transferList) {
      await untilExit(control.start(transfer(wiring, [...transferList])))
      // From here on only pending asks keep the process alive.
      worker.unref()
      channel.port1.unref()
    },
    eventLoop() {
      const { active: activeMs, idle: idleMs } = worker.performance.eventLoopUtilization()
      return { activeMs, idleMs }
    },
    post: (message, transferList = []) => worker.postMessage(message, transferList),
    async terminate() {
      const ended = Promise.race([worker.terminate(), exited]).then(() => true)
      return Promise.race([ended, timeout(TERMINATE_MS)])
    },
    exited,
  }
}

function timeout(ms: number): Promise<false> {
  return new Promise((resolve) => setTimeout(() => resolve(false), ms).unref())
}
