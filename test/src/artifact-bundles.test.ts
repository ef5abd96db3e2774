/** Bundles between two stores, confirmed by the real `sha256sum`. */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { artifactStoreActor, type ContentHash } from '../../actors/artifact-store/index.ts'
import { startInProcess } from '../../runtime/testing/in-process-system.ts'
import { createArtifactsClient, type ArtifactsClient } from '../../src/clients/artifacts.ts'
import { isPitError, type ActorSystem } from '../../runtime/index.ts'
import type { Host } from '../../src/host.ts'

let folder: string
let systems: ActorSystem[] = []
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'pit-bundles-'))))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
afterEach(async () => {
  for (const system of systems) await system.close()
  systems = []
})

/** The client on a store in memory, in this thread. */
async function client(): Promise<ArtifactsClient> {
  const system = await startInProcess({ actors: [[artifactStoreActor, { dataDir: ':memory:', cacheBytes: 0 }]] })
  systems.push(system)
  const host = { ref: (key: Parameters<ActorSystem['ref']>[0]) => system.ref(key), config: { tenant: 'here' } }
  return createArtifactsClient(host as unknown as Host)
}

let number = 0
const newDir = (): string => join(folder, `bundle-${++number}`)
const sha256sum = (dir: string): string =>
  execFileSync('sha256sum', ['-c', 'SHA256SUMS'], { cwd: dir, encoding: 'utf8' })
const codeOf = async (call: Promise<unknown>): Promise<string> => {
  try {
    await call
  } catch (error) {
    if (isPitError(error)) return error.code
    throw error
  }
  return 'no error'
}

async function fill(from: ArtifactsClient) {
  const source = await from.put('the source', { name: 'source', tags: ['raw'], createdBy: { tenant: 'alice' } })
  const draft = await from.put('a draft', {
    derivedFrom: [source.hash],
    custom: { rating: 4 },
    contentType: 'text/markdown',
  })
  const report = await from.put('the report', { derivedFrom: [draft.hash], tags: ['done', 'x'] })
  const large = randomBytes(9 * 1024 * 1024 + 3)
  const stored = await from.storeStream(
    (async function* () {
      yield large
    })(),
    { name: 'large' },
  )
  await from.addVersion('report', draft.hash, { message: 'first' })
  await from.addVersion('report', report.hash, { message: 'second', tags: ['final'] })
  await from.setAlias('report@2', 'production', { protect: true })
  return { source: source.hash, draft: draft.hash, report: report.hash, large: stored.hash, largeContent: large }
}

/** What must be the same in both. */
async function pictureOf(store: ArtifactsClient) {
  const { items } = await store.list({ limit: 1000 })
  const all = await Promise.all(
    items.map(async ({ hash, ...info }) => {
      const { lastAccessAt: _, accessCount: __, pinnedBy: ___, ...rest } = info
      const parents = (await store.lineage(hash, 'ancestors')).map((node) => [node.hash, node.depth])
      return [hash, rest, parents, Buffer.from((await store.get(hash))!).toString('base64')] as const
    }),
  )
  return {
    all: all.toSorted(([a], [b]) => (a < b ? -1 : 1)),
    versions: await store.versions('report'),
    aliases: await store.aliases('report'),
  }
}

