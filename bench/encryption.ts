/**
 * What encryption at rest costs: put and get of an encrypted store beside one in clear, interleaved in one run; what opening a
 * store of many objects costs with the image of its index, without it, and in clear; and another key for all of them.
 */
import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  artifactStore,
  artifactStoreActor,
  type ContentHash,
  type EncryptionOptions,
} from '../actors/artifact-store/index.ts'
import type { ActorSystem } from '../runtime/index.ts'
import { startInProcess } from '../runtime/testing/in-process-system.ts'
import { machineLine, type BenchSize } from './machine.ts'
import { quantile, timed } from './timing.ts'

const SIZES: readonly { readonly sizeBytes: number; readonly counts: Readonly<Record<BenchSize, number>> }[] = [
  { sizeBytes: 1024, counts: { smoke: 20, full: 600 } },
  { sizeBytes: 64 * 1024, counts: { smoke: 10, full: 200 } },
  { sizeBytes: 1024 * 1024, counts: { smoke: 3, full: 40 } },
]
const OBJECTS: Readonly<Record<BenchSize, readonly number[]>> = { smoke: [200], full: [10_000, 100_000] }
const GROUP = 32
const SLICE = 10
const ROTATIONS = 5

interface Contender {
  readonly name: string
  readonly system: ActorSystem
}

export async function run(size: BenchSize): Promise<void> {
  const dir = fs.mkdtempSync(join(tmpdir(), 'pit-bench-encryption-'))
  try {
    await overhead(dir, size)
    for (const objects of OBJECTS[size]) await many(join(dir, String(objects)), objects)
  } finally {
    fs.rmSync(dir, { recursive: true, force: true })
  }
}

function keyFile(dir: string, name: string): { readonly file: string } {
  const file = join(dir, name)
  fs.writeFileSync(file, randomBytes(32))
  return { file }
}

/** The cache is off: content comes from the disk. */
function start(dataDir: string, encryption?: EncryptionOptions): Promise<ActorSystem> {
  const config = { dataDir, cacheBytes: 0, packAfterMs: 'never' as const }
  const sealing = encryption === undefined ? {} : { encryption }
  return startInProcess({ actors: [[artifactStoreActor, { ...config, ...sealing }]] })
}

async function overhead(dir: string, size: BenchSize): Promise<void> {
  const contenders: Contender[] = [
    { name: 'clear', system: await start(join(dir, 'clear')) },
    { name: 'encrypted', system: await start(join(dir, 'encrypted'), { key: keyFile(dir, 'key') }) },
  ]
  console.log('size      store       put p50   p99      get p50   p99      in a group of 32   (ms; × clear)')
  for (const { sizeBytes, counts } of SIZES) {
    const samples = contenders.map(() => ({ put: [] as number[], get: [] as number[], group: [] as number[] }))
    for (let from = 0; from < counts[size]; from += SLICE) {
      const contents = Array.from({ length: Math.min(SLICE, counts[size] - from) }, () => randomBytes(sizeBytes))
      const together = Array.from({ length: GROUP }, () => randomBytes(sizeBytes))
      for (const [i, { system }] of contenders.entries()) {
        const { ask } = system.ref(artifactStore)
        const hashes: ContentHash[] = []
        for (const content of contents) {
          samples[i]!.put.push(await timed(async () => void hashes.push((await ask.put({ content })).hash)))
        }
        for (const hash of hashes) {
          samples[i]!.get.push(
            await timed(async () => {
              if ((await ask.get({ hash }))?.length !== sizeBytes) throw new Error('another content came back')
            }),
          )
        }
        if (from % (SLICE * 5) > 0) continue
        const took = await timed(() => Promise.all(together.map((content) => ask.put({ content }))))
        samples[i]!.group.push(took / GROUP)
      }
    }
    const [clear] = samples
    for (const [i, { name }] of contenders.entries()) print(`${sizeBytes / 1024} KiB`, name, samples[i]!, clear!)
  }
  for (const { system } of contenders) await system.close()
}

type Samples = Readonly<Record<'put' | 'get' | 'group', readonly number[]>>

