/** Reads and re-hashes everything, letting others in between. */
import type { ContentHash } from './protocol.ts'
import type { Storage } from './storage.ts'
import { visible } from './store.ts'

/** A place in creation order. */
export interface Place {
  readonly createdAt: number
  readonly hash: string
}

export const START: Place = Object.freeze({ createdAt: -1, hash: '' })

export interface ScrubResult {
  readonly checked: number
  /** Also those found before. */
  readonly corrupt: readonly ContentHash[]
}

const PAGE = 100
/** After this much others have their turn. */
const SLICE_BYTES = 16 * 1024 * 1024

/** `ready` gives the storage of the moment (it may be opened again meanwhile); `pause` lets others in. */
export async function scrub(ready: () => Promise<Storage>, pause: () => Promise<void>): Promise<ScrubResult> {
  const corrupt: ContentHash[] = []
  let checked = 0
  let sliceBytes = 0
  for (let after = START; ;) {
    const page = (await ready()).query(({ artifacts }) => artifacts.page(after, PAGE))
    if (page.length === 0) return { checked, corrupt }
    for (const { hash } of page) {
      // Looked up again: since the page was read it may have been moved, trashed or repaired.
      const row = visible(await ready(), hash)
      if (row === null) continue
      checked++
      if (await isDamaged(ready, hash, pause)) {
        corrupt.push(hash)
        const storage = await ready()
        if (visible(storage, hash)?.damaged === 0) storage.write({ t: 'damaged', hash })
      }
      if ((sliceBytes += row.sizeBytes) >= SLICE_BYTES) {
        sliceBytes = 0
        await pause()
      }
    }
    await (await ready()).durable()
    after = page.at(-1)!
  }
}

/**
 * What is in blocks is gone through a slice at a time: each is verified by itself. It is looked up for every slice: in
 * between it may have been moved or deleted.
 */
async function isDamaged(
  ready: () => Promise<Storage>,
  hash: ContentHash,
  pause: () => Promise<void>,
): Promise<boolean> {
  for (let offset = 0; ; offset += SLICE_BYTES) {
    const storage = await ready()
    const row = visible(storage, hash)
    if (row === null || (offset > 0 && offset >= row.sizeBytes)) return false
    if (row.sizeBytes <= SLICE_BYTES || !row.frames.startsWith('{"blocks"')) return storage.read(row).kind === 'damaged'
    if (storage.readRange(row, offset, SLICE_BYTES).kind === 'damaged') return true
    await pause()
  }
}
