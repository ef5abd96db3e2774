/** Chunks of any text: exact slices that cover it and respect the maximum (invariants I1–I3 of chunking.ts). */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CHUNK_CONTENT_TYPES, chunkText } from '../../../actors/pool-manager/instruments/chunking.ts'
import { documents, oddTexts } from './documents.ts'

const line = fc.oneof(
  fc.constantFrom(
    '',
    '',
    '   ',
    '# Title',
    '## Part two ##',
    '```',
    '```ts',
    '~~~~',
    '| a | b |',
    '|---|---|',
    '- item',
    '}',
    '\t',
  ),
  fc.constantFrom('function f() {', '  return 1', '}', 'const a = 1', '/* x */'),
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc.lorem({ mode: 'sentences', maxCount: 4 }),
)
const anyText = fc.oneof(
  fc.array(line, { maxLength: 40 }).map((lines) => lines.join('\n')),
  fc.array(line, { maxLength: 20 }).map((lines) => lines.join('\r\n')),
  fc.string({ unit: 'binary', maxLength: 400 }),
  fc.constantFrom(...documents.map(({ text }) => text), ...Object.values(oddTexts)),
)
const options = fc
  .record({
    contentType: fc.constantFrom(...CHUNK_CONTENT_TYPES),
    maxChars: fc.integer({ min: 16, max: 3_000 }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ contentType, maxChars, share }) => ({
    contentType,
    maxChars,
    overlapChars: Math.floor(share * (Math.floor(maxChars / 2) - 1)),
  }))

const splitsPair = (text: string, at: number): boolean =>
  at > 0 && at < text.length && /^[\ud800-\udbff][\udc00-\udfff]$/.test(text.slice(at - 1, at + 1))

describe('chunkText', () => {
  test('slices are exact, in order, within the maximum, and never cut a surrogate pair', () => {
    fc.assert(
      fc.property(anyText, options, (text, chunking) => {
        let previousStart = -1
        for (const chunk of chunkText(text, chunking)) {
          expect(text.slice(chunk.start, chunk.end)).toBe(chunk.text)
          expect(chunk.text.trim()).not.toBe('')
          expect(chunk.text.length).toBeLessThanOrEqual(chunking.maxChars)
          expect(chunk.start).toBeGreaterThanOrEqual(previousStart)
          expect(splitsPair(text, chunk.start) || splitsPair(text, chunk.end)).toBe(false)
          previousStart = chunk.start
        }
      }),
      { numRuns: 400 },
    )
  })

  test('what lies between chunks is white space; without overlap nothing lies in two', () => {
    fc.assert(
      fc.property(anyText, options, (text, chunking) => {
        let covered = 0
        for (const { start, end } of chunkText(text, chunking)) {
          expect(text.slice(covered, start).trim()).toBe('')
          if (chunking.overlapChars === 0) expect(start).toBeGreaterThanOrEqual(covered)
          expect(end).toBeGreaterThan(covered)
          covered = end
        }
        expect(text.slice(covered).trim()).toBe('')
      }),
      { numRuns: 400 },
    )
  })
})
