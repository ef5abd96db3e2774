import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { artifactStoreActor } from '../../../actors/artifact-store/index.ts'
import { jsonLogger } from '../../../runtime/index.ts'
import { encodeFrame, frameBytes, parseFrameHeader } from '../../../runtime/persistence/frame.ts'
import { startInProcess } from '../../../runtime/testing/in-process-system.ts'
import { bytes, codeOf, openStore, put, tempDir, text } from '../fixture.ts'
import {
  filesOf,
  fill,
  imagesOf,
  keyFile,
  keysOf,
  newPlace,
  open,
  openingCode,
  segmentsOf,
  type Place,
} from './fixture.ts'

const SECRET = 'lighthouse keeper '
const SECRETS = {
  content: SECRET.repeat(200),
  name: 'Secret-Name-4711',
  tag: 'secret-tag-4712',
  custom: 'secret-custom-4713',
  customKey: 'secretKey4714',
  tenant: 'secret-tenant-4715',
  run: 'secret-run-4716',
  version: 'secret-version-4717',
  message: 'secret-message-4718',
  plan: 'secret-plan-4719',
  owner: 'secret-owner-4720',
  type: 'text/x-secret4721',
}

/** Everything that a caller can tell the store, some of it moved, packed and searched. */
async function tell(place: Parameters<typeof openStore>[0]): Promise<readonly string[]> {
  const { store, system } = await openStore(place)
  const about = {
    name: SECRETS.name,
    tags: [SECRETS.tag],
    custom: { [SECRETS.customKey]: SECRETS.custom },
    createdBy: { tenant: SECRETS.tenant, runId: SECRETS.run },
    pinnedBy: SECRETS.owner,
  }
  const hash = await put(store, SECRETS.content, about)
  const other = await put(store, `${SECRETS.content} other`, { derivedFrom: [hash], contentType: SECRETS.type })
  await put(store, 'lighthouse '.repeat(100_000))
  await store.addVersion({ name: SECRETS.version, hash, message: SECRETS.message })
  await store.trash({ hashes: [other], planId: SECRETS.plan })
  await store.search({ text: 'lighthouse', facets: ['tags', 'tenant'] })
  await system.close()
  return [hash, other]
}

const readable = (dataDir: string, hashes: readonly string[]): string[] => {
  const needles = [...Object.values({ ...SECRETS, content: SECRET.trim() }), ...hashes]
  const everything = Buffer.concat([...filesOf(dataDir).values()])
  const encoded = needles.flatMap((needle) => [Buffer.from(needle), Buffer.from(needle, 'utf16le')])
  const raw = hashes.map((hash) => Buffer.from(hash, 'hex'))
  return [...encoded, ...raw].filter((needle) => everything.includes(needle)).map((needle) => needle.toString())
}

describe('on the disk', () => {
  test('nothing is readable: no content, name, tag, metadata, tenant, hash or word', async () => {
    const place = newPlace()
    const hashes = await tell({ ...place, segmentBytes: 65_536 })
    expect(imagesOf(place.dataDir)).toHaveLength(1)
    expect(readable(place.dataDir, hashes)).toEqual([])
    // As it runs and after packing, too: index, image and log are written in the background.
    const { store } = await open(place)
    await store.compact({})
    expect((await store.search({ text: 'lighthouse' })).total).toBe(2)
    expect(readable(place.dataDir, hashes)).toEqual([])
  })

  test('of a store that is not encrypted all of it is', async () => {
    const dataDir = tempDir()
    const hashes = await tell({ dataDir, segmentBytes: 65_536 })
    expect(readable(dataDir, hashes)).toEqual(expect.arrayContaining([...Object.values(SECRETS).slice(1), ...hashes]))
  })

  test('is the id of the key, and the key nowhere: not in a file, a log line or an error', async () => {
    const digits = '0123456789abcdef'.repeat(4)
    const keyPath = join(tempDir(), 'key')
    writeFileSync(keyPath, digits)
    const place = { dataDir: tempDir(), encryption: { key: { file: keyPath } } }
    const lines: string[] = []
    const logger = jsonLogger('debug', {}, (line) => lines.push(line))
    const start = (encryption: object) =>
      startInProcess({ actors: [[artifactStoreActor, { ...place, encryption }]], logger })
    await fill(place, ['one', 'two'])
    const failures = [
      await start({ key: { file: keyFile('b') } }).catch((error: unknown) => error),
      await start({ key: digits }).catch((error: unknown) => error),
      await start({ key: { file: keyPath, env: digits } }).catch((error: unknown) => error),
      await start({ key: { hex: digits } }).catch((error: unknown) => error),
      await start({ key: { file: keyPath }, formerKeys: digits }).catch((error: unknown) => error),
      await start({ password: digits }).catch((error: unknown) => error),
    ]
    expect(failures.every((failure) => failure instanceof Error)).toBe(true)
    const said = [...lines, ...failures.map(wholeError)].join('\n')
    for (const form of [digits, Buffer.from(digits, 'hex').toString('base64')]) {
      expect(said).not.toContain(form)
      expect(Buffer.concat([...filesOf(place.dataDir).values()]).includes(form)).toBe(false)
    }
    expect(Buffer.concat([...filesOf(place.dataDir).values()]).includes(Buffer.from(digits, 'hex'))).toBe(false)
  })
})

