/**
 * Words and sentences, by rules of our own rather than `Intl.Segmenter`: that one follows the ICU of the Node at hand,
 * so the same text could give another summary after an upgrade, and it costs ten times as much for words.
 *
 * - A word is a run of letters, marks and digits, with inner apostrophes and hyphens. Scripts written without spaces
 *   (Han, kana, Thai, Lao, Khmer, Burmese) give overlapping pairs of characters, the usual stand-in for words there.
 * - A sentence ends at `. ! ? …` (and their relatives) before white space, unless the stop belongs to an
 *   abbreviation, an initial, an ordinal number or a list mark, or the text goes on in lower case. A blank line ends
 *   any sentence.
 */
import { isAbbreviation, isBeforeNumber, isOrdinalContext } from './abbreviations.ts'
import { isStopwordAnywhere } from './stopwords.ts'

export interface Span {
  readonly start: number
  readonly end: number
}

/** Longer runs are not words but base64, hashes or keys. */
const WORD_CHARS_MAX = 64

const WORD = /[\p{L}\p{M}\p{N}]+(?:['’ʼ‐-][\p{L}\p{M}\p{N}]+)*/gu
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u

/** The words of `text` in order, as written (NFC, straight apostrophes). */
export function words(text: string): string[] {
  const found: string[] = []
  for (const word of text.normalize('NFC').match(WORD) ?? []) {
    if (isUnspaced(word)) pushPairs(word, found)
    else if (word.length <= WORD_CHARS_MAX) found.push(word.replace(/[’ʼ]/g, "'").replace(/‐/g, '-'))
  }
  return found
}

/** True for text of a script that does not put spaces between words. */
export function isUnspaced(text: string): boolean {
  // No such script lies below U+0E00; the cheap test spares the property tables for nearly every word.
  return text.charCodeAt(0) >= 0x0e00 && UNSPACED.test(text)
}

function pushPairs(run: string, into: string[]): void {
  const characters = Array.from(run)
  if (characters.length === 1) into.push(run)
  for (let i = 0; i + 1 < characters.length; i++) into.push(characters[i]! + characters[i + 1]!)
}

// Bounded runs: an unbounded one followed by a letter would be tried again from each of its characters.
// Guillemets close in both directions (»so« in German), and in French after a blank.
const SENTENCE_END =
  /[.!?…؟]{1,8}["'”’»“«›‹)\]]{0,8}(?:[ \u00a0\u202f]»)?(?=\s|$)|[。！？।]{1,8}["'”’»」』)\]]{0,8}|\n[ \t\r]*\n/g

/** The sentences of `text` as spans that tile it: each begins where the one before ends, white space included. */
export function sentenceSpans(text: string): Span[] {
  const spans: Span[] = []
  let start = 0
  for (const match of text.matchAll(SENTENCE_END)) {
    const end = match.index + match[0].length
    if (!isSentenceEnd(text, match.index, match[0], end)) continue
    spans.push({ start, end })
    start = end
  }
  if (start < text.length) spans.push({ start, end: text.length })
  return spans
}

/** The sentences of `text`, trimmed, white space collapsed, blank ones left out. */
export function sentences(text: string): string[] {
  return sentenceSpans(text)
    .map(({ start, end }) => text.slice(start, end).replace(/\s+/g, ' ').trim())
    .filter((sentence) => sentence !== '')
}

const FOLLOWING_CHARS = 40
const PRECEDING_CHARS = 24

function isSentenceEnd(text: string, at: number, mark: string, end: number): boolean {
  const first = mark[0]!
  if (first === '\n' || '。！？।'.includes(first)) return true
  const after = text.slice(end, end + FOLLOWING_CHARS)
  if (/^\s*\n\s*\n/.test(after)) return true
  const next = after.trimStart().replace(/^["'“„«»‚‘([¿¡*_]+/, '')
  if (next === '') return true
  if (/^\p{Ll}/u.test(next)) return false
  if (mark.startsWith('.') && !mark.startsWith('..')) return !stopBelongsToWord(text, at, next)
  return true
}

/** Whether the single full stop at `at` is part of what stands before it. `next` is the text that follows. */
function stopBelongsToWord(text: string, at: number, next: string): boolean {
  const before = text.slice(Math.max(0, at - PRECEDING_CHARS), at)
  const word = /[^\s("'“„«‚‘[]*$/.exec(before)![0]
  if (/^\d{1,2}$/.test(word)) {
    const startsLine = /(?:^|\n)[ \t]*$/.test(before.slice(0, before.length - word.length))
    return startsLine || isOrdinalContext(next)
  }
  if (/^\p{L}$/u.test(word)) {
    const chained = /(?:^|[\s(])\p{L}\.\s?$/u.test(before.slice(0, -1))
    // "vitamin C. The …" ends a sentence, "J. Smith" and "z. B. Äpfel" do not.
    return chained || /^\p{L}\./u.test(next) || !isStopwordAnywhere((/^\p{L}+/u.exec(next)?.[0] ?? '').toLowerCase())
  }
  const lower = word.toLowerCase()
  return isAbbreviation(lower) || (isBeforeNumber(lower) && /^[\dIVX]/.test(next))
}
