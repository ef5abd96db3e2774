/**
 * References between nodes: `from` strings and bindings, parsed once and resolved often.
 *
 *   from       := head ('.' segment | '[' digits ']')*
 *   head       := 'inputs' | 'item' | 'index' | node id
 *   inputs.x.y → scope inputs, id x, path [y]      node.port.f → scope node, id node, path [port, f]
 *   item.x     → scope item, path [x]              index       → scope index
 *
 * Invariants: I1 walking a path reads own properties only, and of arrays only elements. I2 a literal is never searched
 * for references: only a binding as a whole is one.
 */
import { dagErrors } from '../errors.ts'
import type { Binding, Body, NodeDefinition, Reference } from './definition.ts'
import { compileExpression, type CompiledExpression } from './expressions.ts'

export type ReferenceScope = 'node' | 'inputs' | 'item' | 'index'

/** Names that start a reference or an expression, and so are no node ids. */
export const RESERVED_IDS: ReadonlySet<string> = new Set(['inputs', 'item', 'index', 'run'])

export interface ReferenceTarget {
  readonly scope: ReferenceScope
  /** Node id, or name of the workflow input; empty for `item` and `index`. */
  readonly id: string
  /** Fields below it, outermost first; digits index arrays. */
  readonly path: readonly string[]
}

export type Found = { readonly found: true; readonly value: unknown } | { readonly found: false }

const NOT_FOUND: Found = Object.freeze({ found: false })

const CONTROL_CHARACTERS = /[\p{Cc}]/u

/** What makes this no node id, in words, or null. */
export function invalidId(id: string): string | null {
  if (id === '') return 'it is empty'
  if (/[.[\]]/.test(id)) return 'it contains `.`, `[` or `]`'
  if (CONTROL_CHARACTERS.test(id)) return 'it contains a control character'
  if (id.length > 256) return 'it is longer than 256 characters'
  return id.isWellFormed() ? null : 'it contains a lone surrogate'
}

/** Null when `from` does not follow the grammar above. */
export function parseReference(from: string): ReferenceTarget | null {
  const segments = splitPath(from)
  if (segments === null) return null
  const [head, ...rest] = segments as [string, ...string[]]
  switch (head) {
    case 'inputs': {
      const [id, ...path] = rest
      return id === undefined ? null : { scope: 'inputs', id, path }
    }
    case 'item':
      return { scope: 'item', id: '', path: rest }
    case 'index':
      return rest.length === 0 ? { scope: 'index', id: '', path: rest } : null
    case 'run':
      return null
    default:
      return { scope: 'node', id: head, path: rest }
  }
}

function splitPath(from: string): string[] | null {
  const segments: string[] = []
  for (const part of from.split('.')) {
    const match = /^([^[\]]*)((?:\[\d+\])*)$/.exec(part)
    if (match === null) return null
    const [, name, indices] = match as unknown as [string, string, string]
    // An empty name is only right before an index, and only behind something: `items.[0]` is not.
    if (name === '') return null
    segments.push(name, ...[...indices.matchAll(/\d+/g)].map(([digits]) => digits))
  }
  return segments
}

/** Follows `path` into plain data (I1). */
export function valueAt(root: unknown, path: readonly string[]): Found {
  let value = root
  for (const segment of path) {
    if (typeof value !== 'object' || value === null) return NOT_FOUND
    if (Array.isArray(value) && !/^\d+$/.test(segment)) return NOT_FOUND
    if (!Object.hasOwn(value, segment)) return NOT_FOUND
    value = (value as Record<string, unknown>)[segment]
  }
  return value === undefined ? NOT_FOUND : { found: true, value }
}

/** A reference is an object with an own string `from`. */
export function isReference(binding: Binding): binding is Reference {
  return isObject(binding) && Object.hasOwn(binding, 'from') && typeof (binding as Reference).from === 'string'
}

