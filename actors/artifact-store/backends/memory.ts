/** Blobs in memory: gone with the process, otherwise like the others. */
import { PAGE_BLOBS_MAX, type BlobSource, type StorageBackend } from './backend.ts'
import { blobErrors } from './errors.ts'
import { checkKey, checkRange } from './keys.ts'

export function createMemoryBackend(): StorageBackend {
  const location = 'memory'
  const blobs = new Map<string, Uint8Array>()
  const busy = new Set<Promise<unknown>>()
  let closed = false

  function usable(key: string): string {
    if (closed) throw blobErrors.fail('BLOBS_CLOSED', { location })
    return checkKey(key)
  }

  return {
    location,
    async put(key, content) {
      usable(key)
      const gathering = gather(content)
      busy.add(gathering)
      try {
        const whole = await gathering
        blobs.set(key, whole)
        return whole.length
      } finally {
        busy.delete(gathering)
      }
    },
    async get(key) {
      return blobs.get(usable(key))?.slice() ?? null
    },
    async getRange(key, offset, length) {
      checkRange(offset, length)
      return blobs.get(usable(key))?.slice(offset, offset + length) ?? null
    },
    async stat(key) {
      const found = blobs.get(usable(key))
      return found === undefined ? null : { key, sizeBytes: found.length }
    },
    async delete(key) {
      blobs.delete(usable(key))
    },
    async list({ prefix = '', cursor = '', limit = PAGE_BLOBS_MAX } = {}) {
      if (closed) throw blobErrors.fail('BLOBS_CLOSED', { location })
      const max = Math.min(limit, PAGE_BLOBS_MAX)
      const keys = [...blobs.keys()].filter((key) => key.startsWith(prefix) && key > cursor).sort()
      const items = keys.slice(0, max).map((key) => ({ key, sizeBytes: blobs.get(key)!.length }))
      return keys.length > max ? { items, cursor: items.at(-1)!.key } : { items }
    },
    async close() {
      closed = true
      await Promise.allSettled(busy)
    },
  }
}

async function gather(content: BlobSource): Promise<Uint8Array> {
  if (content instanceof Uint8Array) return content.slice()
  const pieces: Uint8Array[] = []
  for await (const piece of content) pieces.push(piece.slice())
  return new Uint8Array(Buffer.concat(pieces))
}
