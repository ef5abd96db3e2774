/**
 * Ancestors and descendants in a graph of many artifacts, each made from two before it (most from near ones, as runs do; some from
 * far ones), walked to their end: the store's graph in memory against the same walk as a recursive query of SQLite on the same
 * tables, where that is bearable. Seeded. A store that was just opened reads its edges first: that is told apart.
 */
import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openCatalog, type Catalog } from '../actors/artifact-store/catalog.ts'
import type { ContentHash } from '../actors/artifact-store/index.ts'
import { lineageOf } from '../actors/artifact-store/lineage-handlers.ts'
import { createTables } from '../actors/artifact-store/tables.ts'
import { seededRandom } from '../runtime/index.ts'
import { machineLine, type BenchSize } from './machine.ts'
import { quantile } from './timing.ts'

const NODES: Readonly<Record<BenchSize, number>> = { smoke: 3_000, full: 1_000_000 }
const ROUNDS: Readonly<Record<BenchSize, number>> = { smoke: 3, full: 20 }
const SEED = 11
const NEAR = 1000

export interface LineageFigure {
  readonly walk: string
  readonly nodes: number
  readonly p50Ms: number
  readonly maxMs: number
}

const hashOf = (node: number): ContentHash => node.toString(16).padStart(64, '0') as ContentHash

function timed<T>(fn: () => T): readonly [ms: number, result: T] {
  const start = performance.now()
  const result = fn()
  return [performance.now() - start, result]
}

/** The floor: the ancestors of all, walked over two plain arrays that nothing can be added to. */
function bareWalk(edges: readonly (readonly [child: number, parent: number])[], nodes: number): () => number {
  const offsets = new Uint32Array(nodes + 2)
  for (const [child] of edges) offsets[child + 1]!++
  for (let node = 0; node <= nodes; node++) offsets[node + 1]! += offsets[node]!
  const free = offsets.slice()
  const targets = new Uint32Array(edges.length)
  for (const [child, parent] of edges) targets[free[child]!++] = parent
  const queue = new Uint32Array(nodes + 1)
  const seen = new Uint8Array(nodes + 1)
  return () => {
    seen.fill(0)
    queue[0] = nodes
    let count = 1
    for (let at = 0; at < count; at++) {
      for (let place = offsets[queue[at]!]!; place < offsets[queue[at]! + 1]!; place++) {
        const reached = targets[place]!
        if (seen[reached] !== 0) continue
        seen[reached] = 1
        queue[count++] = reached
      }
    }
    return count - 1
  }
}

/** Straight into the tables: what a log of a million puts would leave there. */
function fill(catalog: Catalog, nodes: number): void {
  const random = seededRandom(SEED)
  const node = catalog.prepare('INSERT INTO nodes VALUES (?, ?)')
  const edge = catalog.prepare('INSERT OR IGNORE INTO edges (child, parent, kind) VALUES (?, ?, 0)')
  catalog.begin()
  for (let at = 1; at <= nodes; at++) {
    node.run(at, hashOf(at))
    if (at === 1) continue
    edge.run(at, at - 1 - Math.floor(random.next() * Math.min(at - 1, NEAR)))
    const far = random.next() < 0.05
    edge.run(
      at,
      far ? 1 + Math.floor(random.next() * (at - 1)) : at - 1 - Math.floor(random.next() * Math.min(at - 1, NEAR)),
    )
  }
  catalog.commit()
}

export async function run(size: BenchSize): Promise<readonly LineageFigure[]> {
  const nodes = NODES[size]
  const dir = mkdtempSync(join(tmpdir(), 'pit-bench-lineage-'))
  try {
    const catalog = openCatalog(join(dir, 'index.sqlite'))!
    fill(catalog, nodes)
    const tables = createTables(catalog)
    const { relationships } = tables
    const [loadMs] = timed(() => relationships.load(Infinity))
    const figures: LineageFigure[] = []
    const measure = (walk: string, fn: () => number): void => {
      const rounds = Array.from({ length: ROUNDS[size] }, () => timed(fn))
      const times = rounds.map(([ms]) => ms).sort((a, b) => a - b)
      figures.push({ walk, nodes: rounds[0]![1], p50Ms: quantile(times, 0.5), maxMs: times.at(-1)! })
    }
    const last = hashOf(nodes)
    measure('all descendants of the first', () => relationships.walk(hashOf(1), 'derivedFrom', 'descendants').count)
    measure('all ancestors of the last', () => relationships.walk(last, 'derivedFrom', 'ancestors').count)
    const all = catalog.prepare('SELECT child, parent FROM edges').all() as unknown as {
      child: number
      parent: number
    }[]
    const bare = bareWalk(
      all.map(({ child, parent }) => [child, parent]),
      nodes,
    )
    measure('the same over plain arrays', bare)
    const bounds = { nodesMax: 1000, depthMax: Infinity }
    measure(
      'the nearest 1,000, as they are told',
      () => lineageOf(tables, last, 'derivedFrom', 'ancestors', bounds).length,
    )
    measure('would this close a cycle', () => (relationships.cycleBy(hashOf(1), last, 'derivedFrom') ?? []).length)
    const recursive = catalog.prepare(
      `WITH RECURSIVE up(id) AS (SELECT ? UNION SELECT parent FROM edges JOIN up ON child = up.id AND kind = 0)
       SELECT count(*) - 1 AS count FROM up`,
    )
    const [sqlMs, found] = timed(() => (recursive.get(nodes) as { count: number }).count)
    figures.push({ walk: 'all ancestors of the last, by SQLite', nodes: found, p50Ms: sqlMs, maxMs: sqlMs })
    // The two ways agree, and the first is the origin of all.
    assert.deepEqual([figures[1]!.nodes, figures[2]!.nodes], [found, found])
    assert.ok(figures[0]!.nodes > nodes * 0.8)
    catalog.close()
    report(nodes, loadMs, figures)
    return figures
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

function report(nodes: number, loadMs: number, figures: readonly LineageFigure[]): void {
  const ms = (value: number): string => value.toFixed(value < 10 ? 2 : 0)
  console.log(`${nodes} artifacts, two origins each; the edges are read into memory in ${ms(loadMs)} ms`)
  console.table(
    figures.map(({ walk, nodes: reached, p50Ms, maxMs }) => ({
      walk,
      reached,
      'p50 ms': ms(p50Ms),
      'max ms': ms(maxMs),
    })),
  )
}

if (import.meta.main) {
  console.log(machineLine())
  await run(process.argv.includes('--smoke') ? 'smoke' : 'full')
}
