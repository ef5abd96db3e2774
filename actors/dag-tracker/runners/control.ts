/** Nodes that steer the run and compute nothing: branch and join. (A map is expanded by the executor.) */
import type { NodePlan } from '../bindings.ts'
import type { BranchNode } from '../workflow/definition.ts'

/** The first case whose condition holds. */
export function branchOutput(
  definition: BranchNode,
  { cases }: NodePlan,
  variables: Readonly<Record<string, unknown>>,
): { readonly label: string } {
  const taken = cases.find(({ when }) => when.test(variables))
  return { label: taken?.label ?? definition.otherwise ?? 'else' }
}

/** A join hands on what came together. */
export function joinOutput(inputs: Readonly<Record<string, unknown>>): unknown {
  return inputs
}
