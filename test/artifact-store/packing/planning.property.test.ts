import fc from 'fast-check'
import { expect, test } from 'vitest'
import { planFamilies, type Candidate } from '../../../actors/artifact-store/packing/planning.ts'
import {
  featuresOf,
  SIMILAR_MIN,
  sketchFromText,
  sketchOf,
  sketchToText,
} from '../../../actors/artifact-store/packing/sketch.ts'

const candidates = fc
  .array(
    fc.record({
      sizeBytes: fc.integer({ min: 1, max: 5000 }),
      contentType: fc.constantFrom('text/plain', 'application/json'),
      name: fc.constantFrom(null, 'a.md', 'b.md', 'c.json'),
      createdAt: fc.nat(20),
      features: fc.array(fc.nat(40), { maxLength: 16 }),
    }),
    { maxLength: 60 },
  )
  .map((list): Candidate[] => list.map(({ features, ...rest }, id) => ({ id, ...rest, sketch: sketch(features) })))

function sketch(features: readonly number[]): Uint32Array {
  const sorted = [...new Set(features)].sort((a, b) => a - b)
  return new Uint32Array(16).fill(0xffffffff).map((none, i) => sorted[i] ?? none)
}

test('a plan has every candidate once, newest first in what is told by one key, whatever the order they come in', () => {
  fc.assert(
    fc.property(candidates, fc.integer({ min: 1, max: 20_000 }), (all, ownFamilyBytes) => {
      const key = { id: 7, label: 'text/plain.md', sketch: sketch([1, 2, 3, 4, 5, 6, 7, 8]) }
      const families = planFamilies(all, [key], ownFamilyBytes)
      const planned = families.flatMap(({ members }) => members.map(({ id }) => id))
      expect([...planned].sort((a, b) => a - b)).toEqual(all.map(({ id }) => id))
      expect(planFamilies([...all].reverse(), [key], ownFamilyBytes)).toEqual(families)
      for (const { label, members } of families.filter(({ label }) => label === '')) {
        expect(label).toBe('')
        const times = members.map(({ createdAt }) => createdAt)
        expect(times).toEqual([...times].sort((a, b) => b - a))
      }
    }),
  )
})

const shared = (a: Uint8Array, b: Uint8Array): number => {
  const known = new Set(featuresOf(sketchOf(a)))
  return featuresOf(sketchOf(b)).filter((feature) => known.has(feature)).length
}

test('sketches tell an edited content from another one', () => {
  const content = fc.uint8Array({ minLength: 4000, maxLength: 8000 })
  fc.assert(
    fc.property(content, content, fc.nat(3999), fc.uint8Array({ maxLength: 40 }), (one, other, at, inserted) => {
      const edited = Buffer.concat([one.subarray(0, at), inserted, one.subarray(at)])
      // Runs of one byte, which fast-check likes to make, have hardly any features.
      fc.pre(featuresOf(sketchOf(one)).length === 16 && featuresOf(sketchOf(other)).length === 16)
      expect(shared(one, edited)).toBeGreaterThanOrEqual(SIMILAR_MIN)
      expect(shared(one, other)).toBeLessThan(SIMILAR_MIN)
    }),
    { numRuns: 50 },
  )
})

test('a sketch survives being written, and never changes with the program', () => {
  const made = sketchOf(Buffer.from('the quick brown fox jumps over the lazy dog. '.repeat(40)))
  expect(sketchFromText(sketchToText(made))).toEqual(made)
  const letters = Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * i * 31 + (i >> 3)) & 0xff))
  expect(featuresOf(sketchOf(letters)).slice(0, 3)).toEqual([177686693, 413806920, 474491349])
})
