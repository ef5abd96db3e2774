/** The histories of the log at their full number, from a new seed each time; and logs that do not hold what they must. */
import { describe, expect, test } from 'vitest'
import { play, playHistories, type Op } from '../runtime/persistence/histories.ts'
import { mutantLog } from '../runtime/persistence/mutant.ts'

const seed = Number(process.env.PIT_SEED ?? Date.now() % 2 ** 31)

test(`10,000 random histories: nothing acknowledged is lost, nothing is invented (PIT_SEED=${seed})`, async () => {
  console.log(`PIT_SEED=${seed}`)
  const seen = await playHistories({ runs: 10_000, seed })
  expect(seen.acknowledged).toBeGreaterThan(7_000)
  expect(seen.faults).toBeGreaterThan(3_500)
})

describe('one history, ended at every call', () => {
  const history: readonly Op[] = [
    { kind: 'append', sizes: [10, 700, 1500] },
    { kind: 'commit' },
    { kind: 'append', sizes: [900, 900] },
    { kind: 'begin-commit' },
    { kind: 'append', sizes: [400] },
    { kind: 'commit' },
    { kind: 'snapshot', share: 0.5 },
    { kind: 'rotate' },
    { kind: 'append', sizes: [1200, 3] },
    { kind: 'commit' },
    { kind: 'truncate', share: 0.6 },
    { kind: 'append', sizes: [50] },
    { kind: 'close' },
    { kind: 'append', sizes: [60] },
    { kind: 'commit' },
  ]

  // After a kill the disk may lose power too, and what is left of unsynced writes is up to chance: several times each.
  test.each(['kill', 'EIO', 'ENOSPC'] as const)('%s', async (fault) => {
    for (let diskSeed = 1; diskSeed <= 8; diskSeed++) {
      let calls = 0
      while ((await play(diskSeed, [{ kind: 'arm', fault, after: calls, lasting: 1 }, ...history])).faults > 0) calls++
      expect(calls).toBeGreaterThan(30)
    }
  })
})

describe('a log is caught that', () => {
  test.each([
    ['acknowledges before the sync', 'segment-log.ts', 'sync: () => files.sync(active().fd)', 'sync: async () => {}'],
    ['counts what was appended during a sync', 'group-commit.ts', 'Math.max(syncedEnd, target)', 'options.end()'],
    [
      'does not sync the directory of a new segment',
      'segment-files.ts',
      'files.syncNow(fd)\n    files.syncDir(dir)',
      'files.syncNow(fd)',
    ],
    ['does not check what it reads', 'frame.ts', ' && crc32(payload) === header.payloadCrc', ''],
    [
      'reads on behind a torn frame',
      'segment.ts',
      'return torn === undefined ?',
      'return torn === undefined || end > torn ?',
    ],
    ['leaves a full segment unsynced', 'segment-log.ts', 'if (!finished) syncActive()', 'if (finished) syncActive()'],
    ['leaves what it has refused', 'segment-log.ts', '      cutBack(segment)\n', ''],
    [
      'does not sync the cut',
      'segment-log.ts',
      'files.truncate(fd, sizeBytes)\n      files.syncNow(fd)',
      'files.truncate(fd, sizeBytes)',
    ],
    [
      'goes on when it could not cut',
      'segment-log.ts',
      "throw failed(logErrors.fail('LOG_IO', { dir }, { cause }))\n    }\n  }\n\n  /** Syncs the segment",
      '}\n  }\n\n  /** Syncs the segment',
    ],
    ['renames a snapshot before it is synced', 'snapshot.ts', 'await files.sync(fd)', ''],
    [
      'calls the sync after a failed one a success',
      'group-commit.ts',
      'throw (failure ??= options.asError(cause))',
      'throw options.asError(cause)',
    ],
  ])('%s', async (_name, file, from, to) => {
    const openLog = await mutantLog(file, from, to)
    await expect(playHistories({ runs: 10_000, seed: 1, openLog })).rejects.toThrow()
  })
})
