/**
 * Random histories of appends, commits, snapshots and truncations on a failing disk, against an oracle:
 * nothing acknowledged is lost, nothing refused or invented is there, order and positions never change. No clock is involved: a jump of it
 * changes nothing.
 */
import fc from 'fast-check'
import { expect } from 'vitest'
import { isPitError, seededRandom } from '../../../runtime/index.ts'
import { openLog as realLog, type FileLayer, type Log } from '../../../runtime/persistence/index.ts'
import { createFaultyDisk, type Fault, type FaultPoint } from '../../../runtime/testing/faulty-files.ts'

export type Op =
  | { readonly kind: 'append'; readonly sizes: readonly number[] }
  | { readonly kind: 'commit' | 'begin-commit' | 'rotate' | 'close' | 'kill' | 'power-cut' }
  | { readonly kind: 'snapshot' | 'truncate'; readonly share: number }
  | { readonly kind: 'arm'; readonly fault: Fault; readonly after: number; readonly lasting: number }

const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('append' as const), sizes: fc.array(fc.nat(1500), { maxLength: 4 }) }),
  },
  { weight: 8, arbitrary: fc.record({ kind: fc.constantFrom('commit', 'commit', 'begin-commit', 'rotate', 'close') }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('kill', 'power-cut', 'power-cut') }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('snapshot', 'truncate'),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('arm' as const),
      fault: fc.constantFrom<Fault>('ENOSPC', 'EIO', 'kill', 'kill'),
      after: fc.nat(12),
      lasting: fc.integer({ min: 1, max: 3 }),
    }),
  },
)

interface Entry {
  readonly position: number
  readonly payload: Uint8Array
  /** The disk failed or the process died in its append: it may be there or not. */
  doubtful: boolean
}

export type OpenLog = typeof realLog

/** Plays one history; throws where the log and the oracle differ. */
export async function play(
  seed: number,
  ops: readonly Op[],
  openLog: OpenLog = realLog,
): Promise<{ acknowledged: number; faults: number }> {
  const random = seededRandom(seed)
  const disk = createFaultyDisk(random)
  let armed: { fault: Fault; after: number; lasting: number } | null = null
  let faults = 0
  let entries: Entry[] = []
  let durableEnd = 0
  let droppable = 0
  /** What may be found: the last one acknowledged, or one begun after it. */
  let snapshots: (Uint8Array | null)[] = [null]
  let acknowledged = 0

  function plan({ call }: FaultPoint): Fault | null {
    if (armed === null || call === 'read' || call === 'size' || call === 'list') return null
    if (armed.after-- > 0) return null
    const { fault } = armed
    if (--armed.lasting <= 0) armed = null
    faults++
    return fault
  }

  /** Something derived from the log may know how far it was durable. */
  const open = (files: FileLayer): Log => {
    const known = random.next() < 0.5 ? { durableTo: durableEnd } : {}
    return openLog({ dir: '/log', files, segmentBytes: 4096, ...known })
  }

  /** Opening may be hit by the armed fault too; then the process is started again, in the end without faults. */
  function reopen(): Log {
    for (let attempts = 0; ; attempts++) {
      if (attempts > 3) armed = null
      try {
        return check(open(disk.start(plan)))
      } catch (error) {
        if (!isPitError(error) || error.code === 'LOG_CORRUPT') throw error
        if (random.next() < 0.5) disk.powerCut()
      }
    }
  }

  function check(log: Log): Log {
    const read = [...log.read(log.start)]
    expect(log.start).toBeLessThanOrEqual(droppable)
    expect(log.end).toBeGreaterThanOrEqual(durableEnd)
    const there = new Set(read.map(({ position }) => position))
    entries = entries.filter(({ position, doubtful }) => position < log.end && (!doubtful || there.has(position)))
    for (const entry of entries) entry.doubtful = false
    const expected = entries.filter(({ position }) => position >= log.start)
    expect(read.map(({ position }) => position)).toEqual(expected.map(({ position }) => position))
    for (const [i, record] of read.entries()) {
      if (Buffer.compare(record.payload, expected[i]!.payload) !== 0)
        throw new Error(`other bytes at ${record.position}`)
    }
    const snapshot = log.readSnapshot()
    const found = snapshot === null ? null : String(snapshot.state)
    expect(snapshots.map((state) => (state === null ? null : String(state)))).toContain(found)
    durableEnd = log.end
    return log
  }

  let log = reopen()
  const pending: Promise<unknown>[] = []
  const boundary = (share: number): number =>
    entries.length === 0 ? log.start : entries[Math.floor(share * (entries.length - 1))]!.position

  async function commit(): Promise<void> {
    const target = log.end
    await log.commit()
    durableEnd = Math.max(durableEnd, target)
    acknowledged++
  }

  function append(payload: Uint8Array): void {
    const entry = { position: log.end, payload, doubtful: true }
    entries.push(entry)
    try {
      expect(log.append(payload)).toBe(entry.position)
      entry.doubtful = false
    } catch (error) {
      // Refused: it must never be there.
      if (isPitError(error, 'LOG_FULL')) entries.pop()
      throw error
    }
  }

  async function step(made: Op): Promise<void> {
    switch (made.kind) {
      case 'append':
        for (const size of made.sizes) {
          const payload = Uint8Array.from({ length: size }, () => random.next() * 256)
          append(payload)
        }
        return
      case 'commit':
        return commit()
      case 'begin-commit':
        pending.push(commit().catch(() => {}))
        return
      case 'rotate':
        return log.rotate()
      case 'snapshot': {
        const state = Uint8Array.from({ length: 20 }, () => random.next() * 256)
        snapshots = [...snapshots, state]
        await log.writeSnapshot(boundary(made.share), state)
        snapshots = [state]
        return
      }
      case 'truncate':
        droppable = Math.max(droppable, boundary(made.share))
        return log.truncateBefore(boundary(made.share))
      case 'close': {
        const { end } = log
        await log.close()
        durableEnd = Math.max(durableEnd, end)
        log = reopen()
        return
      }
      case 'kill':
      case 'power-cut':
        if (made.kind === 'kill') disk.kill()
        else disk.powerCut()
        await Promise.all(pending.splice(0))
        log = reopen()
        return
      case 'arm':
        armed = { ...made }
    }
  }

  for (const made of ops) {
    try {
      await step(made)
    } catch (error) {
      if (!isPitError(error) || error.code === 'LOG_CORRUPT') throw error
      // No space: the log goes on. A failed or killed disk: the process ends and starts again.
      if (error.code === 'LOG_FULL') continue
      await Promise.all(pending.splice(0))
      if (random.next() < 0.5) disk.powerCut()
      log = reopen()
    }
  }
  disk.powerCut()
  await Promise.all(pending)
  log = reopen()
  await log.close()
  check(open(disk.start()))
  return { acknowledged, faults }
}

export interface Histories {
  readonly runs: number
  readonly seed: number
  readonly openLog?: OpenLog
}

/** Plays random histories, shrinks the first that goes wrong, and says what was seen in all. */
export async function playHistories({
  runs,
  seed,
  openLog,
}: Histories): Promise<{ acknowledged: number; faults: number }> {
  const seen = { acknowledged: 0, faults: 0 }
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.array(op, { minLength: 5, maxLength: 40 }), async (diskSeed, ops) => {
      const { acknowledged, faults } = await play(diskSeed, ops, openLog)
      seen.acknowledged += acknowledged
      seen.faults += faults
    }),
    { numRuns: runs, seed },
  )
  return seen
}
