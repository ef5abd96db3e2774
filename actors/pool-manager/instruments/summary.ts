/**
 * The sentences of a text that say the most about it, in their own order: TextRank (Mihalcea and Tarau, "TextRank:
 * bringing order into text", 2004).
 *
 * 1. Sentences come from the paragraphs; headings, lists, tables and code do not speak in sentences (list items are
 *    used when the paragraphs have too few).
 * 2. Two sentences are linked by the cosine of their word vectors, weighted tf · log(1 + N/n): unlike the plain
 *    overlap count of the original, it neither favours long sentences nor lets common words link everything.
 * 3. The rank is the stationary distribution of a walk along the links with damping 0.85, found by power iteration
 *    until the change is below 1e-9 (at most 200 rounds).
 * 4. The walk restarts not anywhere but more often near the front: of the text (1 + 0.5/(1 + position/10)), because
 *    authors put the main thing first, and at the head of a paragraph (a quarter more), because that is where they
 *    announce it.
 * 5. Sentences are taken by rank; one too similar (cosine > 0.7) to one already taken is left out.
 *
 * Links are quadratic in the number of sentences, so at most 400 take part: the first 100, where long texts say what
 * they are about, and 300 spread evenly over the rest. Of a
 * text over 4 Mi characters, 64 windows of that length together are read.
 */
import type { Breath } from './breath.ts'
import { foldWord } from './fold.ts'
import { proseBlocks, type ProseBlock } from './markup.ts'
import { sampleText } from './sample.ts'
import { isStopword } from './stopwords.ts'
import { sentences, words } from './tokenize.ts'

const CHARS_MAX = 4 * 1024 * 1024
const SENTENCES_MAX = 400
const SENTENCES_LEAD = 100
const SENTENCE_WORDS_MIN = 4
const SENTENCE_CHARS_MAX = 1000
const DAMPING = 0.85
const ROUNDS_MAX = 200
const CHANGE_MIN = 1e-9
const DUPLICATE_COSINE = 0.7

interface Sentence {
  readonly text: string
  /** First of its paragraph. */
  readonly leads: boolean
}

type WordVector = ReadonlyMap<string, number>

/**
 * Up to `count` sentences of `text`, joined by a blank. `language` chooses stopwords and word forms. An empty string
 * when there is no sentence. Rejects only with the breath's abort reason.
 */
export async function summarize(text: string, language: string, count: number, breath: Breath): Promise<string> {
  const blocks = proseBlocks(sampleText(text, CHARS_MAX, 64))
  if (breath.due(text.length * 100)) await breath.take()
  const all = candidates(blocks, count)
  const chosen = cap(all)
  if (chosen.length <= 1) return chosen[0]?.text ?? ''
  const vectors = wordVectors(chosen, language)
  const links = await similarities(vectors, breath)
  const rank = await powerIteration(links, restart(chosen), breath)
  return pick(chosen, links, rank, count)
}

function candidates(blocks: readonly ProseBlock[], count: number): readonly Sentence[] {
  const of = (kinds: readonly ProseBlock['kind'][]): Sentence[] =>
    blocks
      .filter((block) => kinds.includes(block.kind))
      .flatMap((block) => sentences(block.text).map((text, index) => ({ text, leads: index === 0 })))
  for (const kinds of [['paragraph'], ['paragraph', 'item']] as const) {
    const speaking = of(kinds).filter(isProse)
    if (speaking.length >= count) return speaking
  }
  const everything = of(['paragraph', 'item'])
  return everything.length > 0 ? everything : of(['heading'])
}

function isProse({ text }: Sentence): boolean {
  // What ends in a colon announces something (an example, a list) that a summary does not show.
  if (text.length > SENTENCE_CHARS_MAX || text.endsWith(':')) return false
  const letters = (text.match(/[\p{L}\p{M}\s]+/gu) ?? []).reduce((sum, run) => sum + run.length, 0)
  return letters >= text.length * 0.75 && words(text).length >= SENTENCE_WORDS_MIN
}

