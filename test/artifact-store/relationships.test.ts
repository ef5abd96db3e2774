import { rmSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openCatalog } from '../../actors/artifact-store/catalog.ts'
import type { ContentHash } from '../../actors/artifact-store/index.ts'
import { createLineageGraph, type Direction } from '../../actors/artifact-store/lineage-graph.ts'
import { createRelationships } from '../../actors/artifact-store/relationships.ts'
import { codeOf, openStore, put, tempDir } from './fixture.ts'

test('lineage goes both ways, nearest first, each artifact once', async () => {
  const { store } = await openStore()
  const source = await put(store, 'source', { createdBy: { nodeId: 'read', runId: 'r' } })
  const left = await put(store, 'left', { derivedFrom: [source] })
  const right = await put(store, 'right', { derivedFrom: [source] })
  const report = await put(store, 'report', { derivedFrom: [left, right, source] })
  const last = await put(store, 'last', { derivedFrom: [report] })
  const up = await store.lineage({ hash: last, direction: 'ancestors' })
  expect(up.map(({ hash, depth }) => [hash, depth])).toEqual([
    [report, 1],
    ...[left, right, source].sort().map((hash) => [hash, 2]),
  ])
  expect(up.find(({ hash }) => hash === source)!.producer).toEqual({ nodeId: 'read', runId: 'r' })
  const down = await store.lineage({ hash: source, direction: 'descendants' })
  expect(new Set(down.map(({ hash }) => hash))).toEqual(new Set([left, right, report, last]))
  expect(await store.lineage({ hash: last, direction: 'ancestors', limit: 2 })).toHaveLength(2)
  expect((await store.info({ hash: source }))!.usedByCount).toBe(3)
})

test('an unknown parent is named, and nothing of the call is stored', async () => {
  const { store } = await openStore()
  const unknown = 'c'.repeat(64) as ContentHash
  const good = { content: Buffer.from('good') }
  const bad = { content: Buffer.from('bad'), derivedFrom: [unknown] }
  await expect(store.putMany({ items: [good, bad] })).rejects.toMatchObject({
    code: 'ARTIFACT_NOT_FOUND',
    fields: { hash: unknown },
  })
  expect((await store.stats({})).artifacts).toBe(0)
  const { results } = await store.putMany({ items: [good] })
  const chain = { content: Buffer.from('child'), derivedFrom: [results[0]!.hash] }
  expect(await codeOf(store.putMany({ items: [{ content: Buffer.from('new') }, chain] }))).toBe('no error')
})

test('content that comes round again makes no cycle', async () => {
  const { store } = await openStore()
  const english = await put(store, 'good morning')
  const german = await put(store, 'guten Morgen', { derivedFrom: [english] })
  const french = await put(store, 'bonjour', { derivedFrom: [german] })
  // Translated back, and a step that changed nothing: both are the artifact of before.
  await put(store, 'good morning', { derivedFrom: [french] })
  await put(store, 'bonjour', { derivedFrom: [french] })
  expect(await store.lineage({ hash: english, direction: 'ancestors' })).toEqual([])
  expect((await store.lineage({ hash: french, direction: 'ancestors' })).map(({ hash }) => hash)).toEqual([
    german,
    english,
  ])
})

test('a chain of 1,000 is walked to its end', async () => {
  const { store } = await openStore()
  let last = await put(store, 'step 0')
  for (let step = 1; step < 1000; step++) last = await put(store, `step ${step}`, { derivedFrom: [last] })
  const chain = await store.lineage({ hash: last, direction: 'ancestors', limit: 100_000 })
  expect(chain).toHaveLength(999)
  expect(chain.at(-1)!.depth).toBe(999)
})

