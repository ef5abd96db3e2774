import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { artifactStore, artifactStoreActor, type EncryptionOptions } from '../../../actors/artifact-store/index.ts'
import { isPitError, seededRandom, type ActorSystem } from '../../../runtime/index.ts'
import { createFaultyDisk, type FaultPoint } from '../../../runtime/testing/faulty-files.ts'
import { startInProcess } from '../../../runtime/testing/in-process-system.ts'
import { bytes, codeOf, openStore, put, tempDir, text } from '../fixture.ts'
import { fill, filesOf, keyFile, keysOf, newPlace, open, openingCode, segmentsOf, type Place } from './fixture.ts'

const SECRET = 'a secret of the lighthouse '
const CONTENTS = Array.from({ length: 12 }, (_, i) => `${i} ${SECRET.repeat(60)}`)

/** A store in clear, with a bit of everything. */
async function clearStore(dataDir: string) {
  const { store, system } = await openStore({ dataDir, segmentBytes: 8192 })
  const hashes = []
  for (const [i, content] of CONTENTS.entries())
    hashes.push(await put(store, content, { tags: [`tag-${i}`], name: SECRET }))
  await store.addVersion({ name: 'v', hash: hashes[0]! })
  await store.compact({})
  const picture = await pictureOf(store)
  await system.close()
  return { hashes, picture }
}

async function pictureOf(store: Awaited<ReturnType<typeof open>>['store']) {
  const { items } = await store.list({})
  return {
    items: items.map((info) => ({ ...info, accessCount: 0, lastAccessAt: 0 })),
    versions: await store.versions({ name: 'v' }),
    found: (await store.search({ text: 'lighthouse', limit: 100 })).total,
    contents: (await store.getMany({ hashes: items.map(({ hash }) => hash) })).contents.map(text),
  }
}

const onDisk = (dataDir: string): Buffer => Buffer.concat([...filesOf(dataDir).values()])

describe('a store in clear', () => {
  test('is encrypted and decrypted again, complete, with nothing readable left in between', async () => {
    const place = newPlace({ mode: 'encrypt' })
    const { picture } = await clearStore(place.dataDir)
    expect(onDisk(place.dataDir).includes(SECRET)).toBe(true)

    const first = await open(place)
    expect(await first.store.convert({})).toMatchObject({ state: 'encrypted', unconvertedBytes: 0 })
    expect(await pictureOf(first.store)).toEqual(picture)
    await first.system.close()
    expect(onDisk(place.dataDir).includes('lighthouse')).toBe(false)
    expect(await openingCode({ dataDir: place.dataDir } as never)).toBe('STORE_ENCRYPTED')

    const strict = await open({ ...place, encryption: { key: place.encryption.key } })
    expect(await strict.store.encryption({})).toMatchObject({ state: 'encrypted' })
    expect(await pictureOf(strict.store)).toEqual(picture)
    await strict.system.close()

    const back = await open({ ...place, encryption: { ...place.encryption, mode: 'decrypt' } })
    expect(await back.store.convert({})).toEqual({ state: 'clear', unconvertedBytes: 0 })
    const more = await put(back.store, 'written after that')
    await back.store.compact({})
    await back.system.close()
    expect(existsSync(keysOf(place.dataDir))).toBe(false)

    const clear = await openStore({ dataDir: place.dataDir, segmentBytes: 8192 })
    expect(text(await clear.store.get({ hash: more }))).toBe('written after that')
    await clear.store.trash({ hashes: [more], planId: 'p' })
    await clear.store.purge({ before: Number.MAX_SAFE_INTEGER })
    expect(await pictureOf(clear.store)).toEqual(picture)
    expect(await clear.store.verify({})).toEqual({ checked: CONTENTS.length, corrupt: [], repaired: [] })
  })

  test('half encrypted goes on by itself, also when it is opened as one that is', async () => {
    const place = newPlace({ mode: 'encrypt' })
    const { picture } = await clearStore(place.dataDir)
    const first = await open(place)
    await first.system.kill('artifact-store')
    await first.system.close()
    const again = await open({ ...place, encryption: { key: place.encryption.key } })
    expect(await again.store.convert({})).toMatchObject({ state: 'encrypted' })
    expect(await pictureOf(again.store)).toEqual(picture)
    await again.system.close()
    expect(onDisk(place.dataDir).includes('lighthouse')).toBe(false)
  })
})

