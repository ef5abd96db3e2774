/** The segmented append-only log; see `README.md` in this folder. This file is the contract; `segment-log.ts` implements it. */

/** Byte offset of a record in the log, growing for ever: segment base + offset in the segment. */
export type LogPosition = number

export interface LogRecord {
  readonly position: LogPosition
  /** Where the next record starts (or will start). */
  readonly next: LogPosition
  readonly payload: Uint8Array
}

export interface Log {
  /** Position the next record will get. */
  readonly end: LogPosition
  /** Everything before is synced to the disk. */
  readonly syncedEnd: LogPosition
  /** First position still kept. */
  readonly start: LogPosition
  /**
   * Writes a record at the end, without waiting for the disk; returns its position. Errors: `LOG_FULL` (no space; the
   * log is unchanged and later appends may succeed), `LOG_IO` (the disk failed; nothing unsynced counts), `LOG_READ_ONLY`.
   */
  append(payload: Uint8Array): LogPosition
  /** Resolves when everything appended before the call is durable. Callers that wait together share one fdatasync. */
  commit(): Promise<void>
  /** Records from `from` (inclusive) to the end; `from` must be a record's position, `start` or `end`. */
  read(from: LogPosition): IterableIterator<LogRecord>
  /** One record, its checksum verified; `LOG_CORRUPT` when it does not match. */
  readAt(position: LogPosition): Uint8Array
  /** Stores a state that stands for everything before `position`; replaces the previous snapshot atomically. */
  writeSnapshot(position: LogPosition, state: Uint8Array): Promise<void>
  readSnapshot(): { readonly position: LogPosition; readonly state: Uint8Array } | null
  /** Drops whole segments that end at or before `position`. */
  truncateBefore(position: LogPosition): void
  /** Bytes of the segment files on disk. */
  physicalBytes(): number
  /** Commits and closes. Idempotent. */
  close(): Promise<void>
}
