/** Streams of artifact versions: the history of a git repository, or made up (seeded) ones; and git's own size of them. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { seededRandom, type Random } from '../runtime/index.ts'

export interface Version {
  readonly path: string
  readonly content: Uint8Array
}

const BUFFER_BYTES_MAX = 2 ** 31 - 1

const git = (repo: string, args: readonly string[], input?: Uint8Array): Buffer =>
  execFileSync('git', ['-C', repo, ...args], {
    maxBuffer: BUFFER_BYTES_MAX,
    ...(input === undefined ? {} : { input }),
    stdio: ['pipe', 'pipe', 'ignore'],
  })

/** Every file of every commit that changed it, in the order of the commits; null when `repo` has no history here. */
export function gitStream(repo: string): readonly Version[] | null {
  let log: string
  try {
    log = git(repo, [
      'log',
      '--all',
      '--reverse',
      '--no-merges',
      '--raw',
      '--no-abbrev',
      '--no-renames',
      '--format=',
    ]).toString()
  } catch {
    return null
  }
  const puts = [...log.matchAll(/^:\d+ 100\d+ [0-9a-f]+ ([0-9a-f]+) [AM]\t(.*)$/gm)].map(([, id, path]) => ({
    id: id!,
    path: path!,
  }))
  const batch = git(repo, ['cat-file', '--batch'], Buffer.from(puts.map(({ id }) => `${id}\n`).join('')))
  let at = 0
  return puts.map(({ path }) => {
    const lineEnd = batch.indexOf('\n', at)
    const sizeBytes = Number(batch.toString('latin1', at, lineEnd).split(' ')[2])
    const content = batch.subarray(lineEnd + 1, lineEnd + 1 + sizeBytes)
    at = lineEnd + 1 + sizeBytes + 1
    return { path, content }
  })
}

/** Documents, JSON and binaries that change a little from version to version. */
export function madeUpStream(seed: number, versions: number): readonly Version[] {
  const random = seededRandom(seed)
  const words = Array.from({ length: 500 }, () => word(random))
  const text = Array.from({ length: 300 }, () => sentence(random, words))
  const records = Array.from({ length: 150 }, (_, id) => record(random, words, id))
  const binary = Buffer.from(Array.from({ length: 40_000 }, () => upTo(random, 256)))
  const made: Version[] = []
  for (let version = 0; version < versions; version++) {
    for (let edits = 1 + upTo(random, 4); edits > 0; edits--) {
      text[upTo(random, text.length)] = sentence(random, words)
      Object.assign(records[upTo(random, records.length)]!, {
        size: upTo(random, 1e6),
        updated: 1.6e12 + version * 3600,
      })
    }
    if (version % 10 === 0) records.unshift(record(random, words, 1000 + version))
    made.push({ path: 'report.md', content: Buffer.from(text.join('\n')) })
    made.push({ path: 'records.json', content: Buffer.from(JSON.stringify(records, null, 1)) })
    if (version % 8 === 0) {
      binary[upTo(random, binary.length)] = upTo(random, 256)
      made.push({ path: 'weights.bin', content: Buffer.from(binary) })
    }
  }
  return made
}

const upTo = (random: Random, n: number): number => Math.floor(random.next() * n)

function word(random: Random): string {
  return Array.from({ length: 3 + upTo(random, 8) }, () => String.fromCharCode(97 + upTo(random, 26))).join('')
}

function sentence(random: Random, words: readonly string[]): string {
  // Squared: some words are common, as in a language.
  return Array.from({ length: 8 + upTo(random, 12) }, () => words[Math.floor(random.next() ** 2 * words.length)]!).join(
    ' ',
  )
}

function record(random: Random, words: readonly string[], id: number): Record<string, unknown> {
  const [name, place, note] = [1, 2, 3].map(() => sentence(random, words))
  return { id, name, place, note, size: upTo(random, 1e6), share: random.next(), updated: 1.6e12 }
}

export interface GitSizes {
  /** `git repack -ad`: what git stores by itself. */
  readonly packedBytes: number
  /** `git repack -adf --window=50 --depth=50`: what it can do. */
  readonly hardBytes: number
  /** The contents alone in the latter, without commits and trees. */
  readonly hardBlobBytes: number
}

/** What git makes of the stream in a repository of its own, one commit per version. */
export function gitSizes(versions: readonly Version[]): GitSizes {
  const repo = mkdtempSync(join(tmpdir(), 'pit-bench-git-'))
  try {
    git(repo, ['init', '-q', '--bare'])
    git(repo, ['fast-import', '--quiet'], Buffer.concat(versions.flatMap(commitOf)))
    git(repo, ['repack', '-adq'])
    const packedBytes = packBytes(repo)
    git(repo, ['repack', '-adfq', '--window=50', '--depth=50'])
    const objects = git(repo, ['cat-file', '--batch-all-objects', '--batch-check=%(objecttype) %(objectsize:disk)'])
    const blobs = [...objects.toString().matchAll(/^blob (\d+)$/gm)]
    const hardBlobBytes = blobs.reduce((sum, [, bytes]) => sum + Number(bytes), 0)
    return { packedBytes, hardBytes: packBytes(repo), hardBlobBytes }
  } finally {
    rmSync(repo, { recursive: true, force: true })
  }
}

function commitOf({ path, content }: Version, index: number): Uint8Array[] {
  const mark = index + 1
  return [
    Buffer.from(`blob\nmark :${mark}\ndata ${content.length}\n`),
    content,
    Buffer.from(
      `\ncommit refs/heads/main\ncommitter b <b@b> ${1_600_000_000 + index} +0000\ndata 1\nv\nM 100644 :${mark} ${JSON.stringify(path)}\n\n`,
    ),
  ]
}

/** Packs and their indexes. */
function packBytes(repo: string): number {
  const counted = git(repo, ['count-objects', '-v']).toString()
  return Number(/size-pack: (\d+)/.exec(counted)![1]) * 1024
}

const TYPES: Readonly<Record<string, string>> = {
  '.md': 'text/markdown',
  '.json': 'application/json',
  '.ts': 'text/typescript',
  '.js': 'text/javascript',
  '.py': 'text/x-python',
  '.yaml': 'application/yaml',
}

export function typeOf(path: string): string {
  return TYPES[extname(path)] ?? 'application/octet-stream'
}
