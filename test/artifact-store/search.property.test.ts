/**
 * Search against a scan of all documents: the same artifacts, counts, facets and order, whatever happened to the store and
 * wherever its index is – in memory, in segments, half merged, reopened, lost and built again.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ArtifactQuery, ContentHash, Producer, SortOrder } from '../../actors/artifact-store/index.ts'
import { parseQuery, type TextQuery } from '../../actors/artifact-store/query.ts'
import { stemOf, stemsOf, languageOf } from '../../actors/artifact-store/search/stemming.ts'
import { eachWord } from '../../actors/artifact-store/search/words.ts'
import { preparePut, putAll, restore, searchedText, trash } from '../../actors/artifact-store/store.ts'
import { purge } from '../../actors/artifact-store/collection.ts'
import { openStorage, type Storage } from '../../actors/artifact-store/storage.ts'
import { resolveInput } from '../../actors/artifact-store/input.ts'
import { silentLogger } from '../../runtime/index.ts'
import { bytes, tempDir } from './fixture.ts'

interface Doc {
  readonly hash: ContentHash
  readonly body: string
  readonly sizeBytes: number
  readonly contentType: string
  readonly createdAt: number
  name: string | undefined
  readonly tags: Set<string>
  readonly producers: Producer[]
  custom: Record<string, unknown>
  plan: string | null
}

const WORDS =
  'run running runs dog dogs the of and quick der die und nicht Haus Häuser Stadt Städte fox-trot x1 東京'.split(' ')
const word = fc.constantFrom(...WORDS)
const tag = fc.constantFrom('red', 'green', 'deep blue', 'Häuser')
const name = fc.constantFrom('quick report', 'Haus und Hof', 'x1', 'dogs')
const producer = fc.record(
  { tenant: fc.constantFrom('a', 'b'), runId: fc.constantFrom('r1', 'r2', 'r3'), nodeId: fc.constantFrom('n', 'm') },
  { requiredKeys: [] },
)
const custom = fc.record(
  {
    lang: fc.constantFrom('en', 'de'),
    score: fc.constantFrom(0.5, 1, 7),
    list: fc.constant(['dogs', 3]),
    deep: fc.constant({ a: 'running' }),
  },
  { requiredKeys: [] },
)
const body = fc.array(word, { maxLength: 12 }).map((words) => words.join(' '))
const contentType = fc.constantFrom(
  'text/plain',
  'text/markdown',
  'application/octet-stream',
  'text/html; charset=utf-8',
)

const op = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record(
      {
        kind: fc.constant('put' as const),
        body,
        contentType,
        name,
        tags: fc.array(tag, { maxLength: 3 }),
        producer,
        custom,
      },
      { requiredKeys: ['kind', 'body', 'contentType'] },
    ),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('tag' as const), which: fc.nat(99), tag, add: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom('trash' as const, 'restore' as const), which: fc.nat(99) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('work' as const), units: fc.constantFrom(50, 400, 20_000, 20_000) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('purge', 'reopen', 'forget', 'rebuild', 'search') }) },
)

type Op = typeof op extends fc.Arbitrary<infer T> ? T : never

const phrase = fc.array(word, { minLength: 1, maxLength: 3 }).map((words) => `"${words.join(' ')}"`)
const item = fc.oneof(
  { weight: 3, arbitrary: word },
  phrase,
  fc.constantFrom('ru*', 'hau*', 'running*', 'r*', '"the qui"*', '"run dog"*', 'blue', 'report', '京'),
)
const text = fc.letrec<{ any: string; all: string }>((tie) => ({
  all: fc.oneof(
    { depthSize: 'small' },
    item,
    fc
      .tuple(tie('any'), fc.constantFrom(' ', ' AND ', ' NOT '), item)
      .map((parts) => `(${parts[0]})${parts[1]}${parts[2]}`),
  ),
  any: fc.oneof(
    { depthSize: 'small' },
    tie('all'),
    fc.tuple(tie('all'), tie('all')).map((parts) => parts.join(' OR ')),
  ),
})).any
const sort = fc.constantFrom<SortOrder>('newest', 'oldest', 'largest', 'smallest')
const filters = {
  tags: fc.array(tag, { maxLength: 2 }),
  contentType: fc.constantFrom('text/*', 'text/html', 'text/plain', 'image/png'),
  createdBy: producer,
  createdAfter: fc.nat(30),
  createdBefore: fc.nat(60),
  custom: fc.constantFrom({ lang: 'en' }, { score: { min: 1 } }, { list: 'dogs' }, { list: 3 }, { none: true }),
}
const filter = fc.oneof(
  ...Object.entries(filters).map(([key, value]) => value.map((given): ArtifactQuery => ({ [key]: given }))),
)
const query: fc.Arbitrary<ArtifactQuery> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ text }) },
  { weight: 2, arbitrary: fc.record({ text, sort }, { requiredKeys: ['text'] }) },
  fc.record({ sort }, { requiredKeys: [] }),
  filter,
  fc.tuple(filter, filter).map(([a, b]) => ({ ...a, ...b })),
  { weight: 2, arbitrary: fc.tuple(fc.record({ text }), filter).map(([a, b]) => ({ ...a, ...b })) },
)
const FACETS = ['tags', 'contentType', 'tenant', 'runId', 'custom.lang', 'custom.list', 'custom.none'] as const

/** The words of one text, in the language the index takes for it. */
function stemsIn(
  content: string,
  language = languageOf(content),
): { english: string[]; language: 'english' | 'german' } {
  const stems: string[] = []
  eachWord(content, (folded) => void stems.push(stemOf(folded, language)))
  return { english: stems, language }
}

