/**
 * Documents of one place in which words follow one another. The rarest word leads: of one of its chunks after the other all
 * positions are decoded, then what is not beside the next word is taken out, word by word. Of the longer lists, positions are
 * decoded only in documents that are left, and stepped over elsewhere; chunks without such documents are not read at all.
 */
import { DocsReader } from './cursor.ts'
import type { Chunk, PostingList } from './postings.ts'

/** Is told a document and how often it has the phrase. */
export type VisitMatch = (slot: number, times: number) => void

/** Documents of a chunk, and where the leading word is in each. */
interface Places {
  count: number
  slots: Uint32Array
  /** By document, where its places begin in `flat`; one more at the end. */
  starts: Uint32Array
  flat: Uint32Array
}

/** `lists` in the order of the phrase. */
export function eachMatch(lists: readonly PostingList[], visit: VisitMatch): void {
  eachPlaces(lists, ({ count, slots, starts }) => {
    for (let i = 0; i < count; i++) visit(slots[i]!, starts[i + 1]! - starts[i]!)
  })
}

/** `visit` is told the places of the leading word, and which word of the phrase that is. */
function eachPlaces(lists: readonly PostingList[], visit: (places: Places, lead: number) => void): void {
  const [lead, ...others] = lists
    .map(({ chunks, count }, index) => ({ chunks, count, index, follower: new Follower(chunks) }))
    .sort((a, b) => a.count - b.count)
  const reader = new DocsReader()
  const places = emptyPlaces()
  for (const chunk of lead!.chunks) {
    decode(chunk, reader, places)
    for (const { follower, index } of others) {
      if (places.count === 0) break
      follower.follow(places, index - lead!.index)
    }
    if (places.count > 0) visit(places, lead!.index)
  }
}

function emptyPlaces(): Places {
  return { count: 0, slots: new Uint32Array(0), starts: new Uint32Array(1), flat: new Uint32Array(0) }
}

/** Decodes a whole chunk. */
function decode(chunk: Chunk, reader: DocsReader, into: Places): void {
  const { bytes, from, to } = chunk.positions
  if (into.slots.length < chunk.count) {
    into.slots = new Uint32Array(chunk.count)
    into.starts = new Uint32Array(chunk.count + 1)
  }
  // A number takes a byte at least.
  if (into.flat.length < to - from) into.flat = new Uint32Array(to - from)
  const { slots, starts, flat } = into
  let at = from
  let length = 0
  let count = 0
  reader.begin(chunk)
  for (let block = reader.next(); block > 0; block = reader.next()) {
    for (let i = 0; i < block; i++) {
      slots[count] = reader.slots[i]!
      starts[count++] = length
      let position = 0
      for (let left = reader.frequencies[i]!; left > 0; left--) {
        let byte = bytes[at++]!
        let distance = byte & 127
        for (let shift = 7; byte > 127; shift += 7) {
          byte = bytes[at++]!
          distance |= (byte & 127) << shift
        }
        flat[length++] = position += distance
      }
    }
  }
  starts[count] = length
  into.count = count
}

const NOTHING = new Uint8Array(0)

/** Walks the list of another word beside that of the leading one. */
class Follower {
  private readonly chunks: readonly Chunk[]
  private readonly reader = new DocsReader()
  private chunk = -1
  private block = 0
  private isNewChunk = false
  private at = 0
  /** Positions of the current chunk, when they were needed. */
  private bytes: Uint8Array = NOTHING
  private positionsAt = 0
  /** Positions of documents that were stepped over. */
  private pending = 0

  constructor(chunks: readonly Chunk[]) {
    this.chunks = chunks
  }

