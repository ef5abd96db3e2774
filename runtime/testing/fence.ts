/**
 * Keeps a dead life from acting (life.ts, I1): the behaviour, its context, its clock and its files, each behind a gate that
 * closes with the life.
 *
 * What a behaviour awaits from here never settles once its life is over, so its code stops where a thread's would have
 * stopped. Only what it gets elsewhere (raw timers, sockets, writes into a shared region) goes on.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Clock } from '../common/clock.ts'
import type { ActorContext, ActorDefinition, CallContext, CallOptions } from '../define-actor.ts'
import type { FileLayer } from '../persistence/index.ts'
import { errno } from '../persistence/memory-files.ts'
import type { Life } from './life.ts'
import type { Tasks } from './tasks.ts'

const NEVER = new Promise<never>(() => {})

/** Settles as `value` does, while the life lasts. */
function whileAlive<T>(life: Life, value: T): T {
  if (!(value instanceof Promise)) return value
  const fenced = new Promise<unknown>((resolve, reject) => {
    value.then(
      (result: unknown) => {
        if (!life.dead) resolve(result)
      },
      (error: unknown) => {
        if (!life.dead) reject(error)
      },
    )
  })
  return fenced as T
}

/** What the runtime sees of a behaviour in this life. */
export interface Witness {
  /** A message's turn begins, or `init` or `terminate` does. */
  readonly onTurn?: (turn: string, ctx: ActorContext) => void
}

export function fencedDefinition(definition: ActorDefinition, life: Life, { onTurn }: Witness = {}): ActorDefinition {
  let context: ActorContext | undefined
  const contextOf = (ctx: ActorContext): ActorContext => (context ??= fencedContext(ctx, life))
  const handlers = [...definition.handlers].map(([name, handler]) => {
    const run = (state: unknown, arg: unknown, ctx: CallContext): unknown => {
      onTurn?.(name, ctx)
      return whileAlive(life, handler.run(state, arg, { ...ctx, ...contextOf(ctx) }))
    }
    return [name, { ...handler, run }] as const
  })
  return {
    ...definition,
    handlers: new Map(handlers),
    init(config, ctx) {
      onTurn?.('init', ctx)
      return whileAlive(life, definition.init(config, contextOf(ctx)))
    },
    terminate(state, reason, ctx) {
      onTurn?.('terminate', ctx)
      return whileAlive(life, definition.terminate(state, reason, contextOf(ctx)))
    },
  }
}

function fencedContext(ctx: ActorContext, life: Life): ActorContext {
  return {
    ...ctx,
    ref: (key) => fencedRef(ctx.ref(key), life),
    monitor: (name, onDeath) => (life.dead ? () => {} : ctx.monitor(name, onDeath)),
    children: fencedCalls(ctx.children, life),
  }
}

/** A ref's groups of calls (`ask`, `tell` and the like), each fenced. */
function fencedRef<R extends object>(ref: R, life: Life): R {
  const groups = Object.entries(ref).map(([name, group]: [string, unknown]) => [
    name,
    typeof group === 'object' && group !== null ? fencedCalls(group, life) : group,
  ])
  return Object.freeze(Object.fromEntries(groups)) as R
}

type Method = (this: unknown, ...args: unknown[]) => unknown

function fencedCalls<G extends object>(group: G, life: Life): G {
  return new Proxy(group, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name)
      if (typeof method !== 'function') return method
      return (...args: unknown[]) => {
        if (life.dead) return NEVER
        return whileAlive(
          life,
          (method as Method).apply(
            target,
            args.map((arg, at) => (at === 0 ? arg : fencedOptions(arg, life))),
          ),
        )
      }
    },
  })
}

/** A dead life cancels nothing. */
function fencedOptions(arg: unknown, life: Life): unknown {
  const signal = (arg as CallOptions | null | undefined)?.signal
  if (!(signal instanceof AbortSignal) || signal.aborted) return arg
  const abort = new AbortController()
  signal.addEventListener('abort', () => {
    if (!life.dead) abort.abort(signal.reason)
  })
  return { ...(arg as CallOptions), signal: abort.signal }
}

/** Timers end with the life, and run among its tasks, in the scope in which they were set, `lagMs` late. */
export function fencedClock(clock: Clock, life: Life, tasks: Tasks, lagMs: number): Clock {
  const queue = {}
  return {
    now: () => clock.now(),
    monotonicMs: () => clock.monotonicMs(),
    setTimer(delayMs, fn, options) {
      if (life.dead) return { cancel() {} }
      const inScope = AsyncLocalStorage.snapshot()
      let over = false
      const run = (): void => {
        if (over) return
        over = true
        inScope(fn)
      }
      const due = (): void => {
        forsake()
        tasks.due({ kind: 'timer', life: () => life, queue, run })
      }
      const timer = clock.setTimer(delayMs + lagMs, due, options)
      const forsake = life.onDeath(() => timer.cancel())
      return {
        cancel() {
          over = true
          forsake()
          timer.cancel()
        },
      }
    },
  }
}

/** Descriptors end with the life; its calls fail with `KILLED` afterwards, a sync under way is never heard of. */
export function fencedFiles(files: FileLayer, life: Life): FileLayer {
  const opened = new Set<number>()
  life.onDeath(() => {
    for (const fd of opened) files.close(fd)
  })
  const gate = <A extends unknown[], R>(call: (...args: A) => R): ((...args: A) => R) => {
    return (...args) => {
      if (life.dead) throw errno('KILLED', life.label)
      return whileAlive(life, call(...args))
    }
  }
  return {
    makeDir: gate((dir) => files.makeDir(dir)),
    list: gate((dir) => files.list(dir)),
    open: gate((path, mode) => {
      const fd = files.open(path, mode)
      opened.add(fd)
      return fd
    }),
    close: gate((fd) => {
      opened.delete(fd)
      files.close(fd)
    }),
    size: gate((fd) => files.size(fd)),
    read: gate((fd, into, at) => files.read(fd, into, at)),
    write: gate((fd, parts, at) => files.write(fd, parts, at)),
    truncate: gate((fd, size) => files.truncate(fd, size)),
    sync: gate((fd) => files.sync(fd)),
    syncNow: gate((fd) => files.syncNow(fd)),
    syncDir: gate((dir) => files.syncDir(dir)),
    rename: gate((from, to) => files.rename(from, to)),
    remove: gate((path) => files.remove(path)),
  }
}
