/**
 * The real supervisor on a virtual clock, with threads that are only played: what it starts, stops and kills, in order.
 * A played actor stops in order after `stopMs`, unless it is told to behave otherwise.
 */
import { createBlockStore } from '../../runtime/blocks.ts'
import { boardSlot, createBoard } from '../../runtime/board.ts'
import {
  seededRandom,
  silentLogger,
  type ChildSpec,
  type DeathNotice,
  type SupervisorSpec,
} from '../../runtime/index.ts'
import type { SystemOptions } from '../../runtime/index.ts'
import type { Endpoint } from '../../runtime/endpoint.ts'
import { heldTableMemory } from '../../runtime/mailbox/held-table.ts'
import type { MemoryPool } from '../../runtime/memory-pool.ts'
import type { Lane } from '../../runtime/rings/lane.ts'
import { RecordKind } from '../../runtime/rings/layout.ts'
import { createSupervisor, type Supervisor } from '../../runtime/supervisor.ts'
import { BACKOFF_DEFAULTS, type BackoffLimits } from '../../runtime/supervision.ts'
import { resolveTree } from '../../runtime/supervisor-spec.ts'
import { createVirtualClock, type VirtualClock } from '../../runtime/testing/virtual-clock.ts'
import { ownThread } from '../../runtime/thread.ts'
import type { Transport } from '../../runtime/transport.ts'
import type { FromWorker, Port } from '../../runtime/wiring.ts'
import type { WorkerHost, WorkerHostOptions } from '../../runtime/worker-host.ts'

export interface Played {
  /** Ends by itself, as by an error. */
  crash(): void
  /** As `ctx.stop()` does. */
  finish(): void
  post(message: FromWorker): void
}

/** How an actor of that name behaves from now on. */
export interface Behaviour {
  /** Time its stop takes; `null`: it never stops by itself. */
  readonly stopMs?: number | null
  readonly failsToStart?: boolean
  /** Its thread cannot be ended; `release` of the rig lets it. */
  readonly immortal?: boolean
}

export interface Rig {
  readonly supervisor: Supervisor
  readonly clock: VirtualClock
  /** What happened since the last look. */
  took(): readonly string[]
  readonly notices: DeathNotice[]
  /** The system's end, when there was one. */
  readonly ends: string[]
  actor(name: string): Played
  behave(name: string, behaviour: Behaviour): void
  release(name: string): void
  pass(ms?: number): Promise<void>
  states(): Readonly<Record<string, string>>
}

export interface RigOptions extends Omit<SystemOptions, 'children'> {
  readonly children: readonly (ChildSpec | SupervisorSpec)[]
  readonly backoff?: Partial<BackoffLimits>
  readonly pool?: MemoryPool
}

/** No back-off: as Erlang has it. */
const AT_ONCE: Partial<BackoffLimits> = { backoffMinMs: 0, backoffMaxMs: 0 }
const SMALL = { requestBytes: 1024, controlBytes: 1024, replyBytes: 1024 }

export async function startRig({ children, backoff = AT_ONCE, pool, ...flags }: RigOptions): Promise<Rig> {
  const clock = createVirtualClock()
  const actors = new Map<string, Played & { stop(): void; release(): void }>()
  const behaviours = new Map<string, Behaviour>()
  const board = createBoard()
  const notices: DeathNotice[] = []
  const ends: string[] = []
  let log: string[] = []

  function spawn({ spec: { name }, onMessage }: WorkerHostOptions): WorkerHost {
    const { promise: exited, resolve: exit } = Promise.withResolvers<Error | null>()
    let inOrder = false
    const behaviour = (): Behaviour => behaviours.get(name) ?? {}
    function stop(): void {
      const { stopMs = 1 } = behaviour()
      if (stopMs === null) return
      clock.setTimer(stopMs, () => {
        inOrder = true
        onMessage({ kind: 'stopped', error: null })
      })
    }
    actors.set(name, {
      crash: () => exit(new Error('crashed')),
      finish() {
        onMessage({ kind: 'stopping', why: 'done' })
        stop()
      },
      post: onMessage,
      stop() {
        log.push(`stop ${name}`)
        stop()
      },
      release: () => exit(null),
    })
    return {
      describe: async () => ({ kind: 'evented', peers: [], inFlightMax: 4, ticketsMax: 4, blockingBudgetMs: 1_000 }),
      async start() {
        if (behaviour().failsToStart === true) throw new Error('init failed')
        log.push(`start ${name}`)
      },
      post() {},
      eventLoop: () => ({ activeMs: 0, idleMs: 0 }),
      async terminate() {
        if (behaviour().immortal === true) return false
        if (!inOrder) log.push(`kill ${name}`)
        exit(null)
        return true
      },
      exited: exited.then((thrown) => thrown),
    }
  }

  const port: Port = { postMessage() {}, on() {}, unref() {}, close() {} }
  const transport: Transport = {
    host: ownThread,
    holdsProcess: false,
    watched: false,
    capacity: { static: SMALL, dynamic: SMALL, host: SMALL },
    spawn,
    channel: () => ({ port1: port, port2: port }),
  }
  const controlOf = (name: string) =>
    ({ send: (kind: number) => void (kind === RecordKind.Stop && actors.get(name)?.stop()) }) as unknown as Lane
  const endpoint = {
    connect() {},
    nudge() {},
    controlOf,
    onDeath({ notice, generation, unborn }) {
      if (unborn !== true) notices.push(notice)
      if (!notice.restarting) supervisor.letGo(generation)
    },
  } as Partial<Endpoint> as Endpoint

  const supervisor = createSupervisor({
    tree: resolveTree({ ...flags, children }),
    endpoint,
    blocks: createBlockStore(),
    limits: { ...BACKOFF_DEFAULTS, ...backoff },
    clock,
    random: seededRandom(1),
    logger: silentLogger,
    board,
    hostSlot: boardSlot(board, 0),
    hostTable: heldTableMemory(1, 64),
    shared: {},
    logging: false,
    transport,
    ...(pool === undefined ? {} : { pool }),
    onHostWork() {},
    onDeadLetter() {},
    onShutdown(why) {
      ends.push(`shutdown: ${why}`)
      void supervisor.stopAll(30_000)
    },
    onFailed: ({ code }) => void ends.push(code),
  })
  await supervisor.start()

  return {
    supervisor,
    clock,
    notices,
    ends,
    took() {
      const taken = log
      log = []
      return taken
    },
    actor: (name) => actors.get(name)!,
    behave: (name, behaviour) => void behaviours.set(name, behaviour),
    release: (name) => actors.get(name)!.release(),
    pass: (ms = 100) => clock.advance(ms),
    states: () => Object.fromEntries(supervisor.stats().map(({ name, state }) => [name, state])),
  }
}

export const child = (name: string, more: Partial<ChildSpec> = {}): ChildSpec => ({
  name,
  module: 'played',
  actor: 'played',
  ...more,
})

export const group = (
  supervisor: string,
  children: SupervisorSpec['children'],
  more: Partial<SupervisorSpec> = {},
): SupervisorSpec => ({ supervisor, children, ...more })
