/** Runs the `terminate` that a forced stop leaves out: in a shared thread nothing else frees what an actor holds. */
import type { ActorContext, ActorDefinition } from '../define-actor.ts'

export interface Finisher {
  /** Watches the life of that behaviour. */
  watch(definition: ActorDefinition): ActorDefinition
  /** Resolves when `terminate` is done, if the actor was told to stop: also one that it has only begun. */
  finish(): Promise<void>
}

export function createFinisher(): Finisher {
  let up: { readonly definition: ActorDefinition; readonly state: unknown; readonly context: ActorContext } | undefined
  let terminating: Promise<void> | undefined

  return {
    watch: (definition) => ({
      ...definition,
      async init(config, context) {
        const state = await definition.init(config, context)
        up = { definition, state, context }
        return state
      },
      terminate(state, reason, context) {
        up = undefined
        terminating = Promise.resolve(definition.terminate(state, reason, context))
        return terminating
      },
    }),
    async finish() {
      // Its failure has been told by the actor itself.
      await terminating?.catch(() => {})
      if (up?.context.stopping.aborted !== true) return
      const { definition, state, context } = up
      up = undefined
      await definition.terminate(state, { kind: 'stopped' }, context)
    },
  }
}
