import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ContentHash } from '../../actors/artifact-store/index.ts'
import { bytes, codeOf, damage, openStore, put, segmentsOf, tempDir, text } from './fixture.ts'

const indexOf = (dataDir: string): string => join(dataDir, 'artifacts', 'index.sqlite')

/** A store with a bit of everything; returns what its readers see, to compare with later. */
async function fill(dataDir: string) {
  const { store, system } = await openStore({ dataDir, segmentBytes: 4096 })
  const one = await put(store, 'one '.repeat(500), {
    name: 'One',
    tags: ['t'],
    custom: { a: 1 },
    createdBy: { runId: 'r' },
  })
  const two = await put(store, 'two '.repeat(500), { derivedFrom: [one], pinnedBy: 'run' })
  const three = await put(store, 'three '.repeat(500))
  await put(store, 'one '.repeat(500))
  await store.addVersion({ name: 'v', hash: one, message: 'm' })
  await store.addVersion({ name: 'v', hash: two, tags: ['t'], parent: null })
  await store.rollback({ reference: 'v@1' })
  await store.setAlias({ reference: 'v@1', alias: 'live', protect: true })
  await store.setAlias({ reference: 'v@2', alias: 'gone' })
  await store.removeAlias({ name: 'v', alias: 'gone' })
  await store.tagVersion({ reference: 'v@1', add: ['late'] })
  await store.trash({ hashes: [three], planId: 'p' })
  await store.tag({ hash: two, add: ['late'] })
  await store.get({ hash: one })
  return { store, system, hashes: [one, two, three] }
}

async function picture(store: Awaited<ReturnType<typeof openStore>>['store']) {
  const { items } = await store.list({})
  return {
    items,
    stats: await store.stats({}),
    versions: await store.versions({ name: 'v' }),
    aliases: await store.aliases({ name: 'v' }),
    trashed: await store.trashed({}),
    lineage: await store.lineage({ hash: items[1]!.hash, direction: 'ancestors' }),
    found: await store.search({ text: 'one OR late' }),
    contents: (await store.getMany({ hashes: items.map(({ hash }) => hash) })).contents.map(text),
  }
}

/** Reads count; and closing writes them to the log. */
function withoutAccesses(seen: Awaited<ReturnType<typeof picture>>): unknown {
  return JSON.parse(
    JSON.stringify(seen, (key, value: unknown) =>
      ['accessCount', 'lastAccessAt', 'physicalBytes', 'score'].includes(key) ? undefined : value,
    ),
  )
}

describe('the index', () => {
  const ways: [string, (path: string) => void][] = [
    ['deleted', (path) => rmSync(path)],
    ['empty', (path) => writeFileSync(path, '')],
    ['garbage', (path) => writeFileSync(path, Buffer.alloc(20_000, 0x5a))],
    ['cut short', (path) => writeFileSync(path, readFileSync(path).subarray(0, 9000))],
    [
      'damaged inside',
      (path) => {
        const file = readFileSync(path)
        file.fill(0xff, 4096, file.length - 4096)
        writeFileSync(path, file)
      },
    ],
  ]
  test.each(ways)('%s is built again from the log, the same as before', async (_, spoil) => {
    const dataDir = tempDir()
    const { store, system } = await fill(dataDir)
    const before = withoutAccesses(await picture(store))
    await system.close()
    for (const suffix of ['-wal', '-shm']) rmSync(indexOf(dataDir) + suffix, { force: true })
    spoil(indexOf(dataDir))
    const again = await openStore({ dataDir, segmentBytes: 4096 })
    expect(withoutAccesses(await picture(again.store))).toEqual(before)
  })

  test('of an earlier time is brought up to date', async () => {
    const dataDir = tempDir()
    const { system } = await fill(dataDir)
    await system.close()
    copyFileSync(indexOf(dataDir), `${indexOf(dataDir)}.old`)
    const later = await openStore({ dataDir, segmentBytes: 4096 })
    await put(later.store, 'later one')
    await later.store.purge({ before: Number.MAX_SAFE_INTEGER })
    const before = withoutAccesses(await picture(later.store))
    await later.system.close()
    copyFileSync(`${indexOf(dataDir)}.old`, indexOf(dataDir))
    const again = await openStore({ dataDir, segmentBytes: 4096 })
    expect(withoutAccesses(await picture(again.store))).toEqual(before)
  })

  test('that is ahead of the log is built again', async () => {
    const dataDir = tempDir()
    const { store, system } = await openStore({ dataDir })
    const hash = await put(store, 'kept')
    await system.close()
    const [segment] = segmentsOf(dataDir)
    const short = readFileSync(segment!)
    const more = await openStore({ dataDir })
    await put(more.store, 'lost with the disk')
    await more.system.close()
    writeFileSync(segment!, short)
    const again = await openStore({ dataDir })
    expect((await again.store.list({})).items.map((item) => item.hash)).toEqual([hash])
  })
})

