/**
 * Many writers, one fdatasync.
 *
 *   commit() while idle      starts a sync of everything appended so far
 *   commit() while syncing   joins the one group that starts when the running sync ends
 *
 * I1. A sync that failed is never repeated and called a success: the kernel may have dropped the dirty pages and reports
 *     the error once ("fsyncgate"). After it every commit fails.
 * I2. For the same reason nobody else syncs the file while a sync of it runs: the other one might be told of the failure.
 *     What needs a sync of its own (finishing a segment) happens in `beforeSync`, between two groups.
 */
import type { PitError } from '../common/errors.ts'
import type { LogPosition } from './log.ts'

export interface GroupCommit {
  readonly syncedEnd: LogPosition
  readonly failure: PitError | null
  /** Whether a sync is running (I2). */
  readonly busy: boolean
  commit(): Promise<void>
  /** Resolves when the next group has ended; one is started even when there is nothing to sync. */
  nextGroup(): Promise<void>
  /** Resolves, never rejects, when no sync is running: then files may be closed. */
  idle(): Promise<void>
  /** Everything before `position` became durable by another way (a finished segment is synced on the spot). */
  advance(position: LogPosition): void
  /** The disk failed: nothing unsynced counts any more. */
  fail(error: PitError): void
}

export function createGroupCommit(options: {
  readonly syncedEnd: LogPosition
  readonly end: () => LogPosition
  /** Called when a group starts and no sync is running. */
  readonly beforeSync: () => void
  readonly sync: () => Promise<void>
  readonly asError: (cause: unknown) => PitError
}): GroupCommit {
  let syncedEnd = options.syncedEnd
  let failure: PitError | null = null
  let running: Promise<void> | null = null
  let following: Promise<void> | null = null

  async function syncGroup(): Promise<void> {
    check()
    options.beforeSync()
    const target = options.end()
    if (syncedEnd >= target || failure !== null) return check()
    try {
      await options.sync()
    } catch (cause) {
      throw (failure ??= options.asError(cause))
    }
    // A failure noticed meanwhile on another call concerns bytes of this group too.
    check()
    syncedEnd = Math.max(syncedEnd, target)
  }

  function check(): void {
    if (failure !== null) throw failure
  }

  function start(): Promise<void> {
    following = null
    const group = syncGroup().finally(() => {
      if (running === group) running = null
    })
    running = group
    return group
  }

  function nextGroup(): Promise<void> {
    return running === null ? start() : (following ??= running.then(start, start))
  }

  async function idle(): Promise<void> {
    if (running === null) return
    await running.catch(() => {})
    return idle()
  }

  return {
    get syncedEnd() {
      return syncedEnd
    },
    get failure() {
      return failure
    },
    get busy() {
      return running !== null
    },
    commit() {
      if (failure !== null) return Promise.reject(failure)
      return syncedEnd >= options.end() ? Promise.resolve() : nextGroup()
    },
    nextGroup,
    idle,
    advance(position) {
      if (failure === null) syncedEnd = Math.max(syncedEnd, position)
    },
    fail(error) {
      failure ??= error
    },
  }
}
