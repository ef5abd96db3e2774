/** Whoever dies at whichever moment: the mirror gets all that is there, and loses all that is not. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  createMemoryBackend,
  openFileSystemBackend,
  type StorageBackend,
} from '../../../actors/artifact-store/backends/index.ts'
import { blobErrors } from '../../../actors/artifact-store/backends/errors.ts'
import { artifactStore, artifactStoreActor, type ContentHash } from '../../../actors/artifact-store/index.ts'
import { isPitError, seededRandom, sha256Hex, type ActorSystem } from '../../../runtime/index.ts'
import { createFaultyDisk, type Fault } from '../../../runtime/testing/faulty-files.ts'
import { startInProcess } from '../../../runtime/testing/in-process-system.ts'
import { openStore, tempDir } from '../fixture.ts'
import { mirrored } from './flips.ts'
import { lasting } from './lasting.ts'

async function checkedBlobs(backend: StorageBackend): Promise<string[]> {
  const hashes: string[] = []
  for (let cursor: string | undefined; ;) {
    const page = await backend.list({ prefix: 'content/', ...(cursor === undefined ? {} : { cursor }) })
    for (const { key } of page.items) {
      const hash = key.slice('content/'.length)
      expect(sha256Hex((await backend.get(key))!)).toBe(hash)
      hashes.push(hash)
    }
    if (page.cursor === undefined) return hashes
    cursor = page.cursor
  }
}

async function liveIn(store: Awaited<ReturnType<typeof openStore>>['store']): Promise<ContentHash[]> {
  const hashes: ContentHash[] = []
  for (let cursor: string | undefined; ;) {
    const page = await store.list(cursor === undefined ? {} : { cursor })
    hashes.push(...page.items.map(({ hash }) => hash))
    if (page.cursor === undefined) return hashes.sort()
    cursor = page.cursor
  }
}

test('kill -9 in the middle of copying and deleting, again and again', { timeout: 120_000 }, async () => {
  const dataDir = tempDir()
  const dir = join(tempDir(), 'mirror')
  const acknowledged = new Set<string>()
  for (let round = 0; round < 3; round++) {
    const script = join(import.meta.dirname, 'kill-child.ts')
    const child = spawn(process.execPath, [script, dataDir, dir, String(round * 10_000)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let lines = 0
    for await (const line of createInterface(child.stdout)) {
      if (line.startsWith('-')) acknowledged.delete(line.slice(1))
      else acknowledged.add(line)
      if (++lines === 60 + round * 15) child.kill('SIGKILL')
    }
  }
  const { store, system } = await openStore({ dataDir, mirror: { kind: 'file-system', dir } })
  await mirrored(store)
  const live = await liveIn(store)
  const { artifacts } = await store.stats({})
  await system.close()
  const backend = await openFileSystemBackend({ dir })
  const blobs = await checkedBlobs(backend)
  await backend.close()
  // One may be in the trash, where a kill came between trash and purge.
  expect(live.every((hash) => blobs.includes(hash))).toBe(true)
  expect(blobs.length).toBeLessThanOrEqual(live.length + 3)
  expect(artifacts).toBe(live.length)
  expect([...acknowledged].filter((hash) => !blobs.includes(hash))).toEqual([])
  expect(acknowledged.size).toBeGreaterThan(150)
})

const IDS = 5
const op = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('put' as const), id: fc.nat(IDS - 1) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('purge' as const), id: fc.nat(IDS - 1) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('kill', 'power-cut', 'compact', 'wait', 'away') }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('arm' as const),
      fault: fc.constantFrom<Fault>('ENOSPC', 'EIO', 'kill'),
      after: fc.nat(12),
    }),
  },
)

test('random histories on a failing disk, with a mirror that comes and goes', { timeout: 120_000 }, async () => {
  const contents = Array.from({ length: IDS }, (_, i) => Buffer.from(`content ${i} `.repeat(20 * (i + 1))))
  let acknowledged = 0
  const history = fc.asyncProperty(fc.integer(), fc.array(op, { minLength: 4, maxLength: 20 }), async (seed, ops) => {
    const disk = createFaultyDisk(seededRandom(seed))
    const there = lasting(createMemoryBackend())
    let armed: { fault: Fault; after: number } | null = null
    const plan = ({ call }: { call: string }): Fault | null => {
      if (armed === null || call === 'read' || call === 'size' || call === 'list' || armed.after-- > 0) return null
      const { fault } = armed
      armed = null
      return fault
    }
    const open = async (): Promise<ActorSystem> => {
      for (;;) {
        try {
          const config = { dataDir: '/data', files: disk.start(plan), segmentBytes: 4096, mirrorBackend: there.open }
          return await startInProcess({ actors: [[artifactStoreActor, config]] })
        } catch (error) {
          if (!isPitError(error) || !error.code.startsWith('STORAGE_')) throw error
        }
      }
    }
    const store = () => system.ref(artifactStore).ask
    const attempt = async (call: Promise<unknown>): Promise<void> => {
      try {
        await call
        acknowledged++
      } catch (error) {
        if (!isPitError(error)) throw error
      }
    }
    let system = await open()
    for (const made of ops) {
      if (made.kind === 'arm') armed = { ...made }
      else if (made.kind === 'put') await attempt(store().put({ content: contents[made.id]! }))
      else if (made.kind === 'purge') {
        const hash = sha256Hex(contents[made.id]!) as ContentHash
        await attempt(store().trash({ hashes: [hash], planId: 'p' }))
        await attempt(store().purge({ before: Number.MAX_SAFE_INTEGER }))
      } else if (made.kind === 'compact') await attempt(store().compact({}))
      else if (made.kind === 'wait') await new Promise((resolve) => setTimeout(resolve, 60))
      else if (made.kind === 'away') {
        const failing = there.faults.put === undefined
        const fault = failing ? () => blobErrors.fail('BLOBS_IO', { location: 'there', reason: 'away' }) : undefined
        there.faults.put = there.faults.delete = fault
      } else {
        if (made.kind === 'kill') disk.kill()
        else disk.powerCut()
        armed = null
        await system.close().catch(() => {})
        system = await open()
      }
    }
    disk.kill()
    armed = null
    await system.close().catch(() => {})
    there.faults.put = there.faults.delete = undefined
    system = await open()
    // What was in the trash when it ended counts as there.
    for (const { planId } of await store().trashed({})) await store().restore({ planId })
    await mirrored(store())
    expect(await checkedBlobs(there.backend), `seed ${seed}`).toEqual(await liveIn(store()))
    await system.close()
  })
  await fc.assert(history, { numRuns: 25 })
  expect(acknowledged).toBeGreaterThan(50)
})
