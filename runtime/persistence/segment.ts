/** One segment file: where its frames are, and reading them with their checksums verified. */
import { join } from 'node:path'
import { fileError } from './errors.ts'
import type { FileDescriptor, FileLayer } from './file-layer.ts'
import {
  FRAME_ALIGN_BYTES,
  FRAME_HEADER_BYTES,
  frameBytes,
  parseFrameHeader,
  payloadMatches,
  SEGMENT_HEADER_BYTES,
  segmentName,
  type FrameHeader,
} from './frame.ts'
import type { LogPosition } from './log.ts'

export interface Segment {
  readonly base: LogPosition
  readonly path: string
  readonly fd: FileDescriptor
  /** Bytes of frames in it, without the file's header. */
  dataBytes: number
}

/** A frame, or `damaged` when its bytes are not what was written; `next` then is where the next frame must start, if known. */
export type FrameRead =
  | { readonly kind: 'frame'; readonly header: FrameHeader; readonly payload: Uint8Array; readonly next: LogPosition }
  | { readonly kind: 'damaged'; readonly header: FrameHeader | null; readonly next: LogPosition | null }

/** What is read ahead in one go. */
export const WINDOW_BYTES = 256 * 1024

export function openSegment(files: FileLayer, dir: string, base: LogPosition, mode: 'read' | 'write'): Segment {
  const path = join(dir, segmentName(base))
  const fd = files.open(path, mode)
  return { base, path, fd, dataBytes: Math.max(0, files.size(fd) - SEGMENT_HEADER_BYTES) }
}

export interface SegmentReader {
  /** The frame at `position`; its payload is the caller's own copy. */
  frame(segment: Segment, position: LogPosition): FrameRead
  /** Position of the first valid frame header at or after `position`, or null. */
  findFrame(segment: Segment, position: LogPosition): LogPosition | null
  /** Drops what was read ahead: the next call sees the file as it is now. */
  forget(): void
}

/** Reads through a window of `windowBytes`, so that a run of small frames costs one file call. */
export function createSegmentReader(files: FileLayer, dir: string, windowBytes: number = WINDOW_BYTES): SegmentReader {
  const window = new Uint8Array(windowBytes)
  let cached: { readonly segment: Segment; readonly offset: number; readonly bytes: Uint8Array } | null = null

  /** Up to `lengthBytes` of the segment's data, fewer only at its end: a view of the window, or bytes of its own when larger. */
  function view(segment: Segment, offset: number, lengthBytes: number): Uint8Array {
    const length = Math.max(0, Math.min(lengthBytes, segment.dataBytes - offset))
    if (length > windowBytes) return read(segment, offset, new Uint8Array(length))
    const inside = cached?.segment === segment ? offset - cached.offset : -1
    if (cached !== null && inside >= 0 && inside + length <= cached.bytes.length) {
      return cached.bytes.subarray(inside, inside + length)
    }
    cached = null
    const bytes = read(segment, offset, window.subarray(0, Math.max(0, segment.dataBytes - offset)))
    cached = { segment, offset, bytes }
    return bytes.subarray(0, length)
  }

  function read(segment: Segment, offset: number, into: Uint8Array): Uint8Array {
    try {
      return into.subarray(0, files.read(segment.fd, into, SEGMENT_HEADER_BYTES + offset))
    } catch (cause) {
      throw fileError(cause, dir)
    }
  }

  return {
    frame(segment, position) {
      const offset = position - segment.base
      const header = parseFrameHeader(view(segment, offset, FRAME_HEADER_BYTES), position)
      if (header === null) return { kind: 'damaged', header, next: null }
      const next = position + frameBytes(header.payloadBytes)
      const limit = segment.base + segment.dataBytes
      if (next > limit) return { kind: 'damaged', header, next: limit }
      const bytes = view(segment, offset + FRAME_HEADER_BYTES, header.payloadBytes)
      if (!payloadMatches(header, bytes)) return { kind: 'damaged', header, next }
      return { kind: 'frame', header, payload: bytes.length > windowBytes ? bytes : bytes.slice(), next }
    },
    findFrame(segment, position) {
      for (let at = position; at < segment.base + segment.dataBytes; at += FRAME_ALIGN_BYTES) {
        if (parseFrameHeader(view(segment, at - segment.base, FRAME_HEADER_BYTES), at) !== null) return at
      }
      return null
    },
    forget() {
      cached = null
    },
  }
}

/** What opening finds in the segment that was being written when the log was last used. */
export interface Tail {
  /** Where the log ends: after this nothing is whole, or nothing is there. */
  readonly end: LogPosition
  /** Everything before it was durable when the frames were written; what follows may live in the page cache only. */
  readonly floor: LogPosition
  /** The last frame vouches for all before it: nothing needs a new mark. */
  readonly marked: boolean
}

/** Whether frames can be told from there on: a position is part of its frame's checksum. */
function isBetweenFrames(reader: SegmentReader, segment: Segment, position: LogPosition): boolean {
  if (position <= segment.base) return false
  return position === segment.base + segment.dataBytes || reader.frame(segment, position).kind === 'frame'
}

/**
 * Finds the end of the last segment. Bytes that fail their checksum end the log only where no valid frame says that they
 * were durable once (I2 of `frame.ts`); below that they stay, as damage that reading reports. What lies before `durableTo`, a
 * position between two frames that was durable before, is not looked at.
 */
export function scanTail(reader: SegmentReader, segment: Segment, durableTo: LogPosition): Tail {
  const limit = segment.base + segment.dataBytes
  const from = isBetweenFrames(reader, segment, durableTo) ? durableTo : segment.base
  const damaged: LogPosition[] = []
  let floor = from === segment.base ? 0 : from
  let end = from
  let marked = segment.dataBytes === 0
  for (let at = from; at < limit;) {
    const frame = reader.frame(segment, at)
    floor = Math.max(floor, frame.header?.synced ?? 0)
    if (frame.kind === 'damaged') {
      damaged.push(at)
      at = frame.next ?? reader.findFrame(segment, at + FRAME_ALIGN_BYTES) ?? limit
      continue
    }
    marked = frame.header.kind === 'mark'
    at = end = frame.next
  }
  const torn = damaged.find((position) => position >= floor)
  return torn === undefined ? { end, floor, marked } : { end: torn, floor, marked: false }
}
