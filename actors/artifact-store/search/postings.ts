/**
 * A posting list: in which documents (slots) a term is, how often, and at which positions; variable-length integers.
 *
 *   docs       | slot - former slot, ×2 (+1: more than once) | how often, when more than once | …    ascending slots
 *   positions  | first position | distance to it | …        document after document
 *
 * I1. Positions are apart, because most queries do not read them.
 * I2. A list whose slots all come after those of another one is appended to it by rewriting its first number only.
 */

export interface Postings {
  /** Documents in the list. */
  readonly count: number
  readonly lastSlot: number
  readonly docs: Uint8Array
  readonly positions: Uint8Array
}

/** A buffer that grows. */
export interface Sink {
  bytes: Uint8Array
  length: number
}

export function createSink(capacity = 256): Sink {
  return { bytes: new Uint8Array(capacity), length: 0 }
}

export function putVarint(sink: Sink, value: number): void {
  if (sink.length + 5 > sink.bytes.length) reserve(sink, 5)
  const { bytes } = sink
  let at = sink.length
  let rest = value
  while (rest > 127) {
    bytes[at++] = (rest & 127) | 128
    rest >>>= 7
  }
  bytes[at++] = rest
  sink.length = at
}

export function putBytes(sink: Sink, part: Uint8Array): void {
  if (sink.length + part.length > sink.bytes.length) reserve(sink, part.length)
  sink.bytes.set(part, sink.length)
  sink.length += part.length
}

function reserve(sink: Sink, more: number): void {
  const larger = new Uint8Array(Math.max(sink.bytes.length * 2, sink.length + more))
  larger.set(sink.bytes.subarray(0, sink.length))
  sink.bytes = larger
}

export function takeSink(sink: Sink): Uint8Array {
  return sink.bytes.slice(0, sink.length)
}

/** Reads one number after another; for what is not hot. */
export interface Source {
  readonly bytes: Uint8Array
  at: number
}

export function getVarint(source: Source): number {
  const { bytes } = source
  let at = source.at
  let byte = bytes[at++]!
  let value = byte & 127
  for (let shift = 7; byte > 127; shift += 7) {
    byte = bytes[at++]!
    value |= (byte & 127) << shift
  }
  source.at = at
  return value >>> 0
}

/** Collects documents in ascending order of their slots. */
export interface PostingsWriter {
  add(slot: number, positions: readonly number[]): void
  /** A document whose positions are encoded already. */
  addEncoded(slot: number, frequency: number, positions: Uint8Array): void
  /** A whole list behind what is there (I2). */
  append(list: Postings): void
  readonly count: number
  /** Hands over the list and starts anew. */
  take(): Postings
}

export function createPostingsWriter(): PostingsWriter {
  const docs = createSink(1024)
  const positions = createSink(1024)
  let count = 0
  let lastSlot = 0

  function addDoc(slot: number, frequency: number): void {
    const delta = slot - lastSlot
    if (frequency === 1) putVarint(docs, delta * 2)
    else {
      putVarint(docs, delta * 2 + 1)
      putVarint(docs, frequency)
    }
    lastSlot = slot
    count++
  }

  return {
    get count() {
      return count
    },
    add(slot, at) {
      addDoc(slot, at.length)
      let former = 0
      for (const position of at) {
        putVarint(positions, position - former)
        former = position
      }
    },
    addEncoded(slot, frequency, encoded) {
      addDoc(slot, frequency)
      putBytes(positions, encoded)
    },
    append(list) {
      const source = { bytes: list.docs, at: 0 }
      const first = getVarint(source)
      putVarint(docs, first - lastSlot * 2)
      putBytes(docs, list.docs.subarray(source.at))
      putBytes(positions, list.positions)
      lastSlot = list.lastSlot
      count += list.count
    },
    take() {
      const taken = { count, lastSlot, docs: takeSink(docs), positions: takeSink(positions) }
      docs.length = 0
      positions.length = 0
      count = 0
      lastSlot = 0
      return taken
    },
  }
}

/** One document after another. `slot` is -1 before the first and after the last. */
export interface PostingsCursor {
  readonly slot: number
  readonly frequency: number
  next(): boolean
  /** Of the current document; positions are read lazily, so a list can be walked without them. */
  encodedPositions(): Uint8Array
}

export function createCursor({ count, docs, positions }: Omit<Postings, 'lastSlot'>): PostingsCursor {
  const source = { bytes: docs, at: 0 }
  let left = count
  let slot = -1
  let former = 0
  let frequency = 0
  let positionAt = 0
  /** Positions of documents that were stepped over. */
  let pending = 0

  function skip(numbers: number): void {
    let at = positionAt
    for (let left = numbers; left > 0; at++) if (positions[at]! < 128) left--
    positionAt = at
  }

  return {
    get slot() {
      return slot
    },
    get frequency() {
      return frequency
    },
    next() {
      pending += frequency
      if (left-- <= 0) {
        slot = -1
        frequency = 0
        return false
      }
      const head = getVarint(source)
      former += head >>> 1
      slot = former
      frequency = (head & 1) === 0 ? 1 : getVarint(source)
      return true
    },
    encodedPositions() {
      skip(pending)
      pending = 0
      const from = positionAt
      skip(frequency)
      const encoded = positions.subarray(from, positionAt)
      positionAt = from
      return encoded
    },
  }
}
