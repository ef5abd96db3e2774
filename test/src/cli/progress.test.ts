import { describe, expect, test } from 'vitest'
import type { RunCounts, RunEvent } from '../../../actors/dag-tracker/protocol.ts'
import { clip, formatBytes, formatDuration, formatTable, formatTime } from '../../../src/cli/format.ts'
import { applyEvent, countsLine, etaMs, progressLine, startProgress } from '../../../src/cli/progress.ts'

const counts = (given: Partial<RunCounts>): RunCounts => ({
  total: 0,
  pending: 0,
  queued: 0,
  running: 0,
  completed: 0,
  failed: 0,
  skipped: 0,
  cached: 0,
  ...given,
})
let seq = 0
const event = (type: RunEvent['type'], nodeId?: string, at = 0, cached = false): RunEvent => ({
  seq: ++seq,
  at,
  type,
  cached,
  ...(nodeId === undefined ? {} : { nodeId }),
})

describe('progress', () => {
  test('knows what runs, oldest first, and what was executed', () => {
    const history = [
      event('run-started'),
      event('node-started', 'a', 1_000),
      event('node-started', 'b', 2_000),
      event('node-started', 'c', 2_500),
      event('node-completed', 'a'),
      event('node-completed', 'd', 0, true),
      event('node-failed', 'c'),
    ]
    const progress = history.reduce(applyEvent, startProgress(0))
    expect([...progress.running]).toEqual([['b', 2_000]])
    expect(progress.executed).toBe(1)
  })

  test('a retried node is not running until it starts again', () => {
    const history = [event('node-started', 'a', 1), event('node-retried', 'a', 2), event('node-started', 'a', 9)]
    expect(history.slice(0, 2).reduce(applyEvent, startProgress(0)).running.size).toBe(0)
    expect(history.reduce(applyEvent, startProgress(0)).running.get('a')).toBe(9)
  })

  test('the time left follows from what was done here, not from what a resumed run brought along', () => {
    const progress = startProgress(0)
    expect(etaMs(progress, counts({ total: 100, completed: 60 }), 50, 10_000)).toBe(40_000)
    expect(etaMs(progress, counts({ total: 100, completed: 52 }), 50, 10_000)).toBeNull()
    expect(etaMs(progress, counts({ total: 60, completed: 60 }), 0, 10_000)).toBeNull()
  })

  test('is one line, cut to the width, without what data could do to a terminal', () => {
    const progress = applyEvent(startProgress(0), event('node-started', 'evil\u001B[2Jid', 1_000))
    const options = { doneAtStart: 0, now: 4_200, width: 200 }
    const line = progressLine(progress, counts({ total: 90, completed: 30, cached: 10, running: 1 }), options)
    expect(line).toBe('30/90 nodes · 10 from cache · 1 running · slowest evil [2Jid 3.2 s · about 8.4 s left')
    expect(
      progressLine(progress, counts({ total: 90, completed: 30, running: 1 }), { ...options, width: 20 }),
    ).toHaveLength(19)
  })

  test('names the slowest item of a map rather than the map', () => {
    const history = [event('node-started', 'each', 0), event('node-started', 'each[3].read', 1_000)]
    const line = progressLine(history.reduce(applyEvent, startProgress(0)), counts({ total: 9, running: 2 }), {
      doneAtStart: 0,
      now: 1_500,
      width: 80,
    })
    expect(line).toBe('0/9 nodes · 2 running · slowest each[3].read 500 ms')
  })

  test('the end says what was answered from cache, failed, skipped', () => {
    expect(countsLine(counts({ completed: 1 }))).toBe('1 node completed')
    expect(countsLine(counts({ completed: 9, cached: 7, failed: 2, skipped: 1 }))).toBe(
      '9 nodes completed, 7 of them answered from cache, 2 failed, 1 skipped',
    )
  })
})

describe('format', () => {
  test.each([
    [0, '0 B'],
    [1_023, '1023 B'],
    [1_536, '1.5 KiB'],
    [200 * 1024, '200 KiB'],
    [5 * 2 ** 30, '5.0 GiB'],
  ])('%d bytes', (bytes, text) => expect(formatBytes(bytes)).toBe(text))

  test.each([
    [0.4, '0 ms'],
    [999, '999 ms'],
    [3_240, '3.2 s'],
    [59_960, '1 min 00 s'],
    [245_000, '4 min 05 s'],
    [7_380_000, '2 h 03 min'],
  ])('%d ms', (durationMs, text) => expect(formatDuration(durationMs)).toBe(text))

  test('times are UTC to the second', () => {
    expect(formatTime(Date.UTC(2026, 0, 2, 3, 4, 5, 678))).toBe('2026-01-02T03:04:05Z')
    expect(formatTime(null)).toBe('–')
  })

  test('tables are aligned and keep control characters out', () => {
    expect(
      formatTable(
        ['A', 'B'],
        [
          ['long one', 'x'],
          ['s', 'y\nz'],
        ],
      ),
    ).toBe('A         B\nlong one  x\ns         y z')
  })

  test('clip marks the cut', () => {
    expect(clip('abcdef', 4)).toBe('abc…')
    expect(clip('abcd', 4)).toBe('abcd')
  })
})
