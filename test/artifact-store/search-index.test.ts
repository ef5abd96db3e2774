/** The parts of the search index by themselves, and that it stays small in memory. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { bitsOf } from '../../actors/artifact-store/search/bits.ts'
import { pageOf } from '../../actors/artifact-store/search/ranking.ts'
import { languageOf, stemOf, stemsOf } from '../../actors/artifact-store/search/stemming.ts'
import { eachWord } from '../../actors/artifact-store/search/words.ts'
import { openStorage } from '../../actors/artifact-store/storage.ts'
import { preparePut, putAll } from '../../actors/artifact-store/store.ts'
import { resolveInput } from '../../actors/artifact-store/input.ts'
import { silentLogger } from '../../runtime/index.ts'
import { bytes, openStore, put, tempDir } from './fixture.ts'

const wordsOf = (text: string): string[] => {
  const words: string[] = []
  eachWord(text, (word) => void words.push(word))
  return words
}

describe('words', () => {
  test.each([
    ['The quick-brown fox_1', ['the', 'quick', 'brown', 'fox', '1']],
    ['Städte, Straße; café', ['stadte', 'strasse', 'cafe']],
    ['東京タワー is 塔', ['東', '京', 'タ', 'ワ', 'ー', 'is', '塔']],
    ['ﬁne ½ \u{1F600} \uE000', ['fine', '12']],
    ['x'.repeat(100), ['x'.repeat(64)]],
  ])('of %j are %j', (text, expected) => expect(wordsOf(text)).toEqual(expected))
})

describe('stems', () => {
  // From the examples in Porter's paper.
  test.each([
    ['caresses', 'caress'],
    ['ponies', 'poni'],
    ['agreed', 'agre'],
    ['motoring', 'motor'],
    ['hopping', 'hop'],
    ['filing', 'file'],
    ['relational', 'relat'],
    ['vietnamization', 'vietnam'],
    ['hopefulness', 'hope'],
    ['adoption', 'adopt'],
    ['controlling', 'control'],
    ['sky', 'sky'],
  ])('%s → %s', (word, stem) => expect(stemOf(word, 'english')).toBe(stem))

  test.each([
    ['hauser', 'haus'],
    ['stadten', 'stadt'],
    ['kinder', 'kind'],
    ['arbeitest', 'arbeit'],
    ['auto', 'auto'],
  ])('German: %s → %s', (word, stem) => expect(stemOf(word, 'german')).toBe(stem))

  test('a word of a query stands for both languages, a text is in one', () => {
    expect(stemsOf('kinder')).toEqual(['kinder', 'kind'])
    expect(stemsOf('x1')).toEqual(['x1'])
    expect(languageOf('Der Mond zieht am Meer und die Flut kommt')).toBe('german')
    expect(languageOf('the moon pulls at the sea')).toBe('english')
    expect(languageOf('{"a":1}')).toBe('english')
  })
})

test('a page of an order is that of a full sort', () => {
  const size = 5000
  const keys = Float64Array.from({ length: size }, (_, i) => (i * 7919) % 50)
  const ties = Uint32Array.from({ length: size }, (_, i) => (i * 104_729) % 97)
  const members = Array.from({ length: size }, (_, i) => i).filter((i) => i % 7 !== 3)
  for (const descending of [true, false]) {
    const sorted = members.toSorted(
      (a, b) => (descending ? keys[b]! - keys[a]! : keys[a]! - keys[b]!) || ties[a]! - ties[b]! || a - b,
    )
    for (const offset of [0, 1, 10, 1000, 1020, 3000, members.length - 3, members.length, size]) {
      for (const limit of [0, 1, 20, 100, 1000]) {
        expect(pageOf(bitsOf(members), { offset, limit }, { keys, descending, ties })).toEqual(
          sorted.slice(offset, offset + limit),
        )
      }
    }
  }
})

test('writers alone keep the index from growing in memory, without the background', async () => {
  const dir = join(tempDir(), 'store')
  const storage = openStorage({ dir, segmentBytes: 1 << 22, logger: silentLogger })
  for (let i = 0; i < 3000; i++) {
    const input = resolveInput({ content: bytes(`text number ${i}`), contentType: 'text/plain' }, 1000)
    putAll(storage, [preparePut(input)], { callId: `c${i}`, redelivered: false, now: i })
  }
  await storage.close()
  using db = new DatabaseSync(join(dir, 'index.sqlite'))
  const { pending } = db.prepare('SELECT count(*) AS pending FROM searchPending').get() as { pending: number }
  const { segments } = db.prepare('SELECT count(*) AS segments FROM searchSegments').get() as { segments: number }
  expect(pending).toBeLessThan(2100)
  expect(segments).toBeGreaterThan(0)
})

describe('a hit', () => {
  test('shows a match far down in a long text', async () => {
    const { store } = await openStore()
    await put(store, `${'filler word '.repeat(2000)} the needle lies here`)
    const [hit] = (await store.search({ text: 'needles' })).hits
    expect(hit!.highlight).toContain('the «needle» lies here')
  })

  test('of a name or a tag shows it', async () => {
    const { store } = await openStore()
    await put(store, 'nothing', { name: 'quarterly report', tags: ['finance'] })
    expect((await store.search({ text: 'reports' })).hits[0]!.highlights).toEqual(['quarterly «report»'])
    expect((await store.search({ text: 'finance' })).hits[0]!.highlights).toEqual(['«finance»'])
  })
})

describe('a query is refused', () => {
  test.each([
    [{ sort: 'random' }, 'sort must be one of'],
    [{ sort: 'relevance' }, 'needs a text'],
    [{ facets: ['hash'] }, 'facets must be'],
    [{ custom: { a: null } }, 'custom.a must be'],
    [{ custom: { a: { min: 'x' } } }, 'must be numbers'],
    [{ createdBy: { user: 'x' } }, 'createdBy takes'],
    [{ txt: 'x' }, 'txt is not one of'],
    [{ text: 5 }, 'text must be text'],
    [{ createdAfter: 'soon' }, 'createdAfter must be a time'],
  ])('%j', async (query, problem) => {
    const { store } = await openStore()
    await expect(store.search(query as never)).rejects.toMatchObject({
      code: 'QUERY_INVALID',
      message: expect.stringContaining(problem) as string,
    })
  })
})
