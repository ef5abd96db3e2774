/** The behaviours of a simulation, found before it begins: an import in between would be real I/O. */
import type { ActorDefinition, ChildSpec, SupervisorSpec } from '../define-actor.ts'
import { fail } from '../errors.ts'
import { findDefinition } from '../find-definition.ts'

type Wanted = Pick<ChildSpec, 'module' | 'actor'>

export interface DefinitionSources {
  readonly children: readonly (ChildSpec | SupervisorSpec)[]
  readonly definitions?: readonly ActorDefinition[]
}

const among = (definitions: readonly ActorDefinition[], { module, actor }: Wanted): ActorDefinition | undefined =>
  definitions.find((definition) => definition.module === module && definition.name === actor)

export async function definitionsOf({
  children,
  definitions = [],
}: DefinitionSources): Promise<readonly ActorDefinition[]> {
  const found = [...definitions]
  for (const child of children) {
    if ('children' in child) found.push(...(await definitionsOf({ children: child.children, definitions: found })))
    else if (among(found, child) === undefined) found.push(await findDefinition(child))
  }
  return found
}

export function findAmong(definitions: readonly ActorDefinition[]): (wanted: Wanted) => Promise<ActorDefinition> {
  return async ({ module, actor }) => {
    const found = among(definitions, { module, actor })
    const reason = 'a simulation imports nothing while it runs: name it in `definitions`'
    if (found === undefined) throw fail('MODULE_INVALID', { module, actor, reason })
    return found
  }
}
