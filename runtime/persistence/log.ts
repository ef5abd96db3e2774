/** The segmented append-only log; see `README.md` in this folder. This file is the contract; `segment-log.ts` implements it. */

/** Byte offset of a record in the log, growing for ever: segment base + offset in the segment. */
export type LogPosition = number

export interface LogRecord {
  readonly position: LogPosition
  /** Where the next record starts (or will start). */
  readonly next: LogPosition
  readonly payload: Uint8Array
}

/** Bytes of the log that were durable and cannot be read any more. */
export interface LogDamage {
  readonly from: LogPosition
  readonly to: LogPosition
  readonly file: string
}

/** One file of the log: records from `start` up to (not including) `end`. */
export interface LogSegment {
  readonly start: LogPosition
  readonly end: LogPosition
}

export interface Log {
  /** True after `close`, and when this thread opened the log again: then nothing can be read or written here any more. */
  readonly closed: boolean
  /** Position the next record will get. */
  readonly end: LogPosition
  /** Everything before is synced to the disk. */
  readonly syncedEnd: LogPosition
  /** First position still kept. */
  readonly start: LogPosition
  /**
   * Writes a record at the end, without waiting for the disk; returns its position. Errors: `LOG_FULL` (no space; the
   * record is not in the log, also after a power cut, and later appends may succeed), `LOG_IO` (the disk failed; nothing
   * unsynced counts, and this record may be there or not when the log is opened again), `LOG_READ_ONLY`,
   * `LOG_RECORD_TOO_LARGE`. Several parts become one payload, without a copy.
   */
  append(payload: Uint8Array | readonly Uint8Array[]): LogPosition
  /** Resolves when everything appended before the call is durable. Callers that wait together share one fdatasync. */
  commit(): Promise<void>
  /**
   * Records from `from` (inclusive) to the end; `from` must be a record's position, `start` or `end`. A damaged stretch is
   * `LOG_CORRUPT`, or with `onDamage` reported and stepped over.
   */
  read(from: LogPosition, options?: { readonly onDamage?: (damage: LogDamage) => void }): IterableIterator<LogRecord>
  /** One record, its checksum verified; `LOG_CORRUPT` when it does not match. */
  readAt(position: LogPosition): Uint8Array
  /** Stores a state that stands for everything before `position`; replaces the previous snapshot atomically. */
  writeSnapshot(position: LogPosition, state: Uint8Array): Promise<void>
  readSnapshot(): { readonly position: LogPosition; readonly state: Uint8Array } | null
  /** Drops whole segments that end at or before `position`. */
  truncateBefore(position: LogPosition): void
  /** The segments in order; the last one is being written. */
  segments(): readonly LogSegment[]
  /** Ends the segment being written, so that `truncateBefore` can drop all of it. No effect on an empty one. */
  rotate(): Promise<void>
  /** Bytes of the segment files on disk. */
  physicalBytes(): number
  /** Commits and closes. Idempotent. Rejects with `LOG_IO` when something appended is not durable. */
  close(): Promise<void>
}
