/** The door of the Artifact Store. */
export { artifactStoreActor, type ArtifactStoreConfig } from './actor.ts'
export { artifactErrors } from './errors.ts'
export * from './protocol.ts'
