/** Summaries: sentences of the text, in its order, as many as asked, none twice. */
import { describe, expect, test } from 'vitest'
import { createBreath } from '../../../actors/pool-manager/instruments/breath.ts'
import { plainText } from '../../../actors/pool-manager/instruments/markup.ts'
import { summarize } from '../../../actors/pool-manager/instruments/summary.ts'
import { sentences } from '../../../actors/pool-manager/instruments/tokenize.ts'
import { documents, documentText, oddTexts } from './documents.ts'

const summary = (text: string, language: string, count = 3): Promise<string> =>
  summarize(text, language, count, createBreath(new AbortController().signal))

describe('of the example documents', () => {
  test.each(documents)('$name: sentences from the text, in order, as many as asked', async ({ text, language }) => {
    for (const count of [1, 3, 5]) {
      const chosen = sentences(await summary(text, language, count))
      const source = sentences(plainText(text))
      const positions = chosen.map((sentence) => source.indexOf(sentence))
      expect(chosen).toHaveLength(count)
      expect(positions).not.toContain(-1)
      expect(positions).toEqual([...new Set(positions)].sort((left, right) => left - right))
    }
  })

  test('is deterministic, and a longer one differs', async () => {
    const text = documentText('taktfahrplan.md')
    expect(await summary(text, 'de')).toBe(await summary(text, 'de'))
    expect((await summary(text, 'de', 6)).length).toBeGreaterThan((await summary(text, 'de', 2)).length)
  })

  test('says what the text is about', async () => {
    expect(await summary(documentText('tide-tables.md'), 'en', 4)).toMatch(/tide/)
    expect(await summary(documentText('sauerteig.md'), 'de', 4)).toMatch(/Säure/)
    expect(await summary(documentText('how-a-swarm-decides.md'), 'en', 4)).toMatch(/scouts/)
  })
})

describe('choice', () => {
  test('prefers the sentence that the others are about', async () => {
    const text =
      'The ferry was painted green last year. Bees collect nectar and turn nectar into honey. Nectar is thin, so bees fan it with their wings. ' +
      'Honey keeps because bees dry the nectar. Someone lost a hat on Tuesday. The shop closes at noon in winter.'
    expect(await summary(text, 'en', 2)).toMatch(/nectar.*nectar/i)
    expect(await summary(text, 'en', 3)).not.toMatch(/hat|shop|ferry/)
  })

  test('a repeated sentence appears once', async () => {
    const repeated = 'Bees collect nectar and make honey from it.'
    const text = `${repeated} ${repeated} Honey keeps for years in a closed jar. ${repeated}`
    const chosen = sentences(await summary(text, 'en', 3))
    expect(chosen.filter((sentence) => sentence === repeated)).toHaveLength(1)
    expect(chosen).toHaveLength(2)
  })

  test('headings, code and tables do not speak', async () => {
    const text =
      '# Bees make honey from nectar\n\n```\nbees.make(honey)\n```\n\n| bees | honey |\n\nBees make honey. It keeps for many years.'
    expect(await summary(text, 'en', 5)).toBe('Bees make honey. It keeps for many years.')
  })

  test('list items speak when there is nothing else, and a title when there is only a title', async () => {
    expect(await summary('- Wash the jar with hot water.\n- Fill it with honey to the rim.', 'en', 2)).toBe(
      'Wash the jar with hot water. Fill it with honey to the rim.',
    )
    expect(await summary('# Only a title', 'en')).toBe('Only a title')
  })

  test('fewer sentences than asked for are all of them', async () => {
    expect(await summary('One short text here. It has two sentences.', 'en', 9)).toBe(
      'One short text here. It has two sentences.',
    )
  })
})

describe('odd and large texts', () => {
  test.each(Object.entries(oddTexts))('%s', async (_name, text) => {
    const result = await summary(text, 'und')
    expect(result.isWellFormed()).toBe(true)
    expect(result.length).toBeLessThanOrEqual(text.length)
  })

  test('four million characters', async () => {
    const all = documents
      .filter(({ language }) => language === 'en')
      .map(({ text }) => text)
      .join('\n\n')
    const text = all.repeat(Math.ceil(4_200_000 / all.length))
    const chosen = sentences(await summary(text, 'en', 5))
    expect(chosen).toHaveLength(5)
    expect(new Set(chosen).size).toBe(5)
  })
})