describe('conversion and crashes', () => {
  /** Encrypts or decrypts on a disk that fails at some call, until it is done; all contents must be there all the time. */
  async function convertOn(seed: number, faults: readonly { after: number; fault: 'kill' | 'EIO' | 'ENOSPC' }[]) {
    const file = keyFile()
    const disk = createFaultyDisk(seededRandom(seed))
    const config = (encryption?: EncryptionOptions) => ({
      dataDir: '/data',
      segmentBytes: 4096,
      ...(encryption === undefined ? {} : { encryption }),
    })
    const start = (encryption?: EncryptionOptions, plan?: (point: FaultPoint) => 'kill' | 'EIO' | 'ENOSPC' | null) =>
      startInProcess({ actors: [[artifactStoreActor, { ...config(encryption), files: disk.start(plan) }]] })
    const check = async (system: ActorSystem) => {
      const { ask } = system.ref(artifactStore)
      const { items } = await ask.list({})
      const { contents } = await ask.getMany({ hashes: items.map(({ hash }) => hash) })
      expect(new Set(contents.map(text))).toEqual(new Set(CONTENTS))
      return ask.encryption({})
    }
    const filled = await start()
    for (const content of CONTENTS) await filled.ref(artifactStore).ask.put({ content: bytes(content) })
    await filled.close()
    for (const mode of ['encrypt', 'decrypt'] as const) {
      const encryption = { key: { file }, mode, epochRecords: 3 }
      for (const { after, fault } of faults) {
        let calls = 0
        const plan = ({ call }: FaultPoint) => (call !== 'read' && call !== 'list' && ++calls === after ? fault : null)
        try {
          const system = await start(encryption, plan)
          await system.ref(artifactStore).ask.convert({})
          await system.close()
        } catch (error) {
          if (!isPitError(error)) throw error
          const code = isPitError(error.cause) ? error.cause.code : error.code
          expect(code).not.toMatch(/^(ENCRYPTION_|STORE_|ARTIFACT_)/)
        }
        if (calls % 2 === 0) disk.powerCut()
      }
      const system = await start(encryption)
      await system.ref(artifactStore).ask.convert({})
      expect((await check(system)).state).toBe(mode === 'encrypt' ? 'encrypted' : 'clear')
      await system.close()
      const reopened = await start(mode === 'encrypt' ? { key: { file } } : undefined)
      await check(reopened)
      await reopened.close()
    }
  }

  test('an interruption anywhere loses nothing, and the next opening goes on', async () => {
    const fault = fc.record({
      after: fc.integer({ min: 1, max: 120 }),
      fault: fc.constantFrom('kill' as const, 'EIO' as const, 'ENOSPC' as const),
    })
    await fc.assert(fc.asyncProperty(fc.nat(), fc.array(fault, { minLength: 1, maxLength: 4 }), convertOn), {
      numRuns: 15,
    })
  }, 240_000)
})

describe('another key', () => {
  async function expectAll(place: Place, hashes: ReadonlyMap<string, string>): Promise<void> {
    const { store, system } = await open(place)
    for (const [hash, content] of hashes) expect(text(await store.get({ hash: hash as never }))).toBe(content)
    await system.close()
  }

  test('locks the store at the next opening that knows both, and not a byte of data is written', async () => {
    const place = newPlace()
    const hashes = await fill(place, CONTENTS)
    const next = { file: keyFile('b') }
    const before = filesOf(place.dataDir)
    const rotated = { ...place, encryption: { key: next, formerKeys: [place.encryption.key] } }
    const { store, system } = await open(rotated)
    const status = await store.encryption({})
    await system.close()
    const after = filesOf(place.dataDir)
    for (const path of segmentsOf(place.dataDir)) {
      // Behind what was there: the mark that says so.
      const kept = before.get(path)!.length - 24
      expect(after.get(path)!.subarray(0, kept).equals(before.get(path)!.subarray(0, kept))).toBe(true)
      expect(after.get(path)!.length - before.get(path)!.length).toBeLessThan(200)
    }
    expect(await openingCode(place)).toBe('ENCRYPTION_KEY_WRONG')
    await expectAll({ ...place, encryption: { key: next } }, hashes)
    await expectAll(rotated, hashes)
    expect(status).toMatchObject({ state: 'encrypted', keyId: expect.stringMatching(/^[0-9a-f]{16}$/) })
    // The key file of before is of no use with either.
    writeFileSync(keysOf(place.dataDir), before.get(keysOf(place.dataDir))!)
    expect(await openingCode({ ...place, encryption: { key: next } })).toBe('ENCRYPTION_KEY_WRONG')
    expect(await openingCode(rotated)).toBe('ENCRYPTION_KEYS_ROLLED_BACK')
  })

  test('is taken up while the store is open, and again after a crash', async () => {
    const file = join(tempDir(), 'key')
    writeFileSync(file, 'a'.repeat(64))
    const place = { dataDir: tempDir(), encryption: { key: { file } } }
    const { store, system } = await open(place)
    const hash = await put(store, 'one')
    const { keyId } = await store.encryption({})
    writeFileSync(file, 'b'.repeat(64))
    const rotated = await store.rotateKey({})
    expect(rotated.previous).toBe(keyId)
    expect(rotated.keyId).not.toBe(keyId)
    expect(await store.rotateKey({})).toMatchObject({ keyId: rotated.keyId!, previous: rotated.keyId! })
    await put(store, 'two')
    await system.kill('artifact-store')
    expect(text(await store.get({ hash }))).toBe('one')
    rmSync(file)
    expect(await codeOf(store.rotateKey({}))).toBe('ENCRYPTION_KEY_MISSING')
    expect(text(await store.get({ hash }))).toBe('one')
    await system.close()
  })

  test('needs a store that is encrypted', async () => {
    const { store } = await openStore({ dataDir: tempDir() })
    expect(await store.encryption({})).toEqual({ state: 'clear', unconvertedBytes: 0 })
    expect(await store.convert({})).toEqual({ state: 'clear', unconvertedBytes: 0 })
    expect(await codeOf(store.rotateKey({}))).toBe('STORE_NOT_ENCRYPTED')
  })
})
