import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { isPitError, seededRandom } from '../../../runtime/index.ts'
import { memoryFiles, openLog, systemFiles, type FileLayer, type Log } from '../../../runtime/persistence/index.ts'
import { createFaultyDisk } from '../../../runtime/testing/faulty-files.ts'

const dirs: string[] = []

function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'pit-log-'))
  dirs.push(dir)
  return dir
}

afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true })
})

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const texts = (log: Log, from = log.start): string[] =>
  [...log.read(from)].map((r) => new TextDecoder().decode(r.payload))
const segmentFiles = (dir: string): string[] =>
  readdirSync(dir)
    .filter((name) => name.endsWith('.seg'))
    .sort()
const codeOf = (fn: () => unknown): string => {
  try {
    fn()
  } catch (error) {
    if (isPitError(error)) return error.code
    throw error
  }
  return 'no error'
}

function flip(path: string, at: number): void {
  const content = readFileSync(path)
  content[at]! ^= 0x10
  writeFileSync(path, content)
}

describe('a log', () => {
  test('gives back what was appended, in order, after reopening', async () => {
    const dir = tempDir()
    const log = openLog({ dir })
    const first = log.append(bytes('one'))
    const second = log.append([bytes('t'), bytes('wo')])
    log.append(new Uint8Array(0))
    expect(log.syncedEnd).toBe(first)
    await log.commit()
    expect(log.syncedEnd).toBe(log.end)
    await log.close()
    const again = openLog({ dir })
    expect(texts(again)).toEqual(['one', 'two', ''])
    expect(texts(again, second)).toEqual(['two', ''])
    expect(new TextDecoder().decode(again.readAt(second))).toBe('two')
    expect([...again.read(again.end)]).toEqual([])
    await again.close()
    await again.close()
  })

  test('positions run through segments without a gap', async () => {
    const log = openLog({ dir: '/m', files: memoryFiles(), segmentBytes: 4096 })
    const positions = Array.from({ length: 100 }, (_, i) => log.append(new Uint8Array(300).fill(i)))
    const records = [...log.read(log.start)]
    expect(records.map((record) => record.position)).toEqual(positions)
    expect(records.map((record) => record.next)).toEqual([...positions.slice(1), log.end])
    expect(log.segments().length).toBeGreaterThan(5)
    for (const [i, position] of positions.entries()) expect(log.readAt(position)[0]).toBe(i)
    await log.close()
  })

  test('truncateBefore drops whole segments only, and rotate lets the last one go', async () => {
    const dir = tempDir()
    const log = openLog({ dir, segmentBytes: 4096 })
    const positions = Array.from({ length: 60 }, () => log.append(new Uint8Array(500)))
    await log.commit()
    const before = log.physicalBytes()
    log.truncateBefore(positions[30]!)
    expect(log.start).toBeLessThanOrEqual(positions[30]!)
    expect(log.start).toBeGreaterThan(positions[15]!)
    expect(log.physicalBytes()).toBeLessThan(before)
    expect(codeOf(() => [...log.read(positions[0]!)])).toBe('LOG_POSITION_INVALID')
    await log.rotate()
    log.truncateBefore(log.end)
    expect(segmentFiles(dir)).toHaveLength(1)
    const end = log.end
    await log.close()
    const again = openLog({ dir })
    expect([again.start, again.end]).toEqual([end, end])
    await again.close()
  })

  test('callers that wait together share one sync', async () => {
    let syncs = 0
    const files: FileLayer = { ...systemFiles, sync: (fd) => (syncs++, systemFiles.sync(fd)) }
    const log = openLog({ dir: tempDir(), files })
    const commits = Array.from({ length: 64 }, async (_, i) => {
      await Promise.resolve()
      log.append(bytes(`record ${i}`))
      await log.commit()
    })
    await Promise.all(commits)
    expect(syncs).toBeLessThanOrEqual(2)
    await log.commit()
    expect(syncs).toBeLessThanOrEqual(2)
    await log.close()
  })

  test('a snapshot stands for what was before it and replaces the previous one', async () => {
    const dir = tempDir()
    const log = openLog({ dir })
    expect(log.readSnapshot()).toBeNull()
    log.append(bytes('a'))
    await log.writeSnapshot(log.end, bytes('after a'))
    await log.writeSnapshot(log.end, bytes('again'))
    expect(log.syncedEnd).toBe(log.end)
    const snapshot = log.readSnapshot()!
    expect(new TextDecoder().decode(snapshot.state)).toBe('again')
    expect(snapshot.position).toBe(log.end)
    await log.close()
    flip(join(dir, 'snapshot'), 40 - 6)
    expect(codeOf(() => openLog({ dir }))).toBe('LOG_CORRUPT')
  })

  test('refuses what it cannot hold, by a code', async () => {
    const log = openLog({ dir: '/m', files: memoryFiles(), recordBytesMax: 100 })
    expect(codeOf(() => log.append(new Uint8Array(101)))).toBe('LOG_RECORD_TOO_LARGE')
    expect(codeOf(() => log.readAt(5000))).toBe('LOG_POSITION_INVALID')
    await log.close()
    expect(codeOf(() => log.append(bytes('late')))).toBe('LOG_CLOSED')
    expect(codeOf(() => openLog({ dir: '/m', files: memoryFiles(), segmentBytes: 1 }))).toBe('INVALID_OPTION')
    expect(codeOf(() => openLog({ dir: '/none', files: memoryFiles(), readOnly: true }))).toBe('LOG_MISSING')
  })

  test('opening it again takes it away from a former life on the same thread', async () => {
    const dir = tempDir()
    const former = openLog({ dir })
    former.append(bytes('one'))
    const waiting = former.commit()
    const log = openLog({ dir })
    await waiting
    expect(former.closed).toBe(true)
    expect(codeOf(() => former.append(bytes('late')))).toBe('LOG_CLOSED')
    expect(codeOf(() => former.readAt(0))).toBe('LOG_CLOSED')
    await former.close()
    log.append(bytes('two'))
    await log.close()
    expect(texts(openLog({ dir, readOnly: true }))).toEqual(['one', 'two'])
  })

  test('what is known to be durable is not read at opening; a position that cannot be one is ignored', async () => {
    let readBytes = 0
    const files: FileLayer = {
      ...systemFiles,
      read(fd, into, at) {
        readBytes += into.length
        return systemFiles.read(fd, into, at)
      },
    }
    const dir = tempDir()
    const log = openLog({ dir })
    for (let count = 0; count < 2_000; count++) log.append(new Uint8Array(1_000))
    await log.commit()
    const known = log.syncedEnd
    const opened = async (durableTo: number): Promise<number> => {
      readBytes = 0
      const again = openLog({ dir, files, durableTo })
      const read = readBytes
      expect(again.end).toBeGreaterThanOrEqual(known + 16)
      await again.close()
      return read
    }
    log.append(bytes('after it'))
    await log.close()
    const all = await opened(0)
    expect(all).toBeGreaterThan(2_000_000)
    expect(await opened(known)).toBeLessThan(all / 10)
    for (const impossible of [known + 8, known - 8, 1e12, -1, Number.NaN]) {
      expect(await opened(impossible)).toBeGreaterThan(2_000_000)
    }
    expect(texts(openLog({ dir, readOnly: true, durableTo: known }))).toHaveLength(2_001)
  })

  test('a directory that is a file is named', () => {
    const dir = tempDir()
    writeFileSync(join(dir, 'file'), '')
    expect(codeOf(() => openLog({ dir: join(dir, 'file') }))).toBe('LOG_READ_ONLY')
    expect(() => openLog({ dir: join(dir, 'file') })).toThrow(join(dir, 'file'))
  })
})

