/** Content on its way to the mirror and back. */
import { createHash } from 'node:crypto'
import { sha256Hex } from '../../../runtime/index.ts'
import { readBlob, type BlobKey, type StorageBackend } from '../backends/index.ts'
import type { ArtifactRow } from '../artifacts.ts'
import { BLOCK_BYTES, INLINE_BYTES_MAX, writeBlock, writeContent } from '../content.ts'
import type { ContentHash } from '../protocol.ts'
import type { Block } from '../records.ts'
import { stateOf, type StateRecord } from '../states.ts'
import type { Storage } from '../storage.ts'

export const CONTENT_PREFIX = 'content/'

export function keyOf(hash: ContentHash): BlobKey {
  return CONTENT_PREFIX + hash
}

/** Large content in pieces of this size. */
const PIECE_BYTES = 4 * BLOCK_BYTES

/** `gone`: deleted meanwhile. `damaged`: nothing that could be copied. */
export type CopyResult = 'copied' | 'gone' | 'damaged'

/** Thrown by a source, so that the backend forgets the half. */
class Unreadable extends Error {
  readonly result: CopyResult
  constructor(result: CopyResult) {
    super(`the content is ${result}`)
    this.result = result
  }
}

/** Copies verified content. `ready` gives the storage of the moment. Errors: those of the storage and of the backend. */
export async function copyOut(
  ready: () => Promise<Storage>,
  backend: StorageBackend,
  artifact: number,
): Promise<CopyResult> {
  const storage = await ready()
  const row = storage.query(({ artifacts }) => artifacts.byId(artifact))
  if (row === null) return 'gone'
  if (row.sizeBytes > INLINE_BYTES_MAX) return copyLarge(ready, backend, row)
  const read = storage.read(row)
  if (read.kind === 'damaged') return 'damaged'
  await backend.put(keyOf(row.hash), read.content)
  return 'copied'
}

async function copyLarge(
  ready: () => Promise<Storage>,
  backend: StorageBackend,
  { hash, sizeBytes }: ArtifactRow,
): Promise<CopyResult> {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    const sha256 = createHash('sha256')
    for (let offset = 0; offset < sizeBytes; offset += PIECE_BYTES) {
      const storage = await ready()
      // Looked up again: in between it may have been moved or deleted.
      const row = storage.query(({ artifacts }) => artifacts.find(hash))
      if (row === null) throw new Unreadable('gone')
      const read = storage.readRange(row, offset, PIECE_BYTES)
      if (read.kind === 'damaged') throw new Unreadable('damaged')
      sha256.update(read.content)
      yield read.content
    }
    if (sha256.digest('hex') !== hash) throw new Unreadable('damaged')
  }
  try {
    await backend.put(keyOf(hash), pieces())
    return 'copied'
  } catch (error) {
    if (error instanceof Unreadable) return error.result
    throw error
  }
}

export type CopyCheck = 'good' | 'missing' | 'damaged'

/** Reads the mirror's copy back and hashes it. */
export async function checkCopy(backend: StorageBackend, hash: ContentHash, sizeBytes: number): Promise<CopyCheck> {
  const found = await readBlob(backend, keyOf(hash), PIECE_BYTES)
  if (found === null) return 'missing'
  if (found.sizeBytes !== sizeBytes) return 'damaged'
  const sha256 = createHash('sha256')
  for await (const piece of found.pieces) sha256.update(piece)
  return sha256.digest('hex') === hash ? 'good' : 'damaged'
}

/** `healed`: by this call, or by another one meanwhile; `gone`: there is no such artifact any more. */
export type HealResult = 'healed' | 'gone' | 'missing' | 'damaged'

/**
 * Brings back the content of a quarantined artifact from the mirror's copy, verified, as a record that stands for all that is
 * known of it; durable when it resolves.
 */
export async function copyBack(
  ready: () => Promise<Storage>,
  backend: StorageBackend,
  hash: ContentHash,
): Promise<HealResult> {
  const row = (await ready()).query(({ artifacts }) => artifacts.find(hash))
  if (row === null) return 'gone'
  const found = await readBlob(backend, keyOf(hash), BLOCK_BYTES)
  if (found === null) return 'missing'
  if (found.sizeBytes !== row.sizeBytes) return 'damaged'
  return row.sizeBytes > INLINE_BYTES_MAX
    ? backInBlocks(ready, found.pieces, hash)
    : backWhole(ready, found.pieces, hash)
}

async function backWhole(
  ready: () => Promise<Storage>,
  pieces: AsyncIterable<Uint8Array>,
  hash: ContentHash,
): Promise<HealResult> {
  const gathered: Uint8Array[] = []
  for await (const piece of pieces) gathered.push(piece)
  const content = Buffer.concat(gathered)
  if (sha256Hex(content) !== hash) return 'damaged'
  const storage = await ready()
  return heal(storage, hash, (state) => writeContent(storage, state, content))
}

/** Block by block: the whole may not fit into memory. */
async function backInBlocks(
  ready: () => Promise<Storage>,
  pieces: AsyncIterable<Uint8Array>,
  hash: ContentHash,
): Promise<HealResult> {
  const storage = await ready()
  const sha256 = createHash('sha256')
  const blocks: Block[] = []
  let release: (() => void) | null = null
  try {
    for await (const piece of pieces) {
      await storage.admit()
      sha256.update(piece)
      blocks.push(writeBlock(storage, piece))
      release ??= storage.hold(blocks[0]![0])
    }
    if (sha256.digest('hex') !== hash) return 'damaged'
    return await heal(storage, hash, (state) => void storage.write({ ...state, content: { blocks } }))
  } finally {
    release?.()
  }
}

async function heal(storage: Storage, hash: ContentHash, write: (state: StateRecord) => void): Promise<HealResult> {
  const now = storage.query(({ artifacts }) => artifacts.find(hash))
  if (now === null) return 'gone'
  if (now.damaged === 1) write({ ...storage.query((tables) => stateOf(tables, now, 'here')), damaged: false })
  await storage.durable()
  return 'healed'
}
