/**
 * The key file: all data keys of a store, sealed under the key-encryption key, in one small file that is replaced as a whole.
 *
 *   block:  | magic 8 | version 4 | body bytes 4 | generation 8 | id of the key 8 | store id 16 | salt 32 | body | tag 16 |
 *   file:   the same block twice, so that one damaged sector does not take everything with it
 *
 * I1. The body is sealed with AES-256-GCM under HKDF-SHA-256(key-encryption key, salt), and the salt is new with every
 *     write: no key here seals twice, so the nonce may be zero. All before the body is authenticated with it.
 * I2. Another key-encryption key means writing this file again, and nothing else.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { LogPosition } from '../../../runtime/index.ts'
import type { FileLayer } from '../../../runtime/persistence/index.ts'
import type { KeyEncryptionKey } from './key-encryption-key.ts'
import { KEY_BYTES, type KeyNode } from './key-tree.ts'

/** A run of records that are sealed with keys of one tree. */
export interface Epoch {
  readonly number: number
  /** Its records are from here on, up to where the next epoch begins. */
  readonly from: LogPosition
  readonly nodes: readonly KeyNode[]
}

/** The index as it was at a position, in a file of its own under a key of its own. */
export interface ImageReference {
  readonly file: string
  readonly position: LogPosition
  readonly sizeBytes: number
  readonly key: Uint8Array
}

export interface StoreKeys {
  /** 32 hex digits, made with the store. */
  readonly storeId: string
  /** The number of the newest epoch there ever was. */
  readonly generation: number
  /** The log begins here. */
  readonly start: LogPosition
  /** The log reaches at least to here: it was on the disk. */
  readonly synced: LogPosition
  /** Records before were written in clear, when the store was not encrypted. */
  readonly sealedFrom: LogPosition
  /** Records from here on are written in clear: the store is being decrypted. */
  readonly sealedTo: LogPosition | null
  readonly epochs: readonly Epoch[]
  readonly image: ImageReference | null
}

export type KeyFileRead =
  | { readonly kind: 'keys'; readonly keys: StoreKeys; readonly key: KeyEncryptionKey; readonly damaged: boolean }
  | { readonly kind: 'absent' | 'damaged' }
  | { readonly kind: 'other-key'; readonly keyId: string }
  | { readonly kind: 'newer'; readonly version: number }

export const KEY_FILE = 'keys'
const TEMPORARY = 'keys.tmp'
const VERSION = 1
const MAGIC = 'PITKEYS\n'
const VERSION_AT = 8
const BODY_BYTES_AT = 12
const GENERATION_AT = 16
const KEY_ID_AT = 24
const STORE_ID_AT = 32
const SALT_AT = 48
const SALT_BYTES = 32
const HEADER_BYTES = 80
const TAG_BYTES = 16
const NONCE = new Uint8Array(12)

export function readKeyFile(files: FileLayer, dir: string, keys: readonly KeyEncryptionKey[]): KeyFileRead {
  if (!files.list(dir).includes(KEY_FILE)) return { kind: 'absent' }
  const bytes = readWhole(files, join(dir, KEY_FILE))
  const blocks = [openBlock(bytes, keys), openBlock(bytes.subarray(bytes.length >> 1), keys)]
  const opened = blocks.filter((block) => block.kind === 'keys')
  // Blocks that differ were put together by somebody: the newer one counts.
  const [newest] = opened.sort((a, b) => b.keys.generation - a.keys.generation)
  if (newest !== undefined) return { ...newest, damaged: opened.length < blocks.length }
  const known = blocks.filter((block) => block.kind === 'other-key' || block.kind === 'newer')
  return known.find(({ kind }) => kind === 'other-key') ?? known[0] ?? { kind: 'damaged' }
}

/** Whether a file that replaces another one may be there although its writing failed. */
export class UncertainWrite extends Error {}

/** Throws what the file layer throws, with the former file in place; `UncertainWrite` when either may be there. */
export function writeKeyFile(files: FileLayer, dir: string, keys: StoreKeys, key: KeyEncryptionKey): void {
  const block = sealBlock(keys, key)
  const temporary = join(dir, TEMPORARY)
  const fd = files.open(temporary, 'write')
  try {
    files.truncate(fd, 0)
    files.write(fd, [block, block], 0)
    files.syncNow(fd)
  } finally {
    files.close(fd)
  }
  try {
    files.rename(temporary, join(dir, KEY_FILE))
    files.syncDir(dir)
  } catch (cause) {
    throw new UncertainWrite('the key file may have been replaced', { cause })
  }
}