function textsOf(doc: Doc): string[][] {
  const custom = [doc.custom.lang, ...((doc.custom.list as unknown[]) ?? []), (doc.custom.deep as { a?: string })?.a]
  const labels = [...[...doc.tags].sort(), ...custom.filter((value) => typeof value === 'string')]
  const language = languageOf(labels.join(' '))
  const isText = doc.contentType.startsWith('text/')
  const all = [
    stemsIn(doc.name ?? ''),
    stemsIn(isText ? doc.body : ''),
    ...labels.map((label) => stemsIn(label, language)),
  ]
  return all.map(({ english }) => english)
}

function matches(texts: readonly string[][], wanted: TextQuery): boolean {
  switch (wanted.kind) {
    case 'and':
      return (
        wanted.wanted.every((each) => matches(texts, each)) && !wanted.unwanted.some((each) => matches(texts, each))
      )
    case 'or':
      return wanted.some.some((each) => matches(texts, each))
    case 'phrase': {
      const { words, prefix } = wanted
      const last = words.length - 1
      const ways = (['english', 'german'] as const).map((language) => words.map((each) => stemOf(each, language)))
      const fits = (stem: string, way: string[], i: number): boolean => {
        if (prefix && i === last) return stem.startsWith(words[i]!) || (last === 0 && stemsOf(words[i]!).includes(stem))
        return stem === way[i]
      }
      return texts.some((stems) =>
        ways.some((way) =>
          stems.some((_, at) => at + last < stems.length && way.every((_, i) => fits(stems[at + i]!, way, i))),
        ),
      )
    }
  }
}

function valuesOf(doc: Doc, facet: string): unknown[] {
  if (facet === 'tags') return [...doc.tags]
  if (facet === 'contentType') return [doc.contentType.split(';')[0]]
  if (facet.startsWith('custom.')) {
    const value = doc.custom[facet.slice(7)]
    return value === undefined || (typeof value === 'object' && !Array.isArray(value)) ? [] : [value].flat()
  }
  return [
    ...new Set(
      doc.producers.map((producer) => producer[facet as keyof Producer]).filter((value) => value !== undefined),
    ),
  ]
}