describe('a bundle', () => {
  test('of everything is confirmed by sha256sum and makes another store the same; twice is once', async () => {
    const from = await client()
    const { largeContent, large } = await fill(from)
    const dir = newDir()
    const exported = await from.exportBundle(dir)
    expect(exported).toMatchObject({ artifacts: 4, skipped: [] })
    expect(sha256sum(dir).trim().split('\n')).toHaveLength(6)
    expect(largeContent.equals(readFileSync(join(dir, 'content', large.slice(0, 2), large)))).toBe(true)
    const to = await client()
    expect(await to.importBundle(dir)).toMatchObject({ artifacts: 4, stored: 4, conflicts: [], damaged: [] })
    const before = await pictureOf(from)
    expect(await pictureOf(to)).toEqual(before)
    expect(before.aliases).toMatchObject([{ alias: 'production', version: 2, protected: true }])
    expect(await to.importBundle(dir)).toMatchObject({ stored: 0, merged: 0, conflicts: [] })
    expect(await pictureOf(to)).toEqual(before)
    // And from there on: the same bytes again.
    const again = newDir()
    await to.exportBundle(again)
    expect(readFileSync(join(again, 'bundle.json'))).toEqual(readFileSync(join(dir, 'bundle.json')))
    expect(sha256sum(again)).toContain('artifacts.jsonl: OK')
  })

  test('of references or of a query has their lineage, unless told not to', async () => {
    const from = await client()
    const { draft, source, report } = await fill(from)
    const hashesIn = async (options: object): Promise<ContentHash[]> => {
      const dir = newDir()
      await from.exportBundle(dir, options)
      sha256sum(dir)
      const lines = readFileSync(join(dir, 'artifacts.jsonl'), 'utf8').trim().split('\n')
      return lines.map((line) => (JSON.parse(line) as { hash: ContentHash }).hash).sort()
    }
    expect(await hashesIn({ references: ['report@1'] })).toEqual([draft, source].sort())
    expect(await hashesIn({ references: ['report'], lineage: false })).toEqual([report])
    expect(await hashesIn({ query: { tags: ['done'] } })).toEqual([draft, source, report].sort())
    expect(await codeOf(from.exportBundle(newDir(), { references: ['nothing'] }))).toBe('ARTIFACT_NOT_FOUND')
  })

  test('merges with what is there, and leaves what is something else here', async () => {
    const from = await client()
    const { report } = await fill(from)
    const dir = newDir()
    await from.exportBundle(dir)
    const to = await client()
    await to.put('the report', { tags: ['mine'], name: 'mine' })
    const other = await to.put('another report')
    await to.addVersion('report', other.hash)
    const { conflicts, stored } = await to.importBundle(dir)
    expect({ conflicts, stored }).toEqual({ conflicts: ['report@1'], stored: 3 })
    expect(await to.info(report)).toMatchObject({ name: 'mine', tags: ['done', 'mine', 'x'] })
    expect((await to.versions('report')).map(({ version, hash }) => [version, hash])).toEqual([
      [2, report],
      [1, other.hash],
    ])
  })

  test('goes on where it was interrupted, out and in', async () => {
    const from = await client()
    const { draft } = await fill(from)
    const dir = newDir()
    const stop = new AbortController()
    const stopped = from.exportBundle(dir, {
      signal: stop.signal,
      onProgress: ({ artifacts }) => artifacts === 2 && stop.abort(),
    })
    expect(await codeOf(stopped)).toBe('CANCELLED')
    const to = await client()
    expect(await codeOf(to.importBundle(dir))).toBe('BUNDLE_INVALID')
    await from.exportBundle(dir)
    sha256sum(dir)
    expect(readdirSync(dir).filter((name) => name.endsWith('.part'))).toEqual([])
    expect(await codeOf(from.exportBundle(dir))).toBe('BUNDLE_EXISTS')
    const halt = new AbortController()
    const half = to.importBundle(dir, {
      signal: halt.signal,
      onProgress: ({ artifacts }) => artifacts === 2 && halt.abort(),
    })
    expect(await codeOf(half)).toBe('CANCELLED')
    expect(await to.importBundle(dir)).toMatchObject({ artifacts: 4, stored: 2 })
    expect((await to.lineage(draft, 'ancestors')).length).toBe(1)
  })

  test('that is damaged anywhere is refused before anything changes; or what is good of it is kept', async () => {
    const from = await client()
    const { report, large } = await fill(from)
    const dir = newDir()
    await from.exportBundle(dir)
    const to = await client()
    const files = [
      'SHA256SUMS',
      'bundle.json',
      'artifacts.jsonl',
      `content/${report.slice(0, 2)}/${report}`,
      `content/${large.slice(0, 2)}/${large}`,
    ]
    for (const file of files) {
      const path = join(dir, file)
      const whole = readFileSync(path)
      for (const at of [0, 7, whole.length >> 1, whole.length - 2]) {
        const spoiled = Buffer.from(whole)
        spoiled[at % whole.length]! ^= 1 + (at % 7)
        writeFileSync(path, spoiled)
        expect(await codeOf(to.importBundle(dir)), `${file} at ${at}`).toMatch(/^BUNDLE_(DAMAGED|INVALID)$/)
        expect((await to.list()).items, `${file} at ${at}`).toEqual([])
      }
      unlinkSync(path)
      expect(await codeOf(to.importBundle(dir)), `${file} missing`).toMatch(/^BUNDLE_(DAMAGED|INVALID)$/)
      writeFileSync(path, whole)
    }
    expect((await to.list()).items).toEqual([])
    unlinkSync(join(dir, files[3]!))
    const kept = await to.importBundle(dir, { keepGood: true })
    expect(kept).toMatchObject({ artifacts: 3, stored: 3, damaged: [report] })
    expect((await to.verify()).corrupt).toEqual([])
  })

  test('needs a folder of its own', async () => {
    const from = await client()
    writeFileSync(join(folder, 'letter.txt'), 'dear')
    expect(await codeOf(from.exportBundle(folder))).toBe('BUNDLE_EXISTS')
    expect(await codeOf(from.exportBundle(join(folder, 'letter.txt', 'x')))).toBe('OUTPUT_UNWRITABLE')
    expect(await codeOf(from.importBundle(join(folder, 'nowhere')))).toBe('BUNDLE_INVALID')
    expect(existsSync(join(folder, 'SHA256SUMS'))).toBe(false)
  })
})
