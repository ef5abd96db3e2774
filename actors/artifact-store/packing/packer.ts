/**
 * Packs cold content: reads it, compresses families of it together, and moves the artifacts into the packs.
 *
 *   log   … A B C D …  ──►  … A B C D … | pack(ABCD) | batch(states of A B C D) | …     the old copies go with `compact`
 *
 * I1. Content is compressed only after it was verified, and its artifact moves only if it is still there.
 * I2. First a pack is written, then the states that refer to it, some a turn; the old copies stay in the log until `compact`
 *     drops them, after the sync. An interruption anywhere leaves every artifact readable. Nothing else drops packs: while
 *     this runs `compact` does not.
 * I3. Turns are short; compressing is the codec's, off this thread.
 */
import type { ArtifactRow } from '../artifacts.ts'
import { writeContent } from '../content.ts'
import { stateOf, writeBatch, type StateRecord } from '../states.ts'
import type { Storage } from '../storage.ts'
import { canBeDictionary, isWorthwhile, type Codec } from './codec.ts'
import { examine, settle, TURN_BYTES, type Pausing } from './examining.ts'
import { knownChunks, packLarge, type KnownChunks } from './large.ts'
import { planning, type Candidate, type Family } from './planning.ts'
import { CONTENT_BYTES_MAX } from './sizes.ts'
import { sketchOf, sketchToText, type Sketch } from './sketch.ts'

export interface PackingOptions extends Pausing {
  /** Content that was read or written since this time is left alone. */
  readonly coldSince: number
  readonly codec: Codec
  /** Packs are cut at this size, decoded; only a single larger content makes a larger one. */
  readonly packBytes: number
}

export interface PackingResult {
  /** Artifacts that are in packs now. */
  readonly packed: number
  readonly packs: number
}

/** Planned at a time. */
const WINDOW_ARTIFACTS = 10_000
const WINDOW_BYTES = 1024 * 1024 * 1024
/** Groups of which less is alive are packed again. */
const LIVE_SHARE_MIN = 0.7
/** Bounds how long a pile takes. */
const PILE_MEMBERS_MAX = 1024
/** About 5 ms. */
const STATES_PER_TURN = 64
/** Told by the key this much smaller than the key itself is: alone need not be tried. */
const TOLD_SHARE_SURE = 0.5
/** Told by the key has to be this small beside alone, because reading it takes two decodings. */
const TOLD_SHARE_MAX = 0.9
const NOTHING = new Uint8Array(0)

/** Resolves early when `stopping`. Errors: those of writing. */
export async function packCold(storage: Storage, options: PackingOptions): Promise<PackingResult> {
  const done = { packed: 0, packs: 0 }
  const sparseKeys = storage.query(({ packs }) => packs.sparseKeys(LIVE_SHARE_MIN))
  let known: KnownChunks | null = null
  const moving = storage.query(({ packs }) => sparseKeys.flatMap((key) => packs.dependents(key)))
  for (let afterId = 0; !options.stopping.aborted;) {
    const cold = storage.query(({ artifacts }) => artifacts.unpacked(afterId, options.coldSince, WINDOW_ARTIFACTS))
    const rows = window(cold)
    const again = moving.splice(0, WINDOW_ARTIFACTS)
    if (rows.length === 0 && again.length === 0) break
    afterId = rows.at(-1)?.id ?? afterId
    const ids = [...rows.map(({ id }) => id), ...again]
    const candidates = await examine(storage, ids, options)
    for (const row of largeOf(storage, ids)) {
      if (options.stopping.aborted) return done
      known ??= await knownChunks(storage, new Set(sparseKeys), options)
      if (await packLarge(storage, row, known, options)) done.packed++
      else if (!options.stopping.aborted) settle(storage, [row.id])
    }
    const keys = storage.query(({ packs }) => packs.keys().filter(({ id }) => !sparseKeys.includes(id)))
    const families = await inTurns(planning(candidates, keys, options.packBytes), options)
    for (const family of families) await packFamily(storage, family, options, done)
  }
  return done
}

function largeOf(storage: Storage, ids: readonly number[]): readonly ArtifactRow[] {
  return storage.query(({ artifacts }) =>
    [...new Set(ids)]
      .map((id) => artifacts.byId(id))
      .filter(
        (row) => row !== null && row.sizeBytes > CONTENT_BYTES_MAX && row.trashPlan === null && row.damaged === 0,
      ),
  ) as readonly ArtifactRow[]
}

function window(rows: readonly ArtifactRow[]): readonly ArtifactRow[] {
  let sizeBytes = 0
  const end = rows.findIndex((row) => (sizeBytes += row.sizeBytes) > WINDOW_BYTES)
  return end === -1 ? rows : rows.slice(0, Math.max(1, end))
}

/** A pack that the next ones of its family can be told by. */
interface Key {
  /** Null until it is written: one that gains nothing by itself is only written for those told by it. */
  id: number | null
  readonly pile: Pile
  readonly encoded: Uint8Array
  readonly share: number
}

/** Contents side by side. */
interface Pile {
  readonly rows: readonly ArtifactRow[]
  readonly content: Uint8Array
  readonly sketch: Sketch
}

