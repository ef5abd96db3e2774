/**
 * Content-defined chunks: FastCDC (Xia et al., USENIX ATC 2016) with normalised chunking. Where a chunk ends depends on the
 * bytes before its end alone, so bytes that are inserted somewhere change the chunks there and no others.
 *
 *   |← MIN: not looked at →|← until AVERAGE: rarely an end →|← until MAX: often an end →| an end whatever comes
 *
 * I1. Stored chunks are found again by new contents: the table, the sizes and the masks never change.
 */
import { GEAR } from './gear.ts'

export const CHUNK_BYTES_MIN = 32 * 1024
export const CHUNK_BYTES_AVERAGE = 128 * 1024
export const CHUNK_BYTES_MAX = 512 * 1024

/** Bits that must be zero at an end: two more than the average asks for before it, two fewer behind. */
const BITS = Math.log2(CHUNK_BYTES_AVERAGE)
const SHIFT_BEFORE = 32 - (BITS + 2)
const SHIFT_BEHIND = 32 - (BITS - 2)

/** The end of the chunk that begins at `from`. What follows must be there up to `CHUNK_BYTES_MAX`, or be all there is. */
export function chunkEnd(bytes: Uint8Array, from: number): number {
  const end = Math.min(bytes.length, from + CHUNK_BYTES_MAX)
  const average = Math.min(end, from + CHUNK_BYTES_AVERAGE)
  let hash = 0
  let at = Math.min(end, from + CHUNK_BYTES_MIN)
  for (; at < average; at++) {
    hash = ((hash << 1) + GEAR[bytes[at]!]!) | 0
    if (hash >>> SHIFT_BEFORE === 0) return at + 1
  }
  for (; at < end; at++) {
    hash = ((hash << 1) + GEAR[bytes[at]!]!) | 0
    if (hash >>> SHIFT_BEHIND === 0) return at + 1
  }
  return end
}

export interface Chunker {
  /** Takes more of the content; gives the chunks that are certain by now, valid until the next call. */
  push(bytes: Uint8Array): Generator<Uint8Array>
  /** The rest. */
  end(): Generator<Uint8Array>
}

/** Chunks of content that comes in parts: the same however it is divided. */
export function createChunker(): Chunker {
  let rest: Uint8Array = new Uint8Array(0)

  function* cut(keptBytes: number): Generator<Uint8Array> {
    let from = 0
    while (from < rest.length && rest.length - from >= keptBytes) {
      const to = chunkEnd(rest, from)
      yield rest.subarray(from, to)
      from = to
    }
    rest = rest.subarray(from)
  }

  return {
    *push(bytes) {
      rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes])
      yield* cut(CHUNK_BYTES_MAX)
    },
    end: () => cut(0),
  }
}