function print(size: string, name: string, samples: Samples, clear: Samples): void {
  const ms = (of: readonly number[], at: number): string =>
    quantile([...of], at)
      .toFixed(3)
      .padStart(8)
  const ratio = (what: keyof Samples): string =>
    `×${(quantile([...samples[what]], 0.5) / quantile([...clear[what]], 0.5)).toFixed(2)}`
  console.log(
    `${size.padEnd(10)}${name.padEnd(10)}${ms(samples.put, 0.5)} ${ms(samples.put, 0.99)}  ${ms(samples.get, 0.5)} ${ms(samples.get, 0.99)}  ` +
      `${ms(samples.group, 0.5)}   put ${ratio('put')} get ${ratio('get')} group ${ratio('group')}`,
  )
}

/** Opening with so many objects, and another key. */
async function many(dir: string, objects: number): Promise<void> {
  fs.mkdirSync(dir)
  const key = keyFile(dir, 'key')
  const [clear, sealed] = [join(dir, 'clear'), join(dir, 'sealed')]
  await fill(clear, objects)
  await fill(sealed, objects, { key })
  const image = fs.readdirSync(join(sealed, 'artifacts')).find((name) => name.endsWith('.sealed'))!
  const imageBytes = fs.statSync(join(sealed, 'artifacts', image)).size
  const inClear = await opening(clear, objects, { times: 3 })
  const withImage = await opening(sealed, objects, { times: 3, encryption: { key } })
  const before = logOf(sealed)
  const rotating = await start(sealed, { key })
  const { ask } = rotating.ref(artifactStore)
  await ask.search({ text: 'harbour' })
  const rotations: number[] = []
  for (let time = 0; time < ROTATIONS; time++) {
    fs.writeFileSync(key.file, randomBytes(32))
    const from = performance.now()
    const { keyId, previous } = await ask.rotateKey({})
    rotations.push(performance.now() - from)
    if (keyId === previous) throw new Error('the key is the same')
  }
  const written = logOf(sealed) - before
  await rotating.close()
  if (written > ROTATIONS * 1024) throw new Error(`other keys wrote ${written} bytes of the log`)
  for (const name of fs.readdirSync(join(sealed, 'artifacts'))) {
    if (name.endsWith('.sealed')) fs.rmSync(join(sealed, 'artifacts', name))
  }
  // Once: closing writes the image again.
  const without = await opening(sealed, objects, { times: 1, encryption: { key } })
  const times = (took: number): string => `${took.toFixed(0)} ms (×${(took / inClear).toFixed(1)})`
  console.log(
    `${objects} objects: opening in clear ${inClear.toFixed(0)} ms, encrypted ${times(withImage)} with the image of the index ` +
      `(${(imageBytes / 2 ** 20).toFixed(1)} MiB), ${times(without)} without; another key ${quantile(rotations, 0.5).toFixed(1)} ms, ${written / ROTATIONS} bytes of the log`,
  )
}

const logOf = (dataDir: string): number => {
  const log = join(dataDir, 'artifacts', 'log')
  return fs.readdirSync(log).reduce((sum, name) => sum + fs.statSync(join(log, name)).size, 0)
}

async function fill(dataDir: string, objects: number, encryption?: EncryptionOptions): Promise<void> {
  const system = await start(dataDir, encryption)
  const { ask } = system.ref(artifactStore)
  for (let from = 0; from < objects; from += 500) {
    const items = Array.from({ length: Math.min(500, objects - from) }, (_, i) => ({
      content: Buffer.from(
        `object ${from + i} of the harbour, with a line about the weather and ${(from + i) % 97} ships`,
      ),
      contentType: 'text/plain',
      name: `object-${from + i}`,
      tags: [`tag-${(from + i) % 50}`],
    }))
    await ask.putMany({ items }, { deadlineMs: Infinity })
  }
  await system.close()
}

async function opening(
  dataDir: string,
  objects: number,
  { times, encryption }: { readonly times: number; readonly encryption?: EncryptionOptions },
): Promise<number> {
  const took: number[] = []
  for (let time = 0; time < times; time++) {
    let system!: ActorSystem
    took.push(await timed(async () => void (system = await start(dataDir, encryption))))
    if ((await system.ref(artifactStore).ask.stats({})).artifacts !== objects) throw new Error('objects are missing')
    await system.close()
  }
  return quantile(took, 0.5)
}

if (import.meta.main) {
  console.log(machineLine())
  await run(process.argv.includes('--smoke') ? 'smoke' : 'full')
}
