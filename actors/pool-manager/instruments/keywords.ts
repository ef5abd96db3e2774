/**
 * The words and phrases that a text is about.
 *
 * Candidates as in RAKE (Rose et al., "Automatic keyword extraction from individual documents", 2010): between two
 * stopwords or punctuation marks stands a run of content words; every part of a run of up to three words is a
 * candidate. RAKE's own score prefers long phrases that occur once, so candidates are scored by C-value instead
 * (Frantzi, Ananiadou, Mima, "Automatic recognition of multi-word terms", 2000), which takes from a term what belongs
 * to the longer terms around it:
 *
 *     C(a) = log2(1 + |a|) · (f(a) − mean f(b) over candidates b that contain a)
 *
 * There is no collection here to count documents in, so the inverse document frequency of TF-IDF is replaced by what
 * one document can tell: stopwords weigh nothing, a term met in many places of the text weighs more than one crowded
 * into a single place (`spread`), a term of a heading more than one that is not, and a word that is a name, or in
 * German a noun, more than one that is neither. Forms of a word are counted together and shown in the commonest form.
 */
import type { Breath } from './breath.ts'
import { foldWord } from './fold.ts'
import { proseBlocks, type ProseBlock } from './markup.ts'
import { round } from './round.ts'
import { sampleText } from './sample.ts'
import { isStopword } from './stopwords.ts'
import { isUnspaced, words } from './tokenize.ts'

export interface Keyword {
  readonly term: string
  /** Relative to the best term of the text, which has 1. */
  readonly score: number
}

interface Candidate {
  readonly key: string
  readonly size: number
  /** Order of first occurrence: breaks ties the same way every time. */
  readonly order: number
  count: number
  headings: number
  blocks: number
  lastBlock: number
  /** How often it stands in a longer candidate, and in how many different ones. */
  nestedCount: number
  nestedKinds: number
  readonly forms: Map<string, number>
}

type Candidates = Map<string, Candidate>

