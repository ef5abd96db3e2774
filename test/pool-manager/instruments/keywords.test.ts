/** Keywords: relevant on the example documents, without repeats, stable. */
import { describe, expect, test } from 'vitest'
import { createBreath } from '../../../actors/pool-manager/instruments/breath.ts'
import { extractKeywords } from '../../../actors/pool-manager/instruments/keywords.ts'
import { isStopword } from '../../../actors/pool-manager/instruments/stopwords.ts'
import { documents, documentText, oddTexts } from './documents.ts'

const keywords = (text: string, language: string, count = 10) =>
  extractKeywords(text, language, count, createBreath(new AbortController().signal))
const terms = async (text: string, language: string, count = 10): Promise<string[]> =>
  (await keywords(text, language, count)).map(({ term }) => term.toLowerCase())

describe('relevance', () => {
  test.each([
    ['tide-tables.md', ['tide', 'moon', 'tide table', 'north sea']],
    ['finding-longitude.md', ['longitude', 'clock', 'nautical mile']],
    ['railway-time.md', ['railway', 'noon', 'timetable', 'greenwich time']],
    ['sourdough.md', ['flour', 'starter', 'dough', 'yeasts']],
    ['salt-and-cabbage.txt', ['cabbage', 'salt', 'lactic acid bacteria']],
    ['standing-in-line.txt', ['line', 'wait', 'queue']],
    ['how-a-swarm-decides.md', ['swarm', 'scouts', 'bees', 'quorum']],
    ['movable-type.md', ['letters', 'printed', 'movable type', 'mould']],
    ['ebbe-und-flut.md', ['mond', 'hochwasser', 'gezeiten', 'nordsee']],
    ['sauerteig.md', ['sauerteig', 'anstellgut', 'milchsäure']],
    ['taktfahrplan.md', ['taktfahrplan', 'knoten', 'fahrplan']],
    ['warteschlangen.txt', ['schlange', 'kunden', 'auslastung']],
    ['das-jahr-der-bienen.md', ['bienen', 'honig', 'volk', 'wachs']],
    ['am-setzkasten.txt', ['setzer', 'lettern', 'setzkasten', 'blei']],
  ])('%s', async (name, expected) => {
    const { text, language } = documents.find((document) => document.name === name)!
    expect(await terms(text, language)).toEqual(expect.arrayContaining(expected))
  })

  test('one sentence has keywords too, phrases included', async () => {
    expect(await terms('Content-addressed storage keeps every result under its hash.', 'en', 3)).toEqual(
      expect.arrayContaining(['content-addressed storage']),
    )
  })

  test('a language without a list of stopwords still works', async () => {
    const text = 'Pszczoły robią miód. Pszczoły w ulu mają królową, a miód i wosk robią razem. Miód jest słodki.'
    expect((await terms(text, 'pl', 2)).sort()).toEqual(['miód', 'pszczoły'])
  })
})

describe('form', () => {
  test('scores fall from 1, terms are different and no stopwords, the count is kept', async () => {
    for (const { text, language } of documents) {
      const found = await keywords(text, language, 15)
      expect(found).toHaveLength(15)
      expect(found[0]!.score).toBe(1)
      const scores = found.map(({ score }) => score)
      expect(scores).toEqual([...scores].sort((left, right) => right - left))
      expect(new Set(found.map(({ term }) => term.toLowerCase())).size).toBe(15)
      expect(found.filter(({ term }) => isStopword(term.toLowerCase(), language))).toEqual([])
    }
  })

  test('forms of a word are one keyword, shown in the commonest form', async () => {
    expect(await terms('A tide. The tides. The tides. Tides!', 'en')).toEqual(['tides'])
  })

  test('nothing of code, tables, addresses or front matter', async () => {
    const text =
      '---\nsecret: zebra\n---\n\nTides rise. Tides fall.\n\n```\nzebra zebra zebra\n```\n\n| zebra | zebra |\n\n<https://zebra.example>\n'
    expect(await terms(text, 'en')).not.toContain('zebra')
  })

  test('the same text gives the same keywords', async () => {
    const text = documentText('sourdough.md')
    expect(await keywords(text, 'en')).toEqual(await keywords(text, 'en'))
  })

  test('odd texts give few or none, and no failure', async () => {
    for (const [name, text] of Object.entries(oddTexts)) {
      for (const { term, score } of await keywords(text, 'und')) {
        expect(term.trim(), name).not.toBe('')
        expect(score).toBeGreaterThan(0)
        expect(score).toBeLessThanOrEqual(1)
      }
    }
    expect(await keywords('', 'en')).toEqual([])
    expect(await keywords('the of and', 'en')).toEqual([])
  })
})
