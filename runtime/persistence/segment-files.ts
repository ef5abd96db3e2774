/** The segment files of a directory: opening, creating and repairing them. */
import { join } from 'node:path'
import { logErrors } from './errors.ts'
import type { FileLayer } from './file-layer.ts'
import {
  encodeSegmentHeader,
  LOG_FORMAT_VERSION,
  parseSegmentName,
  parseSegmentVersion,
  SEGMENT_HEADER_BYTES,
  segmentName,
} from './frame.ts'
import type { LogPosition } from './log.ts'
import { openSegment, type Segment } from './segment.ts'
import { readSnapshotFile, SNAPSHOT_TEMPORARY_NAME } from './snapshot.ts'

const REWRITE_BLOCK_BYTES = 1024 * 1024

/** All segments in order, the last one ready to be written. A new log starts with one empty segment. */
export function openSegments(
  files: FileLayer,
  dir: string,
  writable: boolean,
): { segments: Segment[]; snapshotPosition: LogPosition } {
  if (writable) {
    files.makeDir(dir)
    files.remove(join(dir, SNAPSHOT_TEMPORARY_NAME))
  }
  const bases = files
    .list(dir)
    .map(parseSegmentName)
    .filter((base) => base !== null)
    .sort((a, b) => a - b)
  const snapshotPosition = readSnapshotFile(files, dir)?.position ?? 0
  if (bases.length === 0 && !writable) throw logErrors.fail('LOG_MISSING', { dir })
  if (bases.length === 0) return { segments: [createSegment(files, dir, snapshotPosition)], snapshotPosition }
  const segments: Segment[] = []
  try {
    for (const [index, base] of bases.entries()) {
      const last = index === bases.length - 1
      const segment = openSegment(files, dir, base, last && writable ? 'write' : 'read')
      segments.push(segment)
      checkHeader(files, segment, last && writable)
      // Bytes behind the next segment's base are the rest of a write that failed before that segment was begun.
      if (!last) segment.dataBytes = Math.min(segment.dataBytes, bases[index + 1]! - base)
    }
  } catch (error) {
    for (const segment of segments) files.close(segment.fd)
    throw error
  }
  return { segments, snapshotPosition }
}

/**
 * A whole header of a newer format is refused. One that is not whole is no reason to give up its records: the frames carry
 * their own checksums. In the last segment it is written again (its creation may have been interrupted).
 */
function checkHeader(files: FileLayer, segment: Segment, repair: boolean): void {
  const header = new Uint8Array(SEGMENT_HEADER_BYTES)
  const version = parseSegmentVersion(header.subarray(0, files.read(segment.fd, header, 0)))
  if (version !== null && version > LOG_FORMAT_VERSION) {
    throw logErrors.fail('LOG_VERSION_UNSUPPORTED', { file: segment.path, version, supported: LOG_FORMAT_VERSION })
  }
  if (version === null && repair) {
    files.write(segment.fd, [encodeSegmentHeader(segment.base)], 0)
    files.syncNow(segment.fd)
  }
}

export function createSegment(files: FileLayer, dir: string, base: LogPosition): Segment {
  const path = join(dir, segmentName(base))
  const fd = files.open(path, 'write')
  try {
    files.truncate(fd, 0)
    files.write(fd, [encodeSegmentHeader(base)], 0)
    files.syncNow(fd)
    files.syncDir(dir)
  } catch (cause) {
    files.close(fd)
    files.remove(path)
    throw cause
  }
  return { base, path, fd, dataBytes: 0 }
}

/**
 * Writes bytes again that are there already. After a sync failed, the kernel may show pages as clean that never reached the
 * device; a sync by the next process would then succeed without writing them. Writing makes them dirty again.
 */
export function rewrite(files: FileLayer, segment: Segment, from: LogPosition, to: LogPosition): void {
  const block = new Uint8Array(Math.min(REWRITE_BLOCK_BYTES, Math.max(0, to - from)))
  for (let at = from; at < to; at += block.length) {
    const bytes = block.subarray(0, Math.min(block.length, to - at))
    const offset = SEGMENT_HEADER_BYTES + at - segment.base
    files.write(segment.fd, [bytes.subarray(0, files.read(segment.fd, bytes, offset))], offset)
  }
}