function accepts(doc: Doc, wanted: ArtifactQuery): boolean {
  if (doc.plan !== null) return false
  if (wanted.text !== undefined && !matches(textsOf(doc), parseQuery(wanted.text))) return false
  if (wanted.tags?.some((tag) => !doc.tags.has(tag)) === true) return false
  if (wanted.contentType !== undefined) {
    const type = wanted.contentType
    if (type.endsWith('/*') ? !doc.contentType.startsWith(type.slice(0, -1)) : doc.contentType.split(';')[0] !== type)
      return false
  }
  if (doc.createdAt <= (wanted.createdAfter ?? -1) || doc.createdAt >= (wanted.createdBefore ?? Infinity)) return false
  const producer = Object.entries(wanted.createdBy ?? {})
  if (producer.some(([key, value]) => !valuesOf(doc, key).includes(value))) return false
  return Object.entries(wanted.custom ?? {}).every(([key, value]) =>
    valuesOf(doc, `custom.${key}`).some((given) =>
      typeof value === 'object' ? (given as number) >= (value.min ?? 0) : given === value,
    ),
  )
}

function countsOf(docs: readonly Doc[], facet: string): Map<unknown, number> {
  const counts = new Map<unknown, number>()
  for (const value of docs.flatMap((doc) => valuesOf(doc, facet))) counts.set(value, (counts.get(value) ?? 0) + 1)
  return counts
}

function sorted(docs: readonly Doc[], order: SortOrder): string[] {
  const key = (doc: Doc): number => (order === 'newest' || order === 'oldest' ? doc.createdAt : doc.sizeBytes)
  const sign = order === 'newest' || order === 'largest' ? -1 : 1
  return [...docs].sort((a, b) => sign * (key(a) - key(b)) || (a.hash < b.hash ? -1 : 1)).map(({ hash }) => hash)
}

/** What was found in the history of one run, so that the test can say that it looked at something. */
interface Seen {
  found: number
  highlighted: number
}

/** Asked after every history: what changes after it was indexed. */
const ALWAYS: readonly ArtifactQuery[] = [
  { text: 'red' },
  { text: 'green OR blue' },
  { text: 'haus' },
  { text: 'r* NOT red' },
]

