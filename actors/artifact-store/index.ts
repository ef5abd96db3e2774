/** The door of the Artifact Store. */
export { artifactStoreActor, type ArtifactStoreConfig } from './actor.ts'
export type { EncryptionOptions } from './encryption.ts'
export { resolveBackendSpec, type BackendSpec, type StorageBackend } from './backends/index.ts'
export { artifactErrors } from './errors.ts'
export * from './protocol.ts'
export type { ScorerAnswer, ScorerFunction, ScorerReference } from './quality/scorer.ts'
