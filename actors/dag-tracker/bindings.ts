/**
 * Values for nodes: what their bindings say, out of the outputs of a run. Definitions are compiled once per run; large
 * outputs are fetched before anything is resolved, so resolving itself is plain and synchronous.
 */
import { dagErrors } from './errors.ts'
import { definitionOf, nodePath, resolveNode, scopeOf, type Run, type Scope } from './run.ts'
import type { Artifacts } from './values.ts'
import type { Body, ItemError, NodeDefinition } from './workflow/definition.ts'
import { compileExpression, type CompiledExpression } from './workflow/expressions.ts'
import {
  compileBinding,
  resolveBinding,
  tryResolveBinding,
  type CompiledBinding,
  type Lookup,
} from './workflow/references.ts'

export type Inputs = Readonly<Record<string, unknown>>

export interface NodePlan {
  readonly inputs: readonly (readonly [port: string, binding: CompiledBinding])[]
  readonly when: CompiledExpression | null
  readonly over: CompiledBinding | null
  readonly cases: readonly { readonly label: string; readonly when: CompiledExpression }[]
}

export interface Resolver {
  plan(definition: NodeDefinition): NodePlan
  /** A node's inputs by port. A join's missing ones are null; another node's are `REFERENCE_MISSING`. */
  inputs(node: number): Promise<Inputs>
  /** What a node's conditions see. */
  variables(node: number, inputs: Inputs): Promise<Inputs>
  /** The list a map goes over. */
  items(map: number): Promise<readonly unknown[]>
  /** Output of a map whose items have all ended. */
  mapOutput(map: number): Promise<{ readonly items: readonly unknown[]; readonly errors: readonly ItemError[] }>
  /** The workflow's outputs by name, each with the nodes it comes from. */
  runOutputs(): Promise<readonly { readonly name: string; readonly value: unknown; readonly from: readonly number[] }[]>
  /** Forgets the items of a map that has ended. */
  forget(map: number): void
}

