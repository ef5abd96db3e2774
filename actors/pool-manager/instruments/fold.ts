/**
 * Folds the forms of a word together ("tide", "tides", "tide's"): a key for counting, never shown. Light suffix rules
 * per language in the manner of Harman's S-stemmer ("How effective is suffixing?", 1991): fewer mistakes than a full
 * stemmer makes, and enough to count a plural with its singular.
 */

const KEY_CHARS_MIN = 4

/** The key of `word` (any case) in `language`; languages without rules fold case and apostrophes only. */
export function foldWord(word: string, language: string): string {
  const lower = word.toLowerCase().normalize('NFC')
  switch (language) {
    case 'en':
      return foldEnglish(lower.replace(/'s?$/, ''))
    case 'de':
      return strip(lower, /(?:en|er|em|es|e|n|s)$/)
    case 'nl':
      return strip(lower, /(?:en|s)$/)
    case 'fr':
      return strip(lower.replace(/^(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu)'/, ''), /(?:es|s|x|e)$/)
    case 'es':
    case 'pt':
      return strip(lower, /(?:es|s)$/)
    case 'it':
      return strip(lower.replace(/^(?:[cdlmnst]|un|all|dall|dell|nell|sull|quest|quell)'/, ''), /[aeio]$/)
    default:
      return lower
  }
}

function foldEnglish(word: string): string {
  if (word.length <= KEY_CHARS_MIN - 1 || /(?:ss|us|is)$/.test(word)) return word
  if (/[^aeiou]ies$/.test(word)) return `${word.slice(0, -3)}y`
  if (/(?:ch|sh|ss|x|z)es$/.test(word)) return word.slice(0, -2)
  return word.endsWith('s') ? word.slice(0, -1) : word
}

function strip(word: string, suffix: RegExp): string {
  const key = word.replace(suffix, '')
  return key.length >= KEY_CHARS_MIN ? key : word
}
