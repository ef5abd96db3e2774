import { applyPatch } from 'diff'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { diffSequences, type Run } from '../../../actors/artifact-store/diff/sequence.ts'
import { diffTexts, type TextDiff } from '../../../actors/artifact-store/diff/text.ts'
import { seededRandom } from '../../../runtime/index.ts'
import { ended } from './support.ts'

function diff(from: string, to: string, contextLines = 3): TextDiff {
  return ended(diffTexts({ label: 'a', text: from }, { label: 'b', text: to }, contextLines))
}

describe('a unified diff', () => {
  test('is written as patch reads it', () => {
    expect(diff('1\n2\n3\n4\n5\n6\n7\n8\n9\n', '1\n2\n3\n4\nfive\n6\n7\n8\n9\nten', 2)).toEqual({
      unified: [
        '--- a\n+++ b\n',
        '@@ -3,7 +3,8 @@\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n 9\n+ten\n\\ No newline at end of file\n',
      ].join(''),
      addedLines: 2,
      removedLines: 1,
    })
    expect(diff('', 'x\n').unified).toBe('--- a\n+++ b\n@@ -0,0 +1 @@\n+x\n')
    expect(diff('x', 'x\n').unified).toBe('--- a\n+++ b\n@@ -1 +1 @@\n-x\n\\ No newline at end of file\n+x\n')
  })

  test('puts changes apart into hunks of their own', () => {
    const lines = Array.from({ length: 30 }, (_, i) => `line ${i}\n`)
    const changed = lines.with(3, 'three\n').with(25, 'twenty-five\n')
    expect(diff(lines.join(''), changed.join('')).unified.match(/^@@.*@@$/gm)).toEqual([
      '@@ -1,7 +1,7 @@',
      '@@ -23,7 +23,7 @@',
    ])
  })

  test('keeps functions together where a shortest script would mix them', () => {
    const one = 'function one() {\n  return 1\n}\n'
    const two = 'function two() {\n  return 2\n}\n'
    const { addedLines, removedLines } = diff(one, two + one)
    expect({ addedLines, removedLines }).toEqual({ addedLines: 3, removedLines: 0 })
  })
})

const line = fc.constantFrom('a\n', 'b\n', 'c\n', '}\n', '\n', 'ä €\r\n')
const text = fc.tuple(fc.array(line, { maxLength: 40 }), fc.constantFrom('', '', 'end', 'b'))

test('property: applied as a patch it gives the other text', () => {
  const property = fc.property(text, text, fc.nat(4), ([a, aEnd], [b, bEnd], contextLines) => {
    const [from, to] = [a.join('') + aEnd, b.join('') + bEnd]
    const { unified } = diff(from, to, contextLines)
    if (from === to) expect(unified).toBe('--- a\n+++ b\n')
    else expect(applyPatch(from, unified, { autoConvertLineEndings: false })).toBe(to)
  })
  fc.assert(property, { numRuns: 1000 })
})

function applied(a: Uint32Array, b: Uint32Array, runs: readonly Run[]): number[] {
  const out: number[] = []
  let at = 0
  for (const { aFrom, aTo, bFrom, bTo } of runs) {
    out.push(...a.subarray(at, aFrom), ...b.subarray(bFrom, bTo))
    at = aTo
  }
  return [...out, ...a.subarray(at)]
}

const edits = (runs: readonly Run[]): number =>
  runs.reduce((sum, { aFrom, aTo, bFrom, bTo }) => sum + aTo - aFrom + bTo - bFrom, 0)

/** By the table of the longest common subsequence. */
function fewestEdits(a: Uint32Array, b: Uint32Array): number {
  let row = new Uint32Array(b.length + 1)
  for (const x of a) {
    const next = new Uint32Array(b.length + 1)
    for (const [j, y] of b.entries()) next[j + 1] = x === y ? row[j]! + 1 : Math.max(row[j + 1]!, next[j]!)
    row = next
  }
  return a.length + b.length - 2 * row[b.length]!
}

test('property: without elements that are there once, no script is shorter', () => {
  const sequence = fc.array(fc.nat(2), { minLength: 6, maxLength: 24 }).map((items) => [...items, ...items])
  const property = fc.property(sequence, sequence, (from, to) => {
    const [a, b] = [Uint32Array.from(from), Uint32Array.from(to)]
    const runs = ended(diffSequences(a, b, 3))
    expect(applied(a, b, runs)).toEqual(to)
    // The trimmed middle may hold single elements, which anchor it; it can only be longer there.
    const singles = [0, 1, 2].some((kind) => [a, b].some((each) => each.filter((one) => one === kind).length < 4))
    if (!singles) expect(edits(runs)).toBeLessThanOrEqual(fewestEdits(a, b) + 4)
  })
  fc.assert(property, { numRuns: 500 })
})

test('what has nothing in common, or too much to try, is replaced; it ends and yields on the way', () => {
  const random = seededRandom(3)
  const noise = (): Uint32Array => Uint32Array.from({ length: 50_000 }, () => Math.floor(random.next() * 4))
  const [a, b] = [noise(), noise()]
  const work = diffSequences(a, b, 4)
  let turns = 0
  let step = work.next()
  for (; step.done !== true; step = work.next()) turns++
  expect(turns).toBeGreaterThan(10)
  expect(Uint32Array.from(applied(a, b, step.value))).toEqual(b)
})
