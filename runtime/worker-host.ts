/** A worker thread as the supervisor sees it: its control channel, its port, and how it ended. */
import { transfer, wrap } from 'comlink'
import { extname } from 'node:path'
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads'
import type { EventLoopTimes } from './actor-system.ts'
import type { ChildSpec } from './define-actor.ts'
import { untilExit } from './outcome.ts'
import type { Description, FromWorker, Port, StartWiring, ToWorker, WorkerBoot, WorkerControl } from './wiring.ts'

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
  start(wiring: StartWiring, ports: readonly Port[]): Promise<void>
  post(message: ToWorker, ports?: readonly Port[]): void
  /** Read from outside, without a message. */
  eventLoop(): EventLoopTimes
  /** Ends the thread at once; `false` when it does not end (a zombie). */
  terminate(): Promise<boolean>
  /** Resolves when the thread has ended, with what was thrown, or `null`. */
  readonly exited: Promise<Error | null>
}

export interface WorkerHostOptions {
  readonly spec: ChildSpec
  readonly onMessage: (message: FromWorker) => void
}

export function spawnWorker(
  { spec, onMessage }: WorkerHostOptions,
  preload: readonly string[],
  entry: URL = WORKER_ENTRY,
): WorkerHost {
  const channel = new MessageChannel()
  const { module, actor, name } = spec
  const workerData: WorkerBoot = { module, actor, name, control: channel.port2, preload }
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

  return {
    describe: () =>
      limited(START_MS, (passed) => untilExit(spec.name, control.describe(), exited, { passed, afterMs: START_MS })),
    async start(wiring, ports) {
      const started = control.start(transfer(wiring, [...moved(ports)]))
      await limited(START_MS, (passed) => untilExit(spec.name, started, exited, { passed, afterMs: START_MS }))
      // From here on only pending asks keep the process alive.
      worker.unref()
      channel.port1.unref()
    },
    eventLoop() {
      const { active: activeMs, idle: idleMs } = worker.performance.eventLoopUtilization()
      return { activeMs, idleMs }
    },
    post: (message, ports = []) => worker.postMessage(message, moved(ports)),
    async terminate() {
      const ended = Promise.race([worker.terminate(), exited]).then(() => true)
      const inTime = await limited(TERMINATE_MS, (passed) => Promise.race([ended, passed]))
      // `terminate` has made it count for the event loop again; a zombie must not keep the process alive.
      if (!inTime) worker.unref()
      return inTime
    },
    exited,
  }
}

/** The ports of this transport's channels are MessagePorts. */
const moved = (ports: readonly Port[]): readonly MessagePort[] => ports as MessagePort[]

/** `passed` resolves after so long. The timer ends with the work: it would keep all that hangs on it for minutes. */
async function limited<T>(ms: number, work: (passed: Promise<false>) => Promise<T>): Promise<T> {
  const { promise, resolve } = Promise.withResolvers<false>()
  const timer = setTimeout(() => resolve(false), ms).unref()
  try {
    return await work(promise)
  } finally {
    clearTimeout(timer)
  }
}
