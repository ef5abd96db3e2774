/** The door of the Pool Manager. */
export * from './protocol.ts'
export { poolManagerActor } from './actor.ts'
export type { PoolManagerConfig } from './config.ts'
export { modelHostActor } from './model-host.ts'
export { builtinModels } from './instruments/index.ts'
export { parseModelFlag } from './model-flag.ts'
export type { ModelModule, ModuleRequest } from './backends/index.ts'
export { poolErrors } from './errors.ts'
