/**
 * Reads posting lists: block by block without positions, or document by document with them.
 *
 * I1. There is one decoder, `DocsReader.next`; queries, phrases and merges all read through it.
 */
import type { Chunk, PostingsWriter } from './postings.ts'

/** Documents that are decoded at once: what is decoded stays in the first cache. */
const BLOCK = 256

/** The decoder: some documents at a time, of one chunk after another. */
export class DocsReader {
  readonly slots = new Uint32Array(BLOCK)
  readonly frequencies = new Uint32Array(BLOCK)
  private bytes: Uint8Array = NOTHING
  private at = 0
  private end = 0
  private left = 0
  private slot = 0

  begin({ docs, count }: Chunk): void {
    this.bytes = docs.bytes
    this.at = docs.from
    this.end = docs.to
    this.left = count
    this.slot = 0
  }

  /** Fills `slots` and `frequencies`; returns how many, 0 at the end. */
  next(): number {
    const { slots, frequencies, bytes, end } = this
    const count = Math.min(BLOCK, this.left)
    let { at, slot } = this
    for (let i = 0; i < count; i++) {
      let byte = bytes[at++]!
      let head = byte & 127
      for (let shift = 7; byte > 127; shift += 7) {
        byte = bytes[at++]!
        head |= (byte & 127) << shift
      }
      slot += head >>> 1
      // Whether a frequency follows is as good as random, so it is calculated, not branched on.
      const isMany = head & 1
      let frequency = 1 + ((bytes[at < end ? at : 0]! - 1) & -isMany)
      at += isMany
      if (frequency > 127) {
        frequency &= 127
        byte = 128
        for (let shift = 7; byte > 127; shift += 7) {
          byte = bytes[at++]!
          frequency |= (byte & 127) << shift
        }
      }
      slots[i] = slot
      frequencies[i] = frequency
    }
    this.at = at
    this.slot = slot
    this.left -= count
    return count
  }
}

const NOTHING = new Uint8Array(0)

/** After the last document of a list. */
export const NO_SLOT = 2 ** 30 - 1

/** Walks a list document by document. `slot` is -1 before the first, `NO_SLOT` after the last. */
export class PostingsCursor {
  slot = -1
  private frequency = 0
  private readonly chunks: readonly Chunk[]
  private readonly reader = new DocsReader()
  private chunk = -1
  private block = 0
  private at = 0
  private positionsAt = 0
  /** Positions of documents that were stepped over. */
  private pending = 0

  constructor(chunks: readonly Chunk[]) {
    this.chunks = chunks
  }

  next(): void {
    this.pending += this.frequency
    if (++this.at >= this.block) this.refill()
    if (this.slot === NO_SLOT) return
    this.slot = this.reader.slots[this.at]!
    this.frequency = this.reader.frequencies[this.at]!
  }

  /** Adds the current document to a list, its positions as they are. */
  copyTo(writer: PostingsWriter): void {
    const { bytes } = this.chunks[this.chunk]!.positions
    const from = afterPositions(bytes, this.positionsAt, this.pending)
    this.positionsAt = afterPositions(bytes, from, this.frequency)
    // `next` adds the current document to what was stepped over.
    this.pending = -this.frequency
    writer.add(this.slot, this.frequency, bytes, from, this.positionsAt)
  }

  private refill(): void {
    this.at = 0
    this.block = this.chunk < 0 ? 0 : this.reader.next()
    if (this.block > 0) return
    const opened = this.chunks[++this.chunk]
    this.pending = 0
    this.frequency = 0
    if (opened === undefined) this.slot = NO_SLOT
    else {
      this.positionsAt = opened.positions.from
      this.reader.begin(opened)
      this.block = this.reader.next()
    }
  }
}

/** Where `count` numbers end that begin at `at`. */
function afterPositions(bytes: Uint8Array, at: number, count: number): number {
  let end = at
  for (let left = count; left > 0; end++) if (bytes[end]! < 128) left--
  return end
}