export function createResolver(run: Run, artifacts: Artifacts): Resolver {
  const plans = new Map<NodeDefinition, NodePlan>()
  const yields = new Map<Body, readonly (readonly [string, CompiledBinding])[]>()
  const lists = new Map<number, Promise<readonly unknown[]>>()

  function plan(definition: NodeDefinition): NodePlan {
    const known = plans.get(definition)
    if (known !== undefined) return known
    const { when } = definition
    const compiled: NodePlan = {
      inputs: Object.entries(definition.inputs ?? {}).map(
        ([port, binding]) => [port, compileBinding(binding)] as const,
      ),
      when: when === undefined ? null : compileExpression(when, 'condition'),
      over: definition.kind === 'map' ? compileBinding(definition.over) : null,
      cases:
        definition.kind === 'branch'
          ? definition.cases.map(({ label, when }) => ({ label, when: compileExpression(when, 'condition') }))
          : [],
    }
    plans.set(definition, compiled)
    return compiled
  }

  /** Fetches what the bindings need, then answers from memory. */
  async function lookupIn(scope: Scope, bindings: readonly CompiledBinding[]): Promise<Lookup> {
    const values = new Map<number, unknown>()
    let list: readonly unknown[] = []
    const waits: Promise<unknown>[] = []
    for (const binding of bindings) {
      if (binding.kind === 'literal') continue
      const { target } = binding
      if (target.scope === 'item' && scope.parent >= 0) waits.push(items(scope.parent).then((all) => (list = all)))
      const node = target.scope === 'node' ? resolveNode(run, scope, target.id) : -1
      const stored = node < 0 ? undefined : run.table.outputs[node]
      if (stored === undefined || values.has(node)) continue
      const value = artifacts.load(stored)
      values.set(node, value)
      if (value instanceof Promise) waits.push(value.then((fetched) => values.set(node, fetched)))
    }
    if (waits.length > 0) await Promise.all(waits)
    return (target) => {
      switch (target.scope) {
        case 'node':
          return values.get(resolveNode(run, scope, target.id))
        case 'inputs':
          return Object.hasOwn(run.start.inputs, target.id) ? run.start.inputs[target.id] : undefined
        case 'item':
          return list[scope.item]
        case 'index':
          return scope.parent < 0 ? undefined : scope.item
      }
    }
  }

  function items(map: number): Promise<readonly unknown[]> {
    const known = lists.get(map)
    if (known !== undefined) return known
    const list = resolveItems(map)
    lists.set(map, list)
    // A failed fetch must not stick: the map may be tried again.
    list.catch(() => lists.delete(map))
    return list
  }

  async function resolveItems(map: number): Promise<readonly unknown[]> {
    const over = plan(definitionOf(run, map)).over!
    const value = resolveBinding(over, await lookupIn(scopeOf(run, map), [over]))
    if (Array.isArray(value)) return value
    throw dagErrors.fail('MAP_NOT_A_LIST', {
      nodeId: nodePath(run, map),
      value: value === null ? 'null' : typeof value,
    })
  }

  async function inputs(node: number): Promise<Inputs> {
    const definition = definitionOf(run, node)
    const bindings = plan(definition).inputs
    if (bindings.length === 0) return {}
    const all = bindings.map(([, binding]) => binding)
    const lookup = await lookupIn(scopeOf(run, node), all)
    const lenient = definition.kind === 'join'
    return Object.fromEntries(
      bindings.map(([port, binding]) => {
        if (!lenient) return [port, resolveBinding(binding, lookup)]
        const found = tryResolveBinding(binding, lookup)
        return [port, found.found ? found.value : null]
      }),
    )
  }

  function yieldsOf(scope: Scope): readonly (readonly [string, CompiledBinding])[] {
    const known = yields.get(scope.body)
    if (known !== undefined) return known
    const named = scope.body.outputs ?? Object.fromEntries(sinksOf(scope).map((id) => [id, { from: id }]))
    const compiled = Object.entries(named).map(([name, binding]) => [name, compileBinding(binding)] as const)
    yields.set(scope.body, compiled)
    return compiled
  }

  /** What a scope yields, by name; what was skipped is null. */
  async function yieldOf(scope: Scope): Promise<readonly (readonly [string, unknown])[]> {
    const bindings = yieldsOf(scope)
    const all = bindings.map(([, binding]) => binding)
    const lookup = await lookupIn(scope, all)
    return bindings.map(([name, binding]) => {
      const found = tryResolveBinding(binding, lookup)
      return [name, found.found ? found.value : null] as const
    })
  }

  async function itemValue(scope: Scope): Promise<unknown> {
    const values = await yieldOf(scope)
    return scope.body.outputs === undefined && values.length === 1 ? values[0]![1] : Object.fromEntries(values)
  }

  async function itemError(scope: Scope, list: readonly unknown[]): Promise<ItemError> {
    const { code, message } = run.errors.get(scope.failure)!
    return { index: scope.item, item: list[scope.item], nodeId: nodePath(run, scope.failure), code, message }
  }

  return {
    plan,
    inputs,
    items,
    async variables(node, inputs) {
      const scope = scopeOf(run, node)
      const common = { inputs, run: { inputs: run.start.inputs } }
      if (scope.parent < 0) return { ...common, item: null, index: null }
      return { ...common, item: (await items(scope.parent))[scope.item], index: scope.item }
    },
    async mapOutput(map) {
      const { firstScope, items: count } = run.maps.get(map)!
      const scopes = run.scopes.slice(firstScope, firstScope + count)
      const failed = scopes.filter((scope) => scope.failure >= 0)
      const list = failed.length > 0 ? await items(map) : []
      return {
        items: await Promise.all(scopes.filter((scope) => scope.failure < 0).map(itemValue)),
        errors: await Promise.all(failed.map((scope) => itemError(scope, list))),
      }
    },
    async runOutputs() {
      const root = run.scopes[0]!
      const values = await yieldOf(root)
      return values.map(([name, value], at) => {
        const binding = yieldsOf(root)[at]![1]
        const target = binding.kind === 'reference' && binding.target.scope === 'node' ? binding.target.id : null
        return { name, value, from: target === null ? [] : [resolveNode(run, root, target)] }
      })
    },
    forget: (map) => void lists.delete(map),
  }
}

/** Nodes that nothing depends on, stand-ins aside: their outputs are what a body yields when it does not say. */
function sinksOf({ graph }: Scope): string[] {
  const { successorsStart, standby } = graph
  return graph.nodes
    .filter((_, at) => successorsStart[at] === successorsStart[at + 1] && standby[at] === 0)
    .map(({ id }) => id)
}
