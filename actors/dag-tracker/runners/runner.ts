/**
 * What runs a node: one runner per kind of work. A runner knows nothing of scheduling, journals or retries; it gets
 * resolved inputs and a signal, and gives an output or throws.
 */
import type { NodeDefinition } from '../workflow/definition.ts'

export interface NodeTask<N extends NodeDefinition = NodeDefinition> {
  readonly definition: N
  /** Path of the node, for messages. */
  readonly nodeId: string
  readonly runId: string
  readonly tenant: string
  readonly inputs: Readonly<Record<string, unknown>>
  readonly roots: readonly string[]
  /** Aborted when the node times out or its run is cancelled. */
  readonly signal: AbortSignal
  /** `runId/nodePath/logicalAttempt`: the same for every execution of one attempt. */
  readonly idempotencyKey: string
}

export interface NodeResult {
  readonly output: unknown
  readonly usage: { readonly model: string; readonly durationMs: number } | null
}

export interface NodeRunner<N extends NodeDefinition = NodeDefinition> {
  run(task: NodeTask<N>): Promise<NodeResult>
}
