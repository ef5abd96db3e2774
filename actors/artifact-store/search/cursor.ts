/**
 * Reads posting lists: block by block without positions, or document by document with them.
 *
 * I1. There is one decoder, `DocsReader.next`; queries, phrases and merges all read through it.
 */
import type { Chunk, PostingsWriter } from './postings.ts'

/** Documents that are decoded at once: what is decoded stays in the first cache. */
const BLOCK = 256

/**
 * The decoder: some documents at a time, of one chunk after another. A class, because queries spend their time here and in
 * what reads from it.
 */
export class DocsReader {
  readonly slots = new Uint32Array(BLOCK)
  readonly frequencies = new Uint32Array(BLOCK)
  #bytes: Uint8Array = NOTHING
  #at = 0
  #left = 0
  #slot = 0

  begin({ docs, count }: Chunk): void {
    this.#bytes = docs.bytes
    this.#at = docs.from
    this.#left = count
    this.#slot = 0
  }

  /** Fills `slots` and `frequencies`; returns how many, 0 at the end. */
  next(): number {
    const { slots, frequencies } = this
    const bytes = this.#bytes
    const count = Math.min(BLOCK, this.#left)
    let at = this.#at
    let slot = this.#slot
    for (let i = 0; i < count; i++) {
      let byte = bytes[at++]!
      let head = byte & 127
      for (let shift = 7; byte > 127; shift += 7) {
        byte = bytes[at++]!
        head |= (byte & 127) << shift
      }
      slot += head >>> 1
      let frequency = 1
      if ((head & 1) !== 0) {
        byte = bytes[at++]!
        frequency = byte & 127
        for (let shift = 7; byte > 127; shift += 7) {
          byte = bytes[at++]!
          frequency |= (byte & 127) << shift
        }
      }
      slots[i] = slot
      frequencies[i] = frequency
    }
    this.#at = at
    this.#slot = slot
    this.#left -= count
    return count
  }
}

const NOTHING = new Uint8Array(0)

/** After the last document of a list. */
export const NO_SLOT = 2 ** 30 - 1

/** Walks a list document by document, with their positions. `slot` is -1 before the first, `NO_SLOT` after the last. */
export class PostingsCursor {
  slot = -1
  frequency = 0
  #chunks: readonly Chunk[] = []
  readonly #reader = new DocsReader()
  #chunk = -1
  #block = 0
  #at = 0
  #positions: Uint8Array | null = null
  #positionsAt = 0
  /** Positions of documents that were stepped over. */
  #pending = 0

  /** Stands before the first document then. */
  begin(chunks: readonly Chunk[]): void {
    this.#chunks = chunks
    this.#chunk = -1
    this.#block = 0
    this.#at = 0
    this.#pending = 0
    this.slot = -1
    this.frequency = 0
  }

  next(): void {
    this.#pending += this.frequency
    if (++this.#at >= this.#block) this.#refill()
    else this.#read()
  }

  /** To the first document from `slot` on; chunks in between are not even read. */
  seek(slot: number): void {
    if (this.slot >= slot) return
    if (this.#chunk >= 0 && this.#chunks[this.#chunk]!.lastSlot < slot) this.#skipChunks(slot)
    const { slots, frequencies } = this.#reader
    while (this.slot < slot) {
      let at = this.#at
      let pending = this.#pending
      const block = this.#block
      while (at < block && slots[at]! < slot) pending += frequencies[at++]!
      this.#at = at
      this.#pending = pending
      if (at < block) this.#read()
      else this.#refill()
    }
  }

  /** Of the current document, as many as its frequency; `into` has room for them. */
  positions(into: Uint32Array): void {
    const bytes = this.#bytesOfPositions()
    let at = this.#positionsAt
    let position = 0
    const count = this.frequency
    for (let i = 0; i < count; i++) {
      let byte = bytes[at++]!
      let distance = byte & 127
      for (let shift = 7; byte > 127; shift += 7) {
        byte = bytes[at++]!
        distance |= (byte & 127) << shift
      }
      into[i] = position += distance
    }
  }

  /** Adds the current document to a list, its positions as they are. */
  copyTo(writer: PostingsWriter): void {
    const bytes = this.#bytesOfPositions()
    const from = this.#positionsAt
    let to = from
    for (let left = this.frequency; left > 0; to++) if (bytes[to]! < 128) left--
    writer.add(this.slot, this.frequency, bytes, from, to)
  }

  #bytesOfPositions(): Uint8Array {
    if (this.#positions === null) {
      const { bytes, from } = this.#chunks[this.#chunk]!.positions
      this.#positions = bytes
      this.#positionsAt = from
    }
    const bytes = this.#positions
    let at = this.#positionsAt
    for (let left = this.#pending; left > 0; at++) if (bytes[at]! < 128) left--
    this.#positionsAt = at
    this.#pending = 0
    return bytes
  }

  #read(): void {
    this.slot = this.#reader.slots[this.#at]!
    this.frequency = this.#reader.frequencies[this.#at]!
  }

  /** The next block, of the next chunk when this one is at its end. */
  #refill(): void {
    this.#at = 0
    this.#block = this.#chunk < 0 ? 0 : this.#reader.next()
    if (this.#block === 0) this.#open(this.#chunk + 1)
    else this.#read()
  }

  #skipChunks(slot: number): void {
    let chunk = this.#chunk + 1
    while (chunk < this.#chunks.length && this.#chunks[chunk]!.lastSlot < slot) chunk++
    this.#open(chunk)
  }

  #open(chunk: number): void {
    this.#chunk = chunk
    this.#at = 0
    this.#block = 0
    this.#positions = null
    this.#pending = 0
    const opened = this.#chunks[chunk]
    if (opened === undefined) {
      this.slot = NO_SLOT
      this.frequency = 0
      return
    }
    this.#reader.begin(opened)
    this.#block = this.#reader.next()
    this.#read()
  }
}
