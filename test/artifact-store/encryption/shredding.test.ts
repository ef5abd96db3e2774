import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { artifactStore, artifactStoreActor, type ContentHash } from '../../../actors/artifact-store/index.ts'
import { seededRandom } from '../../../runtime/index.ts'
import { createFaultyDisk, type FaultPoint } from '../../../runtime/testing/faulty-files.ts'
import { startInProcess } from '../../../runtime/testing/in-process-system.ts'
import { bytes, codeOf, openStore, put, tempDir, text, type OpenStore } from '../fixture.ts'
import { filesOf, keyFile, keysOf, newPlace, open, openingCode, segmentsOf, type Place } from './fixture.ts'
import { readKeyFile } from '../../../actors/artifact-store/encryption/key-file.ts'
import { loadKey } from '../../../actors/artifact-store/encryption/key-encryption-key.ts'
import { createKeyring } from '../../../actors/artifact-store/encryption/keyring.ts'
import { openRecord, sealedHeader } from '../../../actors/artifact-store/encryption/record-seal.ts'
import { decompress } from '../../../actors/artifact-store/packing/codec.ts'
import { decodeBatch, decodeRecord } from '../../../actors/artifact-store/records.ts'
import { openLog, systemFiles } from '../../../runtime/persistence/index.ts'
import { join } from 'node:path'

/** Everything that the key file, with the key, still opens: heads and contents of all records, batches and packs decoded. */
async function readableWithKey({ dataDir, encryption }: Place): Promise<string> {
  const dir = join(dataDir, 'artifacts')
  const found = readKeyFile(systemFiles, dir, [await loadKey(encryption.key)])
  if (found.kind !== 'keys') throw new Error(found.kind)
  const keyring = createKeyring(systemFiles, dir, found)
  const log = openLog({ dir: join(dir, 'log'), readOnly: true })
  const seen: string[] = []
  const packs = new Map<
    number,
    { readonly encoded: Uint8Array; readonly base: number | undefined; readonly size: number }
  >()
  const unpacked = (id: number): Uint8Array | null => {
    const pack = packs.get(id)
    const base = pack?.base === undefined ? null : unpacked(pack.base)
    if (pack === undefined || (pack.base !== undefined && base === null)) return null
    return decompress(pack.encoded, base, pack.size)
  }
  for (const { payload, position } of log.read(log.start, { onDamage() {} })) {
    const key = keyring.find(sealedHeader(payload)!, position)
    if (typeof key === 'string') continue
    const opened = openRecord(payload, { key, storeId: keyring.storeId, position })
    if (opened === null || opened.length === 0) continue
    const decoded = decodeRecord(opened)
    if (decoded.kind === 'unknown') continue
    seen.push(JSON.stringify(decoded.record), Buffer.from(decoded.content).toString('latin1'))
    const { record } = decoded
    if (record.t === 'pack') packs.set(record.id, { encoded: decoded.content, base: record.base, size: record.size })
    if (record.t === 'batch') seen.push(JSON.stringify(decodeBatch(decoded.content)))
  }
  await log.close()
  for (const id of packs.keys()) seen.push(Buffer.from(unpacked(id) ?? []).toString('latin1'))
  return seen.join('\n')
}

async function everythingOf(store: OpenStore['store']): Promise<unknown> {
  const { items } = await store.list({})
  const { contents } = await store.getMany({ hashes: items.map(({ hash }) => hash) })
  const sorted = items.map((info, i) => ({ ...info, accessCount: 0, lastAccessAt: 0, content: text(contents[i]!) }))
  return sorted.sort((a, b) => (a.hash < b.hash ? -1 : 1))
}

const FOREVER = Number.MAX_SAFE_INTEGER

