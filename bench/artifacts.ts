/**
 * Durable put and verified get of the Artifact Store by size, seen by the asker (message encoding included, threads not),
 * beside the floor (append to a file + fdatasync, read + SHA-256), SQLite blobs (WAL, synchronous FULL) and cacache (which
 * syncs nothing), interleaved in one run; then streams, puts beside packing, and how long a store of many objects takes to
 * open. Read the ratios: a durable write costs what the disk's sync costs.
 */
import cacache from 'cacache'
import { createHash, randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { artifactStore, artifactStoreActor, type ContentHash } from '../actors/artifact-store/index.ts'
import { startInProcess } from '../runtime/testing/in-process-system.ts'
import { machineLine, type BenchSize } from './machine.ts'
import { printTargets, type Target } from './runtime/rounds.ts'
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
const KIB = 1024
const MIB = 1024 * 1024
const STORE = 'artifact store'
const FLOOR = 'append+fdatasync'
/** Items per contender before the next one has its turn. */
const SLICE = 10

const sha256 = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex')

export async function run(size: BenchSize): Promise<readonly ArtifactFigure[]> {
  const dir = fs.mkdtempSync(join(tmpdir(), 'pit-bench-artifacts-'))
  const contenders = [
    await storeContender(join(dir, 'store')),
    appendContender(join(dir, 'append')),
    sqliteContender(join(dir, 'blobs')),
    cacacheContender(join(dir, 'cacache')),
  ]
  const figures: ArtifactFigure[] = []
  console.log('size      contender          put p50   p99      get p50   p99      in a group   (ms; × the floor)')
  try {
    for (const { sizeBytes, counts, group } of SIZES) {
      const measured = await measure(contenders, sizeBytes, counts[size], group)
      const floor = measured.find(({ contender }) => contender === FLOOR)!
      for (const figure of measured) print(figure, floor)
      figures.push(...measured)
    }
    const more = [
      ...(await measureStream(join(dir, 'stream'), size)),
      ...(await measureBesidePacking(join(dir, 'packing'), size)),
      await measureOpening(join(dir, 'opening'), size),
    ]
    printTargets([...targetsOf(figures), ...more])
  } finally {
    for (const contender of contenders) await contender.close()
    fs.rmSync(dir, { recursive: true, force: true })
  }
  return figures
}

/** Where a processor's SHA-256 and a disk's sync decide, the target is a ratio to them: milliseconds are of one machine. */
function targetsOf(figures: readonly ArtifactFigure[]): readonly Target[] {
  const of = (contender: string, kib: number): ArtifactFigure =>
    figures.find((figure) => figure.contender === contender && figure.sizeBytes === kib * KIB)!
  const [small, middle, large] = [of(STORE, 1), of(STORE, 64), of(STORE, 1024)]
  const floor = of(FLOOR, 1024)
  const peer = of('cacache', 1)
  return [
    { what: 'put of 1 KiB, p99', ratio: small.putP99Ms, unit: ' ms', atMost: 5 },
    { what: 'put of 64 KiB, p99', ratio: middle.putP99Ms, unit: ' ms', atMost: 5 },
    { what: 'get of 1 KiB, p99', ratio: small.getP99Ms, unit: ' ms', atMost: 2 },
    { what: 'get of 64 KiB, p99', ratio: middle.getP99Ms, unit: ' ms', atMost: 2 },
    { what: 'put of 1 MiB, p50 / append + fdatasync + SHA-256', ratio: large.putP50Ms / floor.putP50Ms, atMost: 2.3 },
    { what: 'get of 1 MiB, p50 / read + SHA-256', ratio: large.getP50Ms / floor.getP50Ms, atMost: 2 },
    { what: 'puts of 1 KiB at once, cacache / store', ratio: peer.groupMs / small.groupMs, atLeast: 15 },
    { what: 'put of 1 KiB, cacache / store', ratio: peer.putP50Ms / small.putP50Ms },
    { what: 'get of 1 KiB, cacache / store', ratio: peer.getP50Ms / small.getP50Ms },
  ]
}

/** One artifact in parts of 1 MiB, in and out. */
async function measureStream(dataDir: string, size: BenchSize): Promise<readonly Target[]> {
  const system = await startInProcess({ actors: [[artifactStoreActor, { dataDir }]] })
  const { ask } = system.ref(artifactStore)
  const parts = Array.from({ length: size === 'smoke' ? 4 : 256 }, () => randomBytes(MIB))
  const { uploadId } = await ask.beginUpload({})
  let hash: ContentHash | undefined
  const inMs = await timed(async () => {
    for (const [part, content] of parts.entries()) await ask.appendUpload({ uploadId, offset: part * MIB, content })
    ;({ hash } = await ask.commitUpload({ uploadId }))
  })
  const outMs = await timed(async () => {
    for (const part of parts.keys()) {
      const read = await ask.read({ hash: hash!, offset: part * MIB, length: MIB })
      if (read?.content.length !== MIB) throw new Error('the store returned something else')
    }
  })
  await system.close()
  const hashMs = await timed(() => parts.forEach(sha256))
  const rate = (ms: number): string => `${Math.round(parts.length / (ms / 1000))} MiB/s`
  console.log(`stream in ${rate(inMs)}, out ${rate(outMs)}, SHA-256 of the same alone ${rate(hashMs)}`)
  return [
    { what: 'stream in / SHA-256 alone', ratio: hashMs / inMs, atLeast: 0.18 },
    { what: 'stream out / SHA-256 alone', ratio: hashMs / outMs, atLeast: 0.31 },
  ]
}

/** Small puts while versions of a text are packed in the background, and before. */
async function measureBesidePacking(dataDir: string, size: BenchSize): Promise<readonly Target[]> {
  const system = await startInProcess({ actors: [[artifactStoreActor, { dataDir, packAfterMs: 'never' }]] })
  const { ask } = system.ref(artifactStore)
  const lines = Array.from({ length: 400 }, () => `${randomBytes(24).toString('hex')} and more of the same`)
  for (let version = 0; version < (size === 'smoke' ? 20 : 1500); version++) {
    lines[version % lines.length] = `version ${version}`
    await ask.put({ content: Buffer.from(lines.join('\n')), contentType: 'text/plain' })
  }
  const put = (): Promise<number> => timed(() => ask.put({ content: randomBytes(KIB) }))
  const alone: number[] = []
  for (let count = 0; count < (size === 'smoke' ? 20 : 500); count++) alone.push(await put())
  const packing = { done: false }
  const packed = ask.compact({}, { deadlineMs: Infinity }).finally(() => (packing.done = true))
  const beside: number[] = []
  while (!packing.done) beside.push(await put())
  if ((await packed).packed === 0) throw new Error('nothing was packed')
  await system.close()
  return [
    { what: 'put of 1 KiB alone, p99', ratio: quantile(alone, 0.99), unit: ' ms', atMost: 5 },
    {
      what: `put of 1 KiB beside packing, p99 of ${beside.length}`,
      ratio: quantile(beside, 0.99),
      unit: ' ms',
      atMost: 5,
    },
  ]
}

async function measureOpening(dataDir: string, size: BenchSize): Promise<Target> {
  const objects = size === 'smoke' ? 200 : 100_000
  const open = () => startInProcess({ actors: [[artifactStoreActor, { dataDir, packAfterMs: 'never' }]] })
  const first = await open()
  const { ask } = first.ref(artifactStore)
  const batch = Math.min(objects, 1000)
  for (let made = 0; made < objects; made += batch) {
    const items = Array.from({ length: batch }, (_, item) => ({ content: Buffer.from(`object ${made + item}`) }))
    await ask.putMany({ items }, { deadlineMs: 120_000 })
  }
  await first.close()
  const ms: number[] = []
  for (let times = 0; times < 3; times++) {
    const from = performance.now()
    const system = await open()
    const { artifacts } = await system.ref(artifactStore).ask.stats({})
    if (artifacts !== objects) throw new Error(`${artifacts} of ${objects} objects are there`)
    ms.push(performance.now() - from)
    await system.close()
  }
  return {
    what: `open with ${objects.toLocaleString('en')} objects`,
    ratio: quantile(ms, 0.5),
    unit: ' ms',
    atMost: 200,
  }
}

async function measure(
  contenders: readonly Contender[],
  sizeBytes: number,
  count: number,
  group: number,
): Promise<ArtifactFigure[]> {
  const settle = diskSettler(join(tmpdir(), `pit-bench-sync-${process.pid}`))
  const samples = contenders.map(() => ({ put: [] as number[], get: [] as number[], group: [] as number[] }))
  for (let from = 0; from < count; from += SLICE) {
    const contents = Array.from({ length: Math.min(SLICE, count - from) }, () => randomBytes(sizeBytes))
    const together = Array.from({ length: group }, () => randomBytes(sizeBytes))
    for (const [i, contender] of contenders.entries()) {
      // What the one before has left unsynced is not the next one's to pay.
      settle()
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

/** A synced write: the disk has caught up with everybody when it returns. */
function diskSettler(path: string): () => void {
  return () => {
    fs.writeFileSync(path, '.', { flush: true })
    fs.rmSync(path)
  }
}

async function storeContender(dataDir: string): Promise<Contender> {
  const system = await startInProcess({ actors: [[artifactStoreActor, { dataDir }]] })
  const { ask } = system.ref(artifactStore)
  return {
    name: STORE,
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
    name: FLOOR,
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

function cacacheContender(path: string): Contender {
  const keys = new Map<string, string>()
  async function put(content: Uint8Array): Promise<void> {
    keys.set(sha256(content), await cacache.put(path, sha256(content), Buffer.from(content)))
  }
  return {
    name: 'cacache',
    put,
    get: (hash) => cacache.get.byDigest(path, keys.get(hash)!),
    putTogether: (contents) => Promise.all(contents.map(put)),
    close: () => {},
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