function cap(all: readonly Sentence[]): readonly Sentence[] {
  if (all.length <= SENTENCES_MAX) return all
  const rest = all.length - SENTENCES_LEAD
  const spread = SENTENCES_MAX - SENTENCES_LEAD
  const evenly = Array.from({ length: spread }, (_, i) => all[SENTENCES_LEAD + Math.floor((i * rest) / spread)]!)
  return [...all.slice(0, SENTENCES_LEAD), ...evenly]
}

/** Unit vectors over folded content words; empty where a sentence has none. */
function wordVectors(chosen: readonly Sentence[], language: string): readonly WordVector[] {
  const counts = chosen.map(({ text }) => countWords(text, language))
  const containing = new Map<string, number>()
  for (const count of counts) for (const key of count.keys()) containing.set(key, (containing.get(key) ?? 0) + 1)
  return counts.map((count) => {
    const weighted = [...count].map(
      ([key, times]) => [key, times * Math.log(1 + chosen.length / containing.get(key)!)] as const,
    )
    const norm = Math.sqrt(weighted.reduce((sum, [, weight]) => sum + weight * weight, 0))
    return new Map(weighted.map(([key, weight]) => [key, weight / norm]))
  })
}

function countWords(text: string, language: string): Map<string, number> {
  const counts = new Map<string, number>()
  for (const word of words(text)) {
    if (isStopword(word.toLowerCase(), language)) continue
    const key = foldWord(word, language)
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return counts
}

/** Symmetric matrix of cosines, row by row, with a zero diagonal. */
async function similarities(vectors: readonly WordVector[], breath: Breath): Promise<readonly Float64Array[]> {
  const rows = vectors.map(() => new Float64Array(vectors.length))
  for (let i = 0; i < vectors.length; i++) {
    for (let j = 0; j < i; j++) {
      const cosine = dot(vectors[i]!, vectors[j]!)
      rows[i]![j] = cosine
      rows[j]![i] = cosine
    }
    if (breath.due(i * 500)) await breath.take()
  }
  return rows
}

function dot(left: WordVector, right: WordVector): number {
  if (left.size > right.size) return dot(right, left)
  let sum = 0
  for (const [key, weight] of left) {
    const other = right.get(key)
    if (other !== undefined) sum += weight * other
  }
  return sum
}

/** Where the walk restarts, as probabilities. */
function restart(chosen: readonly Sentence[]): Float64Array {
  const weights = Float64Array.from(
    chosen,
    ({ leads }, position) => (1 + 0.5 / (1 + position / 10)) * (leads ? 1.25 : 1),
  )
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return weights.map((weight) => weight / total)
}

async function powerIteration(
  links: readonly Float64Array[],
  restart: Float64Array,
  breath: Breath,
): Promise<Float64Array> {
  const size = links.length
  const outgoing = links.map((row) => row.reduce((sum, weight) => sum + weight, 0))
  let rank = Float64Array.from(restart)
  for (let round = 0; round < ROUNDS_MAX; round++) {
    if (breath.due(size * size)) await breath.take()
    const next = new Float64Array(size)
    // A sentence without links gives its rank back to the restart, so that none leaks.
    let loose = 0
    for (let i = 0; i < size; i++) {
      if (outgoing[i] === 0) loose += rank[i]!
      else {
        const row = links[i]!
        const share = rank[i]! / outgoing[i]!
        for (let j = 0; j < size; j++) next[j]! += share * row[j]!
      }
    }
    let change = 0
    for (let j = 0; j < size; j++) {
      next[j] = DAMPING * (next[j]! + loose * restart[j]!) + (1 - DAMPING) * restart[j]!
      change += Math.abs(next[j]! - rank[j]!)
    }
    rank = next
    if (change < CHANGE_MIN) break
  }
  return rank
}

function pick(chosen: readonly Sentence[], links: readonly Float64Array[], rank: Float64Array, count: number): string {
  const order = [...chosen.keys()].sort((left, right) => rank[right]! - rank[left]! || left - right)
  const taken: number[] = []
  for (const index of order) {
    if (taken.length === count) break
    const repeats = taken.some(
      (other) => links[index]![other]! > DUPLICATE_COSINE || chosen[index]!.text === chosen[other]!.text,
    )
    if (!repeats) taken.push(index)
  }
  return taken
    .sort((left, right) => left - right)
    .map((index) => chosen[index]!.text)
    .join(' ')
}
