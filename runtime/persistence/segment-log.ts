/**
 * The log: a directory of segment files, written at the end of the last one.
 *
 *     0000000000000000.seg   0000000000067104.seg   0000000000134208.seg  ← appended, synced in groups
 *     ├─ finished, synced ─┤ ├─ finished, synced ─┤
 *
 * A position is the segment's base + the frame's offset behind the file's header, so positions run through all segments
 * without a gap.
 *
 * I1. A segment is synced, and the next one's header and name are, before anything is appended to the next one: only the
 *     last segment can have a torn end.
 * I2. A frame that failed to be written is cut off, and the cut is durable, before its append says so: what was refused is
 *     never in the log, whatever follows. Where that fails, too, the log has failed, and whether the frame is in it is open.
 * I3. Nothing that was durable is ever cut (`scanTail`); damage stays where it is and reading reports it.
 * I4. A log has one writer in a thread: opening it again closes the former one at once, whatever it still had to write.
 */
import { join } from 'node:path'
import { isPitError, type PitError } from '../common/errors.ts'
import { integerOption } from '../common/options.ts'
import { fileError, logErrors } from './errors.ts'
import type { FileLayer } from './file-layer.ts'
import { encodeFrame, frameBytes, SEGMENT_HEADER_BYTES, segmentName, type FrameKind } from './frame.ts'
import { createGroupCommit } from './group-commit.ts'
import type { Log, LogDamage, LogPosition, LogRecord } from './log.ts'
import { takeOwnership } from './ownership.ts'
import { createSegment, openSegments, rewrite } from './segment-files.ts'
import { createSegmentReader, scanTail, WINDOW_BYTES, type Segment, type Tail } from './segment.ts'
import { readSnapshotFile, writeSnapshotFile } from './snapshot.ts'
import { systemFiles } from './system-files.ts'

export interface LogOptions {
  /** Directory of the log; created when missing. Nobody else may keep files in it. */
  readonly dir: string
  /** @default the real file system */
  readonly files?: FileLayer
  /** A segment is finished when the next record would make it larger than this. @default 64 MiB */
  readonly segmentBytes?: number
  /** The largest record that can be appended. @default 64 MiB */
  readonly recordBytesMax?: number
  /** The log is known to reach to here; a shorter one is refused with `LOG_SHORT` before anything is cut. @default 0 */
  readonly reachesTo?: LogPosition
  /** Opens without changing anything: a torn end is ignored, not cut. @default false */
  readonly readOnly?: boolean
  /**
   * Everything before this position of the log is known to be durable, as something derived from it says. Opening looks at the
   * rest; a position that cannot be one is ignored. @default 0: it looks at the whole last segment
   */
  readonly durableTo?: LogPosition
  /** Told when the same thread opens the log again for writing: this one can write no more. */
  readonly onLost?: () => void
}

const MIB = 1024 * 1024
/** Frame lengths are 32-bit; half of that keeps sums of them harmless too. */
const RECORD_BYTES_LIMIT = 2 ** 31

/** A random read of a small record takes one file call of this size. */
const POINT_READ_BYTES = 4096 + 64

/**
 * Opens the log in `dir`, cutting off what a crash left half-written. Errors: `LOG_READ_ONLY`, `LOG_FULL`, `LOG_IO`,
 * `LOG_VERSION_UNSUPPORTED`, `LOG_SHORT`, `LOG_CORRUPT` (the snapshot lies beyond the log's end: segments were lost).
 */
