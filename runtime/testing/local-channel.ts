/** A MessageChannel within one thread: what is posted at one end is a task of whoever holds the other. */
import type { Port } from '../wiring.ts'
import type { Life } from './life.ts'
import type { TaskKind, Tasks } from './tasks.ts'

/** An end of it; hears nothing until somebody listens. */
export interface LocalPort extends Port {
  /** Hands it over, as a transfer would. */
  adopt(life: Life): void
  /** Runs it where messages to this end are heard, after those that were posted before. */
  after(run: () => void): void
}

export interface LocalChannel {
  readonly port1: LocalPort
  readonly port2: LocalPort
}

/** Both ends belong to `life` until they are handed over; a message that `loses` picks does not arrive. */
export function createLocalChannel(
  tasks: Tasks,
  kind: TaskKind,
  life: Life,
  loses: (message: unknown) => boolean = () => false,
): LocalChannel {
  const ends: [End, End] = [createEnd(tasks, kind, life, loses), createEnd(tasks, kind, life, loses)]
  ends[0].peer = ends[1]
  ends[1].peer = ends[0]
  return { port1: ends[0].port, port2: ends[1].port }
}

interface End {
  readonly port: LocalPort
  peer: End | undefined
  hear(message: unknown): void
  close(): void
}

function createEnd(tasks: Tasks, kind: TaskKind, owner: Life, loses: (message: unknown) => boolean): End {
  const listeners: ((message: unknown) => void)[] = []
  const unheard: unknown[] = []
  const queue = {}
  let life = owner
  let closed = false
  let forsake = life.onDeath(close)

  function close(): void {
    closed = true
    forsake()
  }

  function deliver(message: unknown): void {
    const run = (): void => {
      if (!closed) for (const listener of listeners) listener(message)
    }
    tasks.add({ kind, life: () => life, queue, run })
  }

  const end: End = {
    peer: undefined,
    hear(message) {
      if (closed || loses(message)) return
      if (listeners.length === 0) unheard.push(message)
      else deliver(message)
    },
    close,
    port: {
      adopt(next) {
        forsake()
        life = next
        forsake = life.onDeath(close)
      },
      after: (run) => tasks.add({ kind, life: () => life, queue, run }),
      postMessage(message) {
        if (!closed) end.peer?.hear(message)
      },
      on(_event, listener) {
        listeners.push(listener)
        for (const message of unheard.splice(0)) deliver(message)
      },
      unref() {},
      close() {
        close()
        end.peer?.close()
      },
    },
  }
  return end
}
