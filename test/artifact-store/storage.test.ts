import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ContentHash } from '../../actors/artifact-store/index.ts'
import { systemFiles, type FileLayer } from '../../runtime/persistence/index.ts'
import { errno } from '../../runtime/persistence/memory-files.ts'
import { bytes, codeOf, openStore, put, tempDir, text } from './fixture.ts'

const sha256 = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex')

describe('content', () => {
  test('of any bytes comes back the same under its SHA-256', async () => {
    const { store } = await openStore()
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 5000 }), async (content) => {
        const { hash, sizeBytes } = await store.put({ content })
        expect(hash).toBe(sha256(content))
        expect(sizeBytes).toBe(content.length)
        expect(Buffer.compare((await store.get({ hash }))!, content)).toBe(0)
      }),
      { numRuns: 200 },
    )
  })

  test('of many chunks comes back the same, also after reopening', async () => {
    const dataDir = tempDir()
    const content = randomBytes(20 * 1024 * 1024 + 17)
    const first = await openStore({ dataDir })
    const { hash } = await first.store.put({ content })
    await first.system.close()
    const { store } = await openStore({ dataDir })
    expect(sha256((await store.get({ hash }))!)).toBe(hash)
  })

  test('that is unknown is null, and its hash is checked', async () => {
    const { store } = await openStore()
    const unknown = 'a'.repeat(64) as ContentHash
    expect(await store.get({ hash: unknown })).toBeNull()
    expect(await store.info({ hash: unknown })).toBeNull()
    expect(await store.exists({ hashes: [unknown] })).toEqual({ present: [false] })
    expect(await codeOf(store.get({ hash: 'nonsense' as ContentHash }))).toBe('ARTIFACT_INVALID')
  })

  test('many at once, in order', async () => {
    const { store } = await openStore()
    const items = ['a', 'b', 'a', 'c'].map((content) => ({ content: bytes(content) }))
    const { results } = await store.putMany({ items })
    expect(results.map(({ isNew }) => isNew)).toEqual([true, true, false, true])
    const { contents } = await store.getMany({ hashes: results.map(({ hash }) => hash) })
    expect(contents.map(text)).toEqual(['a', 'b', 'a', 'c'])
  })
})

describe('metadata', () => {
  test('is merged when the same content is put again', async () => {
    const { store } = await openStore()
    const hash = await put(store, 'x', { name: 'first', tags: ['a'], custom: { one: 1 }, createdBy: { runId: 'r1' } })
    await put(store, 'x', {
      name: 'second',
      tags: ['b'],
      custom: { two: 2 },
      createdBy: { runId: 'r2' },
      pinnedBy: 'r2',
    })
    const info = (await store.info({ hash }))!
    expect(info).toMatchObject({ name: 'first', tags: ['a', 'b'], custom: { one: 1, two: 2 }, pinnedBy: ['r2'] })
    expect(info.createdBy).toEqual({ runId: 'r1' })
    for (const runId of ['r1', 'r2']) expect((await store.search({ runId })).total).toBe(1)
    await store.tag({ hash, add: ['c'], remove: ['a'] })
    expect((await store.info({ hash }))!.tags).toEqual(['b', 'c'])
    await store.unpin({ owner: 'r2' })
    expect((await store.info({ hash }))!.pinnedBy).toEqual([])
  })

  test('counts accesses', async () => {
    const { store } = await openStore()
    const hash = await put(store, 'x')
    for (let i = 0; i < 3; i++) await store.get({ hash })
    expect((await store.info({ hash }))!.accessCount).toBe(3)
  })

  test('lists everything in pages, each artifact once', async () => {
    const { store } = await openStore()
    const hashes = new Set<string>()
    for (let i = 0; i < 25; i++) hashes.add(await put(store, `artifact ${i}`))
    const seen: string[] = []
    for (let cursor: string | undefined; ;) {
      const page = await store.list({ limit: 7, ...(cursor === undefined ? {} : { cursor }) })
      seen.push(...page.items.map(({ hash }) => hash))
      cursor = page.cursor
      if (cursor === undefined) break
    }
    expect(seen).toHaveLength(25)
    expect(new Set(seen)).toEqual(hashes)
  })

  const wrong: [string, object][] = [
    ['content', { content: 'text' }],
    ['contentType', { contentType: 'nonsense' }],
    ['name', { name: 'two\nlines' }],
    ['tags', { tags: [''] }],
    ['custom', { custom: { big: 'x'.repeat(20_000) } }],
    ['derivedFrom', { derivedFrom: ['short'] }],
    ['createdBy', { createdBy: 'me' }],
  ]
  test.each(wrong)('refuses a wrong %s, naming it', async (field, more) => {
    const { store } = await openStore()
    const call = store.put({ content: bytes('x'), ...more })
    await expect(call).rejects.toMatchObject({ code: 'ARTIFACT_INVALID', fields: { field } })
  })
})