  /** Keeps of the places those that have this word at a distance. The hot loop of a phrase. */
  follow(places: Places, distance: number): void {
    const { slots, starts, flat } = places
    const { slots: own, frequencies } = this.reader
    let { block, at, pending, positionsAt, bytes } = this
    let kept = 0
    let length = 0
    for (let i = 0; i < places.count; i++) {
      const slot = slots[i]!
      while (at < block && own[at]! < slot) pending += frequencies[at++]!
      while (at === block) {
        if (!this.refill(slot)) {
          at = block = 0
          i = places.count
          break
        }
        if (this.isNewChunk) {
          bytes = NOTHING
          pending = 0
        }
        block = this.block
        at = 0
        while (at < block && own[at]! < slot) pending += frequencies[at++]!
      }
      if (i === places.count || own[at] !== slot) continue
      if (bytes === NOTHING) {
        const { positions } = this.chunks[this.chunk]!
        bytes = positions.bytes
        positionsAt = positions.from
      }
      while (pending > 0) if (bytes[positionsAt++]! < 128) pending--
      let left = frequencies[at]!
      // The document itself is stepped over with the others when the walk goes on.
      pending = -left
      const end = starts[i + 1]!
      const before = length
      let place = starts[i]!
      let position = 0
      while (left > 0) {
        let byte = bytes[positionsAt++]!
        let step = byte & 127
        for (let shift = 7; byte > 127; shift += 7) {
          byte = bytes[positionsAt++]!
          step |= (byte & 127) << shift
        }
        position += step
        left--
        while (place < end && flat[place]! + distance < position) place++
        if (place === end) break
        if (flat[place]! + distance === position) flat[length++] = flat[place++]!
      }
      pending += left
      if (length === before) continue
      slots[kept] = slot
      starts[kept++] = before
    }
    starts[kept] = length
    places.count = kept
    this.at = at
    this.pending = pending
    this.positionsAt = positionsAt
    this.bytes = bytes
  }

  /** The next block that may have `slot` or more. */
  private refill(slot: number): boolean {
    const current = this.chunks[this.chunk]
    this.isNewChunk = false
    this.block = current !== undefined && current.lastSlot >= slot ? this.reader.next() : 0
    if (this.block > 0) return true
    let next = Math.min(this.chunk + 1, this.chunks.length)
    while (next < this.chunks.length && this.chunks[next]!.lastSlot < slot) next++
    this.chunk = next
    const opened = this.chunks[next]
    if (opened === undefined) return false
    this.reader.begin(opened)
    this.block = this.reader.next()
    this.isNewChunk = true
    return true
  }
}

/** For phrases whose last word is one of many: what comes before is looked up once for all of them. */
export interface Beginning {
  /** Looks up what comes before; forgets what it had. */
  begin(lists: readonly PostingList[]): void
  eachMatch(last: PostingList, visit: VisitMatch): void
}

/** It keeps 4 bytes per slot, and per document and place where the phrase begins. */
export function createBeginning(capacity: number): Beginning {
  /** Document by document: slot, how many, at which position the last word would be. */
  let kept = new Uint32Array(1024)
  let length = 0
  /** By slot: where in `kept` it is how many; 0 when it is not there. */
  const wanted = new Uint32Array(capacity)
  const reader = new DocsReader()
  const places = emptyPlaces()

  function reserve(more: number): void {
    if (length + more <= kept.length) return
    const longer = new Uint32Array(Math.max(kept.length * 2, length + more))
    longer.set(kept)
    kept = longer
  }

  function keep({ count, slots, starts, flat }: Places, distance: number): void {
    reserve(count * 2 + starts[count]!)
    for (let i = 0; i < count; i++) {
      kept[length++] = slots[i]!
      wanted[slots[i]!] = length
      kept[length++] = starts[i + 1]! - starts[i]!
      for (let at = starts[i]!; at < starts[i + 1]!; at++) kept[length++] = flat[at]! + distance
    }
  }

  /** How many of the positions are wanted in the document that has them at `at`. */
  function matches(at: number, flat: Uint32Array, from: number, to: number): number {
    const end = at + 1 + kept[at]!
    let times = 0
    let i = from
    for (let next = at + 1; next < end && i < to;) {
      const step = flat[i]! - kept[next]!
      if (step === 0) times++
      if (step <= 0) i++
      if (step >= 0) next++
    }
    return times
  }

  return {
    begin(lists) {
      for (let at = 0; at < length; at += kept[at + 1]! + 2) wanted[kept[at]!] = 0
      length = 0
      eachPlaces(lists, (found, lead) => keep(found, lists.length - lead))
    },
    eachMatch({ chunks }, visit) {
      for (const chunk of chunks) {
        decode(chunk, reader, places)
        const { count, slots, starts, flat } = places
        for (let i = 0; i < count; i++) {
          const at = wanted[slots[i]!]!
          if (at === 0) continue
          const times = matches(at, flat, starts[i]!, starts[i + 1]!)
          if (times > 0) visit(slots[i]!, times)
        }
      }
    },
  }
}
