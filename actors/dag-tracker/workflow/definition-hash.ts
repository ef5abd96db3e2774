/** Identity of a workflow: what decides whether two starts are the same run. */
import { canonicalHash } from '../../../runtime/index.ts'
import type { NodeDefinition, WorkflowDefinition } from './definition.ts'

/**
 * SHA-256 of the canonical JSON of the definition, 64 hex digits. Descriptions do not count, at any level of the
 * format; the order of nodes does, since it decides ties. Equal for YAML, JSON and builder forms of one workflow.
 */
export function definitionHash(definition: WorkflowDefinition): string {
  return canonicalHash(withoutDescriptions(definition))
}

function withoutDescriptions(definition: WorkflowDefinition): unknown {
  const { nodes, inputs, ...rest } = undescribed(definition)
  const specs = Object.entries(inputs ?? {}).map(([name, spec]) => [name, undescribed(spec)] as const)
  return {
    ...rest,
    nodes: nodes.map(stripNode),
    ...(inputs === undefined ? {} : { inputs: Object.fromEntries(specs) }),
  }
}

function stripNode(node: NodeDefinition): unknown {
  const rest = undescribed(node)
  return rest.kind === 'map' ? { ...rest, body: { ...rest.body, nodes: rest.body.nodes.map(stripNode) } } : rest
}

function undescribed<T extends { readonly description?: string }>(thing: T): T {
  const copy = { ...thing }
  delete (copy as { description?: string }).description
  return copy
}
