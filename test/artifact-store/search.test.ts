import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import type { ActorSystem } from '../../runtime/index.ts'
import { isPitError } from '../../runtime/index.ts'
import { startInProcess } from '../../runtime/testing/in-process-system.ts'
import { artifactStore, artifactStoreActor, type ArtifactQuery } from '../../actors/artifact-store/index.ts'
import { parseQuery } from '../../actors/artifact-store/query.ts'
import { bytes, openStore, put } from './fixture.ts'

const DOCUMENTS: Record<string, [content: string, more?: object]> = {
  fox: ['The quick brown fox jumps over the lazy dog', { tags: ['animal'] }],
  dogs: ['Dogs are running in the park; the fox watches', { tags: ['animal', 'park'] }],
  city: ['Die Städte am Fluss, café und Straße', { contentType: 'text/markdown', createdBy: { runId: 'run-1' } }],
  data: ['{"title":"quarterly revenue","value":42}', { contentType: 'application/json' }],
  binary: ['fox fox fox', { contentType: 'application/octet-stream' }],
  page: ['<p>fox</p>', { contentType: 'text/html; charset=utf-8', createdBy: { runId: 'run-1' } }],
}

let system: ActorSystem
const ask = () => system.ref(artifactStore).ask

beforeAll(async () => {
  system = await startInProcess({ actors: [[artifactStoreActor, { dataDir: ':memory:' }]] })
  for (const [name, [content, more]] of Object.entries(DOCUMENTS)) {
    await ask().put({ content: bytes(content), contentType: 'text/plain', name, ...more })
  }
  return () => system.close()
})

const names = async (query: ArtifactQuery): Promise<string[]> =>
  (await ask().search(query)).hits.map(({ info }) => info.name!).sort()

describe('text', () => {
  test.each<[string, string[]]>([
    ['quick', ['fox']],
    ['run', ['dogs']],
    ['DOG', ['dogs', 'fox']],
    ['stadte', ['city']],
    ['Cafe', ['city']],
    ['quick dog', ['fox']],
    ['quick AND park', []],
    ['quick OR park', ['dogs', 'fox']],
    ['fox NOT park', ['fox', 'page']],
    ['"lazy dog"', ['fox']],
    ['"dog lazy"', []],
    ['quar*', ['data']],
    ['(quick OR park) AND jumps', ['fox']],
    ['fox -- &', ['dogs', 'fox', 'page']],
    ['animal', ['dogs', 'fox']],
    ['revenue', ['data']],
  ])('%s finds %j', async (text, expected) => expect(await names({ text })).toEqual(expected))

  test('only of text-like content, but names count for all', async () => {
    expect(await names({ text: 'binary' })).toEqual(['binary'])
    expect(await names({ text: 'fox', contentType: 'application/octet-stream' })).toEqual([])
  })

  test('ranks better matches higher and shows them', async () => {
    const { hits, total } = await ask().search({ text: 'fox' })
    expect(total).toBe(3)
    expect(hits[0]!.info.name).toBe('fox')
    expect(hits.map(({ score }) => score)).toEqual(hits.map(({ score }) => score).sort((a, b) => b - a))
    expect(hits.every(({ score }) => score > 0)).toBe(true)
    const [dogs] = (await ask().search({ text: 'running' })).hits
    expect(dogs!.highlight).toContain('Dogs are «running» in the park')
  })

  test('is found at once after a put and a tag, and no more in the trash', async () => {
    const { store } = await openStore()
    const hash = await put(store, 'zebra')
    const total = async (text: string): Promise<number> => (await store.search({ text })).total
    expect(await total('zebra')).toBe(1)
    await store.tag({ hash, add: ['striped'] })
    expect(await total('striped')).toBe(1)
    await store.trash({ hashes: [hash], planId: 'p' })
    expect(await total('zebra')).toBe(0)
    await store.restore({ planId: 'p' })
    expect(await total('zebra striped')).toBe(1)
  })
})

describe('filters', () => {
  test.each<[ArtifactQuery, string[]]>([
    [{ tags: ['animal'] }, ['dogs', 'fox']],
    [{ tags: ['animal', 'park'] }, ['dogs']],
    [{ contentType: 'text/markdown' }, ['city']],
    [{ contentType: 'text/html' }, ['page']],
    [{ contentType: 'text/*' }, ['city', 'dogs', 'fox', 'page']],
    [{ runId: 'run-1' }, ['city', 'page']],
    [{ runId: 'run-1', text: 'fox' }, ['page']],
    [{ createdAfter: 0 }, Object.keys(DOCUMENTS).sort()],
    [{ createdBefore: 1 }, []],
  ])('%j finds %j', async (query, expected) => expect(await names(query)).toEqual(expected))

  test('pages add up to the total', async () => {
    const { total } = await ask().search({ limit: 0 })
    expect(total).toBe(6)
    const pages = await Promise.all([0, 2, 4].map((offset) => ask().search({ limit: 2, offset })))
    expect(new Set(pages.flatMap(({ hits }) => hits.map(({ info }) => info.hash))).size).toBe(6)
  })
})

describe('a query', () => {
  test.each([
    ['"open', 'quotation mark'],
    ['', 'nothing to look for'],
    ['--', 'nothing to look for'],
    ['NOT fox', 'only NOT'],
    ['fox AND', 'ends too early'],
    ['AND fox', 'AND needs'],
    ['(fox', 'not closed'],
    ['fox)', 'never opened'],
    ['fox OR OR dog', 'nothing to look for'],
    ['('.repeat(50) + 'fox' + ')'.repeat(50), 'deeper'],
    [Array.from({ length: 100 }, (_, i) => `w${i}`).join(' '), 'more than 64 words'],
  ])('%s is refused: %s', (query, problem) => {
    expect(() => parseQuery(query)).toThrow(problem)
    expect(() => parseQuery(query)).toThrow(expect.objectContaining({ code: 'QUERY_INVALID' }) as Error)
  })

  test('with a limit out of range is refused', async () => {
    await expect(ask().search({ limit: 5000 })).rejects.toMatchObject({ code: 'QUERY_INVALID' })
    await expect(ask().search({ offset: -1 })).rejects.toMatchObject({ code: 'QUERY_INVALID' })
  })

  test('of any characters is answered or refused, never an SQL error', async () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'AND',
        'OR',
        'NOT',
        'NEAR',
        '(',
        ')',
        '"',
        '*',
        '^',
        ':',
        '-',
        '+',
        "'",
        ';',
        '{',
        '}',
        'name:',
        '\0',
        'fox',
      ),
      fc.string({ unit: 'binary', maxLength: 5 }),
    )
    let answered = 0
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 12 }), fc.boolean(), async (pieces, spaced) => {
        try {
          await ask().search({ text: pieces.join(spaced ? ' ' : '') })
          answered++
        } catch (error) {
          expect(isPitError(error, 'QUERY_INVALID'), String(error)).toBe(true)
        }
      }),
      { numRuns: 600 },
    )
    expect(answered).toBeGreaterThan(100)
  })
})
