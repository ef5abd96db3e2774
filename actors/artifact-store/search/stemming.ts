/**
 * Stems of folded words, and the rule which language they are taken by.
 *
 * I1. A document is stemmed as German when German function words outnumber English ones in its beginning, otherwise as
 *     English; a word of a query stands for its stem in either language. So no query needs to name a language.
 *
 * Sources: M. F. Porter, "An algorithm for suffix stripping" (1980); J. Savoy, "Light stemming approaches for the French,
 * Portuguese, German and Hungarian languages" (2006).
 */
import { eachWord, WORD_CHARS_MAX } from './words.ts'

export type Language = 'english' | 'german'

/** How much of a text decides on its language. */
const LANGUAGE_CHARS = 2000

const words = (list: string): ReadonlySet<string> => new Set(list.split(' '))
const GERMAN = words(
  'der die das und nicht mit ist ein eine einen einem einer den dem des auf fur im zu zum zur von vom sich auch wird sind ' +
    'als bei nach uber aus wie oder aber wir ich sie es noch kann werden wurde haben hat durch',
)
const ENGLISH = words(
  'the of and to is that for with are on as this it was be by not or from at have has which you we they can will but',
)

export function languageOf(text: string): Language {
  const judge = createJudge()
  // A word over the end does not count, so a longer text decides the same.
  eachWord(text.slice(0, LANGUAGE_CHARS + WORD_CHARS_MAX), (word, start, end) => judge.hear(word, start, end))
  return judge.language()
}

/** Hears the words of a text in their order, and says what language it is. */
export function createJudge() {
  let german = 0
  return {
    hear(word: string, _start: number, end: number): void {
      if (end > LANGUAGE_CHARS) return
      if (GERMAN.has(word)) german++
      else if (ENGLISH.has(word)) german--
    },
    language: (): Language => (german > 0 ? 'german' : 'english'),
  }
}

/** Words that come again are looked up; both languages together stay below some megabytes. */
const REMEMBERED_MAX = 50_000

function remembering(stem: (word: string) => string): (word: string) => string {
  const stems = new Map<string, string>()
  return (word) => {
    const known = stems.get(word)
    if (known !== undefined) return known
    if (stems.size >= REMEMBERED_MAX) stems.clear()
    const found = stem(word)
    // Copied: a part of a text would keep the whole text in memory.
    stems.set(copied(word), copied(found))
    return found
  }
}

function copied(text: string): string {
  return Buffer.from(text).toString()
}

const STEMMERS: Readonly<Record<Language, (word: string) => string>> = {
  english: remembering(stemEnglish),
  german: remembering(stemGerman),
}

export function stemOf(word: string, language: Language): string {
  return STEMMERS[language](word)
}

/** The stems a word of a query stands for (I1). */
export function stemsOf(word: string): readonly string[] {
  const english = stemOf(word, 'english')
  const german = stemOf(word, 'german')
  return english === german ? [english] : [english, german]
}

const STRIPPED_AFTER_S = /[bdfghklmnt]s$/
const STRIPPED_AFTER_ST = /[bdfghklmnt]st$/

function stemGerman(word: string): string {
  let stem = word
  if (stem.length > 5 && stem.endsWith('ern')) stem = stem.slice(0, -3)
  else if (stem.length > 4 && /e[mnrs]$/.test(stem)) stem = stem.slice(0, -2)
  else if (stem.length > 3 && stem.endsWith('e')) stem = stem.slice(0, -1)
  else if (stem.length > 3 && STRIPPED_AFTER_S.test(stem)) stem = stem.slice(0, -1)
  if (stem.length > 5 && stem.endsWith('est')) return stem.slice(0, -3)
  if (stem.length > 4 && /e[rn]$/.test(stem)) return stem.slice(0, -2)
  if (stem.length > 4 && STRIPPED_AFTER_ST.test(stem)) return stem.slice(0, -2)
  return stem
}

