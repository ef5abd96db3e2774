/**
 * A vector for a text without a model: feature hashing (Weinberger et al., "Feature hashing for large scale multitask
 * learning", 2009) of words, character n-grams inside words, and pairs of neighbouring words.
 *
 * A feature's hash picks a dimension and a sign, so that collisions cancel on average. A word that occurs n times
 * counts n^0.8 (sublinear); stopwords of any known language and bare numbers not at all; a word always written with a
 * capital (a name, a German noun) twice. Its 5-grams, anchored at its beginning, share in its weight, which brings
 * word forms, compounds and cognates together ("Tide", "tides", "Tidenhub"). These weights were chosen by how well
 * the example documents of a theme find each other, averaged over several hashes so as not to fit one by luck.
 * The vector is L2-normalised: the dot product of two is their cosine. A text without words gives the zero vector.
 *
 * The vector is of the text's words, not of its meaning: it finds related texts by shared vocabulary within a
 * language, and across languages only where names and cognates overlap. The noise of 256 dimensions is about 0.06;
 * more dimensions have less. For meaning, register an embedding model under the same id.
 */
import type { Breath } from './breath.ts'
import { featureHash, pairHash } from './feature-hash.ts'
import { plainText } from './markup.ts'
import { round } from './round.ts'
import { sampleText } from './sample.ts'
import { isStopwordAnywhere } from './stopwords.ts'
import { words } from './tokenize.ts'

export const DIMENSIONS_DEFAULT = 256

export interface Embedding {
  /** Mean of `vectors`, normalised again; the one vector when there is one. */
  readonly vector: readonly number[]
  /** One unit vector per text, in order. */
  readonly vectors: readonly (readonly number[])[]
  readonly dimensions: number
}

/** Of a longer text, 16 windows of together this length are read. */
const CHARS_MAX = 1024 * 1024
const COUNT_EXPONENT = 0.8
const NAME_WEIGHT = 2
const PAIR_WEIGHT = 0.2
const GRAM_CHARS = 5
/** Keeps the n-gram " tide" from being a word: they are different features. */
const GRAM_SALT = 0x5bd1e995
const WORDS_BETWEEN_BREATHS = 20_000

interface WordCount {
  times: number
  /** How many of those were written with a capital. */
  capitals: number
}

/** Embeds each text. Rejects only with the breath's abort reason. */
export async function embed(texts: readonly string[], dimensions: number, breath: Breath): Promise<Embedding> {
  const vectors: Float64Array[] = []
  for (const text of texts) vectors.push(await embedOne(text, dimensions, breath))
  const mean = new Float64Array(dimensions)
  for (const vector of vectors) for (let i = 0; i < dimensions; i++) mean[i]! += vector[i]!
  return { vector: rounded(normalize(mean)), vectors: vectors.map(rounded), dimensions }
}

async function embedOne(text: string, dimensions: number, breath: Breath): Promise<Float64Array> {
  const sample = sampleText(text, CHARS_MAX, 16)
  const prose = plainText(sample)
  const { counts, pairs } = await countFeatures(words(prose === '' ? sample : prose), breath)
  const vector = new Float64Array(dimensions)
  const add = (hash: number, weight: number): void => {
    // The lowest bit is the sign, the others the dimension: the two must not depend on each other.
    vector[(hash >>> 1) % dimensions]! += (hash & 1) === 0 ? weight : -weight
  }
  for (const [word, { times, capitals }] of counts) {
    const weight = times ** COUNT_EXPONENT * (capitals === times ? NAME_WEIGHT : 1)
    add(featureHash(word), weight)
    addGrams(word, weight, add)
    if (breath.due(word.length * 100)) await breath.take()
  }
  for (const [hash, times] of pairs) add(hash, PAIR_WEIGHT * times ** COUNT_EXPONENT)
  return normalize(vector)
}

async function countFeatures(
  all: readonly string[],
  breath: Breath,
): Promise<{ counts: ReadonlyMap<string, WordCount>; pairs: ReadonlyMap<number, number> }> {
  const counts = new Map<string, WordCount>()
  const pairs = new Map<number, number>()
  let previous: number | null = null
  for (const [index, surface] of all.entries()) {
    if (index % WORDS_BETWEEN_BREATHS === 0 && breath.due(WORDS_BETWEEN_BREATHS * 200)) await breath.take()
    const word = surface.toLowerCase()
    if (word.length < 2 || isStopwordAnywhere(word) || /^\p{N}+$/u.test(word)) continue
    const count = counts.get(word) ?? { times: 0, capitals: 0 }
    counts.set(word, count)
    count.times++
    if (surface !== word) count.capitals++
    const hash = featureHash(word)
    if (previous !== null) {
      const pair = pairHash(previous, hash)
      pairs.set(pair, (pairs.get(pair) ?? 0) + 1)
    }
    previous = hash
  }
  return { counts, pairs }
}

function addGrams(word: string, weight: number, add: (hash: number, weight: number) => void): void {
  const anchored = ` ${word}`
  const grams = anchored.length - GRAM_CHARS + 1
  // The square root, not the sum, keeps the squared length of the share independent of how many grams there are.
  const share = weight / Math.sqrt(grams)
  for (let start = 0; start < grams; start++) {
    add((featureHash(anchored, start, start + GRAM_CHARS) ^ GRAM_SALT) >>> 0, share)
  }
}

function normalize(vector: Float64Array): Float64Array {
  const norm = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0))
  return norm === 0 ? vector : vector.map((value) => value / norm)
}

function rounded(vector: Float64Array): readonly number[] {
  return Array.from(vector, (value) => round(value))
}
