/**
 * Eight writers at once on one store, while trash is purged, contents are packed and space is freed, on a disk that dies now
 * and then, against a model of what each artifact may be: nothing acknowledged is lost, no wrong bytes, no reference to
 * what is not there.
 *
 *   own contents      one writer each: put, deleted, restored, derived from shared ones, made versions of a name
 *   shared contents   put and read by all, never deleted: what is purged around them lies in the same packs
 *
 * I1. A writer's calls come one after the other, so each answer says what its artifacts are now; only a purge that is under
 *     way may take what is in the trash meanwhile.
 * I2. After a death everything is looked at: from then on it is certain again.
 */
import { ok } from 'node:assert/strict'
import { artifactStore, artifactStoreActor, type ContentHash } from '../../actors/artifact-store/index.ts'
import { isPitError, seededRandom, sha256Hex, type ActorSystem, type Random } from '../../runtime/index.ts'
import { createFaultyDisk } from '../../runtime/testing/faulty-files.ts'
import { startInProcess } from '../../runtime/testing/in-process-system.ts'

export interface Written {
  readonly operations: number
  readonly deaths: number
  readonly purged: number
  readonly packed: number
  /** Contents compared, byte by byte. */
  readonly compared: number
  /** The log at its largest, when compaction began. */
  readonly bytesMax: number
}

/** Where an artifact may be. */
type Place = 'live' | 'trashed' | 'absent'

interface Known {
  readonly hash: ContentHash
  readonly content: Buffer
  places: ReadonlySet<Place>
  /** Changed since a purge began, or about to be. */
  touched: boolean
}

const WRITERS = 8
const OWN = 48
const SHARED = 96
const BATCH = 16
const OPERATIONS_PER_LIFE = 8000
/** Purges and compactions in a life, if they are done in time. */
const COLLECTIONS_PER_LIFE = 5