export function openLog(options: LogOptions): Log {
  const { dir } = options
  const files = options.files ?? systemFiles
  const segmentBytes = integerOption(options, 'segmentBytes', 64 * MIB, { min: 4096 })
  const recordBytesMax = integerOption(options, 'recordBytesMax', 64 * MIB, { min: 1, max: RECORD_BYTES_LIMIT })
  const writable = options.readOnly !== true
  const scanning = createSegmentReader(files, dir, Math.min(WINDOW_BYTES, segmentBytes))
  const pointing = createSegmentReader(files, dir, POINT_READ_BYTES)

  let closing: Promise<void> | null = null
  let lost = false
  const release = writable ? takeOwnership(files, dir, loseOwnership) : () => {}
  const { segments, tail } = attempt(open)
  const markedEnd = tail.marked ? tail.end : -1
  let snapshots: Promise<void> = Promise.resolve()
  /** The segment is full; its successor is due as soon as no sync runs. */
  let finishing = false
  /** Once a successor was attempted its name may be on the disk: nothing more is appended here, or it would be cut there. */
  let finished = false

  const group = createGroupCommit({
    syncedEnd: tail.end,
    end,
    beforeSync() {
      if (finishing && !lost) finishBetweenGroups()
    },
    sync: () => files.sync(active().fd),
    // Whatever a failing sync says, even "no space": what it covered may be lost, so the log has failed.
    asError: (cause) => logErrors.fail('LOG_IO', { dir }, { cause }),
  })

  function active(): Segment {
    return segments.at(-1)!
  }

  function end(): LogPosition {
    return active().base + active().dataBytes
  }

  function attempt<T>(fn: () => T): T {
    try {
      return fn()
    } catch (cause) {
      throw isPitError(cause) ? cause : fileError(cause, dir)
    }
  }

  function open(): { readonly segments: Segment[]; readonly tail: Tail } {
    let segments: Segment[] = []
    try {
      const opened = openSegments(files, dir, writable)
      segments = opened.segments
      const last = segments.at(-1)!
      const tail = recover(last)
      if (opened.snapshotPosition > tail.end) throw corrupt(last.path, tail.end)
      return { segments, tail }
    } catch (error) {
      release()
      for (const segment of segments) files.close(segment.fd)
      throw error
    }
  }

  function loseOwnership(): void {
    lost = true
    closing ??= closeFiles()
    options.onLost?.()
  }

  function recover(last: Segment): Tail {
    const found = scanTail(scanning, last, options.durableTo ?? 0)
    const { reachesTo = 0 } = options
    if (found.end < reachesTo) throw logErrors.fail('LOG_SHORT', { dir, end: found.end, reachesTo })
    const dataBytes = found.end - last.base
    if (writable) {
      if (dataBytes < last.dataBytes) files.truncate(last.fd, SEGMENT_HEADER_BYTES + dataBytes)
      rewrite(files, last, Math.max(found.floor, last.base), found.end)
      files.syncNow(last.fd)
      // A crash may have come between creating the file and making its name durable.
      files.syncDir(dir)
    }
    last.dataBytes = dataBytes
    scanning.forget()
    return found
  }

  function assertOpen(): void {
    if (closing !== null) throw logErrors.fail('LOG_CLOSED', { dir })
  }

  function assertWritable(): void {
    assertOpen()
    if (!writable) throw logErrors.fail('LOG_READ_ONLY', { dir })
    if (group.failure !== null) throw group.failure
  }

  /** Writes one frame at the end; on `LOG_FULL` the log is as it was (I2). */
  function writeFrame(kind: FrameKind, payload: readonly Uint8Array[], sizeBytes: number): LogPosition {
    const segment = active()
    const position = end()
    try {
      files.write(
        segment.fd,
        encodeFrame(kind, payload, position, group.syncedEnd),
        SEGMENT_HEADER_BYTES + segment.dataBytes,
      )
    } catch (cause) {
      const error = fileError(cause, dir)
      if (error.code === 'LOG_IO') throw failed(error)
      cutBack(segment)
      throw error
    }
    segment.dataBytes += sizeBytes
    return position
  }

  /**
   * A sync of a group may be running: this one's success counts for the cut alone, and its failure, which that one may not
   * be told of, is the log's.
   */
  function cutBack({ fd, dataBytes }: Segment): void {
    const sizeBytes = SEGMENT_HEADER_BYTES + dataBytes
    try {
      if (files.size(fd) <= sizeBytes) return
      files.truncate(fd, sizeBytes)
      files.syncNow(fd)
    } catch (cause) {
      throw failed(logErrors.fail('LOG_IO', { dir }, { cause }))
    }
  }

  /** Syncs the segment and begins the next one (I1). `LOG_FULL` leaves it to the next append to try again. */
  function finishSegment(): void {
    if (!finished) syncActive()
    finished = true
    try {
      segments.push(createSegment(files, dir, end()))
    } catch (cause) {
      const error = fileError(cause, dir)
      throw error.code === 'LOG_IO' ? failed(error) : error
    }
    finished = finishing = false
  }

  function syncActive(): void {
    try {
      files.syncNow(active().fd)
    } catch (cause) {
      throw failed(logErrors.fail('LOG_IO', { dir }, { cause }))
    }
    group.advance(end())
  }

  /** A group's own bytes are safe when the segment was synced, with or without a successor. */
  function finishBetweenGroups(): void {
    try {
      finishSegment()
    } catch (error) {
      if (!isPitError(error, 'LOG_FULL')) failed(fileError(error, dir))
    }
  }

  function failed(error: PitError): PitError {
    group.fail(error)
    return error
  }

  function append(payload: Uint8Array | readonly Uint8Array[]): LogPosition {
    assertWritable()
    const parts = payload instanceof Uint8Array ? [payload] : payload
    const payloadBytes = parts.reduce((sum, part) => sum + part.length, 0)
    if (payloadBytes > recordBytesMax) {
      throw logErrors.fail('LOG_RECORD_TOO_LARGE', { sizeBytes: payloadBytes, recordBytesMax })
    }
    const sizeBytes = frameBytes(payloadBytes)
    const { dataBytes } = active()
    if (finished || (dataBytes > 0 && dataBytes + sizeBytes > segmentBytes)) {
      // While a sync runs this segment must not be synced a second time: it grows a little over its size.
      if (finished || !group.busy) finishSegment()
      else finishing = true
    }
    return writeFrame('record', parts, sizeBytes)
  }

  function segmentAt(position: LogPosition): Segment | null {
    let low = 0
    let high = segments.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (segments[middle]!.base <= position) low = middle
      else high = middle - 1
    }
    const segment = segments[low]!
    return position >= segment.base && position < segment.base + segment.dataBytes ? segment : null
  }

  function* read(
    from: LogPosition,
    { onDamage }: { readonly onDamage?: (damage: LogDamage) => void } = {},
  ): Generator<LogRecord, undefined> {
    if (from < segments[0]!.base || from > end()) throw invalidPosition(from)
    for (let position = from; position < end();) {
      assertOpen()
      const segment = segmentAt(position)
      const frame = segment === null ? null : scanning.frame(segment, position)
      if (frame?.kind === 'frame') {
        if (frame.header.kind === 'record') yield { position, next: frame.next, payload: frame.payload }
        position = frame.next
        continue
      }
      const to = frame?.next ?? nextReadable(segment, position)
      const damage: LogDamage = { from: position, to, file: segment?.path ?? join(dir, segmentName(position)) }
      if (onDamage === undefined) throw corrupt(damage.file, position)
      onDamage(damage)
      position = to
    }
  }

  /** Where reading can go on after damage whose length is unknown: the next valid frame, or the next segment. */
  function nextReadable(segment: Segment | null, position: LogPosition): LogPosition {
    const inside = segment === null ? null : scanning.findFrame(segment, position + 8)
    return inside ?? segments.find(({ base }) => base > position)?.base ?? end()
  }

  function readAt(position: LogPosition): Uint8Array {
    assertOpen()
    const segment = segmentAt(position)
    if (segment === null) throw invalidPosition(position)
    pointing.forget()
    const frame = pointing.frame(segment, position)
    if (frame.kind !== 'frame' || frame.header.kind !== 'record') throw corrupt(segment.path, position)
    return frame.payload
  }

  function truncateBefore(position: LogPosition): void {
    assertWritable()
    attempt(() => {
      let dropped = 0
      while (segments.length > 1 && segments[1]!.base <= position) {
        const oldest = segments[0]!
        // One that could not be removed is still there: the log must not begin after it.
        files.remove(oldest.path)
        segments.shift()
        void group.idle().then(() => files.close(oldest.fd))
        dropped++
      }
      if (dropped > 0) files.syncDir(dir)
    })
  }

  async function writeSnapshot(position: LogPosition, state: Uint8Array): Promise<void> {
    assertWritable()
    const written = snapshots.then(async () => {
      // The snapshot must not outlive what it stands for: first the log, then the snapshot.
      await group.commit()
      if (lost) assertOpen()
      await writeSnapshotFile(files, dir, { position, state })
    })
    snapshots = written.catch(() => {})
    return written
  }

  async function closeOnce(): Promise<void> {
    try {
      await snapshots
      if (writable) {
        if (group.syncedEnd < end()) await group.commit()
        if (group.failure === null && markedEnd !== end() && active().dataBytes > 0 && !finished) mark()
      }
    } finally {
      release()
      await closeFiles()
    }
  }

  async function closeFiles(): Promise<void> {
    await group.idle()
    for (const segment of segments) files.close(segment.fd)
  }

  /** Lets the next opening tell damage of the last records from a torn end. A convenience: it may fail. */
  function mark(): void {
    try {
      writeFrame('mark', [], frameBytes(0))
    } catch {
      return
    }
  }

  function invalidPosition(position: LogPosition): Error {
    return logErrors.fail('LOG_POSITION_INVALID', { position, start: segments[0]!.base, end: end() })
  }

  return {
    get closed() {
      return closing !== null
    },
    get end() {
      return end()
    },
    get syncedEnd() {
      return group.syncedEnd
    },
    get start() {
      return segments[0]!.base
    },
    append,
    async commit() {
      if (!writable) return
      if (lost && group.syncedEnd < end()) assertOpen()
      await group.commit()
    },
    read,
    readAt,
    writeSnapshot,
    readSnapshot: () => readSnapshotFile(files, dir),
    truncateBefore,
    segments: () => segments.map(({ base, dataBytes }) => ({ start: base, end: base + dataBytes })),
    async rotate() {
      assertWritable()
      if (active().dataBytes === 0) return
      if (finished || !group.busy) return finishSegment()
      finishing = true
      await group.nextGroup()
    },
    physicalBytes: () => segments.reduce((sum, { dataBytes }) => sum + SEGMENT_HEADER_BYTES + dataBytes, 0),
    close: () => (closing ??= closeOnce()),
  }
}

function corrupt(file: string, position: LogPosition): Error {
  return logErrors.fail('LOG_CORRUPT', { file, position })
}
