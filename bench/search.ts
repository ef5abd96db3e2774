/**
 * Search over many documents, by class of query, each beside its target. Latency is at the asker, highlights and metadata of
 * the hits included; beside it stands the CPU time of the thread, which other programs on the machine do not stretch as much.
 * Up to 100,000 documents SQLite's FTS5 answers the same in the same run, and has to find as many.
 *
 * `npm run bench -- search`: 100,000 documents and then 1,000,000. `node bench/search.ts --documents 300000 --dir /tmp/there`
 * another size, in a directory that is kept: what is in it already is not built again.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { parseArgs } from 'node:util'
import { artifactStore, artifactStoreActor, type ArtifactStoreProtocol } from '../actors/artifact-store/index.ts'
import { seededRandom, type ActorRef } from '../runtime/index.ts'
import { startInProcess } from '../runtime/testing/in-process-system.ts'
import { machineLine, type BenchSize } from './machine.ts'
import { createCorpus, itemOf, type Corpus, type Document } from './search/corpus.ts'
import { createFts5, type Fts5 } from './search/fts5.ts'
import { queryClasses, type QueryClass } from './search/queries.ts'
import { measureTurns } from './search/turns.ts'
import { quantile, timed } from './timing.ts'

export interface SearchFigure {
  readonly queryClass: string
  readonly p50Ms: number
  readonly p99Ms: number
  /** Of the thread, in the mean: its clock is too coarse for one query. */
  readonly cpuMs: number
  readonly fts5P50Ms: number | null
  readonly fts5P99Ms: number | null
}

export interface SearchOptions {
  readonly documents: number
  /** Queries of each class. */
  readonly rounds: number
  /** Kept, and used again. @default a temporary one */
  readonly dir?: string
}

const SIZES: Readonly<Record<BenchSize, readonly SearchOptions[]>> = {
  smoke: [{ documents: 1_200, rounds: 2 }],
  full: [
    { documents: 100_000, rounds: 200 },
    { documents: 1_000_000, rounds: 200 },
  ],
}
const FTS5_DOCUMENTS_MAX = 100_000
const FTS5_ROUNDS = 30
const BATCH = 500
const SEED = 7

export async function run(size: BenchSize): Promise<readonly SearchFigure[]> {
  const figures: SearchFigure[] = []
  for (const options of SIZES[size]) figures.push(...(await measure(options)))
  await measureTurns(size === 'full' ? 100_000 : 300)
  return figures
}

async function measure(options: SearchOptions): Promise<readonly SearchFigure[]> {
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), 'pit-bench-search-'))
  mkdirSync(dir, { recursive: true })
  try {
    return await measureIn(dir, options)
  } finally {
    if (options.dir === undefined) rmSync(dir, { recursive: true, force: true })
  }
}

/** p99 at most, in ms. */
export function targetMs(documents: number): number {
  return documents <= 100_000 ? 10 : 50
}

async function measureIn(dir: string, { documents, rounds }: SearchOptions): Promise<readonly SearchFigure[]> {
  const corpus = createCorpus(seededRandom(SEED))
  const dataDir = join(dir, 'store')
  const isBuilt = existsSync(dataDir)
  using fts5 = documents <= FTS5_DOCUMENTS_MAX && !isBuilt ? disposable(createFts5(join(dir, 'fts5'))) : null
  const texts = await build(corpus, { dataDir, documents, fts5, isBuilt })
  console.log(
    `${documents} documents, ${rounds} queries of each class; ms at the asker, CPU time of the thread, and FTS5`,
  )
  const before = memory()
  const from = performance.now()
  const system = await startInProcess({ actors: [[artifactStoreActor, { dataDir }]] })
  try {
    const { ask } = system.ref(artifactStore)
    const openMs = performance.now() - from
    const firstMs = await timed(() => ask.search({ text: corpus.words[5]!, limit: 1 }))
    const rest = `first search ${firstMs.toFixed(0)} ms (it loads the columns)`
    console.log(`open ${openMs.toFixed(0)} ms, ${rest}`)
    console.log('class                            p50      p99 CPU mean     FTS5 p50     p99   target p99')
    const figures: SearchFigure[] = []
    for (const queryClass of queryClasses(corpus, { texts, documents })) {
      const figure = await measureClass(queryClass, { ask, fts5, rounds })
      figures.push(figure)
      print(figure, targetMs(documents))
    }
    const after = memory()
    const perDocument = (key: keyof typeof before): string => ((after[key] - before[key]) / documents).toFixed(0)
    console.log(
      `memory per document: ${perDocument('arrays')} bytes of arrays, ${perDocument('heap')} of heap; RSS ${(after.rss / 2 ** 20).toFixed(0)} MiB`,
    )
    return figures
  } finally {
    await system.close()
    printSizes(join(dataDir, 'artifacts', 'index.sqlite'), documents)
  }
}

