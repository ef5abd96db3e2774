/**
 * Large contents in packs: cut into chunks by what they contain, each chunk kept once, however many contents have it.
 *
 *   version 1   | a | b | c | d |        pack(a b c) pack(d)
 *   version 2   | a | b'| c | d |        pack(b'), and a, c, d where they are
 *
 * I1. As in `packer.ts`: what is read is verified, an artifact moves only if it is still there, and first the packs are
 *     written, then the state that refers to them. Memory: a pack and a few blocks.
 * I2. Chunks are found again through the artifacts that have them: there is no other record of them.
 */
import { sha256Hex } from '../../../runtime/index.ts'
import type { ArtifactRow } from '../artifacts.ts'
import { BLOCK_BYTES } from '../content.ts'
import type { Extent, StoredPlace } from '../records.ts'
import { stateOf, writeBatch } from '../states.ts'
import type { Storage } from '../storage.ts'
import { createChunker } from './chunks.ts'
import type { Codec } from './codec.ts'
import type { Pausing } from './examining.ts'

export interface LargeOptions extends Pausing {
  readonly codec: Codec
  readonly packBytes: number
}

/** Where chunks are, by their SHA-256. */
export type KnownChunks = Map<string, Extent>

/** Chunks that are looked for at most: of some 60 GiB, and some 100 MB in memory. */
const KNOWN_MAX = 500_000

/** The chunks of all artifacts, those aside that are in packs to be emptied. */
export async function knownChunks(
  storage: Storage,
  sparse: ReadonlySet<number>,
  options: Pausing,
): Promise<KnownChunks> {
  const known: KnownChunks = new Map()
  for (const id of storage.query(({ artifacts }) => artifacts.inChunks())) {
    if (known.size >= KNOWN_MAX || options.stopping.aborted) break
    const row = storage.query(({ artifacts }) => artifacts.byId(id))
    const place = row === null ? null : (JSON.parse(row.frames) as StoredPlace)
    if (place === null || !('packed' in place) || place.sums === undefined) continue
    place.sums.forEach((sum, i) => {
      if (!sparse.has(place.packed[i]![0])) known.set(sum, place.packed[i]!)
    })
    await options.pause()
  }
  return known
}

/** A chunk that cannot be read is written again: what is good now must not come to depend on what is damaged. */
function holds(storage: Storage, [pack, offset, bytes]: Extent, chunk: Uint8Array): boolean {
  const read = storage.readPack(pack)
  return read.kind === 'content' && Buffer.compare(read.content.subarray(offset, offset + bytes), chunk) === 0
}

/** Returns whether it is in packs now. */
export async function packLarge(
  storage: Storage,
  row: ArtifactRow,
  known: KnownChunks,
  options: LargeOptions,
): Promise<boolean> {
  const packed: (Extent | null)[] = []
  const sums: string[] = []
  const chunker = createChunker()
  /** Chunks that are not in a pack yet, by their SHA-256. */
  let pile = new Map<string, Uint8Array>()
  let pileBytes = 0

  async function take(chunks: Iterable<Uint8Array>): Promise<void> {
    for (const chunk of chunks) {
      const sum = sha256Hex(chunk)
      const found = known.get(sum) ?? null
      const there = found !== null && holds(storage, found, chunk) ? found : null
      if (there === null) known.delete(sum)
      sums.push(sum)
      packed.push(there)
      if (there !== null || pile.has(sum)) continue
      pile.set(sum, Buffer.from(chunk))
      if ((pileBytes += chunk.length) >= options.packBytes) await writePile()
    }
  }

  async function writePile(): Promise<void> {
    if (pile.size === 0) return
    const content = Buffer.concat([...pile.values()])
    const encoded = await options.codec.compress(content, null)
    const id = storage.log.end
    storage.write({ t: 'pack', id, size: content.length }, encoded)
    let offset = 0
    for (const [sum, { length }] of pile) {
      known.set(sum, [id, offset, length])
      offset += length
    }
    pile = new Map()
    pileBytes = 0
    await storage.durable()
    await options.pause()
  }

  for (let offset = 0; offset < row.sizeBytes; offset += BLOCK_BYTES) {
    const read = options.stopping.aborted ? null : storage.readRange(row, offset, BLOCK_BYTES)
    if (read === null || read.kind === 'damaged') return false
    await take(chunker.push(read.content))
    await storage.admit()
    await options.pause()
  }
  await take(chunker.end())
  await writePile()
  const place = { packed: packed.map((extent, i) => extent ?? known.get(sums[i]!)!), sums }
  const now = storage.query(({ artifacts }) => artifacts.byId(row.id))
  if (now?.hash !== row.hash || now.frames !== row.frames) return false
  writeBatch(storage, [storage.query((tables) => stateOf(tables, now, place))])
  await storage.durable()
  return true
}