function wholeError(error: unknown): string {
  if (!(error instanceof Error)) return ''
  const { fields = {}, cause } = error as Error & { fields?: object }
  return `${error.message} ${error.stack ?? ''} ${JSON.stringify(fields)} ${wholeError(cause)}`
}

describe('the key', () => {
  test('comes from a file, the environment or a function, as bytes, digits or base64', async () => {
    const place = newPlace()
    const hashes = await fill(place, ['one'])
    const raw = Buffer.from('a'.repeat(64), 'hex')
    const rawFile = join(tempDir(), 'raw')
    writeFileSync(rawFile, raw)
    process.env['PIT_TEST_KEY'] = ` ${raw.toString('base64')}\n`
    onTestFinished(() => void delete process.env['PIT_TEST_KEY'])
    const provider = join(tempDir(), 'provider.mjs')
    writeFileSync(provider, `export const ask = async () => Buffer.from('${'a'.repeat(64)}', 'hex')`)
    for (const key of [{ file: rawFile }, { env: 'PIT_TEST_KEY' }, { module: provider, export: 'ask' }]) {
      const { store, system } = await open({ ...place, encryption: { key } })
      for (const [hash, content] of hashes) expect(text(await store.get({ hash }))).toBe(content)
      await system.close()
    }
  })

  const provider = (code: string): { module: string } => {
    const module = join(tempDir(), 'provider.mjs')
    writeFileSync(module, code)
    return { module }
  }
  const bad: [string, () => object, string][] = [
    ['no file', () => ({ file: join(tempDir(), 'none') }), 'ENCRYPTION_KEY_MISSING'],
    ['no variable', () => ({ env: 'PIT_TEST_NO_SUCH_KEY' }), 'ENCRYPTION_KEY_MISSING'],
    ['no module', () => ({ module: join(tempDir(), 'none.mjs') }), 'ENCRYPTION_KEY_MISSING'],
    ['no function', () => provider('export const key = 1'), 'ENCRYPTION_KEY_MISSING'],
    ['a function that throws', () => provider('export function key() { throw 1 }'), 'ENCRYPTION_KEY_MISSING'],
    ['too short', () => provider('export const key = () => "abc"'), 'ENCRYPTION_KEY_INVALID'],
    ['nothing', () => provider('export const key = () => undefined'), 'ENCRYPTION_KEY_INVALID'],
    ['another one', () => ({ file: keyFile('c') }), 'ENCRYPTION_KEY_WRONG'],
    ['no source', () => ({}), 'INVALID_OPTION'],
  ]
  test.each(bad)('%s: a code, and nothing on the disk changes', async (_, key, code) => {
    const place = newPlace()
    const hashes = await fill(place, ['one', 'two'])
    const before = filesOf(place.dataDir)
    expect(await openingCode({ ...place, encryption: { key: key() as never } })).toBe(code)
    expect(filesOf(place.dataDir)).toEqual(before)
    await expectAll(place, hashes)
  })

  test('is needed, and not for a store in clear', async () => {
    const place = newPlace()
    await fill(place, ['one'])
    const clear = { dataDir: tempDir() }
    const first = await openStore(clear)
    await put(first.store, 'in clear')
    await first.system.close()
    const before = filesOf(clear.dataDir)
    expect(await openingCode({ dataDir: place.dataDir } as never)).toBe('STORE_ENCRYPTED')
    expect(await openingCode({ ...place, ...clear })).toBe('STORE_NOT_ENCRYPTED')
    expect(filesOf(clear.dataDir)).toEqual(before)
  })
})

