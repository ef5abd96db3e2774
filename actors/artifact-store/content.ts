/** Writing content: with its record when it is small, in chunks before it when it is large. */
import type { LogPosition } from '../../runtime/index.ts'
import type { StoreRecord } from './records.ts'
import type { Storage } from './storage.ts'

/** Content up to this size is in the record that describes it. */
export const CHUNK_BYTES = 8 * 1024 * 1024

/** Writes the record with its content; the record's own `content` is replaced by where it went. */
export function writeContent(
  storage: Storage,
  record: StoreRecord & { readonly t: 'put' | 'state' },
  content: Uint8Array,
): void {
  if (content.length <= CHUNK_BYTES) {
    storage.write({ ...record, content: 'here' }, content)
    return
  }
  const positions: LogPosition[] = []
  for (let at = 0; at < content.length; at += CHUNK_BYTES) {
    const chunk = { t: 'chunk', hash: record.hash, index: positions.length } as const
    positions.push(storage.write(chunk, content.subarray(at, at + CHUNK_BYTES)))
  }
  storage.write({ ...record, content: positions })
}
