/**
 * Overhead per node: no-op nodes through the real tracker actor with its journal on the disk, beside the same work without
 * an engine (a promise per node) in the same run. What is measured: validation, scheduling, preparation, the inline
 * operator, the journal's records and group commits, the end. Hardly anything is stored: all outputs are equal. Not measured:
 * messages between threads (`bench/runtime.ts`), since all actors share this one.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { arbitrationEngineActor } from '../actors/arbitration-engine/index.ts'
import { artifactStoreActor } from '../actors/artifact-store/index.ts'
import { dagTrackerActor, dagTracker, type OperatorNode, type WorkflowDefinition } from '../actors/dag-tracker/index.ts'
import { LEASE_REGION, leaseRegionBytes } from '../actors/pool-manager/protocol.ts'
import { canonicalHash } from '../runtime/index.ts'
import { startInProcess } from '../runtime/testing/in-process-system.ts'

export interface NodesResult {
  readonly shape: string
  readonly nodes: number
  /** Mean over the whole run, start to durable end; best of the rounds. */
  readonly microsPerNode: number
  readonly journalBytesPerNode: number
  readonly resultHash: string
}

const noop = (id: string, after: readonly string[] = []): OperatorNode => ({
  id,
  kind: 'operator',
  operator: 'noop',
  after,
})

const SHAPES: Readonly<Record<string, (count: number) => OperatorNode[]>> = {
  chain: (count) => Array.from({ length: count }, (_, at) => noop(`n${at}`, at === 0 ? [] : [`n${at - 1}`])),
  'fan-out': (count) => Array.from({ length: count }, (_, at) => noop(`n${at}`, at === 0 ? [] : ['n0'])),
}

async function measure(shape: string, nodes: number, rounds: number): Promise<NodesResult> {
  const dataDir = await mkdtemp(join(tmpdir(), 'pit-bench-nodes-'))
  const definition: WorkflowDefinition = {
    schemaVersion: 1,
    name: shape,
    nodes: SHAPES[shape]!(nodes),
    outputs: { last: { from: `n${nodes - 1}` } },
  }
  try {
    await using system = await startInProcess({
      actors: [
        [artifactStoreActor, { dataDir }],
        [arbitrationEngineActor, { dataDir }],
        [dagTrackerActor, { dataDir }],
      ],
      shared: { [LEASE_REGION]: leaseRegionBytes(8) },
    })
    const tracker = system.ref(dagTracker)
    let bestMs = Number.POSITIVE_INFINITY
    let hash = ''
    let journalBytes = 0
    for (let round = 0; round < rounds; round++) {
      const before = (await tracker.ask.metrics({})).journalBytes
      const startedAt = performance.now()
      // No cache: with it, nodes that do the very same would share the first one's result.
      const { runId } = await tracker.ask.start({ definition, cache: false, attach: false })
      const { state, counts, outputs } = await tracker.ask.wait({ runId })
      bestMs = Math.min(bestMs, performance.now() - startedAt)
      journalBytes = (await tracker.ask.metrics({})).journalBytes - before
      if (state !== 'completed' || counts.completed !== nodes)
        throw new Error(`${shape}: ${state}, ${counts.completed} of ${nodes}`)
      hash = canonicalHash([counts, outputs])
    }
    const microsPerNode = (bestMs * 1_000) / nodes
    return { shape, nodes, microsPerNode, journalBytesPerNode: journalBytes / nodes, resultHash: hash.slice(0, 12) }
  } finally {
    await rm(dataDir, { recursive: true, force: true })
  }
}

/** The floor: the same order of the same calls, as promises and nothing else. */
async function promisesOnly(nodes: number): Promise<number> {
  const startedAt = performance.now()
  let last = Promise.resolve({})
  for (let at = 0; at < nodes; at++) last = last.then((inputs) => inputs)
  await last
  return ((performance.now() - startedAt) * 1_000) / nodes
}

export async function run(size: 'smoke' | 'full'): Promise<readonly NodesResult[]> {
  const counts = size === 'smoke' ? [1_000] : [1_000, 10_000]
  const rounds = size === 'smoke' ? 1 : 5
  const results: NodesResult[] = []
  for (const count of counts) for (const shape of Object.keys(SHAPES)) results.push(await measure(shape, count, rounds))
  const floor = await promisesOnly(10_000)
  console.log('shape     nodes    µs/node  journal B/node  result')
  for (const { shape, nodes, microsPerNode, journalBytesPerNode, resultHash } of results) {
    const columns = [shape.padEnd(9), String(nodes).padStart(5), microsPerNode.toFixed(1).padStart(9)]
    console.log([...columns, journalBytesPerNode.toFixed(0).padStart(14), ` ${resultHash}`].join(' '))
  }
  console.log(`promises alone: ${floor.toFixed(2)} µs/node`)
  return results
}

if (import.meta.main) await run(process.argv.includes('--smoke') ? 'smoke' : 'full')
