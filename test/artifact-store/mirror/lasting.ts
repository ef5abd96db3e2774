/** A backend that outlives the stores that open it, and fails where a test says so. */
import type { StorageBackend } from '../../../actors/artifact-store/backends/index.ts'

type Call = 'put' | 'get' | 'getRange' | 'stat' | 'delete' | 'list'

export interface LastingBackend {
  readonly backend: StorageBackend
  readonly open: () => Promise<StorageBackend>
  /** By call: what it fails with, or null. */
  readonly faults: { [C in Call]?: ((key: string) => Error | null) | undefined }
}

export function lasting(backend: StorageBackend): LastingBackend {
  const faults: LastingBackend['faults'] = {}
  function check(call: Call, key: string): void {
    const error = faults[call]?.(key)
    if (error !== undefined && error !== null) throw error
  }
  const failing: StorageBackend = {
    location: backend.location,
    async put(key, content) {
      check('put', key)
      return backend.put(key, content)
    },
    async get(key) {
      check('get', key)
      return backend.get(key)
    },
    async getRange(key, offset, length) {
      check('getRange', key)
      return backend.getRange(key, offset, length)
    },
    async stat(key) {
      check('stat', key)
      return backend.stat(key)
    },
    async delete(key) {
      check('delete', key)
      return backend.delete(key)
    },
    async list(options) {
      check('list', '')
      return backend.list(options)
    },
    close: async () => {},
  }
  return { backend, open: async () => failing, faults }
}
