/**
 * The text of an artifact as terms: its body in one index, its name and labels (tags, texts of the custom metadata) in
 * another one, because these change while the body never does.
 *
 * I1. Positions of separate texts are far apart: no phrase goes from one to the next.
 */
import { stemOf, type Language } from './stemming.ts'
import { eachWord } from './words.ts'

export interface Field {
  readonly name: 'name' | 'label' | 'body'
  readonly index: 'body' | 'meta'
  /** Before each term of the field in its index. */
  readonly mark: string
  /** In the rank: a match in the name says more than one in the body. */
  readonly weight: number
}

export const FIELDS: readonly Field[] = [
  { name: 'name', index: 'meta', mark: 'n', weight: 8 },
  { name: 'label', index: 'meta', mark: 'l', weight: 4 },
  { name: 'body', index: 'body', mark: '', weight: 1 },
]

const APART = 100
/** Texts of the custom metadata, per artifact. */
const LABELS_MAX = 256

/** Adds the words of a text to `terms`; returns the position after them. */
export function addTerms(
  terms: Map<string, number[]>,
  { text, mark, language, from }: { text: string; mark: string; language: Language; from: number },
): number {
  let position = from
  eachWord(text, (word) => {
    const term = mark + stemOf(word, language)
    const positions = terms.get(term)
    if (positions === undefined) terms.set(term, [position])
    else positions.push(position)
    position++
  })
  return position
}

/** Adds several texts, apart from each other (I1); returns how many words they have. */
export function addTexts(
  terms: Map<string, number[]>,
  texts: readonly string[],
  { mark, language }: { mark: string; language: Language },
): number {
  let from = 0
  let words = 0
  for (const text of texts) {
    const after = addTerms(terms, { text, mark, language, from })
    words += after - from
    from = after + APART
  }
  return words
}

/** All strings in the custom metadata, its keys not. */
export function textsOf(value: unknown, into: string[] = []): string[] {
  if (into.length >= LABELS_MAX) return into
  if (typeof value === 'string') into.push(value)
  else if (typeof value === 'object' && value !== null) for (const each of Object.values(value)) textsOf(each, into)
  return into
}

/** Lengths are stored in a byte, about 6 % exact. */
export function lengthCode(words: number): number {
  return Math.min(255, Math.round(12 * Math.log2(1 + words)))
}

export const LENGTHS: readonly number[] = Array.from({ length: 256 }, (_, code) => 2 ** (code / 12) - 1)