describe('a record refused for want of space', () => {
  test.each(['write', 'truncate'] as const)('is never there, or the log has failed: %s', async (lastFault) => {
    const seen = new Set<unknown>()
    for (let seed = 1; seed <= 300; seed++) {
      const disk = createFaultyDisk(seededRandom(seed))
      let full: readonly string[] = []
      const log = openLog({ dir: '/log', files: disk.start(({ call }) => (full.includes(call) ? 'ENOSPC' : null)) })
      log.append(bytes('first'))
      await log.commit()
      log.append(bytes('second'))
      full = lastFault === 'write' ? ['write'] : ['write', 'truncate']
      const code = codeOf(() => log.append(bytes('refused')))
      full = []
      seen.add(code)
      if (code === 'LOG_FULL') log.append(bytes('third'))
      else expect(codeOf(() => log.append(bytes('third')))).toBe('LOG_IO')
      disk.powerCut()
      const found = texts(openLog({ dir: '/log', files: disk.start() }))
      expect(found[0]).toBe('first')
      if (code === 'LOG_FULL') expect(found).not.toContain('refused')
    }
    expect(seen).toEqual(new Set(lastFault === 'write' ? ['LOG_FULL'] : ['LOG_FULL', 'LOG_IO']))
  })
})

describe('a torn end', () => {
  test('is cut off at any length, and what is whole before it stays', async () => {
    const dir = tempDir()
    const log = openLog({ dir })
    log.append(bytes('kept'))
    const torn = log.append(new Uint8Array(1000).fill(7))
    await log.commit()
    const whole = readFileSync(join(dir, segmentFiles(dir)[0]!))
    await log.close()
    for (let size = 32 + torn; size < whole.length; size += 37) {
      writeFileSync(join(dir, segmentFiles(dir)[0]!), whole.subarray(0, size))
      const again = openLog({ dir })
      expect(texts(again)).toEqual(['kept'])
      expect(again.end).toBe(torn)
      expect(texts(openLog({ dir, readOnly: true }))).toEqual(['kept'])
    }
  })

  test('of garbage is cut off, and appending goes on', async () => {
    const dir = tempDir()
    const log = openLog({ dir })
    log.append(bytes('kept'))
    await log.commit()
    appendFileSync(join(dir, segmentFiles(dir)[0]!), Buffer.alloc(999, 0xa5))
    const again = openLog({ dir })
    again.append(bytes('new'))
    await again.close()
    expect(texts(openLog({ dir, readOnly: true }))).toEqual(['kept', 'new'])
    await log.close()
  })

  test('a half-made new segment is made again', async () => {
    const dir = tempDir()
    const log = openLog({ dir })
    log.append(bytes('one'))
    await log.rotate()
    await log.close()
    const last = join(dir, segmentFiles(dir).at(-1)!)
    for (const size of [0, 5, 31]) {
      truncateSync(last, size)
      const again = openLog({ dir })
      expect(texts(again)).toEqual(['one'])
      await again.close()
    }
  })
})

