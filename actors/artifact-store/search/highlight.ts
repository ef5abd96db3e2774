/** Pieces of a text around what a query wants, with each match in «…». */
import { wantedPhrases, type TextQuery } from '../query.ts'
import { languageOf, stemOf, stemsOf } from './stemming.ts'
import { eachWord } from './words.ts'

const WINDOW_WORDS = 24
const BEFORE_WORDS = 6

interface Word {
  readonly folded: string
  readonly stem: string
  readonly start: number
  readonly end: number
}

interface Match {
  /** Index of the first word, and of the last one. */
  readonly first: number
  readonly last: number
  /** Which phrase of the query it is. */
  readonly phrase: number
}

export type Highlighter = (text: string) => string | null

/** The piece with the most different matches, the earliest of those; null when the text has none. */
export function createHighlighter(query: TextQuery): Highlighter {
  const phrases = wantedPhrases(query).map(({ words, prefix }) => {
    const last = words.length - 1
    return words.map((word, i) => (prefix && i === last ? startsWith(word, words.length === 1) : means(word)))
  })
  return (text) => {
    const words = wordsOf(text)
    const matches = matchesOf(words, phrases)
    return matches.length === 0 ? null : pieceOf(text, words, matches, bestStart(matches))
  }
}

type Accepts = (word: Word) => boolean

function means(wanted: string): Accepts {
  const stems = stemsOf(wanted)
  return ({ stem }) => stems.includes(stem)
}

/** The same rule as the index has for a prefix: alone it also stands for its own stem. */
function startsWith(prefix: string, alone: boolean): Accepts {
  const stems = alone ? stemsOf(prefix) : []
  return ({ stem }) => stem.startsWith(prefix) || stems.includes(stem)
}

function wordsOf(text: string): readonly Word[] {
  const language = languageOf(text)
  const words: Word[] = []
  eachWord(text, (folded, start, end) => void words.push({ folded, stem: stemOf(folded, language), start, end }))
  return words
}

function matchesOf(words: readonly Word[], phrases: readonly (readonly Accepts[])[]): readonly Match[] {
  const matches: Match[] = []
  for (let first = 0; first < words.length; first++) {
    for (const [phrase, accepts] of phrases.entries()) {
      const last = first + accepts.length - 1
      if (last < words.length && accepts.every((accept, i) => accept(words[first + i]!))) {
        matches.push({ first, last, phrase })
      }
    }
  }
  return matches
}

/** The match with which the best window begins. */
function bestStart(matches: readonly Match[]): number {
  let best = 0
  let most = 0
  for (const [i, { first }] of matches.entries()) {
    const different = new Set<number>()
    for (let j = i; j < matches.length && matches[j]!.last < first + WINDOW_WORDS - BEFORE_WORDS; j++) {
      different.add(matches[j]!.phrase)
    }
    if (different.size > most) {
      most = different.size
      best = i
    }
  }
  return best
}

function pieceOf(text: string, words: readonly Word[], matches: readonly Match[], best: number): string {
  const from = Math.max(0, Math.min(matches[best]!.first - BEFORE_WORDS, words.length - WINDOW_WORDS))
  const to = Math.min(words.length, Math.max(from + WINDOW_WORDS, matches[best]!.last + 1))
  const start = from === 0 ? 0 : words[from]!.start
  const end = to === words.length ? text.length : words[to - 1]!.end
  let piece = from === 0 ? '' : '…'
  let at = start
  for (const { first, last } of matches) {
    if (first < from || last >= to || words[first]!.start < at) continue
    piece += `${text.slice(at, words[first]!.start)}«${text.slice(words[first]!.start, words[last]!.end)}»`
    at = words[last]!.end
  }
  return `${piece}${text.slice(at, end)}${to === words.length ? '' : '…'}`
}
