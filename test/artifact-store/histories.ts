/**
 * Random histories of the store on a failing disk (lost unsynced writes, torn writes, no space, failed syncs, a kill at
 * any call), packing and freeing space all the while, against a small model: nothing acknowledged is lost, no wrong bytes,
 * nothing comes back from a purge. Without the test runner, so that processes of their own can play many (`long/artifact-histories-child.ts`).
 */
import { ok } from 'node:assert/strict'
import fc from 'fast-check'
import {
  artifactStore,
  artifactStoreActor,
  type ContentHash,
  type EncryptionOptions,
} from '../../actors/artifact-store/index.ts'
import { isPitError, seededRandom, sha256Hex, type ActorSystem, type Random } from '../../runtime/index.ts'
import { createFaultyDisk, type Fault, type FaultPoint } from '../../runtime/testing/faulty-files.ts'
import { startInProcess } from '../../runtime/testing/in-process-system.ts'

type Op =
  | { readonly kind: 'put'; readonly ids: readonly number[] }
  | { readonly kind: 'trash' | 'restore' | 'version'; readonly id: number }
  | { readonly kind: 'purge' | 'power-cut' | 'kill' | 'alias' | 'reopen' }
  | { readonly kind: 'compact'; readonly meanwhile: readonly number[] }
  | { readonly kind: 'arm'; readonly fault: Fault; readonly after: number }

/** Where an artifact can be. After a call that failed it may be in several places. */
type Place = 'live' | 'trashed' | 'absent'

const IDS = 6
const id = fc.nat(IDS - 1)
const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('put' as const), ids: fc.array(id, { minLength: 1, maxLength: 4 }) }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom('trash', 'trash', 'restore', 'version'), id }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('purge', 'power-cut', 'kill', 'alias', 'reopen') }) },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('compact' as const), meanwhile: fc.array(id, { maxLength: 3 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('arm' as const),
      fault: fc.constantFrom<Fault>('ENOSPC', 'EIO', 'kill'),
      after: fc.nat(15),
    }),
  },
)

/** Versions of one text, so that packs are told by others; and one that nothing can be gained of. */
const CONTENTS = contentsOf(seededRandom(7))
const HASHES = CONTENTS.map((content) => sha256Hex(content) as ContentHash)

