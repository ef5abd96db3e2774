/**
 * The supervision tree as data: every supervisor and actor with its place, its restart type and what was counted of it.
 * Threads exist for actors only; a supervisor is a node that is decided about (supervision.ts).
 *
 * I1. `children` of a supervisor are in the order of their start; `leaves` walks them depth first, which is the start order
 *     of the actors.
 * I2. A node is `up` when it lives or is meant to: one that is being restarted is up. Who is not up comes back only with
 *     a restart that covers it, a temporary child only with its supervisor, which is then made anew.
 */
import type { AutoShutdown, RestartPolicy, Strategy } from './define-actor.ts'

/** Name of the tree's root: no child can have it. */
export const ROOT = ''

export interface ActorNode {
  readonly kind: 'actor'
  readonly name: string
  readonly parent: string
  readonly restart: RestartPolicy
  readonly significant: boolean
  /** Started on request; restarted one for one and counted for itself. */
  readonly dynamic: boolean
  readonly up: boolean
  /** Restarts in a row, each within `resetMs` of the one before. */
  readonly streak: number
  readonly restartedAt: readonly number[]
}

export interface SupervisorNode {
  readonly kind: 'supervisor'
  readonly name: string
  /** `null` for the root. */
  readonly parent: string | null
  readonly restart: RestartPolicy
  readonly significant: boolean
  readonly strategy: Strategy
  readonly restartsMax: number
  readonly restartPeriodMs: number
  readonly autoShutdown: AutoShutdown
  readonly children: readonly string[]
  readonly up: boolean
  readonly streak: number
  /** Its own restarts by its parent. */
  readonly restartedAt: readonly number[]
  /** Restarts of its children. */
  readonly childRestartsAt: readonly number[]
}

export type Node = ActorNode | SupervisorNode
export type Tree = ReadonlyMap<string, Node>

/** A spec tree that has been checked (supervisor-spec.ts). */
export interface PlannedSupervisor extends Pick<
  SupervisorNode,
  'name' | 'restart' | 'significant' | 'strategy' | 'restartsMax' | 'restartPeriodMs' | 'autoShutdown'
> {
  readonly kind: 'supervisor'
  readonly children: readonly (PlannedSupervisor | PlannedActor)[]
}

export interface PlannedActor {
  readonly kind: 'actor'
  readonly name: string
  readonly restart: RestartPolicy
  readonly significant: boolean
}

/** A tree in which everything is up and nothing has been counted. */
export function plantTree(root: PlannedSupervisor): Tree {
  const tree = new Map<string, Node>()
  plant(tree, root, null)
  return tree
}

const FRESH = { up: true, streak: 0, restartedAt: [] } as const

function plant(tree: Map<string, Node>, planned: PlannedSupervisor, parent: string | null): void {
  const children = planned.children.map(({ name }) => name)
  tree.set(planned.name, { ...planned, ...FRESH, parent, children, childRestartsAt: [] })
  for (const child of planned.children) {
    if (child.kind === 'supervisor') plant(tree, child, planned.name)
    else tree.set(child.name, actorNode(child, planned.name, false))
  }
}

function actorNode(
  { name, restart, significant }: Omit<PlannedActor, 'kind'>,
  parent: string,
  dynamic: boolean,
): ActorNode {
  return { kind: 'actor', name, parent, restart, significant, dynamic, ...FRESH }
}

export function withDynamic(tree: Tree, name: string, restart: RestartPolicy): Tree {
  return new Map(tree).set(name, actorNode({ name, restart, significant: false }, ROOT, true))
}

export function without(tree: Tree, name: string): Tree {
  const rest = new Map(tree)
  rest.delete(name)
  return rest
}

/** `tree` with one node changed. */
export function changed(tree: Tree, name: string, change: Partial<SupervisorNode> & Partial<ActorNode>): Tree {
  const node = tree.get(name)
  return node === undefined ? tree : new Map(tree).set(name, { ...node, ...change })
}

export function supervisorOf(tree: Tree, node: Node): SupervisorNode | undefined {
  const parent = node.parent === null ? undefined : tree.get(node.parent)
  return parent?.kind === 'supervisor' ? parent : undefined
}

/** The child of that supervisor at or above a node. */
export function memberOf(tree: Tree, supervisor: string, name: string): string {
  const parent = tree.get(name)?.parent
  return parent === undefined || parent === null || parent === supervisor ? name : memberOf(tree, supervisor, parent)
}

/** Names of the actors at and below these nodes, in the order of their start. */
export function leaves(tree: Tree, names: readonly string[]): readonly string[] {
  return names.flatMap((name) => {
    const node = tree.get(name)
    if (node === undefined) return []
    return node.kind === 'actor' ? [name] : leaves(tree, node.children)
  })
}

/** Everything below a node starts anew: counts are forgotten, and who was removed is there again. */
export function renewed(tree: Tree, name: string): Tree {
  const node = tree.get(name)
  if (node === undefined) return tree
  if (node.kind === 'actor') return changed(tree, name, { up: true })
  const fresh = changed(tree, name, { up: true, childRestartsAt: [] })
  return node.children.reduce(
    (next, child) => renewed(changed(next, child, { streak: 0, restartedAt: [] }), child),
    fresh,
  )
}

/** A node and everything below it is over. */
export function felled(tree: Tree, name: string): Tree {
  const node = tree.get(name)
  if (node === undefined) return tree
  const down = changed(tree, name, { up: false })
  return node.kind === 'actor' ? down : node.children.reduce(felled, down)
}