async function expectAll(place: Place, hashes: ReadonlyMap<string, string>): Promise<void> {
  const { store, system } = await open(place)
  for (const [hash, content] of hashes) expect(text(await store.get({ hash: hash as never }))).toBe(content)
  await system.close()
}

describe('what was changed', () => {
  const CONTENTS = ['one '.repeat(40), 'two '.repeat(40), 'three '.repeat(40)]

  test('any byte of any file: told by a code, or of no consequence; never another content, never one that is missing', async () => {
    const place = newPlace()
    const hashes = await fill(place, CONTENTS)
    const codes = new Set<string>()
    for (const [path, whole] of filesOf(place.dataDir)) {
      const step = path.endsWith('.sealed') ? 20_011 : 61
      for (let at = 3; at < whole.length; at += step) {
        const spoiled = Buffer.from(whole)
        spoiled[at]! ^= 1 << (at % 8)
        writeFileSync(path, spoiled)
        // With the image of the index, and without.
        const images = at % 2 === 0 ? [] : imagesOf(place.dataDir).filter((image) => image !== path)
        const kept = images.map((image) => [image, readFileSync(image)] as const)
        for (const image of images) rmSync(image)
        codes.add(await whatHappens(place, hashes))
        for (const [image, content] of kept) writeFileSync(image, content)
        writeFileSync(path, whole)
      }
    }
    expect([...codes].sort()).toEqual(['ARTIFACT_CORRUPT', 'ENCRYPTION_TAMPERED', 'no error'])
    await expectAll(place, hashes)
  })

  /** Reads a copy: what is found damaged is noted. */
  async function whatHappens(place: Place, hashes: ReadonlyMap<string, string>): Promise<string> {
    const copy = { ...place, dataDir: tempDir() }
    cpSync(place.dataDir, copy.dataDir, { recursive: true })
    const code = await openingCode({ ...copy })
    if (code !== 'no error') return code
    const { store, system } = await open(copy)
    let worst = code
    for (const [hash, content] of hashes) {
      const got = await store.get({ hash: hash as never }).catch((error: { code: string }) => error.code)
      if (typeof got === 'string') worst = got
      else expect(text(got)).toBe(content)
    }
    await system.close()
    return worst
  }

  test('both copies of the keys', async () => {
    const place = newPlace()
    await fill(place, CONTENTS)
    const whole = readFileSync(keysOf(place.dataDir))
    for (const at of [0, 40, 60, 100, (whole.length >> 1) - 1]) {
      const spoiled = Buffer.from(whole)
      spoiled[at]! ^= 1
      spoiled[(whole.length >> 1) + at]! ^= 1
      writeFileSync(keysOf(place.dataDir), spoiled)
      expect(await openingCode(place)).toBe('ENCRYPTION_KEYS_DAMAGED')
    }
    writeFileSync(keysOf(place.dataDir), whole.subarray(0, 50))
    expect(await openingCode(place)).toBe('ENCRYPTION_KEYS_DAMAGED')
  })

  test('records that were exchanged, though their checksums are right', async () => {
    const place = newPlace()
    const hashes = await fill(place, ['same size 1', 'same size 2'])
    const [path] = segmentsOf(place.dataDir)
    const whole = readFileSync(path!)
    const [first, second] = framesOf(whole)
    expect(first!.payload.length).toBe(second!.payload.length)
    const swapped = Buffer.from(whole)
    for (const [frame, payload] of [
      [first!, second!.payload],
      [second!, first!.payload],
    ] as const) {
      Buffer.concat(encodeFrame('record', [payload], frame.position, frame.synced)).copy(swapped, 32 + frame.position)
    }
    writeFileSync(path!, swapped)
    for (const image of imagesOf(place.dataDir)) rmSync(image)
    expect(await openingCode(place)).toBe('ENCRYPTION_TAMPERED')
    writeFileSync(path!, whole)
    await expectAll(place, hashes)
  })

  test('a record in clear that was put there', async () => {
    const place = newPlace()
    await fill(place, ['sealed'])
    const [path] = segmentsOf(place.dataDir)
    const whole = readFileSync(path!)
    const head = Buffer.from(JSON.stringify({ t: 'unpin', owner: 'x' }))
    const length = Buffer.alloc(4)
    length.writeUInt32LE(head.length)
    const end = framesOf(whole).at(-1)!.next
    const forged = Buffer.concat(encodeFrame('record', [length, head], end, end))
    writeFileSync(path!, Buffer.concat([whole.subarray(0, 32 + end), forged]))
    expect(await openingCode(place)).toBe('ENCRYPTION_TAMPERED')
  })

  test('can be left behind when that is asked for', async () => {
    const place = newPlace()
    const hashes = await fill(place, CONTENTS)
    const [path] = segmentsOf(place.dataDir)
    const spoiled = readFileSync(path!)
    spoiled[32 + framesOf(spoiled)[1]!.position + 60]! ^= 1
    writeFileSync(path!, spoiled)
    for (const image of imagesOf(place.dataDir)) rmSync(image)
    expect(await openingCode(place)).toBe('ENCRYPTION_TAMPERED')
    const { store } = await open({ ...place, encryption: { ...place.encryption, acceptDamage: true } })
    const contents = await Promise.all([...hashes.keys()].map((hash) => store.get({ hash })))
    expect(contents.map(text)).toEqual([CONTENTS[0], null, CONTENTS[2]])
  })
})