async function play(ops: readonly Op[], queries: readonly ArtifactQuery[]): Promise<Seen> {
  const dir = join(tempDir(), 'store')
  const docs: Doc[] = []
  const seen: Seen = { found: 0, highlighted: 0 }
  // Everything as small as it can be: segments of two documents, lists in pieces, terms on many pages.
  const searchLimits = {
    fanout: 2,
    deltaDocuments: 2,
    deltaPostings: 1000,
    chunkPostings: 2,
    inlineBytes: 6,
    pageBytes: 64,
  }
  const open = (): Storage => openStorage({ dir, segmentBytes: 64 * 1024, logger: silentLogger, searchLimits })
  let storage = open()
  let now = 0
  const origin = () => ({ callId: `call-${++now}`, redelivered: false, now })

  function check(): void {
    for (const each of queries) {
      const wanted = docs.filter((doc) => accepts(doc, each))
      const all = { ...each, facets: FACETS, limit: 1000 }
      const { found, total, facets } = storage.query(({ search }) =>
        search.search(all, (row) => searchedText(storage, row)),
      )
      const hashes = found.map(({ row }) => row.hash)
      expect(new Set(hashes), JSON.stringify(each)).toEqual(new Set(wanted.map(({ hash }) => hash)))
      expect(total).toBe(wanted.length)
      for (const facet of FACETS) {
        expect(new Map(facets![facet]!.map(({ value, count }) => [value, count])), facet).toEqual(
          countsOf(wanted, facet),
        )
      }
      if (each.sort !== undefined || each.text === undefined)
        expect(hashes).toEqual(sorted(wanted, each.sort ?? 'newest'))
      else expect(found.map(({ score }) => score)).toEqual(found.map(({ score }) => score).sort((a, b) => b - a))
      const page = storage.query(({ search }) => search.search({ ...each, offset: 1, limit: 2 }, () => ''))
      expect(page.found.map(({ row }) => row.hash)).toEqual(hashes.slice(1, 3))
      for (const { row, highlights } of found) {
        const doc = docs.find(({ hash }) => hash === row.hash)!
        const sources = [doc.body, doc.name ?? '', [...doc.tags].sort().join(' ')]
        for (const piece of highlights) {
          expect(piece).toMatch(/«[^«»]+»/)
          const plain = piece.replace(/^…|…$/g, '').replaceAll(/[«»]/g, '')
          expect(
            sources.some((source) => source.includes(plain)),
            piece,
          ).toBe(true)
          seen.highlighted++
        }
      }
      seen.found += found.length
    }
  }

  async function step(made: Op): Promise<void> {
    const which = 'which' in made ? docs[made.which % Math.max(1, docs.length)] : undefined
    switch (made.kind) {
      case 'put': {
        const { kind: _, producer, body, ...rest } = made
        const input = resolveInput({ content: bytes(body), ...rest, ...(producer && { createdBy: producer }) }, 1e6)
        const at = origin()
        const { hash, sizeBytes } = putAll(storage, [preparePut(input)], at)[0]!
        let doc = docs.find((each) => each.hash === hash)
        if (doc === undefined) {
          doc = {
            hash,
            body,
            sizeBytes,
            contentType: made.contentType,
            createdAt: at.now,
            name: made.name,
            tags: new Set(),
            producers: [],
            custom: {},
            plan: null,
          }
          docs.push(doc)
        } else if (doc.contentType === 'application/octet-stream' && made.contentType !== doc.contentType) {
          docs[docs.indexOf(doc)] = doc = { ...doc, contentType: made.contentType }
        }
        doc.name ??= made.name
        for (const each of made.tags ?? []) doc.tags.add(each)
        if (producer !== undefined) doc.producers.push(producer)
        doc.custom = { ...doc.custom, ...made.custom }
        doc.plan = null
        return
      }
      case 'tag':
        if (which === undefined) return
        storage.write({
          t: 'tag',
          hash: which.hash,
          add: made.add ? [made.tag] : [],
          remove: made.add ? [] : [made.tag],
        })
        return void (made.add ? which.tags.add(made.tag) : which.tags.delete(made.tag))
      case 'trash':
        if (which === undefined || which.plan !== null) return
        which.plan = `plan ${++now}`
        return void trash(storage, [which.hash], which.plan, now)
      case 'restore': {
        const plan = which?.plan
        if (plan === undefined || plan === null) return
        restore(storage, plan, origin())
        return docs.filter((doc) => doc.plan === plan).forEach((doc) => (doc.plan = null))
      }
      case 'purge':
        await purge(storage, Infinity, { pause: () => Promise.resolve(), stopping: new AbortController().signal })
        return void docs.splice(0, docs.length, ...docs.filter(({ plan }) => plan === null))
      case 'work':
        return void storage.maintain(made.units)
      case 'search':
        return check()
      case 'reopen':
        await storage.close()
        storage = open()
        return
      case 'forget':
        // As after a crash: what the index did not commit is gone, the log is not.
        return storage.release()
      case 'rebuild':
        await storage.close()
        for (const suffix of ['', '-wal', '-shm']) rmSync(join(dir, `index.sqlite${suffix}`), { force: true })
        storage = open()
    }
  }

  try {
    for (const [i, made] of ops.entries()) {
      await step(made)
      if (i % 3 === 0) await storage.durable()
    }
    check()
    return seen
  } finally {
    await storage.close()
  }
}

/** More histories than usual: `PIT_RUNS=2000`. */
const RUNS = process.env.PIT_RUNS === undefined ? null : Number(process.env.PIT_RUNS)

test(
  'finds what a scan of everything finds, after any history',
  async () => {
    const seed = Number(process.env.PIT_SEED ?? Date.now() % 2 ** 31)
    const total: Seen = { found: 0, highlighted: 0 }
    await fc.assert(
      fc.asyncProperty(
        fc.array(op, { minLength: 10, maxLength: 60, size: 'max' }),
        fc.array(query, { minLength: 4, maxLength: 4 }),
        async (ops, queries) => {
          const seen = await play(ops, [...queries, ...ALWAYS])
          total.found += seen.found
          total.highlighted += seen.highlighted
        },
      ),
      // A counterexample is told while there is time, however far it is from its smallest form.
      RUNS === null
        ? { seed, numRuns: 25, interruptAfterTimeLimit: 40_000, markInterruptAsFailure: true }
        : { seed, numRuns: RUNS },
    )
    expect(total.found).toBeGreaterThan(200)
    expect(total.highlighted).toBeGreaterThan(50)
  },
  60_000 + (RUNS ?? 0) * 10_000,
)
