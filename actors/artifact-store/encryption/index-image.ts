/**
 * The index of an encrypted store on the disk: an image of the tables as they were at a position of the log, sealed piece by piece.
 *
 *   file:  | piece 0 | tag 16 | piece 1 | tag 16 | …        pieces of 1 MiB, the last one shorter
 *
 * I1. An image has a key of its own, kept in the key file; a piece's number is its nonce, so none is used twice. Store,
 *     position, size and number are authenticated, so pieces cannot be left out, exchanged or taken from another image.
 * I2. It is derived: one that does not open, or of which the key is gone, is not used, and the index is built from the log.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { LogPosition } from '../../../runtime/index.ts'
import type { FileLayer } from '../../../runtime/persistence/index.ts'
import type { ImageReference } from './key-file.ts'
import { KEY_BYTES } from './key-tree.ts'

const PIECE_BYTES = 1024 * 1024
const TAG_BYTES = 16
const CIPHER = 'aes-256-gcm'
const NAME = /^index-[0-9a-f]{16}\.sealed$/

/** Writes an image, a piece with every step; the last value is what to find it by. Its file is durable then. */
export function* writeImage(
  files: FileLayer,
  dir: string,
  {
    image,
    position,
    storeId,
  }: { readonly image: Uint8Array; readonly position: LogPosition; readonly storeId: string },
): Generator<void, ImageReference> {
  const file = `index-${randomBytes(8).toString('hex')}.sealed`
  const reference = { file, position, sizeBytes: image.length, key: randomBytes(KEY_BYTES) }
  const fd = files.open(join(dir, file), 'write')
  try {
    for (let number = 0; number * PIECE_BYTES < image.length; number++) {
      const cipher = createCipheriv(CIPHER, reference.key, nonceOf(number))
      cipher.setAAD(boundTo(storeId, reference, number))
      const sealed = cipher.update(image.subarray(number * PIECE_BYTES, (number + 1) * PIECE_BYTES))
      cipher.final()
      files.write(fd, [sealed, cipher.getAuthTag()], number * (PIECE_BYTES + TAG_BYTES))
      yield
    }
    files.syncNow(fd)
  } finally {
    files.close(fd)
  }
  files.syncDir(dir)
  return reference
}

/** Null when it is not there, or is not what was sealed. Throws what the file layer throws. */
export function readImage(
  files: FileLayer,
  dir: string,
  reference: ImageReference,
  storeId: string,
): Uint8Array | null {
  if (!files.list(dir).includes(reference.file)) return null
  const image = new Uint8Array(reference.sizeBytes)
  const fd = files.open(join(dir, reference.file), 'read')
  try {
    const buffer = new Uint8Array(PIECE_BYTES + TAG_BYTES)
    for (let number = 0, at = 0; at < image.length; number++) {
      const pieceBytes = Math.min(PIECE_BYTES, image.length - at)
      const sealed = buffer.subarray(0, pieceBytes + TAG_BYTES)
      if (files.read(fd, sealed, number * (PIECE_BYTES + TAG_BYTES)) < sealed.length) return null
      const piece = openPiece(sealed, reference.key, number, boundTo(storeId, reference, number))
      if (piece === null) return null
      image.set(piece, at)
      at += pieceBytes
    }
    return image
  } finally {
    files.close(fd)
  }
}

/** Removes every image but this one. */
export function removeImages(files: FileLayer, dir: string, kept: string | null): void {
  for (const name of files.list(dir)) if (NAME.test(name) && name !== kept) files.remove(join(dir, name))
}

function openPiece(sealed: Uint8Array, key: Uint8Array, number: number, bound: Uint8Array): Uint8Array | null {
  const end = sealed.length - TAG_BYTES
  const decipher = createDecipheriv(CIPHER, key, nonceOf(number))
  decipher.setAAD(bound)
  decipher.setAuthTag(sealed.subarray(end))
  try {
    const piece = decipher.update(sealed.subarray(0, end))
    decipher.final()
    return piece
  } catch {
    return null
  }
}

function nonceOf(number: number): Uint8Array {
  const nonce = Buffer.alloc(12)
  nonce.writeUInt32LE(number)
  return nonce
}

function boundTo(storeId: string, { position, sizeBytes }: Omit<ImageReference, 'key'>, number: number): Uint8Array {
  return Buffer.from(`index ${storeId} ${position} ${sizeBytes} ${number}`)
}
