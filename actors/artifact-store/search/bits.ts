/** Sets of small numbers as bits of 32-bit words. All sets of one query have the same length. */

export type Bits = Uint32Array

export function createBits(capacity: number): Bits {
  return new Uint32Array((capacity + 31) >>> 5)
}

export function hasBit(bits: Bits, at: number): boolean {
  return ((bits[at >>> 5] ?? 0) & (1 << (at & 31))) !== 0
}

export function setBit(bits: Bits, at: number): void {
  bits[at >>> 5]! |= 1 << (at & 31)
}

export function clearBit(bits: Bits, at: number): void {
  bits[at >>> 5]! &= ~(1 << (at & 31))
}

export function intersect(into: Bits, other: Bits): void {
  for (let i = 0; i < into.length; i++) into[i]! &= other[i] ?? 0
}

export function unite(into: Bits, other: Bits): void {
  for (let i = 0; i < into.length; i++) into[i]! |= other[i] ?? 0
}

export function subtract(into: Bits, other: Bits): void {
  for (let i = 0; i < into.length; i++) into[i]! &= ~(other[i] ?? 0)
}

/** A longer copy, or the same when it is long enough. */
export function grown(bits: Bits, capacity: number): Bits {
  const length = (capacity + 31) >>> 5
  if (bits.length >= length) return bits
  const longer = new Uint32Array(Math.max(length, bits.length * 2))
  longer.set(bits)
  return longer
}

/** The members in ascending order. */
export function membersOf(bits: Bits): Uint32Array {
  const members = new Uint32Array(countBits(bits))
  let count = 0
  for (let i = 0; i < bits.length; i++) {
    for (let word = bits[i]!; word !== 0; word &= word - 1) members[count++] = (i << 5) + 31 - Math.clz32(word & -word)
  }
  return members
}

export function countBits(bits: Bits): number {
  let count = 0
  for (let i = 0; i < bits.length; i++) {
    let word = bits[i]!
    word -= (word >>> 1) & 0x55555555
    word = (word & 0x33333333) + ((word >>> 2) & 0x33333333)
    count += (((word + (word >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24
  }
  return count
}

/** The least member; `Infinity` when there is none. */
export function firstBit(bits: Bits): number {
  const index = bits.findIndex((word) => word !== 0)
  if (index < 0) return Number.POSITIVE_INFINITY
  const word = bits[index]!
  return (index << 5) + 31 - Math.clz32(word & -word)
}

/** The greatest member; -1 when there is none. */
export function lastBit(bits: Bits): number {
  const index = bits.findLastIndex((word) => word !== 0)
  return index < 0 ? -1 : (index << 5) + 31 - Math.clz32(bits[index]!)
}

export function bitsOf(members: Iterable<number>): Bits {
  let bits = createBits(0)
  for (const member of members) {
    bits = grown(bits, member + 1)
    setBit(bits, member)
  }
  return bits
}

/** To be stored: how many words are zero before the first that is not, and the words up to the last. */
export function bitsBytes(bits: Bits): Uint8Array {
  const from = Math.max(
    0,
    bits.findIndex((word) => word !== 0),
  )
  const to = bits.findLastIndex((word) => word !== 0) + 1
  const stored = new Uint32Array(1 + Math.max(0, to - from))
  stored[0] = from
  stored.set(bits.subarray(from, to), 1)
  return new Uint8Array(stored.buffer)
}

/** At least `length` words long. */
export function bitsFromBytes(bytes: Uint8Array, length = 0): Bits {
  const stored = new Uint32Array(bytes.slice().buffer)
  const bits = new Uint32Array(Math.max(length, stored[0]! + stored.length - 1))
  bits.set(stored.subarray(1), stored[0])
  return bits
}
