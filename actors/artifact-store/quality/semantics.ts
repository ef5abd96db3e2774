/**
 * Whether a text says something, as far as counting can tell: not empty, not the same over and over, not noise, in words of
 * a language, and neither a copy of what it was made from nor without any trace of it.
 */
import { clamp, formatOf, textOf, type Judged, type QualityPart } from './part.ts'

/** Characters looked at. */
const CHARS_MAX = 24 * 1024
const WORDS_ENOUGH = 30
/** Bits per byte of text: prose has 4 to 5; Base64 has 6. */
const ENTROPY_LOW = 2.5
const ENTROPY_HIGH = 5.7

/** Words of which every few in a text are, in languages of Latin script: English, German, French, Spanish, Italian, Portuguese,
 * Dutch, Scandinavian ones, Polish, Czech, Finnish, Hungarian, Romanian, Turkish, Indonesian, Vietnamese. */
const COMMON_WORDS = new Set(
  (
    'the of and to in is that it for as with was on are be this by from or an have not at which you we can if will ' +
    'der die das und ist nicht ein eine zu den mit von für auf im sich des dem auch es werden aus er hat dass sie nach ' +
    'le la les et est une un dans que pour qui sur pas par au avec ce il sont plus ' +
    'el los las una por con del se no su como más pero sus al lo di che per sono della non ' +
    'de het een van en dat niet zijn op te voor met aan o os do da em um uma não com para ' +
    'och att det som är av för den og til er ikke i w na z nie się jest že v ve ja on ei se että oli ' +
    'az és hogy egy și în cu este bir bu için ile yang dan ini itu dengan untuk và của là có không'
  ).split(' '),
)

/** Null for what is no text. `inputs` are the texts it was made from. */
export function semanticsOf(judged: Judged, inputs: readonly string[]): QualityPart | null {
  const text = textOf(judged)?.slice(0, CHARS_MAX) ?? null
  if (text === null) return judged.sizeBytes === 0 ? { score: 0, findings: ['it says nothing'] } : null
  const words = wordsOf(text)
  if (words.length === 0) return { score: text.trim() === '' ? 0 : 0.1, findings: ['it has no words'] }
  const format = formatOf(judged)
  const isProse = format === 'markdown' || format === 'text' || format === 'html'
  const factors = [
    emptiness(words, isProse),
    repetition(text, words),
    noise(text),
    ...(isProse ? [language(text, words)] : []),
    ...(inputs.length === 0 ? [] : [similarity(words, inputs)]),
  ]
  // Each can spoil it all: what is in perfect English, and nothing but one sentence a hundred times, says little.
  const score = factors.reduce((product, factor) => product * factor.score, 1)
  return { score: clamp(score), findings: factors.flatMap(({ findings }) => findings) }
}

export function wordsOf(text: string): readonly string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}_]+/gu) ?? []
}

function emptiness(words: readonly string[], isProse: boolean): QualityPart {
  if (!isProse || words.length >= WORDS_ENOUGH) return { score: 1, findings: [] }
  return { score: 0.4 + (0.6 * words.length) / WORDS_ENOUGH, findings: [`it has only ${words.length} words`] }
}

/** By runs of four words, and by lines: how many are there for the first time. */
function repetition(text: string, words: readonly string[]): QualityPart {
  const runs = words.length < 8 ? [] : words.slice(3).map((_, at) => words.slice(at, at + 4).join(' '))
  const lines = text.split('\n').filter((line) => line.trim().length > 3)
  const share = Math.min(newShare(runs), lines.length < 8 ? 1 : newShare(lines) + 0.25)
  if (share >= 0.6) return { score: 1, findings: [] }
  return { score: clamp((share - 0.05) / 0.55), findings: [`${Math.round((1 - share) * 100)} % of it is said before`] }
}

function newShare(items: readonly string[]): number {
  return items.length === 0 ? 1 : new Set(items).size / items.length
}

function noise(text: string): QualityPart {
  const bits = entropyOf(Buffer.from(text))
  const distance = Math.max(0, ENTROPY_LOW - bits, bits - ENTROPY_HIGH)
  // Scripts outside Latin use more bytes, of which more are different.
  const isLatin = !/[^\p{Script=Latin}\p{Script=Common}\p{Script=Inherited}]/u.test(text.slice(0, 4096))
  if (distance === 0 || (!isLatin && bits > ENTROPY_HIGH)) return { score: 1, findings: [] }
  return {
    score: clamp(1 - distance),
    findings: [`its entropy of ${bits.toFixed(1)} bits per byte is not that of text`],
  }
}

function entropyOf(bytes: Uint8Array): number {
  const counts = new Uint32Array(256)
  for (const byte of bytes) counts[byte]!++
  return counts.reduce(
    (sum, count) => (count === 0 ? sum : sum - (count / bytes.length) * Math.log2(count / bytes.length)),
    0,
  )
}

/** Letters that make words; and in Latin script words that every text has. */
function language(text: string, words: readonly string[]): QualityPart {
  const latin = words.filter((word) => /^\p{Script=Latin}+$/u.test(word))
  const letters = text.match(/\p{L}/gu)?.length ?? 0
  if (letters < text.replaceAll(/\s/g, '').length * 0.3) {
    return { score: 0.4, findings: ['it has few letters'] }
  }
  if (latin.length < words.length * 0.5) {
    const other = words.filter((word) => /^\p{L}+$/u.test(word)).length >= words.length * 0.5
    return other ? { score: 1, findings: [] } : { score: 0.3, findings: ['its words are mixed with digits'] }
  }
  const plausible = latin.filter(isPlausible).length / words.length
  const common = latin.filter((word) => COMMON_WORDS.has(word)).length / latin.length
  const knows = words.length < WORDS_ENOUGH ? 1 : clamp(0.1 + common / 0.08)
  const findings = [
    ...(plausible < 0.7 ? [`${Math.round((1 - plausible) * 100)} % of its words look like none`] : []),
    ...(knows < 0.6 ? ['it has hardly any of the words that texts are held together by'] : []),
  ]
  return { score: clamp(plausible / 0.7) * knows, findings }
}

function isPlausible(word: string): boolean {
  if (word.length === 1) return true
  return word.length <= 24 && /[aeiouyäöüáéíóúàèìòùâêîôûãõåæøœ]/.test(word) && !/[^aeiouyäöüáéíóú]{6}/.test(word)
}

const SHINGLE_WORDS = 3

/** How much of it is in its inputs already. */
function similarity(words: readonly string[], inputs: readonly string[]): QualityPart {
  const known = new Set(inputs.flatMap((input) => shinglesOf(wordsOf(input.slice(0, CHARS_MAX)))))
  const vocabulary = new Set(inputs.flatMap((input) => wordsOf(input.slice(0, CHARS_MAX))))
  const own = shinglesOf(words)
  if (own.length === 0 || known.size === 0) return { score: 1, findings: [] }
  const copied = own.filter((shingle) => known.has(shingle)).length / own.length
  const shared = words.filter((word) => word.length > 3 && vocabulary.has(word)).length
  if (copied > 0.95 && own.length > known.size * 0.8) {
    return { score: 0.4, findings: ['it is a copy of what it was made from'] }
  }
  if (shared === 0) return { score: 0.6, findings: ['it shares no word with what it was made from'] }
  return { score: 1, findings: [`${Math.round(copied * 100)} % of it is in what it was made from`] }
}

function shinglesOf(words: readonly string[]): readonly string[] {
  if (words.length < SHINGLE_WORDS) return []
  return words.slice(SHINGLE_WORDS - 1).map((_, at) => words.slice(at, at + SHINGLE_WORDS).join(' '))
}
