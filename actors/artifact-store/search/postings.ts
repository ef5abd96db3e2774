/**
 * A posting list: in which documents (slots) a term is, how often, and at which positions; variable-length integers. A long
 * list is several chunks, each complete by itself, so that nothing has to read, write or merge all of it at once.
 *
 *   docs       | slot - former slot, ×2 (+1: more than once) | how often, when more than once | …    ascending slots
 *   positions  | first position | distance to it | …        document after document
 *
 * I1. Positions are apart, because most queries do not read them.
 * I2. A chunk whose slots all come after those of another one is appended to it by rewriting its first number only.
 * I3. Chunks of a list follow one another: the first slot of each is after the last slot of the one before.
 */

/** A part of a list; on the disk still until its bytes are read. */
export interface Chunk {
  /** Documents in it. */
  readonly count: number
  readonly lastSlot: number
  readonly docs: Part
  readonly positions: Part
}

/** Bytes from `from` to `to`. */
export interface Part {
  readonly bytes: Uint8Array
  readonly from: number
  readonly to: number
}

export interface PostingList {
  readonly count: number
  /** I3. */
  readonly chunks: readonly Chunk[]
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
  putPart(sink, part, 0, part.length)
}

/** Below it, a loop is faster than making a view of the part. */
const LOOP_BYTES_MAX = 64

export function putPart(sink: Sink, bytes: Uint8Array, from: number, to: number): void {
  if (sink.length + to - from > sink.bytes.length) reserve(sink, to - from)
  if (to - from > LOOP_BYTES_MAX) sink.bytes.set(bytes.subarray(from, to), sink.length)
  else {
    const target = sink.bytes
    for (let at = from, into = sink.length; at < to; at++) target[into++] = bytes[at]!
  }
  sink.length += to - from
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
  /** `positions` encoded: the part of the bytes from `from` to `to`. */
  add(slot: number, frequency: number, positions: Uint8Array, from: number, to: number): void
  /** A whole chunk behind what is there (I2). */
  append(chunk: Chunk): void
  readonly count: number
  /** What is there, valid until the next call. */
  readonly chunk: Chunk
  /** Hands over what is there and starts anew. */
  take(): Chunk
  clear(): void
}

export function createPostingsWriter(): PostingsWriter {
  const docs = createSink(1024)
  const positions = createSink(1024)
  let count = 0
  let lastSlot = 0

  function clear(): void {
    docs.length = 0
    positions.length = 0
    count = 0
    lastSlot = 0
  }

  return {
    get count() {
      return count
    },
    add(slot, frequency, bytes, from, to) {
      const delta = slot - lastSlot
      if (frequency === 1) putVarint(docs, delta * 2)
      else {
        putVarint(docs, delta * 2 + 1)
        putVarint(docs, frequency)
      }
      putPart(positions, bytes, from, to)
      lastSlot = slot
      count++
    },
    append(chunk) {
      const part = chunk.docs
      const source = { bytes: part.bytes, at: part.from }
      const first = getVarint(source)
      putVarint(docs, first - lastSlot * 2)
      putPart(docs, part.bytes, source.at, part.to)
      putPart(positions, chunk.positions.bytes, chunk.positions.from, chunk.positions.to)
      lastSlot = chunk.lastSlot
      count += chunk.count
    },
    get chunk() {
      return { count, lastSlot, docs: written(docs), positions: written(positions) }
    },
    take() {
      const taken = { count, lastSlot, docs: whole(takeSink(docs)), positions: whole(takeSink(positions)) }
      clear()
      return taken
    },
    clear,
  }
}

function written({ bytes, length }: Sink): Part {
  return { bytes, from: 0, to: length }
}

export function whole(bytes: Uint8Array): Part {
  return { bytes, from: 0, to: bytes.length }
}

export function bytesOfPart({ bytes, from, to }: Part): Uint8Array {
  return from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to)
}
