import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { artifactStore, artifactStoreActor, type ContentHash } from '../../actors/artifact-store/index.ts'
import { defineActor, actorKey, seededRandom, sha256Hex } from '../../runtime/index.ts'
import { startInProcess } from '../../runtime/testing/in-process-system.ts'
import { createVirtualClock } from '../../runtime/testing/virtual-clock.ts'
import { codeOf, openStore, put, tempDir, text, type OpenStore } from './fixture.ts'

const MIB = 1024 * 1024
const FOREVER = Number.MAX_SAFE_INTEGER

/** Random bytes, cheaply. */
function noise(seed: number, sizeBytes: number): Buffer {
  const random = seededRandom(seed)
  const content = Buffer.alloc(sizeBytes)
  for (let at = 0; at + 4 <= sizeBytes; at += 4) content.writeUInt32LE(Math.floor(random.next() * 2 ** 32), at)
  return content
}

async function send(store: OpenStore['store'], content: Buffer, partBytes: number, about: object = {}) {
  const { uploadId } = await store.beginUpload(about)
  for (let offset = 0; offset < content.length; offset += partBytes) {
    await store.appendUpload({ uploadId, offset, content: content.subarray(offset, offset + partBytes) })
  }
  return uploadId
}

describe('an upload', () => {
  test('in any parts is the artifact that a put would be, and any range of it is that range', async () => {
    const { store } = await openStore()
    const all = noise(1, 3 * MIB + 5)
    const cut = fc.record({
      sizeBytes: fc.oneof(fc.nat(3 * MIB + 5), fc.constantFrom(0, 1, MIB - 1, MIB, MIB + 1, 2 * MIB)),
      partBytes: fc.integer({ min: 100_000, max: 4 * MIB }),
      ranges: fc.array(fc.tuple(fc.nat(3 * MIB + 10), fc.nat(2 * MIB)), { maxLength: 4 }),
    })
    await fc.assert(
      fc.asyncProperty(cut, async ({ sizeBytes, partBytes, ranges }) => {
        const content = all.subarray(0, sizeBytes)
        const uploadId = await send(store, content, partBytes, { tags: ['sent'] })
        const hash = sha256Hex(content) as ContentHash
        expect(await store.commitUpload({ uploadId, hash })).toMatchObject({ hash, sizeBytes })
        expect(content.equals((await store.get({ hash }))!)).toBe(true)
        for (const [offset, length] of ranges) {
          const part = await store.read({ hash, offset, length })
          expect(part!.sizeBytes).toBe(sizeBytes)
          expect(content.subarray(offset, offset + length).equals(part!.content)).toBe(true)
        }
      }),
      { numRuns: 25 },
    )
    expect((await store.search({ tags: ['sent'] })).total).toBeGreaterThan(10)
    expect((await store.verify({})).corrupt).toEqual([])
  })

  test('is durable, found again after reopening, and merged with what is there', async () => {
    const dataDir = tempDir()
    const { store, system } = await openStore({ dataDir })
    const content = noise(2, 2 * MIB)
    const first = await store.commitUpload({ uploadId: await send(store, content, MIB, { name: 'a' }) })
    expect(first.isNew).toBe(true)
    const again = await store.commitUpload({ uploadId: await send(store, content, MIB / 2, { tags: ['t'] }) })
    expect(again).toEqual({ ...first, isNew: false })
    await system.close()
    const reopened = await openStore({ dataDir })
    expect(await reopened.store.info({ hash: first.hash })).toMatchObject({ name: 'a', tags: ['t'] })
    expect(content.equals((await reopened.store.get({ hash: first.hash }))!)).toBe(true)
  })

  test('takes parts once and in order, and only what it was told to be', async () => {
    const { store } = await openStore()
    const { uploadId } = await store.beginUpload({ contentType: 'text/plain' })
    const part = Buffer.from('part ')
    expect(await store.appendUpload({ uploadId, offset: 0, content: part })).toEqual({ receivedBytes: 5 })
    expect(await store.appendUpload({ uploadId, offset: 0, content: part })).toEqual({ receivedBytes: 5 })
    expect(await codeOf(store.appendUpload({ uploadId, offset: 7, content: part }))).toBe('UPLOAD_GAP')
    expect(await codeOf(store.appendUpload({ uploadId, offset: 3, content: part }))).toBe('UPLOAD_GAP')
    const other = 'a'.repeat(64) as ContentHash
    expect(await codeOf(store.commitUpload({ uploadId, hash: other }))).toBe('ARTIFACT_INVALID')
    const { hash } = await store.commitUpload({ uploadId })
    expect(text(await store.get({ hash }))).toBe('part ')
    expect(await codeOf(store.commitUpload({ uploadId }))).toBe('UPLOAD_UNKNOWN')
    expect(await codeOf(store.appendUpload({ uploadId, offset: 5, content: part }))).toBe('UPLOAD_UNKNOWN')
    await store.abortUpload({ uploadId })
  })

  test('is one of 64 at most', async () => {
    const { store } = await openStore()
    const begun = await Promise.all(Array.from({ length: 64 }, () => store.beginUpload({})))
    expect(await codeOf(store.beginUpload({}))).toBe('UPLOADS_TOO_MANY')
    await store.abortUpload(begun[0]!)
    expect(await codeOf(store.beginUpload({}))).toBe('no error')
  })

  test('that is aborted or goes silent gives its space back', async () => {
    const clock = createVirtualClock()
    const { store } = await openStore({ dataDir: ':memory:', packAfterMs: 'never' }, { clock })
    const silent = await send(store, noise(3, 4 * MIB), MIB)
    const aborted = await send(store, noise(4, 4 * MIB), MIB)
    expect((await store.stats({})).physicalBytes).toBeGreaterThan(8 * MIB)
    await store.abortUpload({ uploadId: aborted })
    await clock.advance(9 * 60_000)
    await store.appendUpload({ uploadId: silent, offset: 4 * MIB, content: Buffer.from('still here') })
    await clock.advance(9 * 60_000)
    expect((await store.stats({})).physicalBytes).toBeGreaterThan(4 * MIB)
    await clock.advance(2 * 60_000)
    for (let i = 0; i < 20; i++) await clock.advance(10)
    expect(await codeOf(store.appendUpload({ uploadId: silent, offset: 4 * MIB + 10, content: Buffer.alloc(1) }))).toBe(
      'UPLOAD_UNKNOWN',
    )
    expect((await store.stats({})).physicalBytes).toBeLessThan(MIB)
  })

  test('of a sender that dies is dropped', async () => {
    const system = await startInProcess({ actors: [[artifactStoreActor, { dataDir: ':memory:' }], [senderActor]] })
    onTestFinished(() => system.close())
    const store = system.ref(artifactStore).ask
    const { uploadId } = await system.ref(sender).ask.begin({})
    const append = () => store.appendUpload({ uploadId, offset: 0, content: Buffer.alloc(0) })
    expect(await append()).toEqual({ receivedBytes: 0 })
    await system.kill('sender')
    expect(await codeOf(append())).toBe('UPLOAD_UNKNOWN')
  })

  test('keeps its blocks while the log is cleaned under it', async () => {
    const { store } = await openStore({ dataDir: tempDir(), segmentBytes: MIB })
    const content = noise(5, 3 * MIB)
    const { uploadId } = await store.beginUpload({})
    for (let offset = 0; offset < content.length; offset += MIB) {
      const passing = await put(store, `passing ${offset} `.repeat(100_000))
      await store.appendUpload({ uploadId, offset, content: content.subarray(offset, offset + MIB) })
      await store.trash({ hashes: [passing], planId: `p${offset}` })
      await store.purge({ before: FOREVER })
    }
    const { hash } = await store.commitUpload({ uploadId })
    await store.purge({ before: FOREVER })
    await store.compact({})
    expect(content.equals((await store.get({ hash }))!)).toBe(true)
    expect((await store.stats({})).physicalBytes).toBeLessThan(content.length * 1.01)
  })
})

