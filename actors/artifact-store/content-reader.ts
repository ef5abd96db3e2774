/**
 * Reading content from where it is: records of the log, or pieces of packs.
 *
 * I1. Content leaves only verified: checksum of the frame, then SHA-256 of the whole.
 * I2. An error of the disk is thrown, and never taken for damage: the bytes may be all right.
 */
import { isPitError, sha256Hex, type Log } from '../../runtime/index.ts'
import type { ArtifactRow } from './artifacts.ts'
import { createPackReader } from './packing/pack-reader.ts'
import type { Packs } from './packing/packs.ts'
import { recordContent, type StoredPlace } from './records.ts'

export type ContentRead =
  { readonly kind: 'content'; readonly content: Uint8Array } | { readonly kind: 'damaged'; readonly problem: string }

export interface ContentReader {
  /** Verified (I1). */
  artifact(row: ArtifactRow, packs: Packs): ContentRead
  /** What is at a place, as far as the checksums of the log tell. */
  place(place: StoredPlace, packs: Packs): ContentRead
  /** A whole decoded pack. */
  pack(id: number, packs: Packs): ContentRead
}

/** Decoded packs kept in memory. */
const DECODED_BYTES_MAX = 16 * 1024 * 1024

export function createContentReader(log: Log): ContentReader {
  const packReader = createPackReader((position) => recordContent(log.readAt(position)), DECODED_BYTES_MAX)

  function place(at: StoredPlace, packs: Packs): ContentRead {
    const parts: Uint8Array[] = []
    if (!('packed' in at)) {
      for (const position of at) parts.push(recordContent(log.readAt(position)))
    } else {
      for (const [id, offset, bytes] of at.packed) {
        const pack = packReader.read(id, packs)
        if (pack.kind === 'damaged') return pack
        parts.push(pack.content.subarray(offset, offset + bytes))
      }
    }
    // A piece of a pack is copied: who gets it may keep it, or hand its memory on.
    const copy = parts.length !== 1 || 'packed' in at
    return { kind: 'content', content: copy ? Buffer.concat(parts) : parts[0]! }
  }

  return {
    artifact(row, packs) {
      const at = JSON.parse(row.frames) as StoredPlace
      if (row.damaged === 1 || ('packed' in at ? at.packed : at).length === 0) {
        return { kind: 'damaged', problem: 'found damaged before' }
      }
      const read = undamaged(() => place(at, packs))
      if (read.kind === 'damaged') return read
      if (read.content.length !== row.sizeBytes || sha256Hex(read.content) !== row.hash) {
        return { kind: 'damaged', problem: 'its SHA-256 does not match' }
      }
      return read
    },
    place: (at, packs) => undamaged(() => place(at, packs)),
    pack: (id, packs) => undamaged(() => packReader.read(id, packs)),
  }
}

function undamaged(read: () => ContentRead): ContentRead {
  try {
    return read()
  } catch (error) {
    if (isPitError(error, 'LOG_CORRUPT') || isPitError(error, 'LOG_POSITION_INVALID')) {
      return { kind: 'damaged', problem: error.message }
    }
    throw error
  }
}
