/** The door of the Stale Manager. */
export { staleManagerActor, type StaleManagerConfig } from './actor.ts'
export { retentionErrors } from './errors.ts'
export { DEFAULT_POLICIES } from './retention.ts'
export * from './protocol.ts'
