/**
 * Reading content from where it is: records of the log, or pieces of packs.
 *
 * I1. Content leaves only verified: checksum of the frame, then SHA-256 of the whole, or of the blocks that are asked for.
 * I2. An error of the disk is thrown, and never taken for damage: the bytes may be all right.
 */
import { isPitError, sha256Hex, type Log } from '../../runtime/index.ts'
import type { ArtifactRow } from './artifacts.ts'
import { createPackReader } from './packing/pack-reader.ts'
import type { Packs } from './packing/packs.ts'
import { positionsOf, recordContent, type Block, type Extent, type StoredPlace } from './records.ts'

export type ContentRead =
  { readonly kind: 'content'; readonly content: Uint8Array } | { readonly kind: 'damaged'; readonly problem: string }

export interface ContentReader {
  /** Verified (I1). */
  artifact(row: ArtifactRow, packs: Packs): ContentRead
  /** A part of it, verified by its blocks, or with all of it; nothing beyond its end. */
  range(row: ArtifactRow, offset: number, length: number, packs: Packs): ContentRead
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
      for (const position of positionsOf(at)) parts.push(recordContent(log.readAt(position)))
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

  function artifact(row: ArtifactRow, packs: Packs): ContentRead {
    const at = JSON.parse(row.frames) as StoredPlace
    if (row.damaged === 1 || isNowhere(at)) return FOUND_BEFORE
    const read = undamaged(() => place(at, packs))
    if (read.kind === 'damaged') return read
    if (read.content.length !== row.sizeBytes || sha256Hex(read.content) !== row.hash) {
      return { kind: 'damaged', problem: 'its SHA-256 does not match' }
    }
    return read
  }

  function block([position, bytes, sha256]: Block): ContentRead {
    const content = recordContent(log.readAt(position))
    if (content.length !== bytes || sha256Hex(content) !== sha256) {
      return { kind: 'damaged', problem: `the SHA-256 of its block at ${position} does not match` }
    }
    return { kind: 'content', content }
  }

  function piece([id, offset, bytes]: Extent, sha256: string, packs: Packs): ContentRead {
    const pack = packReader.read(id, packs)
    if (pack.kind === 'damaged') return pack
    const content = pack.content.subarray(offset, offset + bytes)
    if (content.length !== bytes || sha256Hex(content) !== sha256) {
      return { kind: 'damaged', problem: `the SHA-256 of its piece in pack ${id} does not match` }
    }
    return { kind: 'content', content }
  }

  /** Of what comes in parts that are verified by themselves. */
  function rangeOf(
    sizes: readonly number[],
    readPart: (index: number) => ContentRead,
    offset: number,
    end: number,
  ): ContentRead {
    const parts: Uint8Array[] = []
    let from = 0
    for (const [index, bytes] of sizes.entries()) {
      const to = from + bytes
      if (to > offset && from < end) {
        const read = readPart(index)
        if (read.kind === 'damaged') return read
        parts.push(read.content.subarray(Math.max(0, offset - from), Math.min(to, end) - from))
      }
      from = to
    }
    return { kind: 'content', content: Buffer.concat(parts) }
  }

  return {
    artifact,
    range(row, offset, length, packs) {
      const at = JSON.parse(row.frames) as StoredPlace
      if (row.damaged === 1 || isNowhere(at)) return FOUND_BEFORE
      if ('blocks' in at) {
        const sizes = at.blocks.map(([, bytes]) => bytes)
        return undamaged(() => rangeOf(sizes, (index) => block(at.blocks[index]!), offset, offset + length))
      }
      if ('packed' in at && at.sums !== undefined) {
        const { packed, sums } = at
        const sizes = packed.map(([, , bytes]) => bytes)
        const readPart = (index: number): ContentRead => piece(packed[index]!, sums[index]!, packs)
        return undamaged(() => rangeOf(sizes, readPart, offset, offset + length))
      }
      const read = artifact(row, packs)
      if (read.kind === 'damaged') return read
      return { kind: 'content', content: Buffer.from(read.content.subarray(offset, offset + length)) }
    },
    place: (at, packs) => undamaged(() => place(at, packs)),
    pack: (id, packs) => undamaged(() => packReader.read(id, packs)),
  }
}

const FOUND_BEFORE: ContentRead = Object.freeze({ kind: 'damaged', problem: 'found damaged before' })

function isNowhere(place: StoredPlace): boolean {
  return positionsOf(place).length === 0 && !('packed' in place && place.packed.length > 0)
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