describe('durability', () => {
  test('64 puts at once share their syncs', async () => {
    let syncs = 0
    const files: FileLayer = { ...systemFiles, sync: (fd) => (syncs++, systemFiles.sync(fd)) }
    const { store } = await openStore({ dataDir: tempDir(), files })
    await Promise.all(Array.from({ length: 64 }, (_, i) => put(store, `content ${i}`)))
    expect(syncs).toBeLessThanOrEqual(2)
  })

  test('a full disk is a clear error, loses nothing, and ends', async () => {
    let full = false
    const files: FileLayer = {
      ...systemFiles,
      write(fd, parts, at) {
        if (full) throw errno('ENOSPC', 'write')
        systemFiles.write(fd, parts, at)
      },
    }
    const dataDir = tempDir()
    const { store } = await openStore({ dataDir, files })
    const hash = await put(store, 'before')
    full = true
    await expect(put(store, 'during')).rejects.toMatchObject({
      code: 'STORAGE_FULL',
      message: expect.stringContaining(dataDir) as string,
    })
    expect(text(await store.get({ hash }))).toBe('before')
    full = false
    expect(text(await store.get({ hash: await put(store, 'after') }))).toBe('after')
    expect((await store.stats({})).artifacts).toBe(2)
  })

  test('after a failed sync what was not acknowledged is gone, and the store goes on', async () => {
    let failing = false
    const sync = (fd: number): Promise<void> => (failing ? Promise.reject(errno('EIO', 'sync')) : systemFiles.sync(fd))
    const { store } = await openStore({ dataDir: tempDir(), files: { ...systemFiles, sync } })
    const hash = await put(store, 'before')
    failing = true
    expect(await codeOf(put(store, 'during'))).toBe('STORAGE_IO')
    failing = false
    expect(text(await store.get({ hash }))).toBe('before')
    expect(text(await store.get({ hash: await put(store, 'after') }))).toBe('after')
  })

  test('an error while reading is not taken for damage', async () => {
    let failing = false
    const files: FileLayer = {
      ...systemFiles,
      read(fd, into, at) {
        if (failing) throw errno('EIO', 'read')
        return systemFiles.read(fd, into, at)
      },
    }
    const { store } = await openStore({ dataDir: tempDir(), files, cacheBytes: 0 })
    const hash = await put(store, 'x')
    failing = true
    expect(await codeOf(store.get({ hash }))).toBe('STORAGE_IO')
    failing = false
    expect(text(await store.get({ hash }))).toBe('x')
  })

  test('content over the limit is refused', async () => {
    const { store } = await openStore({ dataDir: ':memory:', artifactBytesMax: 10 })
    expect(await codeOf(put(store, 'elevenbytes'))).toBe('ARTIFACT_TOO_LARGE')
    const hashes = [await put(store, 'six666'), await put(store, 'six777')]
    expect(await codeOf(store.getMany({ hashes }))).toBe('ARTIFACT_TOO_LARGE')
  })
})

describe('opening', () => {
  test('a directory that cannot be written is named', async () => {
    const dataDir = tempDir()
    writeFileSync(join(dataDir, 'artifacts'), 'in the way')
    await expect(openStore({ dataDir })).rejects.toMatchObject({
      code: 'STORAGE_READ_ONLY',
      message: expect.stringContaining(dataDir) as string,
    })
    const makeDir = (): never => {
      throw errno('EROFS', 'mkdir')
    }
    expect(await codeOf(openStore({ dataDir, files: { ...systemFiles, makeDir } }))).toBe('STORAGE_READ_ONLY')
  })

  test('data of a newer version is left alone', async () => {
    const dataDir = tempDir()
    const { store, system } = await openStore({ dataDir })
    await put(store, 'x')
    await system.close()
    const { crc32 } = await import('node:zlib')
    const log = join(dataDir, 'artifacts', 'log')
    const path = join(log, readdirSync(log)[0]!)
    const content = readFileSync(path)
    content.writeUInt32LE(2, 8)
    content.writeUInt32LE(crc32(content.subarray(0, 28)), 28)
    writeFileSync(path, content)
    expect(await codeOf(openStore({ dataDir }))).toBe('DATA_FORMAT_NEWER')
    expect(readFileSync(path).equals(content)).toBe(true)
  })
})
