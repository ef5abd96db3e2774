/** What a host notices of a power cut: its pending calls fail, where a real host would be gone with them. */
import type { ActorSystem } from '../actor-system.ts'
import type { PitError } from '../common/errors.ts'
import { fail } from '../errors.ts'

export interface PowerCord {
  readonly cut: boolean
  /** The system as long as it has power. */
  supply(system: ActorSystem): ActorSystem
  pull(): void
}

export function createPowerCord(onPull: () => void): PowerCord {
  const pending = new Set<(error: PitError) => void>()
  let cut = false
  const dead = (): PitError => fail('SYSTEM_FAILED', { reason: 'power cut' })

  /** Nobody need look at it: a tell returns it, too. */
  function refused(): Promise<never> {
    const refusal = Promise.reject(dead())
    refusal.catch(() => {})
    return refusal
  }

  /** Settles as the call does, or fails with the power. */
  function powered(work: () => unknown): unknown {
    if (cut) return refused()
    const result = work()
    if (!(result instanceof Promise)) return result
    return new Promise((resolve, reject) => {
      pending.add(reject)
      void result.then(resolve, reject).finally(() => pending.delete(reject))
    })
  }

  function wrap<T extends object>(target: T): T {
    return new Proxy(target, {
      get(of, name) {
        const value: unknown = Reflect.get(of, name)
        if (typeof value === 'function') return (...args: unknown[]) => powered(() => Reflect.apply(value, of, args))
        return value
      },
    })
  }

  function ref<R extends object>(of: R): R {
    const groups = Object.entries(of).map(([name, group]: [string, unknown]) => [
      name,
      typeof group === 'object' && group !== null ? wrap(group) : group,
    ])
    return Object.freeze(Object.fromEntries(groups)) as R
  }

  return {
    get cut() {
      return cut
    },
    supply: (system) => ({
      ...wrapAll(system, powered),
      children: wrap(system.children),
      ref: (key) => ref(system.ref(key)),
    }),
    pull() {
      if (cut) return
      cut = true
      onPull()
      for (const reject of pending) reject(dead())
      pending.clear()
    },
  }
}

/** Calls of the system itself that wait: `kill` and `close`. */
function wrapAll(system: ActorSystem, powered: (work: () => unknown) => unknown): ActorSystem {
  const close: ActorSystem['close'] = (options) => powered(() => system.close(options)) as Promise<void>
  return {
    ...system,
    kill: (name) => powered(() => system.kill(name)) as Promise<void>,
    close,
    [Symbol.asyncDispose]: () => close(),
  }
}