/** Returns the texts of some documents. */
async function build(
  corpus: Corpus,
  where: { dataDir: string; documents: number; fts5: Fts5 | null; isBuilt: boolean },
): Promise<readonly string[]> {
  const { dataDir, documents, fts5, isBuilt } = where
  const texts: string[] = []
  if (isBuilt) return Array.from({ length: 1000 }, () => corpus.text())
  const system = await startInProcess({ actors: [[artifactStoreActor, { dataDir }]] })
  const { ask } = system.ref(artifactStore)
  let ms = 0
  let cpuMs = 0
  for (let from = 0; from < documents; from += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, documents - from) }, (_, i): Document => ({
      id: from + i,
      text: corpus.text(),
    }))
    if (texts.length < 1000) texts.push(...batch.map(({ text }) => text))
    const items = batch.map(itemOf)
    const cpu = process.threadCpuUsage()
    ms += await timed(() => ask.putMany({ items }, { deadlineMs: 600_000 }))
    cpuMs += cpuMsSince(cpu)
    fts5?.put(batch)
  }
  const quietMs = await timed(() => untilQuiet(join(dataDir, 'artifacts', 'index.sqlite')))
  await system.close()
  console.log(
    `${documents} documents put, 500 at once: ${(ms / documents).toFixed(3)} ms each (CPU ${(cpuMs / documents).toFixed(3)}), ` +
      `merged after ${(quietMs / 1000).toFixed(0)} s more; RSS at most ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB`,
  )
  return texts.slice(0, 1000)
}

/** Until the store's background has nothing to do: it works no more, and no segment is half written or to be cleared. */
async function untilQuiet(path: string): Promise<void> {
  using db = new DatabaseSync(path, { readOnly: true })
  const garbage = db.prepare('SELECT count(*) AS segments FROM searchGarbage')
  for (let quiet = 0; quiet < 5;) {
    const cpu = process.threadCpuUsage()
    await new Promise((resolve) => setTimeout(resolve, 100))
    const { segments } = garbage.get() as { segments: number }
    quiet = cpuMsSince(cpu) < 10 && segments === 0 ? quiet + 1 : 0
  }
}

type Ask = ActorRef<ArtifactStoreProtocol>['ask']

async function measureClass(
  { name, query, match }: QueryClass,
  { ask, fts5, rounds }: { readonly ask: Ask; readonly fts5: Fts5 | null; readonly rounds: number },
): Promise<SearchFigure> {
  const ours: number[] = []
  let cpuMs = 0
  const theirs: number[] = []
  for (let n = 0; n < rounds; n++) {
    let total = 0
    const cpu = process.threadCpuUsage()
    ours.push(await timed(async () => (total = (await ask.search(query(n))).total)))
    cpuMs += cpuMsSince(cpu)
    if (match === null || fts5 === null || n >= FTS5_ROUNDS) continue
    theirs.push(
      await timed(() => {
        const count = fts5.search(match(n))
        // FTS5 takes the stem of a prefix, so `bis*` finds all that begins with `bi`.
        if (count !== total && !name.includes('prefix'))
          throw new Error(`${name} ${n}: ${total} found, FTS5 says ${count}`)
      }),
    )
  }
  return {
    queryClass: name,
    p50Ms: quantile(ours, 0.5),
    p99Ms: quantile(ours, 0.99),
    cpuMs: cpuMs / rounds,
    fts5P50Ms: theirs.length > 0 ? quantile(theirs, 0.5) : null,
    fts5P99Ms: theirs.length > 0 ? quantile(theirs, 0.99) : null,
  }
}

function cpuMsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / 1000
}

function memory() {
  globalThis.gc?.()
  const { arrayBuffers, heapUsed, rss } = process.memoryUsage()
  return { arrays: arrayBuffers, heap: heapUsed, rss }
}

function disposable(fts5: Fts5): Fts5 & Disposable {
  return { ...fts5, [Symbol.dispose]: () => fts5.close() }
}

function print(figure: SearchFigure, target: number): void {
  const ms = (value: number | null): string => (value === null ? '–' : value.toFixed(2)).padStart(9)
  const { queryClass, p50Ms, p99Ms, cpuMs, fts5P50Ms, fts5P99Ms } = figure
  const own = [p50Ms, p99Ms, cpuMs].map(ms).join('')
  const peer = [fts5P50Ms, fts5P99Ms].map(ms).join('')
  console.log(`${queryClass.padEnd(27)}${own}   ${peer}   < ${target} ${p99Ms < target ? 'met' : 'MISSED'}`)
}

/** Of the search index in the file, by what it is for. */
function printSizes(path: string, documents: number): void {
  using db = new DatabaseSync(path, { readOnly: true })
  const rows = db.prepare('SELECT name, pgsize AS bytes FROM dbstat WHERE aggregate = TRUE').all() as unknown as {
    name: string
    bytes: number
  }[]
  const sum = (wanted: (name: string) => boolean): string =>
    (rows.reduce((all, { name, bytes }) => all + (wanted(name) ? bytes : 0), 0) / documents).toFixed(0)
  const lists = sum((name) => name.startsWith('searchPages') || name.startsWith('searchLists'))
  const excerpts = sum((name) => name.startsWith('searchExcerpts'))
  const other = sum((name) => name.startsWith('search') && !/Pages|Lists|Excerpts/.test(name))
  console.log(
    `on the disk per document: ${lists} bytes of lists, ${excerpts} of excerpts, ${other} of columns and the rest; ` +
      `metadata of the artifacts ${sum((name) => !name.startsWith('search'))}`,
  )
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      smoke: { type: 'boolean', default: false },
      documents: { type: 'string' },
      rounds: { type: 'string', default: '200' },
      dir: { type: 'string' },
    },
  })
  console.log(machineLine())
  if (values.documents === undefined) await run(values.smoke ? 'smoke' : 'full')
  else {
    const dir = values.dir === undefined ? {} : { dir: values.dir }
    await measure({ documents: Number(values.documents), rounds: Number(values.rounds), ...dir })
  }
}
