/** Runs operators: on the tracker's own thread, or on the CPU pool for what computes long. */
import type { ActorContext } from '../../../runtime/index.ts'
import type { ContentHash } from '../../artifact-store/protocol.ts'
import { checkOperatorInputs, type OperatorContext } from '../operators/index.ts'
import type { Artifacts } from '../values.ts'
import type { OperatorNode } from '../workflow/definition.ts'
import type { CpuPool } from './cpu-pool.ts'
import type { NodeRunner, NodeTask } from './runner.ts'
import { loadOperator, traitsOf, type LoadedOperator, type OperatorReference } from './user-operator.ts'

export interface OperatorRunnerOptions {
  readonly ctx: ActorContext
  readonly artifacts: Artifacts
  readonly cpuPool: CpuPool
}

export function createOperatorRunner(options: OperatorRunnerOptions): NodeRunner<OperatorNode> {
  const { ctx, artifacts, cpuPool } = options
  const loaded = new Map<string, Promise<LoadedOperator>>()

  function load(reference: OperatorReference, name: string): Promise<LoadedOperator> {
    const known = loaded.get(name)
    if (known !== undefined) return known
    const operator = loadOperator(reference)
    loaded.set(name, operator)
    // A module that could not be loaded may be there next time.
    operator.catch(() => loaded.delete(name))
    return operator
  }

  function contextOf(task: NodeTask<OperatorNode>): OperatorContext {
    const { signal, roots, idempotencyKey, runId, nodeId, tenant } = task
    return {
      signal,
      roots,
      idempotencyKey,
      clock: ctx.clock,
      logger: ctx.logger,
      async storeArtifact(content, { contentType }): Promise<ContentHash> {
        const createdBy = { tenant, runId, nodeId }
        return (await artifacts.put({ content, contentType, createdBy, pinnedBy: runId })).hash
      },
    }
  }

  return {
    async run(task) {
      const { definition, inputs } = task
      const traits = traitsOf(definition)
      if (traits.on === 'pool') return { output: await cpuPool.run(task), usage: null }
      const operator = await load(definition.operator, traits.name)
      const checked = checkOperatorInputs(operator, inputs)
      return { output: await operator.run(checked, contextOf(task)), usage: null }
    },
  }
}
