/**
 * A bounded part of a long text that still speaks for the whole: windows spread evenly from its first character to its
 * last. What an instrument holds in memory grows with the number of different words, so each bounds what it reads.
 */

/**
 * `text` itself when it has at most `charsMax` characters, else `windows` pieces of it of `charsMax / windows` each,
 * separated by a blank line. A window begins and ends between words where there is white space to be found.
 */
export function sampleText(text: string, charsMax: number, windows: number): string {
  if (text.length <= charsMax) return text
  const windowChars = Math.floor(charsMax / windows)
  const pieces: string[] = []
  for (let i = 0; i < windows; i++) {
    const start = windows === 1 ? 0 : Math.floor(((text.length - windowChars) * i) / (windows - 1))
    pieces.push(wholeWords(text.slice(start, start + windowChars), start > 0, start + windowChars < text.length))
  }
  return pieces.join('\n\n')
}

const WORD_SEARCH_CHARS = 100

function wholeWords(piece: string, cutBefore: boolean, cutAfter: boolean): string {
  const first = cutBefore ? piece.slice(0, WORD_SEARCH_CHARS).search(/\s/) : -1
  const last = cutAfter ? piece.slice(-WORD_SEARCH_CHARS).search(/\s\S*$/) : -1
  const end = last < 0 ? piece.length : Math.max(0, piece.length - WORD_SEARCH_CHARS) + last
  return piece.slice(first < 0 ? 0 : first, end)
}