describe('damage', () => {
  test('of one artifact is caught, told by a code, and repaired by storing it again', async () => {
    const dataDir = tempDir()
    const { store } = await openStore({ dataDir, cacheBytes: 0 })
    const hash = await put(store, 'precious content', { tags: ['t'] })
    const other = await put(store, 'other content')
    damage(dataDir, 'precious content')
    for (let times = 0; times < 2; times++) expect(await codeOf(store.get({ hash }))).toBe('ARTIFACT_CORRUPT')
    expect(text(await store.get({ hash: other }))).toBe('other content')
    expect(await store.exists({ hashes: [hash, other] })).toEqual({ present: [false, true] })
    expect(await store.verify({})).toEqual({ checked: 2, corrupt: [hash], repaired: [] })
    expect(await store.put({ content: bytes('precious content') })).toMatchObject({ hash, isNew: true })
    expect(text(await store.get({ hash }))).toBe('precious content')
    expect((await store.info({ hash }))!.tags).toEqual(['t'])
    expect(await store.verify({})).toEqual({ checked: 2, corrupt: [], repaired: [] })
  })

  test('is found by verify, stays known after reopening, and can be thrown away', async () => {
    const dataDir = tempDir()
    const first = await openStore({ dataDir, segmentBytes: 4096 })
    const hash = await put(first.store, 'precious content '.repeat(300))
    const other = await put(first.store, 'other content '.repeat(300))
    await first.system.close()
    damage(dataDir, 'precious content')
    const { store } = await openStore({ dataDir, segmentBytes: 4096 })
    expect(await store.verify({})).toEqual({ checked: 2, corrupt: [hash], repaired: [] })
    await store.trash({ hashes: [hash], planId: 'p' })
    expect(await store.purge({ before: Number.MAX_SAFE_INTEGER })).toMatchObject({ purged: 1 })
    expect((await store.stats({})).artifacts).toBe(1)
    expect(text(await store.get({ hash: other }))).toBe('other content '.repeat(300))
  })

  test('of any byte of the log never gives wrong content', async () => {
    const dataDir = tempDir()
    const { store, system } = await openStore({ dataDir })
    const contents = new Map<ContentHash, string>()
    for (const name of ['a', 'b', 'c']) contents.set(await put(store, name.repeat(60)), name.repeat(60))
    await system.close()
    const [segment] = segmentsOf(dataDir)
    const whole = readFileSync(segment!)
    for (let at = 0; at < whole.length; at += 13) {
      const spoiled = Buffer.from(whole)
      spoiled[at]! ^= 4
      writeFileSync(segment!, spoiled)
      // With the index, and without.
      if (at % 2 === 0) rmSync(indexOf(dataDir), { force: true })
      const again = await openStore({ dataDir })
      let good = 0
      for (const [hash, content] of contents) {
        const got = await again.store.get({ hash }).catch((error: { code: string }) => error.code)
        if (got === 'ARTIFACT_CORRUPT' || got === null) continue
        expect(text(got as Uint8Array), `byte ${at}`).toBe(content)
        good++
      }
      expect(good, `byte ${at}`).toBeGreaterThanOrEqual(2)
      await again.system.close()
      rmSync(indexOf(dataDir), { force: true })
    }
  })
})

describe('a crash of the actor', () => {
  test('between compare and set: what was done is not refused when it is asked again', async () => {
    const { store, system } = await openStore({ dataDir: tempDir() })
    const hashes = await Promise.all(Array.from({ length: 30 }, (_, i) => put(store, `version ${i}`)))
    const calls: Promise<unknown>[] = []
    for (const [i, hash] of hashes.entries()) {
      calls.push(store.addVersion({ name: 'n', hash, ifLatest: i }))
      calls.push(store.setAlias({ reference: `n@${i + 1}`, alias: 'live', ifVersion: i }))
      if (i % 10 === 5) await system.kill('artifact-store')
    }
    calls.push(store.rollback({ reference: 'n@1', ifLatest: 30 }), store.removeAlias({ name: 'n', alias: 'live' }))
    await system.kill('artifact-store')
    const answers = await Promise.all(calls)
    expect(answers.slice(-3)).toMatchObject([{ version: 30, previousVersion: 29 }, { version: 31 }, { removed: true }])
    expect(await store.versions({ name: 'n' })).toHaveLength(31)
    expect(await store.aliases({ name: 'n' })).toEqual([])
  })

  test('in the middle of many changes: each happens once', async () => {
    const dataDir = tempDir()
    const { store, system } = await openStore({ dataDir })
    const hashes = await Promise.all(Array.from({ length: 40 }, (_, i) => put(store, `version ${i}`)))
    const calls: Promise<unknown>[] = []
    for (const [i, hash] of hashes.entries()) {
      calls.push(store.addVersion({ name: 'n', hash }), put(store, 'the same content'), put(store, `new ${i}`))
      if (i % 10 === 5) await system.kill('artifact-store')
    }
    await Promise.all(calls)
    const versions = await store.versions({ name: 'n' })
    expect(versions).toHaveLength(40)
    expect(new Set(versions.map(({ hash }) => hash))).toEqual(new Set(hashes))
    expect(versions.map(({ version }) => version)).toEqual(Array.from({ length: 40 }, (_, i) => 40 - i))
    const { artifacts, logicalBytes, uniqueBytes } = await store.stats({})
    expect(artifacts).toBe(81)
    expect(logicalBytes - uniqueBytes).toBe(39 * 'the same content'.length)
    // A restart that meets the lock of the life before is tried again.
    expect(system.stats()[0]!.restarts).toBeGreaterThanOrEqual(4)
    await system.close()
    expect(existsSync(indexOf(dataDir))).toBe(true)
    const again = await openStore({ dataDir })
    expect(await again.store.versions({ name: 'n' })).toEqual(versions)
    expect(await again.store.stats({})).toMatchObject({ artifacts, logicalBytes, uniqueBytes })
  })
})
