/**
 * The text of an artifact as terms: its body in one index, its name and labels (tags, texts of the custom metadata) in
 * another one, because these change while the body never does.
 *
 * I1. Positions of separate texts are far apart: no phrase goes from one to the next.
 */
import { createJudge, stemOf } from './stemming.ts'
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

/** Adds the words of texts, apart from each other (I1), stemmed in the language of all; returns how many there are. */
export function addTexts(terms: Map<string, number[]>, texts: readonly string[], mark: string): number {
  const words: string[] = []
  const positions: number[] = []
  const judge = createJudge()
  let position = 0
  let offset = 0
  for (const text of texts) {
    eachWord(text, (word, start, end) => {
      judge.hear(word, offset + start, offset + end)
      words.push(word)
      positions.push(position++)
    })
    position += APART
    offset += text.length + 1
  }
  const language = judge.language()
  for (let i = 0; i < words.length; i++) {
    const stem = stemOf(words[i]!, language)
    const term = mark === '' ? stem : mark + stem
    const known = terms.get(term)
    if (known === undefined) terms.set(term, [positions[i]!])
    else known.push(positions[i]!)
  }
  return words.length
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