describe('reading a part', () => {
  test('finds damage where it is and nowhere else', async () => {
    const dataDir = tempDir()
    const { store, system } = await openStore({ dataDir })
    const content = noise(6, 10 * MIB)
    const { hash } = await store.put({ content })
    await system.close()
    const [segment] = readdirSync(join(dataDir, 'artifacts', 'log')).map((name) =>
      join(dataDir, 'artifacts', 'log', name),
    )
    const file = readFileSync(segment!)
    file[file.indexOf(content.subarray(6 * MIB, 6 * MIB + 64))]! ^= 1
    writeFileSync(segment!, file)
    const again = (await openStore({ dataDir })).store
    const before = await again.read({ hash, offset: 0, length: 5 * MIB })
    expect(content.subarray(0, 5 * MIB).equals(before!.content)).toBe(true)
    expect((await again.read({ hash, offset: 7 * MIB, length: 100 }))!.content).toEqual(
      content.subarray(7 * MIB, 7 * MIB + 100),
    )
    expect(await codeOf(again.read({ hash, offset: 6 * MIB, length: 1 }))).toBe('ARTIFACT_CORRUPT')
    expect(await codeOf(again.read({ hash, offset: 0, length: 1 }))).toBe('ARTIFACT_CORRUPT')
  })

  test('of what is absent is null, and of what is too large for a get the only way', async () => {
    const { store } = await openStore({ dataDir: ':memory:', artifactBytesMax: 100_000 })
    const content = noise(7, 200_000)
    const { hash } = await store.commitUpload({ uploadId: await send(store, content, 200_000) })
    expect(await codeOf(store.get({ hash }))).toBe('ARTIFACT_TOO_LARGE')
    expect(content.equals((await store.read({ hash, offset: 0 }))!.content)).toBe(true)
    expect((await store.read({ hash, offset: 300_000 }))!.content.length).toBe(0)
    expect(await store.read({ hash: 'b'.repeat(64) as ContentHash, offset: 0 })).toBeNull()
    expect(await codeOf(store.read({ hash, offset: -1 }))).toBe('ARTIFACT_INVALID')
    expect(await codeOf(store.read({ hash, offset: 0, length: 0.5 }))).toBe('ARTIFACT_INVALID')
  })
})

const sender = actorKey<{ begin(arg: object): { readonly uploadId: string } }>('sender')

const senderActor = defineActor<{ begin(arg: object): { readonly uploadId: string } }, null>({
  name: 'sender',
  module: import.meta.url,
  peers: ['artifact-store'],
  init: () => null,
  handlers: { begin: (_, __, ctx) => ctx.ref(artifactStore).ask.beginUpload({}) },
})
