/** The door of the Arbitration Engine. */
export { arbitrationEngineActor } from './actor.ts'
export type { ArbitrationConfig, TenantWeight } from './options.ts'
export { arbitrationErrors } from './errors.ts'
export * from './protocol.ts'