const PHRASE_WORDS_MAX = 3
/** Of a longer text, 16 windows of together this length are read: candidates take memory. */
const CHARS_MAX = 1024 * 1024
/** In a text longer than this, a phrase that occurs once is chance. */
const SHORT_TEXT_WORDS = 120
const FRAGMENT_END = /[.,;:!?…()[\]{}"“”„«»|/\\<>=+*#@^~。、，！？：；]+|\s[-–—]+\s|—/u

/**
 * The `count` best terms of `text`, best first. `language` chooses stopwords and word forms (unknown codes work, with
 * less finesse). Rejects only with the breath's abort reason.
 */
export async function extractKeywords(
  text: string,
  language: string,
  count: number,
  breath: Breath,
): Promise<readonly Keyword[]> {
  const candidates: Candidates = new Map()
  let wordsSeen = 0
  const blocks = proseBlocks(sampleText(text, CHARS_MAX, 16))
  for (const [index, block] of blocks.entries()) {
    wordsSeen += collect(block, index, language, candidates)
    if (breath.due(block.text.length * 100)) await breath.take()
  }
  countNesting(candidates)
  const short = wordsSeen <= SHORT_TEXT_WORDS
  const ranked = [...candidates.values()]
    .filter((candidate) => candidate.size === 1 || candidate.count > 1 || short)
    .map((candidate) => ({ candidate, weight: weightOf(candidate, language) }))
    .filter(({ weight }) => weight > 0)
    .sort((left, right) => right.weight - left.weight || left.candidate.order - right.candidate.order)
  return select(ranked, count)
}

/** Adds the candidates of one block; returns its number of words. */
function collect(block: ProseBlock, index: number, language: string, candidates: Candidates): number {
  let seen = 0
  for (const fragment of block.text.split(FRAGMENT_END)) {
    let run: string[] = []
    for (const word of [...words(fragment), '']) {
      if (word !== '') seen++
      if (isContent(word, language)) run.push(word)
      else {
        addRun(run, block, index, language, candidates)
        run = []
      }
    }
  }
  return seen
}

function isContent(word: string, language: string): boolean {
  if (isUnspaced(word)) return word.length > 1
  return word.length > 2 && /\p{L}{2}/u.test(word) && !isStopword(word.toLowerCase(), language)
}

function addRun(
  run: readonly string[],
  block: ProseBlock,
  index: number,
  language: string,
  candidates: Candidates,
): void {
  const keys = run.map((word) => foldWord(word, language))
  for (let start = 0; start < run.length; start++) {
    // Overlapping character pairs must not be strung together again.
    const sizeMax = isUnspaced(run[start]!) ? 1 : Math.min(PHRASE_WORDS_MAX, run.length - start)
    for (let size = 1; size <= sizeMax; size++) {
      const key = keys.slice(start, start + size).join(' ')
      const candidate = candidates.get(key) ?? newCandidate(key, size, candidates.size)
      candidates.set(key, candidate)
      candidate.count++
      if (block.kind === 'heading') candidate.headings++
      if (candidate.lastBlock !== index) candidate.blocks++
      candidate.lastBlock = index
      const form = run.slice(start, start + size).join(' ')
      candidate.forms.set(form, (candidate.forms.get(form) ?? 0) + 1)
    }
  }
}

function newCandidate(key: string, size: number, order: number): Candidate {
  const zero = { count: 0, headings: 0, blocks: 0, nestedCount: 0, nestedKinds: 0 }
  return { key, size, order, ...zero, lastBlock: -1, forms: new Map() }
}

function countNesting(candidates: Candidates): void {
  for (const { key, size, count } of candidates.values()) {
    if (size === 1 || count < 2) continue
    const parts = key.split(' ')
    const inner = new Set<string>()
    for (let length = 1; length < size; length++) {
      for (let start = 0; start + length <= size; start++) inner.add(parts.slice(start, start + length).join(' '))
    }
    for (const part of inner) {
      const candidate = candidates.get(part)!
      candidate.nestedCount += count
      candidate.nestedKinds++
    }
  }
}

function weightOf(candidate: Candidate, language: string): number {
  const { size, count, headings, blocks, nestedCount, nestedKinds } = candidate
  const own = nestedKinds === 0 ? count : count - nestedCount / nestedKinds
  const spread = 1 + Math.log2(1 + blocks)
  const heading = 1 + 0.5 * Math.min(2, headings)
  return Math.log2(1 + size) * own * spread * heading * nameFactor(candidate, language)
}

/** Names and nouns say what a text is about better than verbs and adjectives do. */
function nameFactor({ forms, count, size }: Candidate, language: string): number {
  let capitals = 0
  for (const [form, times] of forms) {
    const last = form.slice(form.lastIndexOf(' ') + 1)
    if (/^\p{Lu}/u.test(last)) capitals += times
  }
  const capital = capitals * 2 > count
  if (language === 'de') return capital ? 1 : 0.25
  return capital && size > 1 ? 1.2 : 1
}

/** The best terms without repeating: a word inside a better phrase adds nothing. */
function select(ranked: readonly { candidate: Candidate; weight: number }[], count: number): Keyword[] {
  const chosen: { keyword: Keyword; parts: readonly string[] }[] = []
  const best = ranked[0]?.weight ?? 1
  for (const { candidate, weight } of ranked) {
    if (chosen.length === count) break
    const parts = candidate.key.split(' ')
    const repeats = chosen.some(
      (other) =>
        parts.every((part) => other.parts.includes(part)) ||
        (other.parts.length > 1 && other.parts.every((part) => parts.includes(part))),
    )
    if (!repeats) chosen.push({ keyword: { term: commonestForm(candidate), score: round(weight / best) }, parts })
  }
  return chosen.map(({ keyword }) => keyword)
}

function commonestForm({ forms }: Candidate): string {
  let best = ''
  let bestTimes = 0
  for (const [form, times] of forms) {
    // At equal counts the form in lower case: the capital came from a sentence's beginning or a heading.
    const lower = times === bestTimes && /^\p{Lu}/u.test(best) && /^\p{Ll}/u.test(form)
    if (times > bestTimes || lower) {
      best = form
      bestTimes = times
    }
  }
  return best
}
