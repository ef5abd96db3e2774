/** How long the search index keeps a writer: each write by itself, and each turn of the work in the background. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { resolveInput } from '../../actors/artifact-store/input.ts'
import { openStorage, type Storage } from '../../actors/artifact-store/storage.ts'
import { preparePut, putAll } from '../../actors/artifact-store/store.ts'
import { UNITS_PER_TURN } from '../../actors/artifact-store/tending.ts'
import { seededRandom, silentLogger } from '../../runtime/index.ts'
import { quantile } from '../timing.ts'
import { createCorpus, itemOf } from './corpus.ts'

const DURABLE_EVERY = 64

/** Writes documents one by one, a turn of the background after every tenth, as it would be with a busy writer. */
export async function measureTurns(documents: number): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'pit-bench-turns-'))
  const storage = openStorage({ dir: join(dir, 'store'), segmentBytes: 64 * 2 ** 20, logger: silentLogger })
  try {
    const corpus = createCorpus(seededRandom(11))
    const writes: number[] = []
    const turns: number[] = []
    for (let id = 0; id < documents; id++) {
      const item = itemOf({ id, text: corpus.text() })
      writes.push(cpuOf(() => write(storage, id, item)))
      if (id % 10 === 0) turns.push(cpuOf(() => storage.maintain(UNITS_PER_TURN)))
      if (id % DURABLE_EVERY === 0) await storage.durable()
    }
    const line = (name: string, values: readonly number[]): string =>
      `${name} p50 ${quantile(values, 0.5).toFixed(2)}, p99 ${quantile(values, 0.99).toFixed(2)}, longest ${Math.max(...values).toFixed(1)}`
    console.log(
      `while ${documents} documents are written one by one, CPU ms: ${line('write', writes)}; ${line('turn', turns)}`,
    )
  } finally {
    await storage.close()
    rmSync(dir, { recursive: true, force: true })
  }
}

function write(storage: Storage, id: number, item: ReturnType<typeof itemOf>): void {
  putAll(storage, [preparePut(resolveInput(item, 1e6))], { callId: `c${id}`, redelivered: false, now: id })
}

function cpuOf(task: () => unknown): number {
  const before = process.threadCpuUsage()
  task()
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / 1000
}
