/**
 * What versions take on the disk: raw, each content once, in the Artifact Store after compaction, and in git. Streams: the
 * history of repositories (named as arguments or in `PIT_BENCH_REPO`, by default this one) and a made-up one. Everything is
 * read back and compared.
 */
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { artifactStore, artifactStoreActor, type ContentHash } from '../actors/artifact-store/index.ts'
import { startInProcess } from '../runtime/testing/in-process-system.ts'
import { machineLine, type BenchSize } from './machine.ts'
import { gitSizes, gitStream, madeUpStream, typeOf, type Version } from './version-stream.ts'

export interface PackingFigure {
  readonly stream: string
  readonly versions: number
  readonly rawBytes: number
  readonly uniqueBytes: number
  readonly storeBytes: number
  readonly gitPackedBytes: number
  readonly gitHardBytes: number
  readonly gitHardBlobBytes: number
  readonly compactMs: number
  readonly readP50Ms: number
  readonly readP99Ms: number
  /** Of all contents, in their order: that everything came back. */
  readonly resultHash: string
}

const SMOKE_VERSIONS_MAX = 60
const MADE_UP_VERSIONS = { smoke: 30, full: 600 }
const PUTS_TOGETHER = 64

export async function run(
  size: BenchSize,
  repos: readonly string[] = [process.env['PIT_BENCH_REPO'] ?? join(import.meta.dirname, '..')],
): Promise<readonly PackingFigure[]> {
  const streams: [string, readonly Version[]][] = []
  for (const repo of repos) {
    const history = gitStream(resolve(repo))
    if (history === null || history.length === 0) console.log(`no git history in ${resolve(repo)}`)
    else
      streams.push([
        `history of ${basename(resolve(repo))}`,
        size === 'smoke' ? history.slice(0, SMOKE_VERSIONS_MAX) : history,
      ])
  }
  streams.push(['made up', madeUpStream(1, MADE_UP_VERSIONS[size])])
  const figures: PackingFigure[] = []
  for (const [name, versions] of streams) {
    const figure = await measure(name, versions)
    print(figure)
    figures.push(figure)
  }
  return figures
}

async function measure(stream: string, versions: readonly Version[]): Promise<PackingFigure> {
  const dataDir = mkdtempSync(join(tmpdir(), 'pit-bench-packing-'))
  const config = { dataDir, packAfterMs: 'never' } as const
  const sum = (contents: Iterable<Version>): number =>
    [...contents].reduce((total, { content }) => total + content.length, 0)
  try {
    await using system = await startInProcess({ actors: [[artifactStoreActor, config]] })
    const store = system.ref(artifactStore).ask
    const byHash = new Map<ContentHash, Version>()
    for (let from = 0; from < versions.length; from += PUTS_TOGETHER) {
      const group = versions.slice(from, from + PUTS_TOGETHER)
      const items = group.map(({ path, content }) => ({ content, name: path, contentType: typeOf(path) }))
      const { results } = await store.putMany({ items })
      results.forEach(({ hash }, i) => byHash.set(hash, group[i]!))
    }
    const start = performance.now()
    await store.compact({}, { deadlineMs: Infinity })
    const compactMs = performance.now() - start
    const storeBytes = onDisk(join(dataDir, 'artifacts', 'log'))
    const { physicalBytes } = await store.stats({})
    if (physicalBytes !== storeBytes) throw new Error(`stats say ${physicalBytes} bytes, the disk ${storeBytes}`)
    const { timesMs, resultHash } = await readBack(store, byHash)
    const { packedBytes, hardBytes, hardBlobBytes } = gitSizes(versions)
    return {
      stream,
      versions: versions.length,
      rawBytes: sum(versions),
      uniqueBytes: sum(byHash.values()),
      storeBytes,
      gitPackedBytes: packedBytes,
      gitHardBytes: hardBytes,
      gitHardBlobBytes: hardBlobBytes,
      compactMs,
      readP50Ms: timesMs[Math.floor(timesMs.length / 2)]!,
      readP99Ms: timesMs[Math.floor(timesMs.length * 0.99)]!,
      resultHash,
    }
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
}

/** In an order that helps no cache. */
async function readBack(
  store: { get(arg: { readonly hash: ContentHash }): Promise<Uint8Array | null> },
  byHash: ReadonlyMap<ContentHash, Version>,
): Promise<{ readonly timesMs: readonly number[]; readonly resultHash: string }> {
  const all = createHash('sha256')
  const timesMs: number[] = []
  for (const hash of [...byHash.keys()].sort()) {
    const start = performance.now()
    const content = await store.get({ hash })
    timesMs.push(performance.now() - start)
    if (content === null || !Buffer.from(byHash.get(hash)!.content).equals(content))
      throw new Error(`${hash} came back wrong`)
    all.update(content)
  }
  return { timesMs: timesMs.sort((a, b) => a - b), resultHash: all.digest('hex').slice(0, 16) }
}

function onDisk(dir: string): number {
  return readdirSync(dir).reduce((total, name) => total + statSync(join(dir, name)).size, 0)
}

function print(figure: PackingFigure): void {
  const kib = (bytes: number): string => `${Math.round(bytes / 1024).toLocaleString('en')} KiB`.padStart(12)
  const saved = (bytes: number): string => `${((1 - bytes / figure.rawBytes) * 100).toFixed(1)} % saved`
  console.log(`${figure.stream}: ${figure.versions} versions, contents ${figure.resultHash}`)
  for (const [label, bytes] of [
    ['raw', figure.rawBytes],
    ['each content once', figure.uniqueBytes],
    ['git repack', figure.gitPackedBytes],
    ['git repack --window=50 -f', figure.gitHardBytes],
    ['  its contents alone', figure.gitHardBlobBytes],
    ['Artifact Store, compacted', figure.storeBytes],
  ] as const) {
    console.log(`  ${label.padEnd(28)}${kib(bytes)}  ${saved(bytes)}`)
  }
  const beside = (bytes: number): string => (figure.storeBytes / bytes).toFixed(2)
  console.log(`  store / git ${beside(figure.gitPackedBytes)} (≤ 1), / git hard ${beside(figure.gitHardBytes)} (≤ 1)`)
  console.log(
    `  compaction ${figure.compactMs.toFixed(0)} ms, reads p50 ${figure.readP50Ms.toFixed(2)} p99 ${figure.readP99Ms.toFixed(2)} ms`,
  )
}

if (import.meta.main) {
  console.log(machineLine())
  const repos = process.argv.slice(2).filter((arg) => !arg.startsWith('--'))
  await run(process.argv.includes('--smoke') ? 'smoke' : 'full', ...(repos.length === 0 ? [] : [repos]))
}