describe('relations', () => {
  test('can be told later; one that would close a cycle is refused with its path', async () => {
    const { store } = await openStore()
    const [a, b, c] = [await put(store, 'a'), await put(store, 'b'), await put(store, 'c')]
    await store.relate({ child: b, parent: a })
    await store.relate({ child: c, parent: b })
    await store.relate({ child: c, parent: b })
    expect((await store.lineage({ hash: c, direction: 'ancestors' })).map(({ hash, via }) => [hash, via])).toEqual([
      [b, c],
      [a, b],
    ])
    await expect(store.relate({ child: a, parent: c })).rejects.toMatchObject({
      code: 'RELATION_CYCLE',
      fields: { child: a, parent: c, path: [c, b, a].map((hash) => hash.slice(0, 12)).join(' → ') },
    })
    expect(await codeOf(store.relate({ child: a, parent: a }))).toBe('RELATION_CYCLE')
    // Each kind is a graph of its own: what was made from a part may be what it is a part of.
    await store.relate({ child: a, parent: c, kind: 'partOf' })
    expect(await codeOf(store.relate({ child: c, parent: a, kind: 'partOf' }))).toBe('RELATION_CYCLE')
    await store.unrelate({ child: c, parent: b })
    await store.relate({ child: a, parent: c })
    expect((await store.lineage({ hash: b, direction: 'ancestors' })).map(({ hash }) => hash)).toEqual([a, c])
    expect(await codeOf(store.relate({ child: a, parent: 'e'.repeat(64) as ContentHash }))).toBe('ARTIFACT_NOT_FOUND')
    expect(await codeOf(store.relate({ child: a, parent: b, kind: 'x' as 'partOf' }))).toBe('ARTIFACT_INVALID')
  })

  test('say who made an artifact with what, and who used it', async () => {
    const { store } = await openStore()
    const parameters = { temperature: 0.2, prompt: 'short' }
    const source = await put(store, 'source', { name: 'tides.md' })
    const by = { runId: 'r1', nodeId: 'digest', model: 'summarizer', parameters }
    const summary = await put(store, 'summary', { derivedFrom: [source], createdBy: by })
    const part = await put(store, 'part')
    await store.relate({ child: part, parent: source, kind: 'partOf' })
    await store.recordUse({ hashes: [source, part], by: { runId: 'r2', nodeId: 'judge' } })
    await store.recordUse({ hashes: [source], by: { runId: 'r2', nodeId: 'judge' } })
    expect(await store.relations({ hash: source })).toMatchObject({
      derived: [summary],
      derivedCount: 1,
      parts: [part],
      partCount: 1,
      descendantCount: 1,
      ancestorCount: 0,
    })
    const { usedBy } = await store.relations({ hash: source })
    expect(new Map(usedBy.map(({ by: { nodeId }, artifact }) => [nodeId, artifact]))).toEqual(
      new Map([
        ['digest', summary],
        ['judge', undefined],
      ]),
    )
    expect((await store.relations({ hash: summary })).producedBy).toEqual([by])
    expect(await store.lineage({ hash: summary, direction: 'ancestors' })).toEqual([
      { hash: source, depth: 1, via: summary, name: 'tides.md', present: true },
    ])
    expect(await codeOf(put(store, 'x', { createdBy: { parameters: { text: 'x'.repeat(5000) } } }))).toBe(
      'ARTIFACT_INVALID',
    )
    expect(await codeOf(store.recordUse({ hashes: ['e'.repeat(64) as ContentHash], by: {} }))).toBe(
      'ARTIFACT_NOT_FOUND',
    )
  })

  test('a purged origin stays known by its hash', async () => {
    const { store } = await openStore()
    const source = await put(store, 'source')
    const middle = await put(store, 'middle', { derivedFrom: [source] })
    const last = await put(store, 'last', { derivedFrom: [middle] })
    await store.trash({ hashes: [middle], planId: 'p' })
    expect(await store.lineage({ hash: last, direction: 'ancestors' })).toMatchObject([
      { hash: middle, present: false },
      { hash: source, present: true },
    ])
    await store.purge({ before: Number.MAX_SAFE_INTEGER })
    expect(await store.lineage({ hash: last, direction: 'ancestors' })).toMatchObject([
      { hash: middle, present: false },
    ])
    expect(await store.lineage({ hash: source, direction: 'descendants' })).toEqual([])
  })

  test('outlive compaction, reopening and a lost index', async () => {
    const dataDir = tempDir()
    const config = { dataDir, segmentBytes: 4096, packAfterMs: 'never' } as const
    const first = await openStore(config)
    const { store } = first
    const [source, chapter, book] = [await put(store, 'source'), await put(store, 'chapter'), await put(store, 'book')]
    await store.relate({ child: chapter, parent: source })
    await store.relate({ child: book, parent: source })
    await store.relate({ child: chapter, parent: book, kind: 'partOf' })
    await store.unrelate({ child: book, parent: source })
    await store.recordUse({ hashes: [source], by: { nodeId: 'n', parameters: { a: [1] } } })
    const junk = Array.from({ length: 40 }, (_, i) => ({ content: Buffer.from(`junk ${i} `.repeat(60)) }))
    const { results } = await store.putMany({ items: junk })
    const picture = async ({ store: of }: Awaited<ReturnType<typeof openStore>>) => ({
      relations: await Promise.all([source, chapter, book].map((hash) => of.relations({ hash }))),
      up: await of.lineage({ hash: chapter, direction: 'ancestors' }),
      parts: await of.lineage({ hash: book, direction: 'descendants', kind: 'partOf' }),
    })
    const before = await picture(first)
    expect(before.relations).toMatchObject([{ derived: [chapter] }, { partOf: [book] }, { derivedFrom: [] }])
    await store.trash({ hashes: results.map(({ hash }) => hash), planId: 'p' })
    expect((await store.purge({ before: Number.MAX_SAFE_INTEGER })).freedBytes).toBeGreaterThan(10_000)
    expect(await picture(first)).toEqual(before)
    await first.system.close()
    const again = await openStore(config)
    expect(await picture(again)).toEqual(before)
    await again.system.close()
    rmSync(`${dataDir}/artifacts/index.sqlite`)
    expect(await picture(await openStore(config))).toEqual(before)
  })
})

