/**
 * A sealed record, as the payload of a frame of the log.
 *
 *   | FF FF FF FF | epoch 4 | index 4 | AES-256-GCM of the payload | tag 16 |          a payload in clear never begins with FF FF FF FF
 *
 * I1. Every record has a key of its own: leaf `index` of the epoch's tree. An epoch is made by the process that writes with
 *     it and by no other, and indexes only count up; so no key seals twice, whatever a crash cuts off or a restored copy
 *     brings back, and the nonce may be zero.
 * I2. Store, position in the log, epoch and index are authenticated with it: a record of another store or place does not
 *     open.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { LogPosition } from '../../../runtime/index.ts'

export interface SealedHeader {
  readonly epoch: number
  readonly index: number
}

const MARK = 0xffffffff
const EPOCH_AT = 4
const INDEX_AT = 8
const HEADER_BYTES = 12
const TAG_BYTES = 16
const NONCE = new Uint8Array(12)
const CIPHER = 'aes-256-gcm'
/** Smaller payloads are put together before they are sealed: one call is cheaper than one for each part. */
const JOIN_BYTES_MAX = 64 * 1024

export function sealRecord(
  parts: readonly Uint8Array[],
  header: SealedHeader,
  {
    key,
    storeId,
    position,
  }: { readonly key: Uint8Array; readonly storeId: Uint8Array; readonly position: LogPosition },
): Uint8Array[] {
  const head = Buffer.allocUnsafe(HEADER_BYTES)
  head.writeUInt32LE(MARK)
  head.writeUInt32LE(header.epoch, EPOCH_AT)
  head.writeUInt32LE(header.index, INDEX_AT)
  const cipher = createCipheriv(CIPHER, key, NONCE)
  cipher.setAAD(boundTo(head, storeId, position))
  const sizeBytes = parts.reduce((sum, part) => sum + part.length, 0)
  const joined = sizeBytes <= JOIN_BYTES_MAX && parts.length > 1 ? [Buffer.concat(parts)] : parts
  const sealed = joined.map((part) => cipher.update(part))
  cipher.final()
  return [head, ...sealed, cipher.getAuthTag()]
}

/** Null for a payload in clear. */
export function sealedHeader(payload: Uint8Array): SealedHeader | null {
  if (payload.length < HEADER_BYTES + TAG_BYTES) return null
  const head = Buffer.from(payload.buffer, payload.byteOffset, HEADER_BYTES)
  if (head.readUInt32LE(0) !== MARK) return null
  return { epoch: head.readUInt32LE(EPOCH_AT), index: head.readUInt32LE(INDEX_AT) }
}

/** Null when it is not what was sealed with this key for this place. */
export function openRecord(
  payload: Uint8Array,
  {
    key,
    storeId,
    position,
  }: { readonly key: Uint8Array; readonly storeId: Uint8Array; readonly position: LogPosition },
): Uint8Array | null {
  const end = payload.length - TAG_BYTES
  const decipher = createDecipheriv(CIPHER, key, NONCE)
  decipher.setAAD(boundTo(payload.subarray(0, HEADER_BYTES), storeId, position))
  decipher.setAuthTag(payload.subarray(end))
  try {
    const opened = decipher.update(payload.subarray(HEADER_BYTES, end))
    decipher.final()
    return opened
  } catch {
    return null
  }
}

function boundTo(head: Uint8Array, storeId: Uint8Array, position: LogPosition): Uint8Array {
  const bound = Buffer.alloc(storeId.length + 8 + HEADER_BYTES)
  bound.set(storeId)
  bound.writeUIntLE(position, storeId.length, 6)
  bound.set(head, storeId.length + 8)
  return bound
}
