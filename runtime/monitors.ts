/** Who wants to know of which actor's deaths, within one thread. */
import type { DeathNotice } from './define-actor.ts'

export interface Monitors {
  add(name: string, onDeath: (notice: DeathNotice) => void): () => void
  notify(notice: DeathNotice): void
}

/** `onThrow` is told of a listener's exception: one bad listener must not keep the others from knowing. */
export function createMonitors(onThrow: (error: unknown) => void): Monitors {
  const listeners = new Map<string, Set<{ readonly onDeath: (notice: DeathNotice) => void }>>()
  return {
    add(name, onDeath) {
      const entry = { onDeath }
      const ofName = listeners.get(name) ?? new Set()
      listeners.set(name, ofName.add(entry))
      return () => void ofName.delete(entry)
    },
    notify(notice) {
      // A listener may undo itself, or others, meanwhile.
      for (const { onDeath } of Array.from(listeners.get(notice.name) ?? [])) {
        try {
          onDeath(notice)
        } catch (error) {
          onThrow(error)
        }
      }
    },
  }
}
