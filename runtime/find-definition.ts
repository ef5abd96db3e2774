/** The actor of that name among the exports of a module. */
import { describe } from './common/errors.ts'
import { isActorDefinition, type ActorDefinition, type ChildSpec } from './define-actor.ts'
import { fail } from './errors.ts'

/** Rejects with `MODULE_INVALID` when the module cannot be imported or exports no such actor. */
export async function findDefinition({ module, actor }: Pick<ChildSpec, 'module' | 'actor'>): Promise<ActorDefinition> {
  let exports: Record<string, unknown>
  try {
    exports = (await import(module)) as Record<string, unknown>
  } catch (cause) {
    throw fail('MODULE_INVALID', { module, actor, reason: describe(cause) }, { cause })
  }
  const found = Object.values(exports).find((value) => isActorDefinition(value) && value.name === actor)
  if (!isActorDefinition(found)) {
    throw fail('MODULE_INVALID', { module, actor, reason: 'no export of it is an actor of that name' })
  }
  return found
}
