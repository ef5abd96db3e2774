import { expect, test } from 'vitest'
import type { ContentHash } from '../../actors/artifact-store/index.ts'
import { codeOf, openStore, put } from './fixture.ts'

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
