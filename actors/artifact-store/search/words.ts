/**
 * Where the words of a text are. A word is a run of letters and digits; each character of a script written without spaces
 * (Han, Kana, Thai, …) is a word of its own, so that any part of such a text is found as a phrase.
 *
 * I1. A folded word has no character from U+D800 on: the order of words is the same in JavaScript and in SQLite.
 */

export type VisitWord = (folded: string, start: number, end: number) => void

/** The rest of a longer word does not count: nobody types it, and base64 would fill the index. */
export const WORD_CHARS_MAX = 64

const Kind = { Other: 1, Letter: 2, Single: 3, Mark: 4 } as const

const LETTER = /^[\p{L}\p{N}]$/u
const MARK = /^\p{M}$/u
const SINGLE =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]$/u

/** What each UTF-16 code unit is, found out once. */
const kinds = new Uint8Array(0x10000)

function kindOf(unit: number): number {
  return kinds[unit]! || (kinds[unit] = classify(unit))
}

function classify(unit: number): number {
  if (unit >= 0xd800 && unit < 0xf900) return Kind.Other
  const char = String.fromCharCode(unit)
  if (MARK.test(char)) return Kind.Mark
  if (!LETTER.test(char)) return Kind.Other
  return SINGLE.test(char) ? Kind.Single : Kind.Letter
}

/** Calls `visit` with each word, folded, and its place in `text`. */
export function eachWord(text: string, visit: VisitWord): void {
  let start = -1
  let ascii = true
  for (let at = 0; at <= text.length; at++) {
    const unit = at < text.length ? text.charCodeAt(at) : 32
    const kind = kindOf(unit)
    if (kind === Kind.Letter || (kind === Kind.Mark && start >= 0)) {
      if (start < 0) {
        start = at
        ascii = true
      }
      if (unit > 127) ascii = false
      continue
    }
    if (start >= 0) emit(text, start, at, ascii, visit)
    start = -1
    if (kind === Kind.Single) emit(text, at, at + 1, false, visit)
  }
}

function emit(text: string, start: number, end: number, ascii: boolean, visit: VisitWord): void {
  const word = text.slice(start, Math.min(end, start + WORD_CHARS_MAX))
  const folded = ascii ? word.toLowerCase() : fold(word)
  if (folded !== '') visit(folded, start, end)
}

/** Lower case, without accents and other marks, compatible forms made the same: `Städte` → `stadte`, `ﬁ` → `fi`. */
function fold(word: string): string {
  const plain = word
    .toLowerCase()
    .normalize('NFKD')
    .replace(/[^\p{L}\p{N}]/gu, '')
    .replaceAll('ß', 'ss')
    .replaceAll('æ', 'ae')
    .replaceAll('œ', 'oe')
    .replaceAll('ø', 'o')
    .replaceAll('ł', 'l')
  // oxlint-disable-next-line no-control-regex -- a range of code units, not control characters
  return plain.replace(/[\ud800-\uffff]/g, '').slice(0, WORD_CHARS_MAX)
}