/** The value of a binding that is no reference: what stands in `{ value }` and nothing else, or the binding itself. */
export function literalOf(binding: Binding): unknown {
  if (!isObject(binding)) return binding
  const keys = Object.keys(binding)
  return keys.length === 1 && keys[0] === 'value' ? (binding as { value: unknown }).value : binding
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A binding ready to be resolved at every start of its node. */
export type CompiledBinding =
  | { readonly kind: 'literal'; readonly value: unknown }
  | {
      readonly kind: 'reference'
      readonly from: string
      readonly target: ReferenceTarget
      readonly transform: CompiledExpression | null
      readonly default: Found
    }

/** Throws `EXPRESSION_INVALID`, or `REFERENCE_MISSING` for a `from` that does not parse; validated definitions never do. */
export function compileBinding(binding: Binding): CompiledBinding {
  if (!isReference(binding)) return { kind: 'literal', value: literalOf(binding) }
  const target = parseReference(binding.from)
  if (target === null) throw dagErrors.fail('REFERENCE_MISSING', { from: binding.from })
  return {
    kind: 'reference',
    from: binding.from,
    target,
    transform: binding.transform === undefined ? null : compileExpression(binding.transform, 'transform'),
    default: Object.hasOwn(binding, 'default') ? { found: true, value: binding.default } : NOT_FOUND,
  }
}

/**
 * Gives the root value of a target: the node's output, the workflow input `id`, the item, the index; `undefined` when
 * it was skipped or is not there. (`resolveBinding` walks the path.)
 */
export type Lookup = (target: ReferenceTarget) => unknown

/**
 * The binding's value, or not found. A default stands in for an absent value and is not transformed.
 * Throws `EXPRESSION_FAILED` when the transform fails.
 */
export function tryResolveBinding(binding: CompiledBinding, lookup: Lookup): Found {
  if (binding.kind === 'literal') return { found: true, value: binding.value }
  const found = valueAt(lookup(binding.target), binding.target.path)
  if (!found.found) return binding.default
  return binding.transform === null ? found : { found: true, value: binding.transform.evaluate({ value: found.value }) }
}

/** As `tryResolveBinding`, but throws `REFERENCE_MISSING` when there is neither value nor default. */
export function resolveBinding(binding: CompiledBinding, lookup: Lookup): unknown {
  const found = tryResolveBinding(binding, lookup)
  if (found.found) return found.value
  throw dagErrors.fail('REFERENCE_MISSING', { from: binding.kind === 'reference' ? binding.from : '' })
}

/** All bindings of a node: its inputs, and what a map goes over. The body of a map is a scope of its own. */
export function* bindingsOf(
  node: NodeDefinition,
): Generator<{ readonly binding: Binding; readonly path: readonly string[] }> {
  for (const [port, binding] of Object.entries(node.inputs ?? {})) yield { binding, path: ['inputs', port] }
  if (node.kind === 'map') yield { binding: node.over, path: ['over'] }
}

/**
 * Nodes outside `body` whose values it uses, nested bodies included, in order of first use; true where every use can do
 * without the value (it has a default, or feeds a join).
 */
export function outerReferencesOf(body: Body): ReadonlyMap<string, boolean> {
  const own = new Set(body.nodes.map((node) => node.id))
  const outer = new Map<string, boolean>()
  const add = (id: string, tolerant: boolean): void => {
    if (!own.has(id)) outer.set(id, tolerant && outer.get(id) !== false)
  }
  const addBinding = (binding: Binding, lenient: boolean): void => {
    if (!isReference(binding)) return
    const target = parseReference(binding.from)
    if (target?.scope === 'node') add(target.id, lenient || Object.hasOwn(binding, 'default'))
  }
  for (const node of body.nodes) {
    for (const { binding } of bindingsOf(node)) addBinding(binding, node.kind === 'join')
    if (node.kind === 'map') for (const [id, tolerant] of outerReferencesOf(node.body)) add(id, tolerant)
  }
  for (const binding of Object.values(body.outputs ?? {})) addBinding(binding, false)
  return outer
}
