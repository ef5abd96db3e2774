/** What is known of a node before it runs: its inputs, whether it is wanted, whether its result is there already. */
import type { ModelInfo } from '../pool-manager/protocol.ts'
import type { Inputs, Resolver } from './bindings.ts'
import { cacheKey, type Computation, type ContentCache } from './cache.ts'
import { Flag } from './node-table.ts'
import type { StoredValue } from './record.ts'
import { definitionOf, type Run } from './run.ts'
import { traitsOf } from './runners/user-operator.ts'
import type { Artifacts } from './values.ts'
import type { CachePolicy, NodeDefinition } from './workflow/definition.ts'

export type Prepared =
  /** Its `when` does not hold. */
  | { readonly kind: 'unwanted' }
  | { readonly kind: 'cached'; readonly key: string; readonly output: StoredValue }
  | { readonly kind: 'run'; readonly inputs: Inputs; readonly key: string | null }

export interface PreparationOptions {
  readonly run: Run
  readonly resolver: Resolver
  readonly artifacts: Artifacts
  readonly cache: ContentCache
  readonly models: ReadonlyMap<string, ModelInfo>
}

export async function prepare(node: number, options: PreparationOptions): Promise<Prepared> {
  const { run, resolver } = options
  const definition = effectiveDefinition(run, node)
  const inputs = await resolver.inputs(node)
  const { when } = resolver.plan(definition)
  if (when !== null && !when.test(await resolver.variables(node, inputs))) return { kind: 'unwanted' }
  const key = keyOf(definition, inputs, options)
  const output = key === null ? null : await lookUp(key, options)
  return output === null ? { kind: 'run', inputs, key } : { kind: 'cached', key: key!, output }
}

/** The definition a node runs by: with the other model once a fallback to that has taken over. */
export function effectiveDefinition(run: Run, node: number): NodeDefinition {
  const definition = definitionOf(run, node)
  const { fallback } = definition
  const fellBack = (run.table.flags[node]! & Flag.FellBack) !== 0
  if (!fellBack || definition.kind !== 'instrument' || fallback === undefined || !('model' in fallback))
    return definition
  const known = replaced.get(definition)
  if (known !== undefined) return known
  const other = { ...definition, model: fallback.model }
  replaced.set(definition, other)
  return other
}

/** Derived, so remembering it changes nothing but time: one object per definition keeps plans compiled once. */
const replaced = new WeakMap<NodeDefinition, NodeDefinition>()

function keyOf(definition: NodeDefinition, inputs: Inputs, { run, models }: PreparationOptions): string | null {
  const { runId, tenant, cache } = run.start
  if (!cache || definition.cache === 'off') return null
  const known = computationOf(definition, models)
  if (known === null) return null
  const { repeatable, ...computation } = known
  const policy: CachePolicy = definition.cache ?? (repeatable ? 'shared' : 'off')
  return cacheKey({ ...computation, inputs, tenant }, { policy, runId })
}

type Known = Omit<Computation, 'inputs' | 'tenant'> & { readonly repeatable: boolean }

function computationOf(definition: NodeDefinition, models: ReadonlyMap<string, ModelInfo>): Known | null {
  switch (definition.kind) {
    case 'instrument': {
      const info = models.get(definition.model)
      const { model: name, parameters = null } = definition
      const { version = '', deterministic = false } = info ?? {}
      return { kind: 'instrument', name, version, parameters, repeatable: deterministic }
    }
    case 'operator': {
      const { name, version, pure } = traitsOf(definition)
      return { kind: 'operator', name, version, parameters: null, repeatable: pure }
    }
    case 'branch':
    case 'map':
    case 'join':
      return null
  }
}

/** A hit whose artifact is gone is none. */
async function lookUp(key: string, { cache, artifacts }: PreparationOptions): Promise<StoredValue | null> {
  const output = cache.get(key)
  if (output === undefined) return null
  if ('value' in output || (await artifacts.exists(output.artifact))) return output
  cache.delete(key)
  return null
}