/** Edges as sets, walked level by level. */
function createOracle() {
  const edges = new Set<string>()
  const next = (node: number, direction: Direction): number[] =>
    [...edges].flatMap((edge) => {
      const [child, parent] = edge.split('>').map(Number) as [number, number]
      if (direction === 'ancestors') return child === node ? [parent] : []
      return parent === node ? [child] : []
    })
  function depths(from: number, direction: Direction): Map<number, number> {
    const found = new Map([[from, 0]])
    for (const [node, depth] of found) {
      for (const other of next(node, direction)) if (!found.has(other)) found.set(other, depth + 1)
    }
    found.delete(from)
    return found
  }
  return { edges, depths }
}

test('property: walks find what a naive graph finds, while edges come and go and half of them is still on the disk', () => {
  const hash = (node: number): ContentHash => node.toString(16).padStart(64, '0') as ContentHash
  const NODES = 9
  const step = fc.record({
    child: fc.nat(NODES - 1),
    parent: fc.nat(NODES - 1),
    what: fc.constantFrom('link', 'link', 'link', 'unlink', 'purge', 'load'),
  })
  const property = fc.property(fc.array(step, { maxLength: 60 }), fc.nat(30), (steps, reopenAt) => {
    const catalog = openCatalog(':memory:')!
    let relationships = createRelationships(catalog)
    const { edges, depths } = createOracle()
    for (const [index, { child, parent, what }] of steps.entries()) {
      // A new life of the actor: nothing is in memory yet.
      if (index === reopenAt) relationships = createRelationships(catalog)
      if (what === 'load') relationships.load(2)
      else if (what === 'unlink') {
        relationships.unlink(hash(child), hash(parent), 'derivedFrom')
        edges.delete(`${child}>${parent}`)
      } else if (what === 'purge') {
        relationships.setParents(hash(child), 'derivedFrom', [])
        for (const edge of edges) if (edge.startsWith(`${child}>`)) edges.delete(edge)
      } else {
        const closes = child === parent || depths(parent, 'ancestors').has(child)
        expect(relationships.cycleBy(hash(child), hash(parent), 'derivedFrom') !== null).toBe(closes)
        expect(relationships.acyclicParents(hash(child), [hash(parent)])).toEqual(closes ? [] : [hash(parent)])
        if (closes) continue
        relationships.link(hash(child), hash(parent), 'derivedFrom')
        edges.add(`${child}>${parent}`)
      }
    }
    for (let node = 0; node < NODES; node++) {
      for (const direction of ['ancestors', 'descendants'] as const) {
        const walk = relationships.walk(hash(node), 'derivedFrom', direction)
        const found = Array.from(walk.nodes, (each) => Number.parseInt(relationships.hashOf(each), 16))
        const depthOf = (at: number): number => walk.ends.findIndex((end) => at < end) + 1
        expect(Object.fromEntries(found.map((each, at) => [each, depthOf(at)]))).toEqual(
          Object.fromEntries(depths(node, direction)),
        )
        expect(new Set(found).size).toBe(found.length)
        expect(walk.depth).toBe(Math.max(0, ...depths(node, direction).values()))
      }
    }
    catalog.close()
  })
  fc.assert(property, { numRuns: 300 })
})

test('a walk stops where it is told', () => {
  const graph = createLineageGraph()
  for (let node = 1; node < 1000; node++) graph.add(node + 1, node)
  graph.add(1000, 500)
  expect(graph.walk(1000, 'ancestors')).toMatchObject({ count: 999, depth: 500 })
  expect(graph.walk(1000, 'ancestors', { nodesMax: 5 })).toMatchObject({ count: 5, depth: 3 })
  expect(graph.walk(1000, 'ancestors', { depthMax: 2 })).toMatchObject({ count: 4, depth: 2 })
  expect([...graph.walk(1, 'descendants', { until: 4 }).nodes]).toEqual([2, 3, 4])
  expect(graph.walk(5000, 'ancestors')).toMatchObject({ count: 0, depth: 0 })
})
