/** Scopes of validation: which nodes a body sees, its own and those of the bodies around it. */
import type { Body, NodeDefinition, WorkflowDefinition } from './definition.ts'
import type { Path } from './problems.ts'

export interface Scope {
  readonly body: Body
  /** Where the body is in the definition. */
  readonly path: Path
  readonly nodes: ReadonlyMap<string, NodeDefinition>
  /** The body around this one, and the map this is the body of. */
  readonly outer: { readonly scope: Scope; readonly mapId: string } | null
  readonly workflow: WorkflowDefinition
}

export function createScope(body: Body, path: Path, outer: Scope['outer'], workflow: WorkflowDefinition): Scope {
  return { body, path, nodes: new Map(body.nodes.map((node) => [node.id, node])), outer, workflow }
}

/** The node of that id in this scope or the nearest around it. */
export function findNode(scope: Scope, id: string): NodeDefinition | null {
  for (let at: Scope | null = scope; at !== null; at = at.outer?.scope ?? null) {
    const node = at.nodes.get(id)
    if (node !== undefined) return node
  }
  return null
}

/** Whether `id` is a map that this scope is inside of: its output is not there yet. */
export function isAroundScope(scope: Scope, id: string): boolean {
  for (let at = scope.outer; at !== null; at = at.scope.outer) if (at.mapId === id) return true
  return false
}
