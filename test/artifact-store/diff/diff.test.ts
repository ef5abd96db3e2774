import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { codeOf, openStore, put } from '../fixture.ts'

describe('diff', () => {
  test('of texts is unified, under the references as given', async () => {
    const { store } = await openStore()
    const [one, two] = [await put(store, 'a\nb\n'), await put(store, 'a\nc\n')]
    await store.addVersion({ name: 'r', hash: one })
    await store.addVersion({ name: 'r', hash: two })
    expect(await store.diff({ from: 'r@1', to: 'r' })).toEqual({
      from: { reference: 'r@1', hash: one, sizeBytes: 4, contentType: 'text/plain' },
      to: { reference: 'r', hash: two, sizeBytes: 4, contentType: 'text/plain' },
      kind: 'text',
      unified: '--- r@1\n+++ r\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n',
      addedLines: 1,
      removedLines: 1,
    })
    expect(await store.diff({ from: 'r@1', to: one.slice(0, 12) })).toMatchObject({ kind: 'same' })
    expect(await store.diff({ from: one, to: two, contextLines: 0 })).toMatchObject({
      unified: `--- ${one}\n+++ ${two}\n@@ -2 +2 @@\n-b\n+c\n`,
    })
    // Both were read.
    expect((await store.info({ hash: one }))!.accessCount).toBeGreaterThan(0)
  })

  test('of JSON is structural, of what only looks like it is not', async () => {
    const { store } = await openStore()
    const json = { contentType: 'application/json' }
    const a = await put(store, '{"n":1,"list":[1,2]}', json)
    const b = await put(store, '{ "list": [1, 2], "n": 2 }', json)
    const c = await put(store, '{ "n": 1, "list": [ 1, 2 ] }', { contentType: 'application/vnd.x+json; charset=utf-8' })
    const broken = await put(store, '{"n":', json)
    const plain = await put(store, '{"n":3}')
    expect(await store.diff({ from: a, to: b })).toMatchObject({
      kind: 'json',
      changes: [{ op: 'replace', path: '/n', before: 1, value: 2 }],
    })
    expect(await store.diff({ from: a, to: c })).toMatchObject({ kind: 'json', changes: [] })
    expect(await store.diff({ from: a, to: b, as: 'text' })).toMatchObject({ kind: 'text' })
    expect(await store.diff({ from: a, to: broken })).toMatchObject({ kind: 'text' })
    expect(await store.diff({ from: a, to: plain })).toMatchObject({ kind: 'text' })
    expect(await store.diff({ from: a, to: plain, as: 'json' })).toMatchObject({ kind: 'json' })
    expect(await codeOf(store.diff({ from: a, to: broken, as: 'json' }))).toBe('ARTIFACT_INVALID')
  })

  test('of other bytes says so, with sizes', async () => {
    const { store } = await openStore()
    const one = await store.put({ content: Buffer.from([0x89, 0x50, 0, 1, 2]), contentType: 'image/png' })
    const two = await store.put({ content: Buffer.from([0xff, 0xfe, 0xfd]) })
    const words = await put(store, 'words')
    expect(await store.diff({ from: one.hash, to: two.hash })).toMatchObject({
      kind: 'binary',
      from: { sizeBytes: 5, contentType: 'image/png' },
      to: { sizeBytes: 3 },
    })
    expect(await store.diff({ from: words, to: two.hash })).toMatchObject({ kind: 'binary' })
  })

  test('of large text is refused, of large bytes it is not', async () => {
    const { store } = await openStore()
    const large = await store.put({ content: Buffer.alloc(9 * 1024 * 1024, 'ä line\n') })
    const bytes = await store.put({ content: Buffer.alloc(9 * 1024 * 1024) })
    const small = await put(store, 'small')
    expect(await codeOf(store.diff({ from: small, to: large.hash }))).toBe('DIFF_TOO_LARGE')
    expect(await store.diff({ from: small, to: bytes.hash })).toMatchObject({ kind: 'binary' })
  })

  test('lets other calls in between', async () => {
    const { store } = await openStore()
    const lines = (seed: number): string => Array.from({ length: 100_000 }, (_, i) => `${(i * seed) % 9973}\n`).join('')
    const [a, b] = [await put(store, lines(7)), await put(store, lines(11))]
    const state = { done: false }
    const compared = store.diff({ from: a, to: b }).finally(() => (state.done = true))
    let puts = 0
    for (; !state.done; puts++) {
      await put(store, `between ${puts}`)
      await setImmediate()
    }
    expect((await compared).kind).toBe('text')
    expect(puts).toBeGreaterThan(5)
  })

  test('of what is not there, or with a wrong wish, is refused', async () => {
    const { store } = await openStore()
    const hash = await put(store, 'x')
    await expect(store.diff({ from: hash, to: 'nothing@3' })).rejects.toMatchObject({
      code: 'ARTIFACT_NOT_FOUND',
      fields: { hash: 'nothing@3' },
    })
    expect(await codeOf(store.diff({ from: hash, to: hash, as: 'xml' as 'text' }))).toBe('ARTIFACT_INVALID')
    expect(await codeOf(store.diff({ from: hash, to: hash, contextLines: -1 }))).toBe('ARTIFACT_INVALID')
  })
})