interface Frame {
  readonly position: number
  readonly next: number
  readonly synced: number
  readonly payload: Buffer
}

/** The records of the first segment. */
function framesOf(file: Buffer): Frame[] {
  const frames: Frame[] = []
  for (let position = 0; ;) {
    const header = parseFrameHeader(file.subarray(32 + position), position)
    if (header === null) return frames
    const payload = Buffer.from(file.subarray(32 + position + 24, 32 + position + 24 + header.payloadBytes))
    const next = position + frameBytes(header.payloadBytes)
    if (header.kind === 'record') frames.push({ position, next, synced: header.synced, payload })
    position = next
  }
}

describe('what was put back to an earlier state', () => {
  /** The store at two times; what is in it at the later one. */
  async function twoTimes(): Promise<{ place: Place; before: Map<string, Buffer>; hashes: Map<string, string> }> {
    const place = newPlace()
    const first = await fill(place, ['one'])
    const before = new Map(filesOf(place.dataDir))
    const second = await fill(place, ['two', 'three '.repeat(3000)])
    return { place, before, hashes: new Map([...first, ...second]) }
  }

  function putBack(place: Place, files: ReadonlyMap<string, Buffer>, which: (path: string) => boolean): void {
    for (const path of filesOf(place.dataDir).keys()) if (which(path)) rmSync(path)
    for (const [path, content] of files) if (which(path)) writeFileSync(path, content)
  }

  const parts: [string, (path: string) => boolean, string][] = [
    ['the key file', (path) => path.endsWith('keys'), 'ENCRYPTION_KEYS_ROLLED_BACK'],
    ['the log', (path) => path.endsWith('.seg'), 'ENCRYPTION_LOG_ROLLED_BACK'],
  ]
  test.each(parts)('%s', async (_, which, code) => {
    const { place, before, hashes } = await twoTimes()
    const now = filesOf(place.dataDir)
    putBack(place, before, which)
    const then = filesOf(place.dataDir)
    expect(await openingCode(place)).toBe(code)
    expect(filesOf(place.dataDir)).toEqual(then)
    putBack(place, now, () => true)
    await expectAll(place, hashes)
  })

  test('the key file, when nothing but a clean end came after it', async () => {
    const place = newPlace()
    const { store, system } = await open(place)
    await put(store, 'one')
    const before = readFileSync(keysOf(place.dataDir))
    await system.close()
    writeFileSync(keysOf(place.dataDir), before)
    expect(await openingCode(place)).toBe('ENCRYPTION_KEYS_ROLLED_BACK')
  })

  test('the image of the index: not used', async () => {
    const { place, before, hashes } = await twoTimes()
    const now = filesOf(place.dataDir)
    putBack(place, before, (path) => path.endsWith('.sealed'))
    await expectAll(place, hashes)
    // Under the right name as well.
    putBack(place, now, () => true)
    const [image] = imagesOf(place.dataDir)
    writeFileSync(image!, [...before].find(([path]) => path.endsWith('.sealed'))![1])
    await expectAll(place, hashes)
  })

  test('the log, after a crash, up to what the key file knows', async () => {
    const place = newPlace({ epochRecords: 2 })
    const { store, system } = await open(place)
    await put(store, 'one')
    const before = new Map(filesOf(place.dataDir))
    for (const content of ['two', 'three', 'four', 'five']) await put(store, content)
    const crashed = { ...place, dataDir: tempDir() }
    cpSync(place.dataDir, crashed.dataDir, { recursive: true })
    await system.close()
    expect(await openingCode(crashed)).toBe('no error')
    const again = { ...place, dataDir: tempDir() }
    cpSync(crashed.dataDir, again.dataDir, { recursive: true })
    const moved = [...before].map(([path, content]) => [path.replace(place.dataDir, again.dataDir), content] as const)
    putBack(again, new Map(moved), (path) => path.endsWith('.seg'))
    expect(await openingCode(again)).toBe('ENCRYPTION_LOG_ROLLED_BACK')
  })

  test('a segment that is gone, or all of them, or the key file', async () => {
    const { place, hashes } = await twoTimes()
    const now = filesOf(place.dataDir)
    const [first] = segmentsOf(place.dataDir)
    const ways: [(path: string) => boolean, string][] = [
      [(path) => path === first, 'ENCRYPTION_LOG_ROLLED_BACK'],
      [(path) => path.endsWith('.seg'), 'ENCRYPTION_LOG_ROLLED_BACK'],
      [(path) => path.endsWith('keys'), 'ENCRYPTION_KEYS_MISSING'],
    ]
    for (const [which, code] of ways) {
      putBack(place, new Map(), which)
      const then = filesOf(place.dataDir)
      expect(await openingCode(place)).toBe(code)
      expect(filesOf(place.dataDir)).toEqual(then)
      putBack(place, now, () => true)
    }
    await expectAll(place, hashes)
  })

  test('segments that were dropped do not come back', async () => {
    const place = newPlace()
    const { store, system } = await open(place)
    const gone = await put(store, 'gone '.repeat(3000))
    const kept = await put(store, 'kept '.repeat(3000))
    const before = new Map(filesOf(place.dataDir))
    await store.trash({ hashes: [gone], planId: 'p' })
    await store.purge({ before: Number.MAX_SAFE_INTEGER })
    await system.close()
    const after = segmentsOf(place.dataDir)
    const back = [...before.keys()].filter((path) => path.endsWith('.seg') && !after.includes(path))
    expect(back.length).toBeGreaterThan(0)
    for (const path of back) writeFileSync(path, before.get(path)!)
    const again = await open(place)
    expect(await again.store.get({ hash: gone })).toBe(null)
    expect(text(await again.store.get({ hash: kept }))).toBe('kept '.repeat(3000))
    expect(segmentsOf(place.dataDir).filter((path) => back.includes(path))).toEqual([])
  })
})

