/** The example documents and a run of an instrument module, for the tests of this folder. */
import { readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { ModelModule } from '../../../actors/pool-manager/backends/module.ts'

const folder = resolve(import.meta.dirname, '../../../examples/documents')

export interface ExampleDocument {
  readonly name: string
  readonly text: string
  readonly language: string
}

const german = [
  'am-setzkasten.txt',
  'das-jahr-der-bienen.md',
  'ebbe-und-flut.md',
  'sauerteig.md',
  'taktfahrplan.md',
  'warteschlangen.txt',
]

export const documents: readonly ExampleDocument[] = readdirSync(folder)
  .filter((name) => name !== 'README.md')
  .sort()
  .map((name) => ({
    name,
    text: readFileSync(resolve(folder, name), 'utf8'),
    language: german.includes(name) ? 'de' : 'en',
  }))

export function documentText(name: string): string {
  return documents.find((document) => document.name === name)!.text
}

const states = new WeakMap<object, Promise<unknown>>()

/** One request to an instrument, loaded once per test file. */
export async function run(
  module: ModelModule,
  input: unknown,
  parameters: Readonly<Record<string, unknown>> = {},
  signal: AbortSignal = new AbortController().signal,
): Promise<unknown> {
  const state = states.get(module) ?? Promise.resolve(module.load({}))
  states.set(module, state)
  return module.infer(await state, { input, parameters, signal })
}

/** Texts that instruments meet in the wild, none of them prose. */
export const oddTexts: Readonly<Record<string, string>> = {
  empty: '',
  blank: ' \n\t\r\n  \u00a0 ',
  'one letter': 'a',
  digits: '3.14159 2.71828 1.41421',
  emoji: '😀😀 👩‍👩‍👧‍👦 🏳️‍🌈! 🎉? 😀.',
  'right to left': 'השעון בתחנה מראה שבע. הרכבת יוצאת בזמן. الساعة في المحطة تشير إلى السابعة. يغادر القطار في موعده.',
  Chinese: '潮汐表预测海水的高度。月亮和太阳引起潮汐。每天有两次高潮。潮汐表不知道天气。',
  'binary-ish': String.fromCharCode(...Array.from({ length: 4_096 }, (_, i) => (i * 7_919 + 13) % 256)),
  'lone surrogates': 'Tide \ud83d tables \ude00 are printed. They know \ud800 the moon. They do not know the wind.',
  'only code': '```ts\nconst tide = 1\n```\n',
  'only a table': '| a | b |\n|---|---|\n| 1 | 2 |\n',
  'unclosed fence': 'The tide comes in. ```\n\n```\nThe tide goes out and never comes',
  'front matter only': '---\ntitle: Tides\n---\n',
  'no sentence end': 'word '.repeat(5_000),
  'one long word': 'x'.repeat(200_000),
  'markup storm':
    '[['.repeat(2_000) + '](('.repeat(2_000) + '<a '.repeat(2_000) + '**_'.repeat(2_000) + '`'.repeat(999),
  dots: '.'.repeat(100_000) + 'x',
  'blank lines': '\n'.repeat(100_000) + '  x',
  'blanks in a heading': `# a${' '.repeat(100_000)}b`,
}
