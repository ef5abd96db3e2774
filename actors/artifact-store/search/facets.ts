/** Filters by attributes, and counts of their values over a result. Both go over the numbers of sets (`attributes.ts`). */
import type { AttributeValue, FacetCount } from '../protocol.ts'
import type { Attribute, Attributes } from './attributes.ts'
import type { Bits } from './bits.ts'
import type { AttributeFilter } from './resolved-query.ts'

/** Values of one facet, the most frequent first. */
const FACET_VALUES_MAX = 100

/** Takes out of `found` what the filter does not accept. */
export function applyFilter(found: Bits, { attribute, accepts }: AttributeFilter, attributes: Attributes): void {
  const known = attributes.find(attribute)
  if (known === null) {
    found.fill(0)
    return
  }
  const accepted = new Uint8Array(known.sets.length)
  for (const [number, set] of known.sets.entries()) if (set?.some(accepts) === true) accepted[number] = 1
  const numbers = known.numbers.values
  for (let i = 0; i < found.length; i++) {
    let kept = 0
    for (let left = found[i]!; left !== 0; left &= left - 1) {
      const bit = left & -left
      if (accepted[numbers[(i << 5) + 31 - Math.clz32(bit)] ?? 0] === 1) kept |= bit
    }
    found[i] = kept
  }
}

/** Takes out of `found` what was not created between the two times, both exclusive. */
export function applyTimes(found: Bits, times: Float64Array, after: number, before: number): void {
  for (let i = 0; i < found.length; i++) {
    let kept = 0
    for (let left = found[i]!; left !== 0; left &= left - 1) {
      const bit = left & -left
      const time = times[(i << 5) + 31 - Math.clz32(bit)]!
      if (time > after && time < before) kept |= bit
    }
    found[i] = kept
  }
}

/** How many of the members have each value; a document counts once for every value it has. */
export function countFacet(members: Bits, name: string, attributes: Attributes): readonly FacetCount[] {
  const attribute = attributes.find(name)
  if (attribute === null) return []
  const numbers = countNumbers(members, attribute)
  return name === 'contentType' || attribute.sets.some((set) => set !== null && set.length > 1)
    ? mostFrequent(valuesOf(numbers, attribute, name))
    : mostFrequent(singles(numbers, attribute))
}

function countNumbers(members: Bits, { numbers, sets }: Attribute): Uint32Array {
  const counts = new Uint32Array(sets.length)
  const { values } = numbers
  const length = Math.min(members.length, Math.ceil(values.length / 32))
  for (let i = 0; i < length; i++) {
    const start = i << 5
    for (let left = members[i]!; left !== 0; left &= left - 1) {
      counts[values[start + 31 - Math.clz32(left & -left)]!]!++
    }
  }
  return counts
}

/** Where no set has several values, numbers are values (attributes.ts, I1). */
function* singles(numbers: Uint32Array, { sets }: Attribute): Generator<FacetCount> {
  for (let number = 1; number < numbers.length; number++) {
    const count = numbers[number]!
    const value = sets[number]?.[0]
    if (count > 0 && value !== undefined) yield { value, count }
  }
}

function* valuesOf(numbers: Uint32Array, { sets }: Attribute, name: string): Generator<FacetCount> {
  const counts = new Map<AttributeValue, number>()
  for (const [number, count] of numbers.entries()) {
    if (count === 0) continue
    for (const value of sets[number] ?? []) {
      const counted = name === 'contentType' ? String(value).split(';')[0]!.trim() : value
      counts.set(counted, (counts.get(counted) ?? 0) + count)
    }
  }
  for (const [value, count] of counts) yield { value, count }
}

/** The first of them in order. Sorted now and then, so that most are only compared with the last of the first ones. */
function mostFrequent(all: Iterable<FacetCount>): readonly FacetCount[] {
  let first: FacetCount[] = []
  let last: FacetCount | null = null
  const cut = (): void => {
    first = first.sort(compare).slice(0, FACET_VALUES_MAX)
    last = first.length < FACET_VALUES_MAX ? null : first.at(-1)!
  }
  for (const each of all) {
    if (last !== null && compare(each, last) > 0) continue
    first.push(each)
    if (first.length >= FACET_VALUES_MAX * 4) cut()
  }
  cut()
  return first
}

function compare(a: FacetCount, b: FacetCount): number {
  if (a.count !== b.count) return b.count - a.count
  const [left, right] = [String(a.value), String(b.value)]
  return left < right ? -1 : left > right ? 1 : 0
}
