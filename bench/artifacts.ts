/**
 * Durable put and verified get of the Artifact Store by size, seen by the asker (message encoding included, threads not),
 * beside the floor (append to a file + fdatasync, read + SHA-256) and SQLite blobs (WAL, synchronous FULL), interleaved in
 * one run. Read the ratios: a durable write costs what the disk's sync costs.
 */
import { createHash, randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { artifactStore, artifactStoreActor } from '../actors/artifact-store/index.ts'
import { startInProcess } from '../runtime/testing/in-process-system.ts'
import { machineLine, type BenchSize } from './machine.ts'
import { quantile, timed } from './timing.ts'

interface Contender {
  readonly name: string
  put(content: Uint8Array): unknown
  get(hash: string): Promise<Uint8Array> | Uint8Array
  /** Puts all of them and waits once for all to be durable. */
  putTogether(contents: readonly Uint8Array[]): unknown
  close(): Promise<void> | void
}

export interface ArtifactFigure {
  readonly contender: string
  readonly sizeBytes: number
  readonly putP50Ms: number
  readonly putP99Ms: number
  readonly getP50Ms: number
  readonly getP99Ms: number
  /** Per item, of 64 at once (16 of 1 MiB). */
  readonly groupMs: number
}

const SIZES: readonly {
  readonly sizeBytes: number
  readonly counts: Readonly<Record<BenchSize, number>>
  readonly group: number
}[] = [
  { sizeBytes: 1024, counts: { smoke: 20, full: 1000 }, group: 64 },
  { sizeBytes: 64 * 1024, counts: { smoke: 10, full: 300 }, group: 64 },
  { sizeBytes: 1024 * 1024, counts: { smoke: 3, full: 60 }, group: 16 },
]
/** Items per contender before the next one has its turn. */
const SLICE = 10

const sha256 = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex')

export async function run(size: BenchSize): Promise<readonly ArtifactFigure[]> {
  const dir = fs.mkdtempSync(join(tmpdir(), 'pit-bench-artifacts-'))
  const contenders = [
    await storeContender(join(dir, 'store')),
    appendContender(join(dir, 'append')),
    sqliteContender(join(dir, 'blobs')),
  ]
  const figures: ArtifactFigure[] = []
  console.log('size      contender          put p50   p99      get p50   p99      in a group   (ms; × the floor)')
  try {
    for (const { sizeBytes, counts, group } of SIZES) {
      const measured = await measure(contenders, sizeBytes, counts[size], group)
      const floor = measured.find(({ contender }) => contender === 'append+fdatasync')!
      for (const figure of measured) print(figure, floor)
      figures.push(...measured)
    }
  } finally {
    for (const contender of contenders) await contender.close()
    fs.rmSync(dir, { recursive: true, force: true })
  }
  return figures
}

async function measure(
  contenders: readonly Contender[],
  sizeBytes: number,
  count: number,
  group: number,
): Promise<ArtifactFigure[]> {
  const samples = contenders.map(() => ({ put: [] as number[], get: [] as number[], group: [] as number[] }))
  for (let from = 0; from < count; from += SLICE) {
    const contents = Array.from({ length: Math.min(SLICE, count - from) }, () => randomBytes(sizeBytes))
    const together = Array.from({ length: group }, () => randomBytes(sizeBytes))
    for (const [i, contender] of contenders.entries()) {
      for (const content of contents) samples[i]!.put.push(await timed(() => contender.put(content)))
      for (const content of contents) {
        const hash = sha256(content)
        samples[i]!.get.push(
          await timed(async () => {
            const got = await contender.get(hash)
            if (got.length !== sizeBytes) throw new Error(`${contender.name} returned something else`)
          }),
        )
      }
      // The groups are costly for large contents: every tenth slice has one.
      if (from % (SLICE * 10) === 0)
        samples[i]!.group.push((await timed(() => contender.putTogether(together))) / group)
    }
  }
  return contenders.map(({ name }, i) => ({
    contender: name,
    sizeBytes,
    putP50Ms: quantile(samples[i]!.put, 0.5),
    putP99Ms: quantile(samples[i]!.put, 0.99),
    getP50Ms: quantile(samples[i]!.get, 0.5),
    getP99Ms: quantile(samples[i]!.get, 0.99),
    groupMs: quantile(samples[i]!.group, 0.5),
  }))
}

async function storeContender(dataDir: string): Promise<Contender> {
  const system = await startInProcess({ actors: [[artifactStoreActor, { dataDir }]] })
  const { ask } = system.ref(artifactStore)
  return {
    name: 'artifact store',
    put: (content) => ask.put({ content }),
    get: async (hash) => (await ask.get({ hash: hash as never }))!,
    putTogether: (contents) => Promise.all(contents.map((content) => ask.put({ content }))),
    close: () => system.close(),
  }
}

/** What any durable store has to pay: the bytes at the end of a file, one fdatasync, and a hash to verify by. */
function appendContender(path: string): Contender {
  const fd = fs.openSync(path, 'a+')
  const places = new Map<string, { readonly at: number; readonly length: number }>()
  let end = 0
  function append(content: Uint8Array): void {
    fs.writeSync(fd, content)
    places.set(sha256(content), { at: end, length: content.length })
    end += content.length
  }
  return {
    name: 'append+fdatasync',
    put(content) {
      append(content)
      fs.fdatasyncSync(fd)
    },
    get(hash) {
      const { at, length } = places.get(hash)!
      const content = Buffer.allocUnsafe(length)
      fs.readSync(fd, content, 0, length, at)
      if (sha256(content) !== hash) throw new Error('the file returned something else')
      return content
    },
    putTogether(contents) {
      for (const content of contents) append(content)
      fs.fdatasyncSync(fd)
    },
    close: () => fs.closeSync(fd),
  }
}

function sqliteContender(path: string): Contender {
  const db = new DatabaseSync(path)
  db.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE blobs (hash TEXT PRIMARY KEY, content BLOB)',
  )
  const insert = db.prepare('INSERT INTO blobs VALUES (?, ?)')
  const select = db.prepare('SELECT content FROM blobs WHERE hash = ?')
  return {
    name: 'node:sqlite blobs',
    put: (content) => insert.run(sha256(content), content),
    get(hash) {
      const { content } = select.get(hash) as { content: Uint8Array }
      if (sha256(content) !== hash) throw new Error('SQLite returned something else')
      return content
    },
    putTogether(contents) {
      db.exec('BEGIN')
      for (const content of contents) insert.run(sha256(content), content)
      db.exec('COMMIT')
    },
    close: () => db.close(),
  }
}

function print(figure: ArtifactFigure, floor: ArtifactFigure): void {
  const ms = (value: number): string => value.toFixed(3).padStart(8)
  const ratio = (key: 'putP50Ms' | 'getP50Ms' | 'groupMs'): string => `×${(figure[key] / floor[key]).toFixed(1)}`
  console.log(
    `${`${figure.sizeBytes / 1024} KiB`.padEnd(10)}${figure.contender.padEnd(18)}${ms(figure.putP50Ms)} ${ms(figure.putP99Ms)}  ` +
      `${ms(figure.getP50Ms)} ${ms(figure.getP99Ms)}  ${ms(figure.groupMs)}   ` +
      `put ${ratio('putP50Ms')} get ${ratio('getP50Ms')} group ${ratio('groupMs')}`,
  )
}

if (import.meta.main) {
  console.log(machineLine())
  await run(process.argv.includes('--smoke') ? 'smoke' : 'full')
}
