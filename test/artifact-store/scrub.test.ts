import { describe, expect, test } from 'vitest'
import { artifactStore, type ContentHash, type ScrubStep } from '../../actors/artifact-store/index.ts'
import { memoryFiles, type FileLayer } from '../../runtime/persistence/index.ts'
import { createVirtualClock } from '../../runtime/testing/virtual-clock.ts'
import { codeOf, openStore, put, text, type OpenStore } from './fixture.ts'

const KIB = 1024

async function steps({ system }: OpenStore, request: object = {}, count = Infinity): Promise<ScrubStep[]> {
  const all: ScrubStep[] = []
  for await (const step of system.ref(artifactStore).stream.scrub(request)) {
    all.push(step)
    if (all.length === count) break
  }
  return all
}

const checkedIn = (all: readonly ScrubStep[]): number => all.reduce((sum, { checked }) => sum + checked, 0)

describe('a scrub', () => {
  test('tells how far it is, and goes on from where another one was left', async () => {
    const opened = await openStore()
    for (let i = 0; i < 250; i++) await put(opened.store, `artifact ${i}`)
    const all = await steps(opened)
    expect(all.length).toBeGreaterThan(3)
    expect(checkedIn(all)).toBe(250)
    expect(all.at(-1)).toMatchObject({ done: true, totals: { artifacts: 250 } })
    for (let left = 1; left < all.length; left++) {
      const { position } = all[left - 1]!
      const rest = await steps(opened, { after: position })
      expect(checkedIn(all.slice(0, left)) + checkedIn(rest), position).toBe(250)
    }
    expect(await codeOf(steps(opened, { after: 'nowhere' }))).toBe('ARTIFACT_INVALID')
    expect(await codeOf(steps(opened, { bytesPerSecond: 0 }))).toBe('ARTIFACT_INVALID')
  })

  test('reads no faster than it may, and lets writers in', async () => {
    const clock = createVirtualClock()
    const opened = await openStore({ dataDir: ':memory:', packAfterMs: 'never' }, { clock })
    for (let i = 0; i < 40; i++) await opened.store.put({ content: Buffer.alloc(64 * KIB, i + 1) })
    const startMs = clock.monotonicMs()
    let done = false
    let writes = 0
    const scrubbing = steps(opened, { bytesPerSecond: 256 * KIB }).finally(() => (done = true))
    const state = { isDone: () => done }
    while (!state.isDone()) {
      await put(opened.store, `written meanwhile ${writes++}`)
      await clock.advance(100)
    }
    const all = await scrubbing
    const seconds = (clock.monotonicMs() - startMs) / 1000
    // Content and log are read once each: 2 × 2.5 MiB at 0.25 MiB/s.
    expect(seconds).toBeGreaterThan(18)
    expect(seconds).toBeLessThan(30)
    expect(writes).toBeGreaterThan(100)
    expect(checkedIn(all)).toBeGreaterThanOrEqual(40)
    expect(all.flatMap(({ findings }) => findings)).toEqual([])
  })

  test.each(['EIO', 'EMFILE'])('takes %s for no damage: it is told, nothing is quarantined', async (code) => {
    const memory = memoryFiles()
    let failingAt: number | null = null
    const files: FileLayer = {
      ...memory,
      read(fd, into, at) {
        if (failingAt !== null && at <= failingAt && failingAt < at + into.length) {
          throw Object.assign(new Error(code), { code })
        }
        return memory.read(fd, into, at)
      },
    }
    const opened = await openStore({ dataDir: '/data', files, cacheBytes: 0 })
    const { store } = opened
    const hashes: ContentHash[] = []
    for (let i = 0; i < 5; i++) hashes.push(await put(store, `${i} `.repeat(8000)))
    failingAt = 40_000
    const bad = hashes[2]!
    expect(await codeOf(store.get({ hash: bad }))).toBe('STORAGE_IO')
    expect(text(await store.get({ hash: hashes[0]! }))).toBe('0 '.repeat(8000))
    const findings = (await steps(opened)).flatMap((step) => step.findings)
    expect(findings.map(({ kind }) => kind)).toEqual(['unreadable', 'log-unreadable'])
    expect(findings[0]).toMatchObject({ hash: bad })
    expect(await codeOf(store.verify({}))).toBe('STORAGE_IO')
    // Nobody who writes is hurt by it.
    await put(store, 'written meanwhile')
    failingAt = null
    expect(await store.health({})).toMatchObject({ damaged: 0 })
    expect(await store.verify({})).toEqual({ checked: 6, corrupt: [], repaired: [] })
    expect(text(await store.get({ hash: bad }))).toBe('2 '.repeat(8000))
  })
})