async function play(seed: number, ops: readonly Op[], encryption?: EncryptionOptions): Promise<Seen> {
  const random = seededRandom(seed)
  const disk = createFaultyDisk(random)
  const places = CONTENTS.map(() => new Set<Place>(['absent']))
  /** Versions by number: what was acknowledged, and what may be there. */
  const versions = new Map<number, ContentHash>()
  const doubtful = new Set<string>()
  /** Where the alias may be; null when a call failed that may have moved it. */
  let aliasAt: number | null = 0
  let armed: { fault: Fault; after: number } | null = null
  let acknowledged = 0
  let faults = 0
  let packed = 0

  function plan({ call }: FaultPoint): Fault | null {
    if (armed === null || call === 'read' || call === 'size' || call === 'list' || armed.after-- > 0) return null
    const { fault } = armed
    armed = null
    faults++
    return fault
  }

  async function open(): Promise<ActorSystem> {
    for (;;) {
      try {
        const sealing = encryption === undefined ? {} : { encryption }
        const config = { dataDir: '/data', files: disk.start(plan), segmentBytes: 4096, packBytes: 2048, ...sealing }
        return await startInProcess({ actors: [[artifactStoreActor, config]] })
      } catch (error) {
        if (!isPitError(error) || !error.code.startsWith('STORAGE_') || error.code === 'STORAGE_CORRUPT') throw error
        if (random.next() < 0.5) disk.powerCut()
      }
    }
  }

  const store = (): ReturnType<typeof ask> => ask(system)

  /** The call's outcome: done, refused (nothing happened, or it did and the answer was lost), or the process died. */
  async function attempt(call: Promise<unknown>): Promise<boolean> {
    try {
      await call
      acknowledged++
      return true
    } catch (error) {
      if (!isPitError(error)) throw error
      if (error.code === 'ARTIFACT_CORRUPT' || error.code === 'ARTIFACT_INVALID') throw error
      return false
    }
  }

  function moved(which: number, done: boolean, from: readonly Place[], to: Place): void {
    const before = [...places[which]!]
    const after = before.map((place) => (from.includes(place) ? to : place))
    places[which] = new Set(done ? after : [...before, ...after])
  }

  /** What is really there must be one of the possibilities; from then on it is certain. */
  async function check(): Promise<void> {
    const trashed = new Set((await store().trashed({})).map(({ planId }) => planId))
    for (const [i, hash] of HASHES.entries()) {
      const content = await store().get({ hash })
      if (content !== null) ok(CONTENTS[i]!.equals(content), `artifact ${i}: wrong bytes`)
      const place: Place = content !== null ? 'live' : trashed.has(`plan-${i}`) ? 'trashed' : 'absent'
      ok(places[i]!.has(place), `artifact ${i} is ${place}, not ${[...places[i]!].join(' or ')}`)
      places[i] = new Set([place])
    }
    const found = await store().versions({ name: 'v' })
    for (const { version, hash } of found) {
      ok(versions.get(version) === hash || doubtful.has(hash), `v@${version} was never made`)
      versions.set(version, hash)
    }
    const aliased = (await store().aliases({ name: 'v' }))[0]?.version ?? 0
    ok(aliasAt === null || aliased === aliasAt, `the alias is at ${aliased}, not at ${aliasAt}`)
    aliasAt = aliased
    for (const [version, hash] of versions) {
      const live = places[HASHES.indexOf(hash)]!.has('live')
      ok(!live || found.some((one) => one.version === version), `v@${version} is lost`)
    }
  }

  async function restart(): Promise<void> {
    await system.close().catch(() => {})
    system = await open()
    armed = null
    // Reading may meet the disk failing on the way; not now.
    await check()
  }

  async function step(made: Op): Promise<void> {
    switch (made.kind) {
      case 'put': {
        const done = await Promise.all(made.ids.map((i) => attempt(store().put({ content: CONTENTS[i]! }))))
        made.ids.forEach((i, at) => moved(i, done[at]!, ['live', 'trashed', 'absent'], 'live'))
        return
      }
      case 'trash': {
        const done = await attempt(store().trash({ hashes: [HASHES[made.id]!], planId: `plan-${made.id}` }))
        return moved(made.id, done, ['live'], 'trashed')
      }
      case 'restore': {
        const done = await attempt(store().restore({ planId: `plan-${made.id}` }))
        return moved(made.id, done, ['trashed'], 'live')
      }
      case 'version': {
        const hash = HASHES[made.id]!
        doubtful.add(hash)
        await attempt(
          store()
            .addVersion({ name: 'v', hash })
            .then(({ version }) => versions.set(version, hash)),
        )
        return
      }
      case 'alias': {
        const set = store().setAlias({ reference: 'v', alias: 'a' })
        const moved = set.then(({ version }) => (aliasAt = version))
        if (!(await attempt(moved))) aliasAt = null
        return
      }
      case 'purge': {
        const done = await attempt(store().purge({ before: Number.MAX_SAFE_INTEGER }))
        return places.forEach((_, i) => moved(i, done, ['trashed'], 'absent'))
      }
      case 'compact': {
        const compacting = attempt(
          store()
            .compact({})
            .then(({ packed: count }) => (packed += count)),
        )
        const done = await Promise.all(made.meanwhile.map((i) => attempt(store().put({ content: CONTENTS[i]! }))))
        made.meanwhile.forEach((i, at) => moved(i, done[at]!, ['live', 'trashed', 'absent'], 'live'))
        return void (await compacting)
      }
      case 'power-cut':
        disk.powerCut()
        return restart()
      case 'kill':
        disk.kill()
        return restart()
      case 'reopen':
        return restart()
      case 'arm':
        armed = { ...made }
    }
  }

  let system = await open()
  for (const made of ops) await step(made)
  disk.powerCut()
  await restart()
  await system.close()
  return { acknowledged, faults, packed }
}

function ask(system: ActorSystem) {
  return system.ref(artifactStore).ask
}

function contentsOf(random: Random): readonly Buffer[] {
  const characters = Buffer.from(Array.from({ length: 2000 }, () => 97 + Math.floor(random.next() * 26)))
  const versions = Array.from({ length: IDS - 1 }, (_, i) => {
    const content = Buffer.from(characters.subarray(0, 900 + i * 200))
    content.write(`version ${i}`, 100 * i)
    return content
  })
  return [...versions, Buffer.from(Array.from({ length: 700 }, () => Math.floor(random.next() * 256)))]
}

export interface Seen {
  readonly acknowledged: number
  readonly faults: number
  readonly packed: number
}

/** Plays random histories and counts what happened in them. `PIT_SEED` replays those of a failure. Of an encrypted store, when that is given. */
export async function playHistories(
  numRuns: number,
  seed = Number(process.env['PIT_SEED'] ?? Date.now() % 2 ** 31),
  encryption?: EncryptionOptions,
): Promise<Seen> {
  const seen = { acknowledged: 0, faults: 0, packed: 0 }
  const history = fc.array(op, { minLength: 5, maxLength: 30 })
  const property = fc.asyncProperty(fc.integer(), history, async (seed, ops) => {
    const { acknowledged, faults, packed } = await play(seed, ops, encryption)
    seen.acknowledged += acknowledged
    seen.faults += faults
    seen.packed += packed
  })
  await fc.assert(property, { numRuns, seed })
  return seen
}
