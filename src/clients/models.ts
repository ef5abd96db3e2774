/** `pit.models`: what the Pool Manager knows and does. */
import { parseModelFlag } from '../../actors/pool-manager/index.ts'
import {
  poolManager,
  type ModelInfo,
  type ModelSpec,
  type ModelTransition,
} from '../../actors/pool-manager/protocol.ts'
import type { CallOptions } from '../../runtime/index.ts'
import type { Host } from '../host.ts'

export interface ModelsClient {
  /** Adds or replaces a model, cold; a spec or its short form `id=openai:<url>#<model>`. Error: `MODEL_SPEC_INVALID`. */
  register(spec: ModelSpec | string, options?: CallOptions): Promise<ModelInfo>
  list(options?: CallOptions): Promise<readonly ModelInfo[]>
  /** Errors of this and the following: `UNKNOWN_MODEL`. */
  info(model: string, options?: CallOptions): Promise<ModelInfo>
  /** Loads it now rather than with its first lease. Error: `MODEL_LOAD_FAILED`. @default deadlineMs 300_000 */
  load(model: string, options?: CallOptions): Promise<ModelInfo>
  /** Waits for leases that are held, then unloads. @default deadlineMs 300_000 */
  unload(model: string, options?: CallOptions): Promise<ModelInfo>
  /** A pinned model is never unloaded to make room. */
  pin(model: string, pinned: boolean, options?: CallOptions): Promise<ModelInfo>
  /** Why it is in the state it is in: its last transitions with reasons. */
  explain(
    model: string,
    options?: CallOptions,
  ): Promise<{ readonly info: ModelInfo; readonly history: readonly ModelTransition[] }>
}

/** Loading a large model takes minutes. */
const LOAD_DEADLINE_MS = 300_000

export function createModelsClient(host: Host): ModelsClient {
  const slow = (options?: CallOptions): CallOptions => ({ deadlineMs: LOAD_DEADLINE_MS, ...options })
  return {
    async register(spec, options) {
      const parsed = typeof spec === 'string' ? parseModelFlag(spec) : spec
      return host.ref(poolManager).ask.register({ spec: parsed }, options)
    },
    list: async (options) => host.ref(poolManager).ask.list({}, options),
    info: async (model, options) => host.ref(poolManager).ask.info({ model }, options),
    load: async (model, options) => host.ref(poolManager).ask.load({ model }, slow(options)),
    unload: async (model, options) => host.ref(poolManager).ask.unload({ model }, slow(options)),
    pin: async (model, pinned, options) => host.ref(poolManager).ask.pin({ model, pinned }, options),
    explain: async (model, options) => host.ref(poolManager).ask.explain({ model }, options),
  }
}
