/**
 * Which language is a text in?
 *
 * First by script: Greek, Hebrew, Thai, Hangul, kana … settle it alone. Scripts shared by several languages (Latin,
 * Cyrillic) are decided by naive Bayes over character n-grams of 2 to 4 inside words, the features of Cavnar and
 * Trenkle, "N-gram-based text categorization" (1994), with add-alpha smoothing instead of ranks, which does better on
 * one sentence. The model is trained at load from `language-samples.ts` (some tens of milliseconds, 64 KiB per language).
 *
 * Confidence is meant to be believed. Neighbouring n-grams overlap, so the raw posterior is absurdly sure; the log
 * odds are divided by `OVERLAP` first. It is then scaled by how well the text fits any language at all, and by the
 * share of its letters that are in the winning script. A text with few known n-grams is `und` (ISO 639-2: undetermined).
 */
import { featureHash } from './feature-hash.ts'
import { CYRILLIC_SAMPLES, LATIN_SAMPLES } from './language-samples.ts'
import { plainText } from './markup.ts'
import { round } from './round.ts'
import { sampleText } from './sample.ts'

export interface LanguageGuess {
  /** ISO 639-1 code, or `und`. */
  readonly language: string
  /** English name of the language. */
  readonly name: string
  /** 0…1; below about 0.5 is a guess. */
  readonly confidence: number
}

export interface LanguageDetector {
  /** Languages it can answer. */
  readonly languages: readonly string[]
  detect(text: string): LanguageGuess
}

const NAMES: Readonly<Record<string, string>> = {
  en: 'English',
  de: 'German',
  fr: 'French',
  es: 'Spanish',
  it: 'Italian',
  pt: 'Portuguese',
  nl: 'Dutch',
  sv: 'Swedish',
  da: 'Danish',
  no: 'Norwegian',
  fi: 'Finnish',
  pl: 'Polish',
  cs: 'Czech',
  ro: 'Romanian',
  hu: 'Hungarian',
  tr: 'Turkish',
  ru: 'Russian',
  uk: 'Ukrainian',
  bg: 'Bulgarian',
  sr: 'Serbian',
  el: 'Greek',
  he: 'Hebrew',
  ar: 'Arabic',
  fa: 'Persian',
  hi: 'Hindi',
  zh: 'Chinese',
  ja: 'Japanese',
  ko: 'Korean',
  th: 'Thai',
  und: 'undetermined',
}

/** Scripts that stand for one language here, with the letters to look for. Han is looked at after kana: see `byScript`. */
const SCRIPTS: readonly (readonly [string, RegExp])[] = [
  ['latin', /\p{Script=Latin}/gu],
  ['cyrillic', /\p{Script=Cyrillic}/gu],
  ['el', /\p{Script=Greek}/gu],
  ['he', /\p{Script=Hebrew}/gu],
  ['ar', /\p{Script=Arabic}/gu],
  ['hi', /\p{Script=Devanagari}/gu],
  ['ja', /[\p{Script=Hiragana}\p{Script=Katakana}]/gu],
  ['zh', /\p{Script=Han}/gu],
  ['ko', /\p{Script=Hangul}/gu],
  ['th', /\p{Script=Thai}/gu],
]

const SAMPLE_CHARS_MAX = 6_000
const SAMPLE_LETTERS_MAX = 4000
const LETTERS_MIN = 2
const BUCKETS = 2 ** 16
const GRAM_MIN = 2
const GRAM_MAX = 4
/** How many n-grams share a piece of evidence, about: 2-, 3- and 4-grams lie over the same letters, and words recur. */
const OVERLAP = 5
/** Smoothing count of an n-gram never seen in a language. */
const ALPHA = 0.3
/** Share of a text's n-grams known to its best language: all of them seen gives full confidence, few give none. */
const FIT_NONE = 0.35
const FIT_FULL = 0.65

const UNDETERMINED: LanguageGuess = { language: 'und', name: NAMES['und']!, confidence: 0 }

/** Trains the detector. Costs some milliseconds and about 1.3 MiB; keep it. */
export function createLanguageDetector(): LanguageDetector {
  const latin = trainFamily(LATIN_SAMPLES, /^\p{Script=Latin}/u)
  const cyrillic = trainFamily(CYRILLIC_SAMPLES, /^\p{Script=Cyrillic}/u)

  function detect(text: string): LanguageGuess {
    const sample = takeSample(text)
    const script = byScript(sample)
    if (script === null) return UNDETERMINED
    if (script.key === 'latin' || script.key === 'cyrillic') {
      const verdict = script.key === 'latin' ? classify(latin, sample) : classify(cyrillic, sample)
      return verdict === null ? UNDETERMINED : guess(verdict.language, verdict.confidence * script.share)
    }
    // Two or three letters of a script say which language it is, not that the text is in it.
    return guess(refine(script.key, sample), script.share * Math.min(1, script.letters / (script.letters + 1)))
  }

  return { languages: Object.keys(NAMES).filter((code) => code !== 'und'), detect }
}

