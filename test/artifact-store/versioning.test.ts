import { describe, expect, test } from 'vitest'
import { parseReference } from '../../actors/artifact-store/versioning.ts'
import type { ContentHash } from '../../actors/artifact-store/index.ts'
import { codeOf, openStore, put, tempDir } from './fixture.ts'

describe('versions', () => {
  test('count up per name, newest first, and are resolved by name, number and latest', async () => {
    const { store } = await openStore()
    const [one, two] = [await put(store, 'one'), await put(store, 'two')]
    expect(await store.addVersion({ name: 'report', hash: one, message: 'first' })).toMatchObject({ version: 1 })
    expect(await store.addVersion({ name: 'report', hash: two })).toMatchObject({ version: 2 })
    expect(await store.addVersion({ name: 'report', hash: one })).toMatchObject({ version: 3 })
    expect(await store.addVersion({ name: 'other', hash: one })).toMatchObject({ version: 1 })
    const history = await store.versions({ name: 'report' })
    expect(history.map(({ version, hash }) => [version, hash])).toEqual([
      [3, one],
      [2, two],
      [1, one],
    ])
    expect(history[2]!.message).toBe('first')
    for (const [reference, hash] of [
      ['report', one],
      ['report@latest', one],
      ['report@2', two],
      ['report@4', null],
      ['nothing', null],
    ] as const) {
      expect(await store.resolve({ reference }), reference).toBe(hash)
    }
    expect((await store.info({ hash: one }))!.versions).toEqual(['other@1', 'report@1', 'report@3'])
  })

  test('the same content again is not a new version, unless it says something else', async () => {
    const { store } = await openStore()
    const hash = await put(store, 'one')
    const first = await store.addVersion({ name: 'n', hash, message: 'm' })
    expect(await store.addVersion({ name: 'n', hash })).toEqual(first)
    expect(await store.addVersion({ name: 'n', hash, message: 'm' })).toEqual(first)
    expect(await store.addVersion({ name: 'n', hash, message: 'released' })).toMatchObject({ version: 2 })
  })

  test('of an unknown or trashed artifact are refused', async () => {
    const { store } = await openStore()
    expect(await codeOf(store.addVersion({ name: 'n', hash: 'b'.repeat(64) as ContentHash }))).toBe(
      'ARTIFACT_NOT_FOUND',
    )
    const hash = await put(store, 'x')
    await store.trash({ hashes: [hash], planId: 'p' })
    expect(await codeOf(store.addVersion({ name: 'n', hash }))).toBe('ARTIFACT_NOT_FOUND')
    expect(await codeOf(store.addVersion({ name: 'a@b', hash }))).toBe('ARTIFACT_INVALID')
  })

  test('in the trash are hidden, numbers are never used again', async () => {
    const dataDir = tempDir()
    const { store, system } = await openStore({ dataDir })
    const [one, two] = [await put(store, 'one'), await put(store, 'two')]
    await store.addVersion({ name: 'n', hash: one })
    await store.addVersion({ name: 'n', hash: two })
    await store.trash({ hashes: [two], planId: 'p' })
    expect(await store.resolve({ reference: 'n' })).toBe(one)
    expect(await store.resolve({ reference: 'n@2' })).toBeNull()
    await store.purge({ before: Number.MAX_SAFE_INTEGER })
    expect(await store.addVersion({ name: 'n', hash: await put(store, 'three') })).toMatchObject({ version: 3 })
    await system.close()
    const again = await openStore({ dataDir })
    expect((await again.store.versions({ name: 'n' })).map(({ version }) => version)).toEqual([3, 1])
  })
})

describe('a hash prefix', () => {
  test('of 8 digits or more resolves when only one artifact has it', async () => {
    const { store } = await openStore()
    const hash = await put(store, 'x')
    expect(await store.resolve({ reference: hash })).toBe(hash)
    expect(await store.resolve({ reference: hash.slice(0, 8) })).toBe(hash)
    expect(await store.resolve({ reference: hash.slice(0, 20).toUpperCase() })).toBe(hash)
    expect(await store.resolve({ reference: hash.slice(0, 7) })).toBeNull()
    expect(await store.resolve({ reference: 'f'.repeat(64) })).toBeNull()
  })

  test.each([
    ['report@12', { kind: 'version', name: 'report', version: 12 }],
    ['a b@latest', { kind: 'latest', name: 'a b' }],
    ['report@0', { kind: 'word', word: 'report@0', hashPrefix: null }],
    ['deadbeef', { kind: 'word', word: 'deadbeef', hashPrefix: 'deadbeef' }],
  ])('%s is read as written', (reference, parsed) => expect(parseReference(reference)).toEqual(parsed))
})