export function removeKeyFile(files: FileLayer, dir: string): void {
  files.remove(join(dir, TEMPORARY))
  files.remove(join(dir, KEY_FILE))
  files.syncDir(dir)
}

function sealBlock(keys: StoreKeys, key: KeyEncryptionKey): Uint8Array {
  const body = encodeBody(keys)
  const header = Buffer.alloc(HEADER_BYTES)
  header.write(MAGIC, 0, 'latin1')
  header.writeUInt32LE(VERSION, VERSION_AT)
  header.writeUInt32LE(body.length, BODY_BYTES_AT)
  header.writeUIntLE(keys.generation, GENERATION_AT, 6)
  header.write(key.id, KEY_ID_AT, 'hex')
  header.write(keys.storeId, STORE_ID_AT, 'hex')
  header.set(randomBytes(SALT_BYTES), SALT_AT)
  const cipher = createCipheriv('aes-256-gcm', wrappingKey(key, header), NONCE)
  cipher.setAAD(header)
  return Buffer.concat([header, cipher.update(body), cipher.final(), cipher.getAuthTag()])
}

type BlockRead = Extract<KeyFileRead, { kind: 'other-key' | 'newer' }> | { readonly kind: 'damaged' } | OpenBlock
interface OpenBlock {
  readonly kind: 'keys'
  readonly keys: StoreKeys
  readonly key: KeyEncryptionKey
}

function openBlock(bytes: Buffer, keys: readonly KeyEncryptionKey[]): BlockRead {
  if (bytes.length < HEADER_BYTES + TAG_BYTES) return { kind: 'damaged' }
  if (bytes.toString('latin1', 0, MAGIC.length) !== MAGIC) return { kind: 'damaged' }
  const version = bytes.readUInt32LE(VERSION_AT)
  const bodyEnd = HEADER_BYTES + bytes.readUInt32LE(BODY_BYTES_AT)
  if (bodyEnd + TAG_BYTES > bytes.length) return { kind: 'damaged' }
  const header = bytes.subarray(0, HEADER_BYTES)
  const keyId = header.toString('hex', KEY_ID_AT, STORE_ID_AT)
  const key = keys.find(({ id }) => id === keyId)
  if (version > VERSION) return { kind: 'newer', version }
  if (key === undefined) return { kind: 'other-key', keyId }
  const decipher = createDecipheriv('aes-256-gcm', wrappingKey(key, header), NONCE)
  decipher.setAAD(header)
  decipher.setAuthTag(bytes.subarray(bodyEnd, bodyEnd + TAG_BYTES))
  try {
    const body = Buffer.concat([decipher.update(bytes.subarray(HEADER_BYTES, bodyEnd)), decipher.final()])
    return { kind: 'keys', keys: decodeBody(body), key }
  } catch {
    return { kind: 'damaged' }
  }
}

function wrappingKey({ bytes }: KeyEncryptionKey, header: Buffer): Uint8Array {
  const salt = header.subarray(SALT_AT, SALT_AT + SALT_BYTES)
  return new Uint8Array(hkdfSync('sha256', bytes, salt, 'symphony-pit artifact keys', KEY_BYTES))
}

interface Body extends Omit<StoreKeys, 'epochs' | 'image'> {
  readonly epochs: readonly { readonly number: number; readonly from: number; readonly nodes: readonly NodeText[] }[]
  readonly image: (Omit<ImageReference, 'key'> & { readonly key: string }) | null
}
type NodeText = readonly [depth: number, prefix: number, key: string]

function encodeBody(keys: StoreKeys): Buffer {
  const body: Body = {
    ...keys,
    epochs: keys.epochs.map((epoch) => ({
      ...epoch,
      nodes: epoch.nodes.map(({ depth, prefix, key }) => [depth, prefix, base64(key)] as const),
    })),
    image: keys.image === null ? null : { ...keys.image, key: base64(keys.image.key) },
  }
  return Buffer.from(JSON.stringify(body))
}

function decodeBody(bytes: Buffer): StoreKeys {
  const body = JSON.parse(bytes.toString()) as Body
  return {
    ...body,
    epochs: body.epochs.map((epoch) => ({
      ...epoch,
      nodes: epoch.nodes.map(([depth, prefix, key]) => ({ depth, prefix, key: Buffer.from(key, 'base64') })),
    })),
    image: body.image === null ? null : { ...body.image, key: Buffer.from(body.image.key, 'base64') },
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')
}

function readWhole(files: FileLayer, path: string): Buffer {
  const fd = files.open(path, 'read')
  try {
    const bytes = Buffer.alloc(files.size(fd))
    return bytes.subarray(0, files.read(fd, bytes, 0))
  } finally {
    files.close(fd)
  }
}