/** English name of a language code; the code itself when it is not one of ours. */
export function languageName(code: string): string {
  return Object.hasOwn(NAMES, code) ? NAMES[code]! : code
}

function guess(language: string, confidence: number): LanguageGuess {
  return { language, name: languageName(language), confidence: round(confidence, 4) }
}

/** Beginning, middle and end of a long text, as prose where there is prose. */
function takeSample(text: string): string {
  const sample = sampleText(text, SAMPLE_CHARS_MAX, 3)
  const prose = plainText(sample)
  return (/\p{L}/u.test(prose) ? prose : sample).normalize('NFC')
}

interface ScriptShare {
  readonly key: string
  readonly letters: number
  /** Its letters among all letters of the sample, 0…1. */
  readonly share: number
}

function byScript(sample: string): ScriptShare | null {
  const counts = SCRIPTS.map(([key, letters]) => ({ key, letters: sample.match(letters)?.length ?? 0 }))
  const count = (key: string): number => counts.find((entry) => entry.key === key)!.letters
  // Japanese is written in kana and Han together; Chinese has no kana at all.
  const kana = count('ja')
  const han = count('zh')
  const japanese = kana * 10 >= han && kana > 0
  const merged = counts.map((entry) => {
    if (entry.key === 'ja') return { ...entry, letters: japanese ? kana + han : 0 }
    return entry.key === 'zh' && japanese ? { ...entry, letters: 0 } : entry
  })
  const total = sample.match(/\p{L}/gu)?.length ?? 0
  const best = merged.reduce((left, right) => (right.letters > left.letters ? right : left))
  return best.letters < LETTERS_MIN ? null : { ...best, share: Math.min(1, best.letters / total) }
}

function refine(key: string, sample: string): string {
  // Persian has four letters that Arabic lacks, and its own forms of ke and ye.
  return key === 'ar' && (sample.match(/[پچژگکی]/g)?.length ?? 0) >= 2 ? 'fa' : key
}

interface Family {
  /** Matches a word of the family's script. */
  readonly ownWord: RegExp
  readonly languages: readonly string[]
  /** How often the n-grams of a bucket were seen in each language (saturated at 255): `[bucket * languages + language]`. */
  readonly counts: Uint8Array
  /** Per language, log P(n-gram | language) for every possible count. */
  readonly logs: readonly Float64Array[]
}

function trainFamily(samples: Readonly<Record<string, string>>, ownWord: RegExp): Family {
  const languages = Object.keys(samples)
  const counts = new Uint8Array(BUCKETS * languages.length)
  const totals = new Uint32Array(languages.length)
  const known = new Uint8Array(BUCKETS)
  for (const [i, language] of languages.entries()) {
    forEachGram(samples[language]!, ownWord, Infinity, (bucket) => {
      const at = bucket * languages.length + i
      if (counts[at]! < 255) counts[at]!++
      totals[i]!++
      known[bucket] = 1
    })
  }
  const vocabulary = known.reduce((sum, one) => sum + one, 0)
  const logs = languages.map((_, i) =>
    Float64Array.from({ length: 256 }, (_, count) => Math.log((count + ALPHA) / (totals[i]! + ALPHA * vocabulary))),
  )
  return { ownWord, languages, counts, logs }
}

function classify(family: Family, sample: string): { language: string; confidence: number } | null {
  const { ownWord, languages, counts, logs } = family
  const scores = new Float64Array(languages.length)
  const known = new Uint32Array(languages.length)
  let grams = 0
  forEachGram(sample, ownWord, SAMPLE_LETTERS_MAX, (bucket) => {
    grams++
    const row = bucket * languages.length
    for (let i = 0; i < languages.length; i++) {
      const count = counts[row + i]!
      scores[i]! += logs[i]![count]!
      if (count > 0) known[i]!++
    }
  })
  if (grams === 0) return null
  const best = scores.reduce((top, score, index) => (score > scores[top]! ? index : top), 0)
  const odds = scores.reduce((sum, score) => sum + Math.exp((score - scores[best]!) / OVERLAP), 0)
  const fit = Math.min(1, Math.max(0, (known[best]! / grams - FIT_NONE) / (FIT_FULL - FIT_NONE)))
  return fit === 0 ? null : { language: languages[best]!, confidence: fit / odds }
}

/** Calls `visit` with the bucket of every n-gram of every own word, the word set between blanks: ` tide ` → ` t`, `ti`, … */
function forEachGram(text: string, ownWord: RegExp, lettersMax: number, visit: (bucket: number) => void): void {
  let letters = 0
  for (const [word] of text.toLowerCase().matchAll(/[\p{L}\p{M}]+(?:['’][\p{L}\p{M}]+)*/gu)) {
    if (letters >= lettersMax) return
    if (!ownWord.test(word)) continue
    const padded = ` ${word.slice(0, 40)} `
    letters += padded.length - 2
    for (let size = GRAM_MIN; size <= GRAM_MAX; size++) {
      for (let start = 0; start + size <= padded.length; start++) {
        visit(featureHash(padded, start, start + size) & (BUCKETS - 1))
      }
    }
  }
}
