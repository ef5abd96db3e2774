/** Definitions as text. Both forms read back (`parseWorkflow`) to an equal definition. */
import { stringify } from 'yaml'
import type { WorkflowDefinition } from './definition.ts'

/** YAML, members in the order of the definition; multi-line texts as blocks. */
export function workflowToYaml(definition: WorkflowDefinition): string {
  // No anchors (readers expect every node written out) and no folding (it would hide where a line really ends).
  return stringify(definition, { aliasDuplicateObjects: false, lineWidth: 0, schema: 'core' })
}

export function workflowToJson(definition: WorkflowDefinition, indent = 2): string {
  return `${JSON.stringify(definition, null, indent)}\n`
}