describe('damage', () => {
  /** Three records in one closed segment; returns their positions. */
  async function three(dir: string): Promise<number[]> {
    const log = openLog({ dir })
    const positions = ['one', 'two', 'three'].map((text) => log.append(bytes(text.repeat(24))))
    await log.close()
    return positions
  }

  test('any flipped byte of a durable record is reported, never silently cut', async () => {
    const dir = tempDir()
    const positions = await three(dir)
    const path = join(dir, segmentFiles(dir)[0]!)
    const whole = readFileSync(path)
    for (let at = 32; at < 32 + positions[2]! + 24 + 120; at++) {
      writeFileSync(path, whole)
      flip(path, at)
      const log = openLog({ dir, readOnly: true })
      const damaged: number[] = []
      const read = [...log.read(log.start, { onDamage: ({ from }) => damaged.push(from) })]
      expect(damaged, `byte ${at}`).toHaveLength(1)
      expect(read, `byte ${at}`).toHaveLength(2)
      expect(codeOf(() => [...log.read(log.start)])).toBe('LOG_CORRUPT')
      expect(codeOf(() => log.readAt(damaged[0]!))).toBe('LOG_CORRUPT')
      await log.close()
    }
  })

  test('a missing middle segment is reported', async () => {
    const dir = tempDir()
    const log = openLog({ dir })
    for (const text of ['one', 'two', 'three']) {
      log.append(bytes(text))
      await log.rotate()
    }
    await log.close()
    rmSync(join(dir, segmentFiles(dir)[1]!))
    const again = openLog({ dir })
    expect(codeOf(() => texts(again))).toBe('LOG_CORRUPT')
    expect([...again.read(again.start, { onDamage() {} })]).toHaveLength(2)
    await again.close()
  })

  test('a damaged segment header costs no records', async () => {
    const dir = tempDir()
    await three(dir)
    flip(join(dir, segmentFiles(dir)[0]!), 3)
    expect(texts(openLog({ dir }))).toHaveLength(3)
  })

  test('a log that ends before its snapshot is refused', async () => {
    const dir = tempDir()
    const log = openLog({ dir })
    log.append(bytes('x'))
    await log.writeSnapshot(log.end, bytes('state'))
    await log.close()
    truncateSync(join(dir, segmentFiles(dir)[0]!), 32)
    expect(codeOf(() => openLog({ dir }))).toBe('LOG_CORRUPT')
  })

  test('a newer format is refused and left alone', async () => {
    const dir = tempDir()
    await three(dir)
    const path = join(dir, segmentFiles(dir)[0]!)
    const content = readFileSync(path)
    content.writeUInt32LE(99, 8)
    const { crc32 } = await import('node:zlib')
    content.writeUInt32LE(crc32(content.subarray(0, 28)), 28)
    writeFileSync(path, content)
    expect(codeOf(() => openLog({ dir }))).toBe('LOG_VERSION_UNSUPPORTED')
    expect(readFileSync(path).equals(content)).toBe(true)
  })
})
