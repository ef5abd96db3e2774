/** The door of the storage backends. */
export * from './backend.ts'
export { blobErrors } from './errors.ts'
export type { BlobFile, BlobFiles } from './blob-files.ts'
export { openFileSystemBackend, type FileSystemBackendOptions } from './file-system.ts'
export { createMemoryBackend } from './memory.ts'
export { openBackend, resolveBackendSpec, type BackendSpec } from './spec.ts'
