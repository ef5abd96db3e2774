import { describe, expect, test } from 'vitest'
import { parseReference } from '../../actors/artifact-store/references.ts'
import { openStore, put } from './fixture.ts'

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
    ['report@production', { kind: 'alias', name: 'report', alias: 'production' }],
    ['a@b@über.1', { kind: 'alias', name: 'a@b', alias: 'über.1' }],
    ['r@2026-01-31', { kind: 'time', name: 'r', at: Date.UTC(2026, 0, 31) }],
    ['r@2026-01-31T12:00+02:00', { kind: 'time', name: 'r', at: Date.UTC(2026, 0, 31, 10) }],
    ['r@2026-01-31T12:00', { kind: 'time', name: 'r', at: Date.UTC(2026, 0, 31, 12) }],
    ['r@2026-01-32', { kind: 'word', word: 'r@2026-01-32', hashPrefix: null }],
    ['@latest', { kind: 'word', word: '@latest', hashPrefix: null }],
    ['report@0', { kind: 'word', word: 'report@0', hashPrefix: null }],
    ['deadbeef', { kind: 'word', word: 'deadbeef', hashPrefix: 'deadbeef' }],
  ])('%s is read as written', (reference, parsed) => expect(parseReference(reference)).toEqual(parsed))
})