test('everything that a store can do works on an encrypted one, also after opening it again', async () => {
  const place = newPlace({ epochRecords: 3 })
  const first = await open(place)
  const texts = Array.from({ length: 30 }, (_, i) => `report ${i} of the harbour `.repeat(30))
  const hashes = []
  for (const content of texts) hashes.push(await put(first.store, content, { tags: ['harbour'] }))
  await first.store.addVersion({ name: 'v', hash: hashes[0]! })
  const large = Buffer.alloc(9 * 1024 * 1024, 'large content ')
  const { hash: largeHash } = await first.store.put({ content: large })
  await first.store.compact({})
  await first.system.close()
  for (let times = 0; times < 2; times++) {
    const { store, system } = await open(place)
    for (const [i, hash] of hashes.entries()) expect(text(await store.get({ hash }))).toBe(texts[i])
    expect((await store.search({ text: 'harbour', facets: ['tags'] })).facets).toEqual({
      tags: [{ value: 'harbour', count: 30 }],
    })
    const part = await store.read({ hash: largeHash, offset: 5_000_000, length: 1000 })
    expect(large.subarray(5_000_000, 5_001_000).equals(part!.content)).toBe(true)
    expect(await store.resolve({ reference: 'v@1' })).toBe(hashes[0])
    expect(await store.verify({})).toEqual({ checked: 31, corrupt: [], repaired: [] })
    expect(await codeOf(store.put({ content: bytes('x'), name: '\n' }))).toBe('ARTIFACT_INVALID')
    await system.close()
  }
})