const C = '[^aeiou]'
const V = '[aeiouy]'
const CS = `${C}[^aeiouy]*`
const VS = `${V}[aeiou]*`
const MEASURE_OVER_0 = new RegExp(`^(${CS})?${VS}${CS}`)
const MEASURE_1 = new RegExp(`^(${CS})?${VS}${CS}(${VS})?$`)
const MEASURE_OVER_1 = new RegExp(`^(${CS})?${VS}${CS}${VS}${CS}`)
const HAS_VOWEL = new RegExp(`^(${CS})?${V}`)
const SHORT = new RegExp(`^${CS}${V}[^aeiouwxy]$`)
const DOUBLE = /([^aeiouylsz])\1$/

type Suffixes = readonly (readonly [suffix: string, replacement: string])[]
const pairs = (list: string): Suffixes =>
  list.split(' ').map((pair) => {
    const [suffix, replacement] = pair.split('>') as [string, string]
    return [suffix, replacement]
  })
const STEP_2 = pairs(
  'ational>ate tional>tion enci>ence anci>ance izer>ize bli>ble alli>al entli>ent eli>e ousli>ous ization>ize ation>ate ' +
    'ator>ate alism>al iveness>ive fulness>ful ousness>ous aliti>al iviti>ive biliti>ble logi>log',
)
const STEP_3 = pairs('icate>ic ative> alize>al iciti>ic ical>ic ful> ness>')
const STEP_4 = 'ement ance ence able ible ment ant ent ism ate iti ous ive ize ion al er ic ou'.split(' ')

function stemEnglish(word: string): string {
  if (word.length < 3 || !/^[a-z]+$/.test(word)) return word
  // A y that begins the word is a consonant; upper case keeps it out of the vowels until the end.
  let stem = word.startsWith('y') ? `Y${word.slice(1)}` : word
  stem = step1(stem)
  stem = replaced(stem, STEP_2)
  stem = replaced(stem, STEP_3)
  stem = step4(stem)
  return step5(stem).toLowerCase()
}

function step1(word: string): string {
  let stem = word
  if (/(ss|i)es$/.test(stem)) stem = stem.slice(0, -2)
  else if (/[^s]s$/.test(stem)) stem = stem.slice(0, -1)
  if (stem.endsWith('eed')) {
    if (MEASURE_OVER_0.test(stem.slice(0, -3))) stem = stem.slice(0, -1)
  } else {
    const match = /^(.+)(ed|ing)$/.exec(stem)
    if (match !== null && HAS_VOWEL.test(match[1]!)) stem = restored(match[1]!)
  }
  return stem.endsWith('y') && HAS_VOWEL.test(stem.slice(0, -1)) ? `${stem.slice(0, -1)}i` : stem
}

function restored(stem: string): string {
  if (/(at|bl|iz)$/.test(stem)) return `${stem}e`
  if (DOUBLE.test(stem)) return stem.slice(0, -1)
  return SHORT.test(stem) && MEASURE_1.test(stem) ? `${stem}e` : stem
}

function replaced(word: string, suffixes: Suffixes): string {
  for (const [suffix, replacement] of suffixes) {
    if (!word.endsWith(suffix)) continue
    const stem = word.slice(0, -suffix.length)
    return MEASURE_OVER_0.test(stem) ? stem + replacement : word
  }
  return word
}

function step4(word: string): string {
  const suffix = STEP_4.find((each) => word.endsWith(each) && (each !== 'ion' || /[st]ion$/.test(word)))
  if (suffix === undefined) return word
  const stem = word.slice(0, -suffix.length)
  return MEASURE_OVER_1.test(stem) ? stem : word
}

function step5(word: string): string {
  let stem = word
  if (stem.endsWith('e')) {
    const without = stem.slice(0, -1)
    const keep = !MEASURE_OVER_1.test(without) && !(MEASURE_1.test(without) && !SHORT.test(without))
    if (!keep) stem = without
  }
  return stem.endsWith('ll') && MEASURE_OVER_1.test(stem) ? stem.slice(0, -1) : stem
}
