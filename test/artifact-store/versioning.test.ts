import { describe, expect, test } from 'vitest'
import { createVirtualClock } from '../../runtime/testing/virtual-clock.ts'
import type { ContentHash } from '../../actors/artifact-store/index.ts'
import { codeOf, openStore, put, tempDir } from './fixture.ts'

describe('versions', () => {
  test('know what they follow, and are only added where expected', async () => {
    const { store } = await openStore()
    const [one, two, three] = [await put(store, 'one'), await put(store, 'two'), await put(store, 'three')]
    expect(await store.addVersion({ name: 'n', hash: one, ifLatest: 0 })).toMatchObject({ version: 1, parent: null })
    expect(await codeOf(store.addVersion({ name: 'n', hash: two, ifLatest: 0 }))).toBe('VERSION_CONFLICT')
    expect(await store.addVersion({ name: 'n', hash: two, ifLatest: 1 })).toMatchObject({ version: 2, parent: 1 })
    await expect(store.addVersion({ name: 'n', hash: three, ifLatest: 1 })).rejects.toMatchObject({
      code: 'VERSION_CONFLICT',
      fields: { name: 'n', actual: 2, expected: 1 },
    })
    expect(await store.addVersion({ name: 'n', hash: three, parent: 1 })).toMatchObject({ version: 3, parent: 1 })
    expect(await store.addVersion({ name: 'n', hash: one, parent: null })).toMatchObject({ version: 4, parent: null })
    expect(await codeOf(store.addVersion({ name: 'n', hash: two, parent: 9 }))).toBe('VERSION_NOT_FOUND')
    expect(await codeOf(store.addVersion({ name: 'n', hash: two, parent: 1.5 }))).toBe('ARTIFACT_INVALID')
    expect(await store.versions({ name: 'n' })).toHaveLength(4)
  })

  test('of eight writers that compare and set, one gets each number', async () => {
    const { store } = await openStore()
    for (let expected = 0; expected < 3; expected++) {
      const drafts = Array.from({ length: 8 }, (_, i) => put(store, `draft ${expected} of ${i}`))
      const hashes = await Promise.all(drafts)
      const asked = hashes.map((hash) => codeOf(store.addVersion({ name: 'n', hash, ifLatest: expected })))
      const codes = await Promise.all(asked)
      expect(codes.filter((code) => code === 'no error')).toHaveLength(1)
      expect(codes.filter((code) => code === 'VERSION_CONFLICT')).toHaveLength(7)
    }
  })

  test('carry tags, which alone can change', async () => {
    const { store } = await openStore()
    const hash = await put(store, 'one')
    expect((await store.addVersion({ name: 'n', hash, tags: ['draft', 'de'] })).tags).toEqual(['de', 'draft'])
    expect(await store.addVersion({ name: 'n', hash, tags: ['de'] })).toMatchObject({ version: 1 })
    expect(await store.addVersion({ name: 'n', hash, tags: ['fr'] })).toMatchObject({ version: 2, parent: 1 })
    const changed = await store.tagVersion({ reference: 'n@1', add: ['approved'], remove: ['draft'] })
    expect(changed).toMatchObject({ version: 1, tags: ['approved', 'de'] })
    expect((await store.versions({ name: 'n', tag: 'approved' })).map(({ version }) => version)).toEqual([1])
    expect(await codeOf(store.tagVersion({ reference: 'n@7', add: ['x'] }))).toBe('VERSION_NOT_FOUND')
  })

  test('are found by time, also in references', async () => {
    const clock = createVirtualClock(Date.UTC(2026, 0, 31, 12))
    const { store } = await openStore({ dataDir: ':memory:', packAfterMs: 'never' }, { clock })
    const [one, two] = [await put(store, 'one'), await put(store, 'two')]
    await store.addVersion({ name: 'n', hash: one })
    await clock.advance(3_600_000)
    await store.addVersion({ name: 'n', hash: two })
    const at = (time: string) => store.versionAt({ name: 'n', at: Date.parse(time) })
    expect(await at('2026-01-31T11:59Z')).toBeNull()
    expect(await at('2026-01-31T12:00Z')).toMatchObject({ version: 1 })
    expect(await at('2026-01-31T12:59Z')).toMatchObject({ version: 1 })
    expect(await at('2026-02-01')).toMatchObject({ version: 2 })
    for (const [reference, hash] of [
      ['n@2026-01-31T12:30', one],
      ['n@2026-01-31T13:30:00+01:00', one],
      ['n@2026-01-31T13:00:00.000Z', two],
      ['n@2026-01-31', null],
      ['n@2026-02-01', two],
      ['n@2026-13-01', null],
    ] as const) {
      expect(await store.resolve({ reference }), reference).toBe(hash)
    }
    expect(await codeOf(store.versionAt({ name: 'n', at: Number.NaN }))).toBe('ARTIFACT_INVALID')
  })

  test('are rolled back to as new ones', async () => {
    const { store } = await openStore()
    const [one, two] = [await put(store, 'one'), await put(store, 'two')]
    await store.addVersion({ name: 'n', hash: one, message: 'good' })
    await store.addVersion({ name: 'n', hash: two, message: 'bad' })
    const back = { version: 3, hash: one, parent: 2, restores: 1, message: 'back to n@1' }
    expect(await store.rollback({ reference: 'n@1' })).toMatchObject(back)
    // It has that content now: nothing to do.
    expect(await store.rollback({ reference: 'n@1' })).toMatchObject(back)
    expect(await store.rollback({ reference: 'n' })).toMatchObject(back)
    expect(await codeOf(store.rollback({ reference: 'n@2', ifLatest: 2 }))).toBe('VERSION_CONFLICT')
    expect(await store.rollback({ reference: 'n@2', message: 'after all' })).toMatchObject({ version: 4, hash: two })
    expect(await codeOf(store.rollback({ reference: 'n@9' }))).toBe('VERSION_NOT_FOUND')
    expect(await codeOf(store.rollback({ reference: 'nothing' }))).toBe('VERSION_NOT_FOUND')
    await store.trash({ hashes: [one], planId: 'p' })
    expect(await codeOf(store.rollback({ reference: 'n@1' }))).toBe('VERSION_NOT_FOUND')
  })

  test('are listed by name', async () => {
    const { store } = await openStore()
    const hash = await put(store, 'one')
    for (const name of ['b', 'a/2', 'a/1', 'a_']) await store.addVersion({ name, hash })
    await store.setAlias({ reference: 'a/2', alias: 'live' })
    const names = async (arg: object) => (await store.names(arg)).map(({ name }) => name)
    expect(await names({})).toEqual(['a/1', 'a/2', 'a_', 'b'])
    expect(await names({ prefix: 'a/' })).toEqual(['a/1', 'a/2'])
    expect(await names({ limit: 2, after: 'a/1' })).toEqual(['a/2', 'a_'])
    expect((await store.names({ prefix: 'a/2' }))[0]).toMatchObject({
      versions: 1,
      latest: { version: 1, hash },
      aliases: [{ alias: 'live', hash }],
    })
    await store.trash({ hashes: [hash], planId: 'p' })
    expect(await names({})).toEqual([])
  })

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
