/** Embeddings and similarity: unit vectors, related above unrelated, exact neighbours. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createBreath } from '../../../actors/pool-manager/instruments/breath.ts'
import { embed } from '../../../actors/pool-manager/instruments/embedding.ts'
import { relate } from '../../../actors/pool-manager/instruments/similarity.ts'
import { documents, documentText, oddTexts } from './documents.ts'

const breath = () => createBreath(new AbortController().signal)
const vectorOf = async (text: string, dimensions = 256): Promise<readonly number[]> =>
  (await embed([text], dimensions, breath())).vector
const dot = (left: readonly number[], right: readonly number[]): number =>
  left.reduce((sum, value, i) => sum + value * right[i]!, 0)

describe('embed', () => {
  test('gives unit vectors, their mean, and the dimensions asked for', async () => {
    for (const dimensions of [64, 256, 1_024]) {
      const result = await embed(
        documents.map(({ text }) => text),
        dimensions,
        breath(),
      )
      expect(result.dimensions).toBe(dimensions)
      expect(result.vectors).toHaveLength(documents.length)
      for (const vector of [result.vector, ...result.vectors]) {
        expect(vector).toHaveLength(dimensions)
        expect(dot(vector, vector)).toBeCloseTo(1, 4)
      }
    }
  })

  test('the mean points where its texts point on average', async () => {
    const { vector, vectors } = await embed(['The tide rises.', 'Bees make honey.'], 256, breath())
    expect(dot(vector, vectors[0]!)).toBeCloseTo(dot(vector, vectors[1]!), 3)
  })

  test('the same text gives the same vector, markup or not', async () => {
    const plain = await vectorOf('The tide comes from the ocean. Sailors know it.')
    expect(await vectorOf('The tide comes from the ocean. Sailors know it.')).toEqual(plain)
    expect(await vectorOf('# The *tide* comes from the [ocean](http://x.example).\n\n- Sailors **know** it.')).toEqual(
      plain,
    )
  })

  test('the order of paragraphs hardly matters', async () => {
    const paragraphs = documentText('sourdough.md').split('\n\n')
    const [forward, backward] = [
      await vectorOf(paragraphs.join('\n\n')),
      await vectorOf([...paragraphs].reverse().join('\n\n')),
    ]
    expect(dot(forward, backward)).toBeGreaterThan(0.98)
  })

  test('word forms and compounds are near, other words are not', async () => {
    const [tide, tides, tidal, bread] = await Promise.all(
      ['tidewater', 'tidewaters', 'tidewater table', 'breadbasket'].map((text) => vectorOf(text)),
    )
    expect(dot(tide!, tides!)).toBeGreaterThan(0.3)
    expect(dot(tide!, tidal!)).toBeGreaterThan(0.5)
    expect(Math.abs(dot(tide!, bread!))).toBeLessThan(0.2)
  })

  test('no text and no words give the zero vector', async () => {
    expect(new Set(await vectorOf(''))).toEqual(new Set([0]))
    expect(new Set((await embed([], 64, breath())).vector)).toEqual(new Set([0]))
    expect(new Set(await vectorOf('12 34 56'))).toEqual(new Set([0]))
  })

  test('odd texts give finite numbers', async () => {
    for (const text of Object.values(oddTexts)) expect((await vectorOf(text)).every(Number.isFinite)).toBe(true)
  })
})

describe('the example documents', () => {
  const related = async (): Promise<ReadonlyMap<string, readonly string[]>> => {
    const items = await Promise.all(
      documents.map(async ({ name, text }) => ({ id: name, vector: await vectorOf(text) })),
    )
    const neighbours = await relate(items, { top: 3, minScore: 0.05 }, breath())
    return new Map(neighbours.map(({ id, matches }) => [id, matches.map((match) => match.id)]))
  }

  test.each([
    ['sourdough.md', 'salt-and-cabbage.txt'],
    ['salt-and-cabbage.txt', 'sourdough.md'],
    ['tide-tables.md', 'finding-longitude.md'],
    ['finding-longitude.md', 'tide-tables.md'],
    ['finding-longitude.md', 'railway-time.md'],
    ['movable-type.md', 'am-setzkasten.txt'],
    ['am-setzkasten.txt', 'movable-type.md'],
    ['taktfahrplan.md', 'warteschlangen.txt'],
    ['das-jahr-der-bienen.md', 'how-a-swarm-decides.md'],
  ])('%s finds %s', async (name, expected) => {
    expect((await related()).get(name)).toContain(expected)
  })

  test('documents of a theme are nearer than others, in one language and on average', async () => {
    const themes = [
      ['tide-tables.md', 'finding-longitude.md'],
      ['sourdough.md', 'salt-and-cabbage.txt'],
    ]
    const english = documents.filter(({ language }) => language === 'en')
    const vectors = new Map(
      await Promise.all(english.map(async ({ name, text }) => [name, await vectorOf(text)] as const)),
    )
    const pairs = english.flatMap((left, i) => english.slice(i + 1).map((right) => [left.name, right.name] as const))
    const score = ([left, right]: readonly [string, string]): number => dot(vectors.get(left)!, vectors.get(right)!)
    const isTheme = (pair: readonly [string, string]): boolean =>
      themes.some((theme) => theme.includes(pair[0]) && theme.includes(pair[1]))
    const others = pairs.filter((pair) => !isTheme(pair)).map(score)
    const mean = others.reduce((sum, value) => sum + value, 0) / others.length
    for (const pair of pairs.filter(isTheme)) expect(score(pair)).toBeGreaterThan(1.5 * mean)
  })
})

describe('relate', () => {
  const number = fc.double({ min: -1e6, max: 1e6, noNaN: true })
  const itemLists = fc
    .array(
      fc.oneof(fc.array(number, { minLength: 4, maxLength: 4 }), fc.constant([0, 0, 0, 0]), fc.constant([1, 0, 0, 0])),
      { maxLength: 12 },
    )
    .map((vectors) => vectors.map((vector, i) => ({ id: `item ${i}`, vector })))

  test('agrees with sorting all pairs', async () => {
    await fc.assert(
      fc.asyncProperty(
        itemLists,
        fc.integer({ min: 0, max: 5 }),
        fc.double({ min: -1, max: 1, noNaN: true }),
        async (items, top, minScore) => {
          const everything = await relate(items, { top: items.length, minScore: -1 }, breath())
          const wanted = everything.map(({ id, matches }) => ({
            id,
            matches: matches.filter((match) => match.score >= minScore).slice(0, top),
          }))
          expect(await relate(items, { top, minScore }, breath())).toEqual(wanted)
          for (const { id, matches } of everything) {
            const isZero = items.find((item) => item.id === id)!.vector.every((value) => value === 0)
            const others = items.filter((item) => item.id !== id && item.vector.some((value) => value !== 0))
            expect(matches).toHaveLength(isZero ? 0 : others.length)
            const sorted = [...matches].sort(
              (left, right) => right.score - left.score || Number(left.id.slice(5)) - Number(right.id.slice(5)),
            )
            expect(matches).toEqual(sorted)
          }
        },
      ),
      { numRuns: 200 },
    )
  })

  test('scores are cosines, whatever the length of the vectors', async () => {
    const items = [
      { id: 'a', vector: [1e200, 0] },
      { id: 'b', vector: [1e-200, 1e-200] },
      { id: 'c', vector: [-3, 0] },
    ]
    const [first] = await relate(items, { top: 2, minScore: -1 }, breath())
    expect(first).toEqual({
      id: 'a',
      matches: [
        { id: 'b', score: 0.707107 },
        { id: 'c', score: -1 },
      ],
    })
  })
})
