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
  const accepted = Uint8Array.from(known.sets, (set) => (set?.some(accepts) === true ? 1 : 0))
  const numbers = known.numbers.values
  for (let i = 0; i < found.length; i++) {
    let left = found[i]!
    let kept = 0
    for (; left !== 0; left &= left - 1) {
      const bit = left & -left
      if (accepted[numbers[(i << 5) + 31 - Math.clz32(bit)] ?? 0] === 1) kept |= bit
    }
    found[i] = kept
  }
}

/** Takes out of `found` what was not created between the two times, both exclusive. */
export function applyTimes(found: Bits, times: Float64Array, after: number, before: number): void {
  for (let i = 0; i < found.length; i++) {
    let left = found[i]!
    let kept = 0
    for (; left !== 0; left &= left - 1) {
      const bit = left & -left
      const time = times[(i << 5) + 31 - Math.clz32(bit)]!
      if (time > after && time < before) kept |= bit
    }
    found[i] = kept
  }
}

/** How many of the members have each value; a document counts once for every value it has. */
export function countFacet(members: Uint32Array, name: string, attributes: Attributes): readonly FacetCount[] {
  const attribute = attributes.find(name)
  if (attribute === null) return []
  const counts = new Map<AttributeValue, number>()
  for (const [number, count] of countNumbers(members, attribute).entries()) {
    if (count === 0) continue
    for (const value of attribute.sets[number] ?? []) {
      const counted = name === 'contentType' ? String(value).split(';')[0]!.trim() : value
      counts.set(counted, (counts.get(counted) ?? 0) + count)
    }
  }
  const all = [...counts].map(([value, count]) => ({ value, count }))
  return all.sort((a, b) => b.count - a.count || compare(a.value, b.value)).slice(0, FACET_VALUES_MAX)
}

function countNumbers(members: Uint32Array, { numbers, sets }: Attribute): Uint32Array {
  const counts = new Uint32Array(sets.length)
  const { values } = numbers
  for (const member of members) counts[values[member] ?? 0]!++
  return counts
}

function compare(a: AttributeValue, b: AttributeValue): number {
  const [left, right] = [String(a), String(b)]
  return left < right ? -1 : left > right ? 1 : 0
}
