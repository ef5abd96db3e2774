/** Documents to search: 46 words each of a Zipf vocabulary, with name, tags and producer. Seeded. */
import type { Random } from '../../runtime/index.ts'

const WORDS_PER_DOCUMENT = 46
const VOCABULARY = 50_000

export interface Corpus {
  /** The most frequent one first. */
  readonly words: readonly string[]
  /** The text of another document. */
  text(): string
}

/** Word `i` comes with probability ~ 1 / (i + 1). */
export function createCorpus(random: Random): Corpus {
  const words = Array.from({ length: VOCABULARY }, (_, i) => wordOf(i))
  const sums = new Float64Array(VOCABULARY)
  let sum = 0
  for (let i = 0; i < VOCABULARY; i++) sums[i] = sum += 1 / (i + 1)
  const any = (): string => {
    const wanted = random.next() * sum
    let low = 0
    for (let high = VOCABULARY - 1; low < high;) {
      const middle = (low + high) >>> 1
      if (sums[middle]! < wanted) low = middle + 1
      else high = middle
    }
    return words[low]!
  }
  return { words, text: () => Array.from({ length: WORDS_PER_DOCUMENT }, any).join(' ') }
}

function wordOf(i: number): string {
  const consonants = 'bdfgklmnprstvz'
  const vowels = 'aeiou'
  let word = ''
  for (let rest = i + 90; rest > 0; rest = Math.floor(rest / 70)) {
    word += consonants[rest % 14]! + vowels[Math.floor(rest / 14) % 5]!
  }
  return `${word}k`
}

export interface Document {
  readonly id: number
  readonly text: string
}

export function itemOf({ id, text }: Document) {
  return {
    content: Buffer.from(`${text} ${id}`),
    contentType: id % 3 === 0 ? 'text/markdown' : 'text/plain',
    name: nameOf(id),
    tags: tagsOf(id),
    createdBy: { tenant: `t${id % 5}`, runId: `run-${Math.floor(id / 20)}`, nodeId: `n${id % 12}` },
  }
}

export const nameOf = (id: number): string => `document-${id}`
export const tagsOf = (id: number): readonly string[] => [`tag-${id % 10}`, `group-${id % 97}`]
