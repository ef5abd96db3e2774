import { rmSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { ContentHash } from '../../actors/artifact-store/index.ts'
import { bytes, codeOf, openStore, put, tempDir, type OpenStore } from './fixture.ts'

async function threeVersions(store: OpenStore['store']): Promise<readonly ContentHash[]> {
  const hashes = [await put(store, 'one'), await put(store, 'two'), await put(store, 'three')]
  for (const hash of hashes) await store.addVersion({ name: 'r', hash })
  return hashes
}

describe('an alias', () => {
  test('names a version, moves, and goes', async () => {
    const { store } = await openStore()
    const [one, two, three] = await threeVersions(store)
    expect(await store.setAlias({ reference: 'r@2', alias: 'live' })).toMatchObject({
      name: 'r',
      version: 2,
      hash: two,
    })
    expect(await store.resolve({ reference: 'r@live' })).toBe(two)
    expect(await store.setAlias({ reference: 'r', alias: 'live' })).toMatchObject({ version: 3, previousVersion: 2 })
    expect(await store.resolve({ reference: 'r@live' })).toBe(three)
    expect(await store.setAlias({ reference: 'r@live', alias: 'next' })).toMatchObject({ version: 3, hash: three })
    expect(await store.setAlias({ reference: 'r@1', alias: 'live' })).toMatchObject({ version: 1 })
    expect(await store.version({ reference: 'r@live' })).toMatchObject({ version: 1, hash: one })
    expect((await store.aliases({ name: 'r' })).map(({ alias, version }) => [alias, version])).toEqual([
      ['live', 1],
      ['next', 3],
    ])
    expect(await store.removeAlias({ name: 'r', alias: 'live' })).toEqual({ removed: true })
    expect(await store.removeAlias({ name: 'r', alias: 'live' })).toEqual({ removed: false })
    expect(await store.resolve({ reference: 'r@live' })).toBeNull()
    expect(await store.resolve({ reference: 'other@next' })).toBeNull()
  })

  test('is compared and set: of eight that move it from one version, one does', async () => {
    const { store } = await openStore()
    await threeVersions(store)
    const set = (ifVersion: number, version: number) =>
      codeOf(store.setAlias({ reference: `r@${version}`, alias: 'live', ifVersion }))
    const first = await Promise.all(Array.from({ length: 8 }, () => set(0, 1)))
    expect(first.filter((code) => code === 'no error')).toHaveLength(1)
    expect(first.filter((code) => code === 'ALIAS_CONFLICT')).toHaveLength(7)
    const then = await Promise.all([set(1, 2), set(1, 3), set(0, 3)])
    expect(then).toEqual(['no error', 'ALIAS_CONFLICT', 'ALIAS_CONFLICT'])
    await expect(store.setAlias({ reference: 'r@3', alias: 'live', ifVersion: 1 })).rejects.toMatchObject({
      fields: { name: 'r', alias: 'live', actual: 2, expected: 1 },
    })
    expect(await codeOf(store.removeAlias({ name: 'r', alias: 'live', ifVersion: 1 }))).toBe('ALIAS_CONFLICT')
    expect(await store.removeAlias({ name: 'r', alias: 'live', ifVersion: 2 })).toEqual({ removed: true })
  })

  test('that is protected moves and goes by force only, and keeps its artifact', async () => {
    const { store } = await openStore()
    const [one, two] = await threeVersions(store)
    await store.setAlias({ reference: 'r@1', alias: 'live', protect: true })
    expect(await codeOf(store.setAlias({ reference: 'r@2', alias: 'live' }))).toBe('ALIAS_PROTECTED')
    expect(await codeOf(store.setAlias({ reference: 'r@2', alias: 'live', protect: false }))).toBe('ALIAS_PROTECTED')
    expect(await codeOf(store.removeAlias({ name: 'r', alias: 'live' }))).toBe('ALIAS_PROTECTED')
    // The same again is no move.
    expect(await store.setAlias({ reference: 'r@1', alias: 'live' })).toMatchObject({ protected: true })
    expect((await store.info({ hash: one! }))!.pinnedBy).toEqual(['alias r@live'])
    expect(await store.trash({ hashes: [one!], planId: 'p' })).toMatchObject({
      moved: [],
      kept: [{ hash: one, reason: 'pinned by alias r@live' }],
    })
    const moved = await store.setAlias({ reference: 'r@2', alias: 'live', force: true })
    expect(moved).toMatchObject({ version: 2, hash: two, protected: true, previousVersion: 1 })
    expect((await store.trash({ hashes: [one!, two!], planId: 'p' })).moved).toEqual([one])
    await store.setAlias({ reference: 'r@2', alias: 'live', protect: false })
    expect(await store.setAlias({ reference: 'r@3', alias: 'live' })).toMatchObject({ version: 3, protected: false })
    await store.setAlias({ reference: 'r@3', alias: 'live', protect: true })
    expect(await store.removeAlias({ name: 'r', alias: 'live', force: true })).toEqual({ removed: true })
  })

  test('of a version in the trash means nothing until that is back', async () => {
    const { store } = await openStore()
    const [one] = await threeVersions(store)
    await store.setAlias({ reference: 'r@1', alias: 'old' })
    await store.trash({ hashes: [one!], planId: 'p' })
    expect(await store.resolve({ reference: 'r@old' })).toBeNull()
    expect(await store.aliases({ name: 'r' })).toMatchObject([{ alias: 'old', version: 1, hash: one }])
    await store.restore({ planId: 'p' })
    expect(await store.resolve({ reference: 'r@old' })).toBe(one)
  })

  test.each(['latest', '', '7', '2026-01-31', 'a b', 'a@b', '-x', 'x'.repeat(129)])(
    'cannot be called %j',
    async (alias) => {
      const { store } = await openStore()
      await threeVersions(store)
      expect(await codeOf(store.setAlias({ reference: 'r@1', alias }))).toBe('ARTIFACT_INVALID')
    },
  )

  test('needs a version', async () => {
    const { store } = await openStore()
    const hash = await put(store, 'one')
    for (const reference of ['nothing', 'r@1', hash]) {
      expect(await codeOf(store.setAlias({ reference, alias: 'live' }))).toBe('VERSION_NOT_FOUND')
    }
  })
})

test('versions, tags and aliases outlive compaction, a lost index, and both', async () => {
  const dataDir = tempDir()
  const { store, system } = await openStore({ dataDir, segmentBytes: 4096, packAfterMs: 'never' })
  const kept = await put(store, 'kept '.repeat(50))
  await store.addVersion({ name: 'r', hash: kept, message: 'm', tags: ['t'], parent: null })
  await store.setAlias({ reference: 'r@1', alias: 'gone' })
  await store.setAlias({ reference: 'r@1', alias: 'moved' })
  await store.setAlias({ reference: 'r@1', alias: 'still', protect: true })
  await store.tagVersion({ reference: 'r@1', add: ['late'] })
  const junk = Array.from({ length: 40 }, (_, i) => ({ content: bytes(`junk ${i} `.repeat(60)) }))
  const { results } = await store.putMany({ items: junk })
  await store.addVersion({ name: 'r', hash: results[0]!.hash })
  await store.rollback({ reference: 'r@1' })
  await store.removeAlias({ name: 'r', alias: 'gone' })
  await store.setAlias({ reference: 'r@3', alias: 'moved' })
  const picture = async (of: OpenStore['store']) => ({
    versions: await of.versions({ name: 'r' }),
    aliases: await of.aliases({ name: 'r' }),
    names: await of.names({}),
  })
  await store.trash({ hashes: results.map(({ hash }) => hash), planId: 'p' })
  const before = await picture(store)
  expect(before.versions).toMatchObject([
    { version: 3, restores: 1 },
    { version: 1, tags: ['late', 't'] },
  ])
  const { freedBytes } = await store.purge({ before: Number.MAX_SAFE_INTEGER })
  expect(freedBytes).toBeGreaterThan(10_000)
  expect(await picture(store)).toEqual(before)
  await system.close()
  const again = await openStore({ dataDir, segmentBytes: 4096 })
  expect(await picture(again.store)).toEqual(before)
  await again.system.close()
  rmSync(`${dataDir}/artifacts/index.sqlite`)
  const rebuilt = await openStore({ dataDir, segmentBytes: 4096 })
  expect(await picture(rebuilt.store)).toEqual(before)
})
