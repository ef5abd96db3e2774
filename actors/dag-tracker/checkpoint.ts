/**
 * The journal: records go to the log in batches, one log record per turn of the event loop, one fdatasync for all that
 * wait. Every so often a snapshot stands for everything before it, so that opening replays a bounded tail.
 *
 *   append(record) → buffer ──end of turn──▶ log.append(batch) ──▶ log.commit() ──▶ onDurable(records)
 *
 * I1. Records reach the log in the order they were appended; a commit covers everything appended before it.
 * I2. When the log refuses (full, failing disk) the buffer is kept and the journal is `failure`d: nobody is told that
 *     anything is durable until `retry` has written what was kept.
 * I3. After `halt` nothing is written any more: a dead incarnation must not write beside its successor.
 */
import { isPitError, type Clock, type Log, type PitError } from '../../runtime/index.ts'
import { dagErrors } from './errors.ts'
import { decodeRecords, encodeRecords, type RunRecord } from './record.ts'

export interface Journal {
  /** Why it cannot write, or null. */
  readonly failure: PitError | null
  append(record: RunRecord): void
  /** Resolves when everything appended so far is durable; rejects with `JOURNAL_UNAVAILABLE`. */
  commit(): Promise<void>
  /** Tries again after a failure. Returns whether the journal works now. */
  retry(): boolean
  /** No more writing (I3). */
  halt(): void
}

export interface JournalOptions {
  readonly log: Log
  readonly clock: Clock
  /** The state that stands for all records appended so far. */
  readonly snapshot: () => Uint8Array
  /** @default 16 MiB of log between snapshots */
  readonly snapshotEveryBytes?: number
  readonly onDurable: (records: readonly RunRecord[]) => void
  readonly onFailure: (failure: PitError) => void
}

const BATCH_RECORDS_MAX = 1_024
const SNAPSHOT_EVERY_BYTES = 16 * 1024 * 1024

/** Hands over what the log holds: the snapshot, then every record after it, in order. */
export function replayLog(
  log: Log,
  onSnapshot: (state: Uint8Array) => void,
  onRecord: (record: RunRecord) => void,
): void {
  const snapshot = log.readSnapshot()
  if (snapshot !== null) onSnapshot(snapshot.state)
  for (const { payload } of log.read(snapshot?.position ?? log.start)) {
    for (const record of decodeRecords(payload)) onRecord(record)
  }
}

export function createJournal(options: JournalOptions): Journal {
  const { log } = options
  const snapshotEveryBytes = options.snapshotEveryBytes ?? SNAPSHOT_EVERY_BYTES
  let buffer: RunRecord[] = []
  let unsynced: RunRecord[] = []
  let flushing = false
  /** Records written to the log, and of those the durable ones, counted since the start. */
  let written = 0
  let durable = 0
  let syncing: Promise<void> | null = null
  let halted = false
  let failure: PitError | null = null
  let snapshotAt = log.readSnapshot()?.position ?? log.start
  let snapshotting = false

  function append(record: RunRecord): void {
    if (halted) return
    buffer.push(record)
    if (buffer.length >= BATCH_RECORDS_MAX) return flushAndSync()
    if (flushing || failure !== null) return
    flushing = true
    // Not a microtask: nodes that follow each other without a pause share one batch. Who waits calls `commit`.
    options.clock.setTimer(0, flushAndSync, { ref: true })
  }

  function flushAndSync(): void {
    flushing = false
    flush()
    if (unsynced.length > 0) void sync().catch(() => {})
  }

  function flush(): void {
    if (halted || failure !== null || buffer.length === 0) return
    try {
      log.append(encodeRecords(buffer))
    } catch (error) {
      return fail(error)
    }
    written += buffer.length
    unsynced = unsynced.length === 0 ? buffer : unsynced.concat(buffer)
    buffer = []
  }

  function fail(cause: unknown): void {
    const reason = cause instanceof Error ? cause.message : String(cause)
    failure = dagErrors.fail('JOURNAL_UNAVAILABLE', { reason }, { cause })
    options.onFailure(failure)
  }

  async function commit(): Promise<void> {
    flush()
    if (failure !== null) throw failure
    // A sync already under way may not cover what was just written; the next one does.
    const target = written
    const isCovered = (): boolean => halted || durable >= target
    while (!isCovered()) await sync()
  }

  function sync(): Promise<void> {
    syncing ??= syncOnce().finally(() => {
      syncing = null
      if (unsynced.length > 0 && failure === null && !halted) void sync().catch(() => {})
    })
    return syncing
  }

  async function syncOnce(): Promise<void> {
    const covered = unsynced
    unsynced = []
    try {
      await log.commit()
    } catch (error) {
      unsynced = covered.concat(unsynced)
      if (!halted && failure === null) fail(error)
      throw failure ?? error
    }
    durable += covered.length
    if (halted) return
    options.onDurable(covered)
    if (log.end - snapshotAt >= snapshotEveryBytes) void snapshot()
  }

  async function snapshot(): Promise<void> {
    // What is buffered is part of the state already: it has to be before the position, too.
    flush()
    if (snapshotting || failure !== null) return
    snapshotting = true
    try {
      const position = log.end
      await log.writeSnapshot(position, options.snapshot())
      log.truncateBefore(position)
      snapshotAt = position
    } catch (error) {
      // The log still has everything; the next commit tries again.
      if (!halted && isPitError(error, 'LOG_IO')) fail(error)
    } finally {
      snapshotting = false
    }
  }

  return {
    get failure() {
      return failure
    },
    append,
    commit,
    retry() {
      if (failure === null) return true
      failure = null
      flush()
      return failure === null
    },
    halt() {
      halted = true
    },
  }
}