async function packFamily(
  storage: Storage,
  family: Family,
  options: PackingOptions,
  done: { packed: number; packs: number },
): Promise<void> {
  let key = family.base === null ? null : existingKey(storage, family.base)
  for (const members of piles(family.members, options.packBytes)) {
    const pile = await gather(storage, members, options)
    if (options.stopping.aborted) return
    if (pile === null) continue
    const { encoded, told } = await encode(pile.content, key, options.codec)
    if (!told) {
      const { length } = pile.content
      key = canBeDictionary(pile.content) ? { id: null, pile, encoded, share: encoded.length / length } : null
      if (!isWorthwhile(encoded.length, length)) {
        leave(storage, pile.rows)
        continue
      }
    }
    if (key !== null) key.id ??= await writePack(storage, key.pile, key.encoded, { base: null, family }, options, done)
    if (told || key === null) {
      await writePack(storage, pile, encoded, { base: key?.id ?? null, family }, options, done)
    }
    await storage.durable()
    await options.pause()
  }
}

function existingKey(storage: Storage, id: number): Key | null {
  const pack = storage.query(({ packs }) => packs.find(id))
  const read = storage.readPack(id)
  if (pack === null || read.kind === 'damaged' || !canBeDictionary(read.content)) return null
  const pile: Pile = { rows: [], content: read.content, sketch: sketchOf(read.content) }
  return { id, pile, encoded: NOTHING, share: pack.bytes / pack.rawBytes }
}

function* piles(members: readonly Candidate[], packBytes: number): Generator<readonly Candidate[]> {
  let pile: Candidate[] = []
  let sizeBytes = 0
  for (const member of members) {
    if (pile.length > 0 && (sizeBytes + member.sizeBytes > packBytes || pile.length === PILE_MEMBERS_MAX)) {
      yield pile
      pile = []
      sizeBytes = 0
    }
    pile.push(member)
    sizeBytes += member.sizeBytes
  }
  if (pile.length > 0) yield pile
}

async function gather(storage: Storage, members: readonly Candidate[], options: PackingOptions): Promise<Pile | null> {
  const rows: ArtifactRow[] = []
  const contents: Uint8Array[] = []
  let turnBytes = 0
  for (const { id, sizeBytes } of members) {
    const row = storage.query(({ artifacts }) => artifacts.byId(id))
    const read = row === null || row.sizeBytes !== sizeBytes || row.trashPlan !== null ? null : storage.read(row)
    if (read?.kind === 'content') {
      rows.push(row!)
      contents.push(read.content)
    }
    if ((turnBytes += sizeBytes) >= TURN_BYTES) {
      turnBytes = 0
      await options.pause()
    }
  }
  return rows.length === 0 ? null : { rows, content: Buffer.concat(contents), sketch: members[0]!.sketch }
}

/** Told by the key where that is clearly smaller than alone. */
async function encode(
  content: Uint8Array,
  key: Key | null,
  codec: Codec,
): Promise<{ readonly encoded: Uint8Array; readonly told: boolean }> {
  if (key === null) return { encoded: await codec.compress(content, null), told: false }
  const told = await codec.compress(content, key.pile.content)
  if (told.length <= content.length * key.share * TOLD_SHARE_SURE) return { encoded: told, told: true }
  const alone = await codec.compress(content, null)
  return told.length <= alone.length * TOLD_SHARE_MAX ? { encoded: told, told: true } : { encoded: alone, told: false }
}

/** What changed while it was compressed, or since the turn before, stays where it is (I1, I2). Returns the pack's id. */
async function writePack(
  storage: Storage,
  pile: Pile,
  encoded: Uint8Array,
  { base, family }: { readonly base: number | null; readonly family: Family },
  options: PackingOptions,
  done: { packed: number; packs: number },
): Promise<number> {
  const id = storage.log.end
  const as = base === null ? { label: family.label, sketch: sketchToText(pile.sketch) } : { base }
  storage.write({ t: 'pack', id, size: pile.content.length, ...as }, encoded)
  done.packs++
  let offset = 0
  for (let from = 0; from < pile.rows.length; from += STATES_PER_TURN) {
    if (from > 0) await options.pause()
    const states: StateRecord[] = []
    for (const row of pile.rows.slice(from, from + STATES_PER_TURN)) {
      const place = { packed: [[id, offset, row.sizeBytes] as const] }
      offset += row.sizeBytes
      const now = storage.query(({ artifacts }) => artifacts.byId(row.id))
      if (now?.hash !== row.hash || now.damaged === 1) continue
      states.push(storage.query((tables) => stateOf(tables, now, place)))
    }
    writeBatch(storage, states)
    done.packed += states.length
  }
  return id
}

async function inTurns<T>(work: Generator<void, T>, { pause }: Pausing): Promise<T> {
  for (;;) {
    const step = work.next()
    if (step.done === true) return step.value
    await pause()
  }
}

/** Of no use in a pack: raw where it was raw, and raw again where it was packed. */
function leave(storage: Storage, rows: readonly ArtifactRow[]): void {
  for (const row of rows.filter(({ packing }) => packing === 'packed')) {
    const now = storage.query(({ artifacts }) => artifacts.byId(row.id))
    if (now?.hash !== row.hash) continue
    const read = storage.read(now)
    if (read.kind === 'damaged') continue
    const state = storage.query((tables) => stateOf(tables, now, 'here'))
    writeContent(storage, state, read.content)
  }
  settle(
    storage,
    rows.map(({ id }) => id),
  )
}