export async function playWriters({
  operations,
  seed,
  operationsPerLife = OPERATIONS_PER_LIFE,
}: {
  readonly operations: number
  readonly seed: number
  /** On average. */
  readonly operationsPerLife?: number
}): Promise<Written> {
  const random = seededRandom(seed)
  const upTo = (n: number): number => Math.floor(random.next() * n)
  const disk = createFaultyDisk(random)
  const shared = Array.from({ length: SHARED }, (_, i) => known(random, `shared ${i}`, i % 7))
  const owned = Array.from({ length: WRITERS }, (_, writer) =>
    Array.from({ length: OWN }, (_, i) => known(random, `own ${writer}/${i}`, i % 7)),
  )
  const all = [...shared, ...owned.flat()]
  const byHash = new Map(all.map((one) => [one.hash, one]))
  /** What each writer has in the trash. */
  const plans = new Map<readonly Known[], string[]>(owned.map((own) => [own, []]))
  const versions = new Map<string, ContentHash>()
  const seen = { operations: 0, deaths: 0, purged: 0, packed: 0, compared: 0, bytesMax: 0 }
  let purging = 0
  let planCount = 0
  let system = await open()

  async function open(): Promise<ActorSystem> {
    const config = { dataDir: '/data', files: disk.start(), segmentBytes: 64 * 1024, packBytes: 65536 }
    return startInProcess({ actors: [[artifactStoreActor, { ...config, packAfterMs: 'never' as const }]] })
  }

  const store = (): ReturnType<typeof ask> => ask(system)

  /** `done` with the answer; `failed` when the process died first: it happened or it did not. */
  async function attempt<T>(call: Promise<T>, done: (answer: T) => void, failed: () => void = () => {}): Promise<void> {
    let answer: T
    try {
      answer = await call
    } catch (error) {
      if (!isPitError(error) || error.code === 'ARTIFACT_CORRUPT' || error.code === 'ARTIFACT_INVALID') throw error
      return failed()
    }
    done(answer)
  }

  function become(one: Known, place: Place): void {
    one.touched = true
    one.places = new Set(place === 'trashed' && purging > 0 ? ['trashed', 'absent'] : [place])
  }

  function doubt(one: Known, place: Place): void {
    one.touched = true
    one.places = new Set([...one.places, place])
  }

  function compare(one: Known, content: Uint8Array | null): void {
    seen.compared++
    ok(content === null || one.content.equals(content), `wrong bytes of ${one.hash}`)
    ok(one.places.has('live') || content === null, `${one.hash} is there, yet was ${[...one.places].join(' or ')}`)
    ok(one.places.size > 1 || !one.places.has('live') || content !== null, `${one.hash} is lost`)
  }

  const some = (from: readonly Known[]): Known[] => [
    ...new Set(Array.from({ length: BATCH }, () => from[upTo(from.length)]!)),
  ]

  async function put(own: readonly Known[]): Promise<void> {
    const batch = upTo(3) === 0 ? some(shared) : some(own)
    const items = batch.map((one) => {
      const parent = shared[own.indexOf(one)]
      const from = parent !== undefined && isCertain(parent, 'live') ? { derivedFrom: [parent.hash] } : {}
      return { content: one.content, contentType: 'text/plain', ...from }
    })
    seen.operations += batch.length
    for (const one of batch) one.touched = true
    await attempt(
      store().putMany({ items }),
      () => batch.forEach((one) => become(one, 'live')),
      () => batch.forEach((one) => doubt(one, 'live')),
    )
  }

  async function read(own: readonly Known[]): Promise<void> {
    const batch = [...some(own).slice(0, BATCH / 2), ...some(shared).slice(0, BATCH / 2)]
    // What another writer is about to put may come in between.
    const before = batch.map(({ places }) => places)
    seen.operations += batch.length
    await attempt(store().getMany({ hashes: batch.map(({ hash }) => hash) }), (answer) =>
      answer.contents.forEach((content, i) =>
        compare({ ...batch[i]!, places: new Set([...before[i]!, ...batch[i]!.places]) }, content),
      ),
    )
  }

  async function trash(own: readonly Known[]): Promise<void> {
    const batch = some(own)
    const planId = `plan ${planCount++}`
    plans.get(own)!.push(planId)
    seen.operations += batch.length
    for (const one of batch) one.touched = true
    await attempt(
      store().trash({ hashes: batch.map(({ hash }) => hash), planId }),
      ({ moved, kept }) => {
        for (const hash of moved) {
          ok(byHash.get(hash)!.places.has('live'), `${hash} was moved to the trash, but not there`)
          become(byHash.get(hash)!, 'trashed')
        }
        for (const { hash } of kept) ok(!isCertain(byHash.get(hash)!, 'live'), `${hash} is lost`)
      },
      () => batch.forEach((one) => one.places.has('live') && doubt(one, 'trashed')),
    )
  }

  async function restore(own: readonly Known[]): Promise<void> {
    const known = plans.get(own)!
    const planId = known[upTo(known.length)]
    if (planId === undefined) return
    seen.operations++
    await attempt(
      store().restore({ planId }),
      ({ restored }) => restored.forEach((hash) => back(byHash.get(hash)!)),
      () => own.forEach((one) => one.places.has('trashed') && doubt(one, 'live')),
    )
  }

  function back(one: Known): void {
    ok(one.places.has('trashed'), `${one.hash} came back from the trash, where it was not`)
    become(one, 'live')
  }

  async function version(own: readonly Known[], name: string): Promise<void> {
    const one = own.find((each) => isCertain(each, 'live'))
    if (one === undefined) return
    seen.operations++
    await attempt(store().addVersion({ name, hash: one.hash }), ({ version }) => {
      const known = versions.get(`${name}@${version}`)
      ok(known === undefined || known === one.hash, `${name}@${version} was given twice`)
      versions.set(`${name}@${version}`, one.hash)
    })
  }

  /** Trash that was there before it began and that nobody touched since is gone; of the rest nothing is certain. */
  async function purge(): Promise<void> {
    purging++
    if (purging === 1) for (const one of all) one.touched = false
    const alone = purging === 1
    for (const one of all) if (one.places.has('trashed')) one.places = new Set([...one.places, 'absent'])
    await attempt(store().purge({ before: Number.MAX_SAFE_INTEGER }), ({ purged }) => {
      seen.purged += purged
      for (const one of all)
        if (alone && !one.touched && one.places.has('trashed')) one.places = without(one, 'trashed')
    })
    purging--
  }

  async function collect(living: () => boolean): Promise<void> {
    for (let next = seen.operations; living(); await turn()) {
      if (seen.operations < next) continue
      next += operationsPerLife / COLLECTIONS_PER_LIFE
      await purge()
      await attempt(store().compact({}), ({ packed, physicalBytesBefore }) => {
        seen.packed += packed
        seen.bytesMax = Math.max(seen.bytesMax, physicalBytesBefore)
      })
    }
  }

  async function write(own: readonly Known[], name: string, living: () => boolean): Promise<void> {
    // Timers have their turn in between, as on a thread.
    for (; living(); await turn()) {
      const kind = upTo(20)
      if (kind < 9) await put(own)
      else if (kind < 15) await read(own)
      else if (kind < 17) await trash(own)
      else if (kind < 18) await version(own, name)
      else await restore(own)
    }
  }

  /** What is in the trash comes back, so that everything is either there or gone (I2). */
  async function check(): Promise<void> {
    const restored = new Set<ContentHash>()
    for (const { planId } of await store().trashed({})) {
      for (const hash of (await store().restore({ planId })).restored) restored.add(hash)
    }
    for (const known of plans.values()) known.length = 0
    for (const one of all) {
      if (restored.has(one.hash))
        ok(one.places.has('trashed'), `${one.hash} came back from the trash, where it was not`)
      else ok(!isCertain(one, 'trashed'), `${one.hash} is lost from the trash`)
      if (restored.has(one.hash)) one.places = new Set(['live'])
      else one.places = without(one, 'trashed')
    }
    for (let at = 0; at < all.length; at += 64) {
      const batch = all.slice(at, at + 64)
      const { contents } = await store().getMany({ hashes: batch.map(({ hash }) => hash) })
      contents.forEach((content, i) => {
        compare(batch[i]!, content)
        batch[i]!.places = new Set([content === null ? 'absent' : 'live'])
      })
    }
    await checkReferences()
  }

  async function checkReferences(): Promise<void> {
    for (const [writer] of owned.entries()) {
      for (const { name, version, hash } of await store().versions({ name: `v${writer}` })) {
        ok(isCertain(byHash.get(hash)!, 'live'), `${name}@${version} leads to ${hash}, which is gone`)
        const acknowledged = versions.get(`${name}@${version}`)
        ok(acknowledged === undefined || acknowledged === hash, `${name}@${version} leads somewhere else`)
      }
    }
    for (const one of all.filter((_, i) => i % 16 === 0)) {
      for (const { hash } of await store().lineage({ hash: one.hash, direction: 'ancestors' })) {
        ok(isCertain(byHash.get(hash)!, 'live'), `${one.hash} is derived from ${hash}, which is gone`)
      }
    }
    const { corrupt } = await store().verify({})
    ok(corrupt.length === 0, `damaged: ${corrupt.join(', ')}`)
  }

  while (seen.operations < operations) {
    const until = seen.operations + operationsPerLife / 2 + upTo(operationsPerLife)
    let alive = true
    const living = (): boolean => alive
    const work = [collect(living), ...owned.map((own, writer) => write(own, `v${writer}`, living))]
    const failure = Promise.all(work).then(() => {})
    while (seen.operations < until) await Promise.race([turn(), failure])
    if (upTo(2) === 0) disk.powerCut()
    else disk.kill()
    alive = false
    seen.deaths++
    await system.close().catch(() => {})
    await failure
    system = await open()
    await check()
  }
  await system.close()
  return seen
}

function ask(system: ActorSystem) {
  return system.ref(artifactStore).ask
}

function isCertain({ places }: Known, place: Place): boolean {
  return places.size === 1 && places.has(place)
}

function without({ places }: Known, place: Place): ReadonlySet<Place> {
  return new Set([...places].filter((each) => each !== place))
}

/** Of seven kinds, alike within each, so that packs hold many and are told by others. */
function known(random: Random, title: string, kind: number): Known {
  const line = `${'abcdefg'[kind]!} ${kind * 7919} the quick line of its kind\n`
  const noise = Buffer.from(Array.from({ length: 40 }, () => Math.floor(random.next() * 256)))
  const content = Buffer.concat([Buffer.from(`${title}\n`), noise, Buffer.from(line.repeat(4 + kind * 3))])
  return { hash: sha256Hex(content) as ContentHash, content, places: new Set(['absent']), touched: false }
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))
