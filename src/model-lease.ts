/** A slot of a model, held by the host: what `allocateModel` gives. */
import { modelHost, poolManager, type InferResult, type Usage } from '../actors/pool-manager/protocol.ts'
import type { Lease } from '../actors/pool-manager/index.ts'
import { isPitError, sleep, systemClock, type CallOptions } from '../runtime/index.ts'
import { hostErrors } from './errors.ts'
import type { Host } from './host.ts'

export interface InferOptions extends CallOptions {
  /** Model parameters: temperature, prompt template, sentences … */
  readonly parameters?: Readonly<Record<string, unknown>>
}

/**
 * A model that is loaded and has a slot for you until you release it, which `using` does by itself.
 *
 * `infer` may be called any number of times; `input` is plain data whose shape the model defines.
 */
export interface ModelLease extends Disposable {
  readonly leaseId: string
  readonly model: string
  readonly version: string
  /** Whether the model was loaded already. */
  readonly warm: boolean
  /** Errors: `LEASE_RELEASED`, `DEADLINE_EXCEEDED` (default 300,000 ms), `CANCELLED`, and those of the model's backend. */
  infer(input: unknown, options?: InferOptions): Promise<InferResult>
  /** Gives the slot back. Releasing twice is no error. */
  release(): void
}

const INFER_DEADLINE_MS = 300_000
/** A model host that died is back, with its model, within moments. */
const RESTART_TRIES_MAX = 5
const RESTART_WAIT_MS = 50
const NO_USAGE: Usage = { inputTokens: 0, outputTokens: 0, durationMs: 0 }

export function createModelLease(host: Host, lease: Lease, tenant: string): ModelLease {
  const { leaseId, model, version, warm, host: hostName } = lease.grant
  let released = false

  async function infer(input: unknown, options: InferOptions = {}): Promise<InferResult> {
    if (released) throw hostErrors.fail('LEASE_RELEASED', { model })
    const { parameters, deadlineMs = INFER_DEADLINE_MS, signal } = options
    const request = { model, input, ...(parameters === undefined ? {} : { parameters }) }
    const call = { deadlineMs, ...(signal === undefined ? {} : { signal }) }
    for (let tries = 1; ; tries++) {
      try {
        const result = await host.ref(modelHost(hostName)).ask.infer(request, call)
        report(result.usage)
        return result
      } catch (error) {
        if (!isPitError(error, 'ACTOR_RESTARTED') || tries >= RESTART_TRIES_MAX) {
          report(NO_USAGE, { failed: true, ...(isPitError(error) ? { errorCode: error.code } : {}) })
          throw error
        }
        await sleep(systemClock, RESTART_WAIT_MS * 2 ** tries, signal)
      }
    }
  }

  function report(usage: Usage, failure: { readonly failed?: true; readonly errorCode?: string } = {}): void {
    host.ref(poolManager).tell.report({ leaseId, model, tenant, usage, ...failure })
  }

  function release(): void {
    released = true
    lease.release()
  }

  return { leaseId, model, version, warm, infer, release, [Symbol.dispose]: release }
}
