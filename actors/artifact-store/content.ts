/** Writing content: with its record when it is small, in blocks before it when it is large. */
import { sha256Hex } from '../../runtime/index.ts'
import type { Block, StoreRecord } from './records.ts'
import type { Storage } from './storage.ts'

/** Content up to this size is in the record that describes it. */
export const INLINE_BYTES_MAX = 8 * 1024 * 1024
/** Larger content is in blocks of this size: what a range read has to verify at least. */
export const BLOCK_BYTES = 1024 * 1024

/** Writes the record with its content; the record's own `content` is replaced by where it went. */
export function writeContent(
  storage: Storage,
  record: StoreRecord & { readonly t: 'put' | 'state' },
  content: Uint8Array,
): void {
  if (content.length <= INLINE_BYTES_MAX) {
    storage.write({ ...record, content: 'here' }, content)
    return
  }
  const blocks: Block[] = []
  for (let at = 0; at < content.length; at += BLOCK_BYTES) {
    blocks.push(writeBlock(storage, content.subarray(at, at + BLOCK_BYTES)))
  }
  storage.write({ ...record, content: { blocks } })
}

/** Belongs to nothing until a record names it. */
export function writeBlock(storage: Storage, bytes: Uint8Array): Block {
  return [storage.write({ t: 'chunk' }, bytes), bytes.length, sha256Hex(bytes)]
}