describe('a shredded artifact', () => {
  test('cannot be read with the key any more, however it was stored; its neighbours are untouched', async () => {
    const place = newPlace({ epochRecords: 5 })
    const { store, system } = await open(place)
    const about = { name: 'NAME-1', tags: ['TAG-1'], custom: { of: 'CUSTOM-1' }, createdBy: { runId: 'RUN-1' } }
    const family = Array.from({ length: 8 }, (_, i) => `SECRET-${i} ${'about the lighthouse and the sea. '.repeat(60)}`)
    const hashes: ContentHash[] = []
    for (const [i, content] of family.entries())
      hashes.push(await put(store, content, i === 3 ? about : { tags: ['t'] }))
    const [victim] = [hashes[3]!]
    await store.addVersion({ name: 'v', hash: victim, message: 'MESSAGE-1', tags: ['VTAG-1'] })
    await store.addVersion({ name: 'v', hash: hashes[4]!, message: 'kept', tags: ['kept'] })
    await store.compact({})
    const child = await put(store, 'made of it', { derivedFrom: [victim] })
    await store.put({ content: bytes(family[3]!), tags: ['TAG-2'] })
    await store.tag({ hash: victim, add: ['TAG-3'] })
    const large = Buffer.alloc(9 * 1024 * 1024, 'LARGE-1 ')
    const { hash: largeHash } = await store.put({ content: large })
    await store.compact({})
    const before = await readableWithKey(place)
    for (const secret of ['SECRET-3', 'NAME-1', 'TAG-1', 'TAG-2', 'TAG-3', 'CUSTOM-1', 'RUN-1', 'MESSAGE-1', 'LARGE-1'])
      expect(before, secret).toContain(secret)
    await store.search({ text: 'lighthouse' })

    expect(await store.shred({ hashes: [victim, largeHash] })).toEqual({ shredded: [victim, largeHash], kept: [] })
    const check = async (asked: OpenStore['store']) => {
      expect(await asked.get({ hash: victim })).toBe(null)
      expect(await asked.get({ hash: largeHash })).toBe(null)
      for (const [i, hash] of hashes.entries()) if (i !== 3) expect(text(await asked.get({ hash }))).toBe(family[i])
      expect((await asked.search({ text: 'lighthouse' })).total).toBe(7)
      expect((await asked.search({ text: '"SECRET-3"' })).total).toBe(0)
      expect(text(await asked.get({ hash: child }))).toBe('made of it')
      expect(
        (await asked.versions({ name: 'v' })).map(({ version, message, tags }) => [version, message, tags]),
      ).toEqual([[2, 'kept', ['kept']]])
    }
    await check(store)
    const after = await readableWithKey(place)
    for (const secret of [
      'SECRET-3',
      'NAME-1',
      'TAG-1',
      'TAG-2',
      'TAG-3',
      'CUSTOM-1',
      'RUN-1',
      'MESSAGE-1',
      'VTAG-1',
      'LARGE-1',
    ])
      expect(after, secret).not.toContain(secret)
    await system.close()

    const again = await open(place)
    await check(again.store)
    expect(await again.store.verify({})).toEqual({ checked: 8, corrupt: [], repaired: [] })
    await again.store.compact({})
    await again.store.purge({ before: FOREVER })
    await check(again.store)
    expect((await again.store.addVersion({ name: 'v', hash: child })).version).toBe(3)
    // The same content is new when it comes again.
    expect(await again.store.put({ content: bytes(family[3]!) })).toMatchObject({ hash: victim, isNew: true })
    expect(text(await again.store.get({ hash: victim }))).toBe(family[3])
    expect((await again.store.info({ hash: victim }))!.tags).toEqual([])
  }, 180_000)

  test('stays so when the segments of before are put back, and when the key file of before is, nothing opens', async () => {
    const place = newPlace()
    const { store, system } = await open(place)
    const victim = await put(store, 'shredded '.repeat(2000))
    const other = await put(store, 'other '.repeat(2000))
    const before = { ...place, dataDir: tempDir() }
    cpSync(place.dataDir, before.dataDir, { recursive: true })
    await store.shred({ hashes: [victim] })
    await system.close()
    for (const path of segmentsOf(place.dataDir)) {
      const old = path.replace(place.dataDir, before.dataDir)
      if (filesOf(before.dataDir).has(old) && readFileSync(old).length >= readFileSync(path).length) {
        writeFileSync(path, readFileSync(old))
      }
    }
    expect(await readableWithKey(place)).not.toContain('shredded')
    const again = await open(place)
    expect(await again.store.get({ hash: victim })).toBe(null)
    expect(text(await again.store.get({ hash: other }))).toBe('other '.repeat(2000))
    await again.system.close()
    writeFileSync(keysOf(place.dataDir), readFileSync(keysOf(before.dataDir)))
    expect(await openingCode(place)).toBe('ENCRYPTION_KEYS_ROLLED_BACK')
    // And with another key after that, not even the old key file helps.
    expect(await openingCode({ ...place, encryption: { key: { file: keyFile('d') } } })).toBe('ENCRYPTION_KEY_WRONG')
  })

  test('is the choice of a tenant: all that only it made, in the trash or not', async () => {
    const place = newPlace()
    const { store } = await open(place)
    const of = (content: string, tenant: string, more: object = {}) =>
      put(store, content, { createdBy: { tenant }, ...more })
    const own = await of('own', 'alice')
    const trashed = await of('trashed', 'alice')
    const pinned = await of('pinned', 'alice', { pinnedBy: 'run-1' })
    const both = await of('both', 'alice')
    await of('both', 'bob')
    const bobs = await of('bobs', 'bob')
    await store.trash({ hashes: [trashed], planId: 'p' })
    const { shredded, kept } = await store.shred({ tenant: 'alice' })
    expect(new Set(shredded)).toEqual(new Set([own, trashed]))
    expect(kept).toEqual([
      { hash: pinned, reason: 'pinned by run-1' },
      { hash: both, reason: 'also of tenant bob' },
    ])
    expect(await store.restore({ planId: 'p' })).toEqual({ restored: [] })
    for (const [hash, content] of [
      [pinned, 'pinned'],
      [both, 'both'],
      [bobs, 'bobs'],
    ] as const) {
      expect(text(await store.get({ hash }))).toBe(content)
    }
    expect(await store.shred({ tenant: 'nobody' })).toEqual({ shredded: [], kept: [] })
  })

  test('is not possible in clear, not of anything, and says what is unknown', async () => {
    const clear = await openStore({ dataDir: tempDir() })
    const hash = await put(clear.store, 'in clear')
    expect(await codeOf(clear.store.shred({ hashes: [hash] }))).toBe('STORE_NOT_ENCRYPTED')
    expect(text(await clear.store.get({ hash }))).toBe('in clear')
    const { store } = await open(newPlace())
    expect(await codeOf(store.shred({}))).toBe('ARTIFACT_INVALID')
    expect(await codeOf(store.shred({ hashes: [hash], tenant: 'x' }))).toBe('ARTIFACT_INVALID')
    expect(await store.shred({ hashes: [hash] })).toEqual({ shredded: [], kept: [{ hash, reason: 'unknown' }] })
  })
})

