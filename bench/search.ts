/**
 * Search over many documents, by class of query: the store's own index, and beside it SQLite's FTS5 on the same documents in
 * the same run (as a user would ask it: the best 20 by BM25 and the count). Documents have 46 words of a Zipf vocabulary; seeded.
 * Latency is at the asker, highlights and metadata of the hits included. `--documents 1000000` for another size.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { parseArgs } from 'node:util'
import { artifactStore, artifactStoreActor, type ArtifactQuery } from '../actors/artifact-store/index.ts'
import { seededRandom, type Random } from '../runtime/index.ts'
import { startInProcess } from '../runtime/testing/in-process-system.ts'
import { machineLine, type BenchSize } from './machine.ts'
import { quantile, timed } from './timing.ts'

export interface SearchFigure {
  readonly queryClass: string
  readonly p50Ms: number
  readonly p99Ms: number
  readonly fts5P50Ms: number | null
  readonly fts5P99Ms: number | null
}

const DOCUMENTS: Readonly<Record<BenchSize, number>> = { smoke: 2_000, full: 100_000 }
const ROUNDS: Readonly<Record<BenchSize, number>> = { smoke: 3, full: 200 }
const BATCH = 500
const WORDS_PER_DOCUMENT = 46
const SEED = 7

interface Corpus {
  readonly words: readonly string[]
  /** A word by its probability. */
  any(): string
  /** The text of a document. */
  text(): string
}

/** Word `i` comes with probability ~ 1 / (i + 1). */
export function createCorpus(random: Random, vocabulary: number): Corpus {
  const consonants = 'bdfgklmnprstvz'
  const vowels = 'aeiou'
  const words = Array.from({ length: vocabulary }, (_, i) => {
    let word = ''
    for (let rest = i + 90; rest > 0; rest = Math.floor(rest / 70)) {
      word += consonants[rest % 14]! + vowels[Math.floor(rest / 14) % 5]!
    }
    return `${word}k`
  })
  const sums = new Float64Array(vocabulary)
  let sum = 0
  for (let i = 0; i < vocabulary; i++) sums[i] = sum += 1 / (i + 1)
  const any = (): string => {
    const wanted = random.next() * sum
    let low = 0
    for (let high = vocabulary - 1; low < high;) {
      const middle = (low + high) >>> 1
      if (sums[middle]! < wanted) low = middle + 1
      else high = middle
    }
    return words[low]!
  }
  return { words, any, text: () => Array.from({ length: WORDS_PER_DOCUMENT }, any).join(' ') }
}

interface QueryClass {
  readonly name: string
  readonly query: (n: number) => ArtifactQuery
  /** The same for FTS5; null when it has nothing of the kind. */
  readonly match: ((n: number) => string) | null
}

export function queryClasses({ words }: Corpus, texts: readonly string[]): readonly QueryClass[] {
  const common = (n: number): string => words[n % 10]!
  const middle = (n: number): string => words[200 + ((n * 37) % 800)]!
  const rare = (n: number): string => words[Math.floor(words.length / 4) + ((n * 977) % Math.floor(words.length / 4))]!
  const phrase = (n: number): string =>
    texts[n % texts.length]!.split(' ')
      .slice(n % 20, (n % 20) + 2)
      .join(' ')
  const two = (operator: string) => (n: number) => `${common(n)} ${operator} ${common(n + 1)}`
  const text = (make: (n: number) => string, more: ArtifactQuery = {}) => ({
    query: (n: number) => ({ text: make(n), ...more }),
    match: Object.keys(more).length === 0 ? make : null,
  })
  const facets = ['tags', 'contentType', 'tenant', 'runId'] as const
  return [
    { name: 'rare word', ...text(rare) },
    { name: 'middling word', ...text(middle) },
    { name: 'common word', ...text(common) },
    { name: 'AND, common', ...text(two('AND')) },
    { name: 'OR, common', ...text(two('OR')) },
    { name: 'common NOT middling', ...text((n) => `${common(n)} NOT ${middle(n)}`) },
    { name: 'phrase of a document', ...text((n) => `"${phrase(n)}"`) },
    { name: 'phrase, common', ...text((n) => `"${common(n)} ${common(n + 1)}"`) },
    { name: 'prefix of 3', ...text((n) => `${middle(n).slice(0, 3)}*`) },
    { name: 'prefix of 1', ...text((n) => `${middle(n).slice(0, 1)}*`) },
    {
      name: 'filters only',
      query: (n) => ({ tags: [`tag-${n % 10}`], contentType: 'text/*', createdBy: { tenant: 't1' } }),
      match: null,
    },
    { name: 'common + filters', ...text(common, { tags: ['tag-3'], createdBy: { tenant: 't1' } }) },
    { name: '4 facets of everything', query: () => ({ facets, limit: 0 }), match: null },
    { name: 'common + 4 facets', ...text(common, { facets }) },
    { name: 'common, by size', ...text(common, { sort: 'largest' }) },
  ]
}

