/**
 * Runs a model call: lease → infer on the leased model's host → give the slot back → report the usage.
 *
 * I1. A lease is released exactly once, whatever happens.
 * I2. A host or pool that dies in the middle is no failure of the node: the same logical attempt is made again.
 */
import { isPitError, sleep, type ActorContext, type ActorRef } from '../../../runtime/index.ts'
import {
  modelHost,
  type InferResult,
  type LeaseGrant,
  type PoolManagerProtocol,
  type Usage,
} from '../../pool-manager/protocol.ts'
import { backoffMs, isTransient } from '../peers.ts'
import type { InstrumentNode } from '../workflow/definition.ts'
import type { NodeRunner, NodeTask } from './runner.ts'

/** What the runner needs of a lease client. */
export interface LeaseSource {
  acquire(
    model: string,
    options: { readonly tenant: string; readonly signal?: AbortSignal; readonly deadlineMs?: number },
  ): Promise<{ readonly grant: LeaseGrant; release(): void }>
}

export interface InstrumentOptions {
  readonly ctx: ActorContext
  readonly pool: ActorRef<PoolManagerProtocol>
  readonly leases: LeaseSource
}

/** How often one attempt is repeated because an actor died under it. */
const DEATHS_MAX = 10
const FOREVER = Number.POSITIVE_INFINITY

export function createInstrumentRunner({ ctx, pool, leases }: InstrumentOptions): NodeRunner<InstrumentNode> {
  async function infer(task: NodeTask<InstrumentNode>): Promise<InferResult> {
    const { definition, inputs, tenant, signal } = task
    const { model, parameters } = definition
    const lease = await leases.acquire(model, { tenant, signal, deadlineMs: FOREVER })
    let usage: Usage = { inputTokens: 0, outputTokens: 0, durationMs: 0 }
    let failure: { readonly failed?: true; readonly errorCode?: string } = {}
    try {
      const host = ctx.ref(modelHost(lease.grant.host))
      const request = { model, input: inputs, ...(parameters === undefined ? {} : { parameters }) }
      const result = await host.ask.infer(request, { signal, deadlineMs: FOREVER })
      usage = result.usage
      return result
    } catch (error) {
      // The code tells the pool's circuit breaker whether the model is to blame, or its input.
      failure = { failed: true, ...(isPitError(error) ? { errorCode: error.code } : {}) }
      throw error
    } finally {
      lease.release()
      pool.tell.report({ leaseId: lease.grant.leaseId, model, tenant, usage, ...failure })
    }
  }

  return {
    async run(task) {
      for (let deaths = 0; ; deaths++) {
        try {
          const { output, usage } = await infer(task)
          return { output, usage: { model: task.definition.model, durationMs: Math.round(usage.durationMs) } }
        } catch (error) {
          if (!isTransient(error) || deaths >= DEATHS_MAX || task.signal.aborted) throw error
          await sleep(ctx.clock, backoffMs(deaths + 1, ctx.random), task.signal)
        }
      }
    },
  }
}