test('random histories of puts, packing and shredding: what is left is what it was, and what is gone is gone', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('put' as const), which: fc.nat(9), tag: fc.nat(3) }),
    fc.record({ kind: fc.constant('shred' as const), which: fc.nat(9) }),
    fc.record({ kind: fc.constantFrom('pack' as const, 'reopen' as const, 'kill' as const) }),
  )
  const contentOf = (which: number): string =>
    `CONTENT-${which}. ${'all of them are much alike, line by line. '.repeat(30)}`
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 18 }), async (steps) => {
      const place = newPlace({ epochRecords: 3 })
      let { store, system } = await open(place)
      const expected = new Map<number, Set<string>>()
      const hashes = new Map<number, ContentHash>()
      for (const made of steps) {
        if (made.kind === 'put') {
          const tag = `TAG-${made.tag}`
          hashes.set(made.which, await put(store, contentOf(made.which), { tags: [tag] }))
          expected.set(made.which, (expected.get(made.which) ?? new Set()).add(tag))
        } else if (made.kind === 'shred' && hashes.has(made.which)) {
          await store.shred({ hashes: [hashes.get(made.which)!] })
          expected.delete(made.which)
        } else if (made.kind === 'pack') await store.compact({})
        else if (made.kind === 'kill') await system.kill('artifact-store')
        else if (made.kind === 'reopen') {
          await system.close()
          ;({ store, system } = await open(place))
        }
      }
      const found = (await everythingOf(store)) as { content: string; tags: string[] }[]
      const wanted = [...expected].map(([which, tags]) => [contentOf(which), [...tags].sort()])
      expect(new Map(found.map(({ content, tags }) => [content, [...tags].sort()]))).toEqual(new Map(wanted as never))
      await system.close()
      const readable = await readableWithKey(place)
      for (const which of hashes.keys()) expect(readable.includes(`CONTENT-${which}.`)).toBe(expected.has(which))
    }),
    { numRuns: 25 },
  )
}, 240_000)

test('an interruption at any call loses nothing of others, and the same call again finishes it', async () => {
  const file = keyFile()
  const contents = Array.from({ length: 6 }, (_, i) => `CONTENT-${i}. ${'much alike, line by line. '.repeat(40)}`)
  const interruption = fc.record({
    seed: fc.nat(),
    after: fc.integer({ min: 1, max: 60 }),
    fault: fc.constantFrom('kill' as const, 'EIO' as const, 'ENOSPC' as const),
    powerCut: fc.boolean(),
    packed: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(interruption, async ({ seed, after, fault, powerCut, packed }) => {
      const disk = createFaultyDisk(seededRandom(seed))
      let armed = false
      let calls = 0
      const plan = ({ call }: FaultPoint) =>
        armed && call !== 'read' && call !== 'list' && ++calls === after ? fault : null
      const start = () => {
        const config = {
          dataDir: '/data',
          segmentBytes: 8192,
          packBytes: 2048,
          encryption: { key: { file }, epochRecords: 3 },
        }
        return startInProcess({ actors: [[artifactStoreActor, { ...config, files: disk.start(plan) }]] })
      }
      let system = await start()
      let { ask } = system.ref(artifactStore)
      const hashes: ContentHash[] = []
      for (const content of contents) hashes.push((await ask.put({ content: bytes(content), tags: ['t'] })).hash)
      if (packed) await ask.compact({})
      armed = true
      const done = await ask.shred({ hashes: [hashes[2]!] }).then(
        () => true,
        () => false,
      )
      await system.close().catch(() => {})
      armed = false
      if (powerCut) disk.powerCut()
      system = await start()
      ;({ ask } = system.ref(artifactStore))
      if (!done) await ask.shred({ hashes: [hashes[2]!] })
      for (const [i, hash] of hashes.entries()) expect(text(await ask.get({ hash }))).toBe(i === 2 ? null : contents[i])
      expect(await ask.verify({})).toMatchObject({ checked: 5, corrupt: [], repaired: [] })
      // Nothing is left to be destroyed.
      expect((await ask.shred({ hashes: [hashes[2]!] })).kept).toEqual([{ hash: hashes[2], reason: 'unknown' }])
      await system.close()
    }),
    { numRuns: 20 },
  )
}, 240_000)