export async function run(size: BenchSize, documents: number = DOCUMENTS[size]): Promise<readonly SearchFigure[]> {
  const dir = mkdtempSync(join(tmpdir(), 'pit-bench-search-'))
  try {
    return await measureIn(dir, size, documents)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

async function measureIn(dir: string, size: BenchSize, documents: number): Promise<readonly SearchFigure[]> {
  const corpus = createCorpus(seededRandom(SEED), documents > 500_000 ? 200_000 : 50_000)
  const texts: string[] = []
  const dataDir = join(dir, 'store')
  const start = () => startInProcess({ actors: [[artifactStoreActor, { dataDir }]] })
  let system = await start()
  const fts5 = createFts5(join(dir, 'fts5'))
  const buildMs = { ours: 0, fts5: 0 }
  for (let from = 0; from < documents; from += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, documents - from) }, (_, i) => ({
      id: from + i,
      text: corpus.text(),
    }))
    if (texts.length < 1000) texts.push(...batch.map(({ text }) => text).slice(0, 10))
    buildMs.ours += await timed(() =>
      system.ref(artifactStore).ask.putMany({ items: batch.map(itemOf) }, { deadlineMs: 60_000 }),
    )
    buildMs.fts5 += await timed(() => fts5.put(batch))
  }
  // The background has its time.
  await new Promise((resolve) => setTimeout(resolve, Math.min(60_000, documents / 20)))
  await system.close()
  const openMs = await timed(async () => (system = await start()))
  const rssBefore = process.memoryUsage.rss()
  const { ask } = system.ref(artifactStore)
  const firstMs = await timed(() => ask.search({ text: corpus.words[5]! }))
  const figures: SearchFigure[] = []
  console.log(
    `${documents} documents; put ${(buildMs.ours / documents).toFixed(3)} ms each (500 at once; FTS5 alone ${(buildMs.fts5 / documents).toFixed(3)})`,
  )
  console.log('class                        p50      p99    FTS5 p50      p99   ms')
  for (const { name, query, match } of queryClasses(corpus, texts)) {
    const ours: number[] = []
    const theirs: number[] = []
    for (let n = 0; n < ROUNDS[size]; n++) {
      let total = 0
      ours.push(await timed(async () => (total = (await ask.search(query(n))).total)))
      if (match === null || n >= (size === 'full' ? 30 : ROUNDS[size])) continue
      theirs.push(
        await timed(() => {
          const count = fts5.search(match(n))
          // FTS5 takes the stem of a prefix, so `bis*` finds all that begins with `bi`.
          if (count !== total && !name.startsWith('prefix'))
            throw new Error(`${name} ${n}: ${total} found, FTS5 says ${count}`)
        }),
      )
    }
    const figure = {
      queryClass: name,
      p50Ms: quantile(ours, 0.5),
      p99Ms: quantile(ours, 0.99),
      fts5P50Ms: theirs.length > 0 ? quantile(theirs, 0.5) : null,
      fts5P99Ms: theirs.length > 0 ? quantile(theirs, 0.99) : null,
    }
    figures.push(figure)
    print(figure)
  }
  const rssMib = (process.memoryUsage.rss() - rssBefore) / 2 ** 20
  const index = statSync(join(dataDir, 'artifacts', 'index.sqlite')).size / 2 ** 20
  console.log(
    `open ${openMs.toFixed(0)} ms, first query ${firstMs.toFixed(0)} ms, RSS +${rssMib.toFixed(0)} MiB by all queries; index file (metadata included) ${index.toFixed(0)} MiB, FTS5 ${(statSync(join(dir, 'fts5')).size / 2 ** 20).toFixed(0)} MiB`,
  )
  await system.close()
  fts5.close()
  return figures
}

export function itemOf({ id, text }: { readonly id: number; readonly text: string }) {
  return {
    content: Buffer.from(`${text} ${id}`),
    contentType: id % 3 === 0 ? 'text/markdown' : 'text/plain',
    name: `document-${id}`,
    tags: [`tag-${id % 10}`, `group-${id % 97}`],
    createdBy: { tenant: `t${id % 5}`, runId: `run-${Math.floor(id / 20)}`, nodeId: `n${id % 12}` },
  }
}

function createFts5(path: string) {
  const db = new DatabaseSync(path)
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536;
    CREATE VIRTUAL TABLE texts USING fts5 (name, tags, body, tokenize = 'porter unicode61 remove_diacritics 2', prefix = '2 3')`)
  const insert = db.prepare('INSERT INTO texts (rowid, name, tags, body) VALUES (?, ?, ?, ?)')
  const best = db.prepare(
    `SELECT rowid, snippet(texts, -1, '«', '»', '…', 24) FROM texts WHERE texts MATCH ? ORDER BY bm25(texts, 8.0, 4.0, 1.0) LIMIT 20`,
  )
  const count = db.prepare('SELECT count(*) AS count FROM texts WHERE texts MATCH ?')
  return {
    put(batch: readonly { readonly id: number; readonly text: string }[]): void {
      db.exec('BEGIN')
      for (const { id, text } of batch)
        insert.run(id + 1, `document-${id}`, `tag-${id % 10} group-${id % 97}`, `${text} ${id}`)
      db.exec('COMMIT')
    },
    search(match: string): number {
      const quoted = match.replace(/(^| |")([a-z]+)\*/g, '$1"$2" *')
      best.all(quoted)
      return (count.get(quoted) as { count: number }).count
    },
    close: () => db.close(),
  }
}

function print({ queryClass, p50Ms, p99Ms, fts5P50Ms, fts5P99Ms }: SearchFigure): void {
  const ms = (value: number | null): string => (value === null ? '–' : value.toFixed(2)).padStart(9)
  console.log(`${queryClass.padEnd(24)}${ms(p50Ms)}${ms(p99Ms)}   ${ms(fts5P50Ms)}${ms(fts5P99Ms)}`)
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { smoke: { type: 'boolean', default: false }, documents: { type: 'string' } },
  })
  console.log(machineLine())
  await run(values.smoke ? 'smoke' : 'full', values.documents === undefined ? undefined : Number(values.documents))
}
