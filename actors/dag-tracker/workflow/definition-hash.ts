/** Identity of a workflow: what decides whether two starts are the same run. */
import { canonicalHash } from '../../../runtime/index.ts'
import type { WorkflowDefinition } from './definition.ts'

/**
 * SHA-256 of the canonical JSON of the definition, 64 hex digits. Descriptions do not count, at any level of the
 * format; the order of nodes does, since it decides ties. Equal for YAML, JSON and builder forms of one workflow.
 */
export function definitionHash(definition: WorkflowDefinition): string {
  return canonicalHash(withoutDescriptions(definition))
}

function withoutDescriptions(definition: WorkflowDefinition): unknown {
  const { description: _, nodes, inputs, ...rest } = definition
  const specs = Object.entries(inputs ?? {}).map(([name, { description: _, ...spec }]) => [name, spec] as const)
  return {
    ...rest,
    nodes: nodes.map(stripNode),
    ...(inputs === undefined ? {} : { inputs: Object.fromEntries(specs) }),
  }
}

function stripNode(node: WorkflowDefinition['nodes'][number]): unknown {
  const { description: _, ...rest } = node
  return rest.kind === 'map' ? { ...rest, body: { ...rest.body, nodes: rest.body.nodes.map(stripNode) } } : rest
}
