/**
 * Finds the documents of a text query, and their scores: BM25 per field, weighted, summed over the words.
 *
 * I1. Every list that is read is read once, term after term; scores are collected by slot. The cost is that of the lists,
 *     some ns per posting, whatever the query looks like.
 *
 * Source: S. Robertson, H. Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009).
 */
import type { TextQuery } from '../query.ts'
import { createBits, intersect, subtract, unite, type Bits } from './bits.ts'
import { LENGTHS, type Field } from './fields.ts'
import { matchPhrase, type PhraseMatches } from './phrase.ts'
import { stemOf, stemsOf } from './stemming.ts'
import type { Place, PlacedList } from './text-index.ts'

/** A field as a query needs it. */
export interface SearchedField extends Field {
  readonly places: readonly Place[]
  /** Length codes by slot. */
  readonly lengths: Uint8Array
  readonly lengthMean: number
}

export interface Searched {
  readonly fields: readonly SearchedField[]
  /** Slots are below it. */
  readonly capacity: number
  /** Documents there are. */
  readonly documents: number
}

export interface Evaluated {
  readonly found: Bits
  /** By slot; only those of what was found count. */
  readonly scores: Float32Array
}

const K1 = 1.2
const B = 0.75

export function evaluate(query: TextQuery, searched: Searched): Evaluated {
  const scores = new Float32Array(searched.capacity)
  return { found: find(query, searched, scores), scores }
}

function find(query: TextQuery, searched: Searched, scores: Float32Array | null): Bits {
  switch (query.kind) {
    case 'phrase':
      return findPhrase(query, searched, scores)
    case 'or': {
      const found = createBits(searched.capacity)
      for (const each of query.some) unite(found, find(each, searched, scores))
      return found
    }
    case 'and': {
      const [first, ...rest] = query.wanted
      const found = find(first!, searched, scores)
      for (const each of rest) intersect(found, find(each, searched, scores))
      for (const each of query.unwanted) subtract(found, find(each, searched, null))
      return found
    }
  }
}

function findPhrase(
  { words, prefix }: TextQuery & { readonly kind: 'phrase' },
  searched: Searched,
  scores: Float32Array | null,
): Bits {
  const found = createBits(searched.capacity)
  for (const field of searched.fields) {
    if (words.length > 1) scoreMatches(phraseMatches(words, prefix, field), { field, searched, found, scores })
    else
      scoreLists(prefix ? listsOfPrefix(words[0]!, field) : listsOfWord(words[0]!, field), {
        field,
        searched,
        found,
        scores,
      })
  }
  return found
}

interface Target {
  readonly field: SearchedField
  readonly searched: Searched
  readonly found: Bits
  readonly scores: Float32Array | null
}

function listsOfWord(word: string, { mark, places }: SearchedField): readonly PlacedList[] {
  const terms = stemsOf(word).map((stem) => mark + stem)
  return places.flatMap((place) => terms.map((term) => place.find(term)).filter((list) => list !== null))
}

/** Words whose stem begins so, or is the stem of what was typed (`running*` finds `runs`). */
function listsOfPrefix(word: string, { mark, places }: SearchedField): readonly PlacedList[] {
  const others = stemsOf(word)
    .filter((stem) => !stem.startsWith(word))
    .map((stem) => mark + stem)
  const lists: PlacedList[] = []
  for (const place of places) {
    for (const list of place.withPrefix(mark + word)) lists.push(list)
    for (const term of others) {
      const list = place.find(term)
      if (list !== null) lists.push(list)
    }
  }
  return lists
}

function phraseMatches(words: readonly string[], prefix: boolean, field: SearchedField): readonly PhraseMatches[] {
  const matches: PhraseMatches[] = []
  const phrases = new Map(
    (['english', 'german'] as const).map((language) => {
      const stems = words.map((word, i) => (prefix && i === words.length - 1 ? word : stemOf(word, language)))
      return [stems.join(' '), stems.map((stem) => field.mark + stem)]
    }),
  )
  for (const terms of phrases.values()) {
    for (const place of field.places) {
      const fixed = prefix ? terms.slice(0, -1) : terms
      const lists = fixed.map((term) => place.find(term))
      if (lists.some((list) => list === null)) continue
      if (!prefix) matches.push(matchPhrase(lists as PlacedList[]))
      else
        for (const last of place.withPrefix(terms.at(-1)!))
          matches.push(matchPhrase([...(lists as PlacedList[]), last]))
    }
  }
  return matches
}

/** What a match counts, by how rare it is and how long the document is. */
interface Weighting {
  readonly weight: number
  /** By length code. */
  readonly discounts: Float64Array
  /** By length code: the score of a document that has the word once. */
  readonly once: Float64Array
}

function weighting(count: number, { field, searched }: Target): Weighting {
  const documents = Math.max(searched.documents, count)
  const rarity = Math.log(1 + (documents - count + 0.5) / (count + 0.5))
  const mean = Math.max(1, field.lengthMean)
  const discounts = Float64Array.from(LENGTHS, (length) => K1 * (1 - B + (B * length) / mean))
  const weight = field.weight * rarity * (K1 + 1)
  return { weight, discounts, once: discounts.map((discount) => weight / (1 + discount)) }
}

function scoreLists(lists: readonly PlacedList[], target: Target): void {
  const count = lists.reduce((sum, list) => sum + list.count, 0)
  if (count === 0) return
  if (target.scores === null) for (const list of lists) addList(list, target.found)
  else {
    const scoring = { ...target, scores: target.scores, ...weighting(count, target) }
    for (const list of lists) scoreList(list, scoring)
  }
}

function scoreMatches(matches: readonly PhraseMatches[], target: Target): void {
  const { found, scores, field } = target
  const count = matches.reduce((sum, each) => sum + each.count, 0)
  if (count === 0) return
  const { weight, discounts } = weighting(count, target)
  for (const { slots, frequencies, count } of matches) {
    for (let i = 0; i < count; i++) {
      const slot = slots[i]!
      const frequency = frequencies[i]!
      found[slot >>> 5]! |= 1 << (slot & 31)
      if (scores !== null) scores[slot]! += (weight * frequency) / (frequency + discounts[field.lengths[slot]!]!)
    }
  }
}

/** The hot loop of a query: decodes the list (see `postings.ts`), marks and scores its documents. */
function scoreList(
  { docs, count, dead }: PlacedList,
  { found, scores, field, weight, discounts, once }: Target & Weighting & { readonly scores: Float32Array },
): void {
  const { lengths } = field
  let at = 0
  let slot = 0
  for (let left = count; left > 0; left--) {
    let byte = docs[at++]!
    let head = byte & 127
    for (let shift = 7; byte > 127; shift += 7) {
      byte = docs[at++]!
      head |= (byte & 127) << shift
    }
    slot += head >>> 1
    let frequency = 1
    if ((head & 1) !== 0) {
      byte = docs[at++]!
      frequency = byte & 127
      for (let shift = 7; byte > 127; shift += 7) {
        byte = docs[at++]!
        frequency |= (byte & 127) << shift
      }
    }
    if (dead !== null && (dead[slot >>> 5]! & (1 << (slot & 31))) !== 0) continue
    found[slot >>> 5]! |= 1 << (slot & 31)
    const length = lengths[slot]!
    scores[slot]! += frequency === 1 ? once[length]! : (weight * frequency) / (frequency + discounts[length]!)
  }
}

function addList({ docs, count, dead }: PlacedList, found: Bits): void {
  let at = 0
  let slot = 0
  for (let left = count; left > 0; left--) {
    let byte = docs[at++]!
    let head = byte & 127
    for (let shift = 7; byte > 127; shift += 7) {
      byte = docs[at++]!
      head |= (byte & 127) << shift
    }
    slot += head >>> 1
    if ((head & 1) !== 0) while (docs[at++]! > 127);
    if (dead !== null && (dead[slot >>> 5]! & (1 << (slot & 31))) !== 0) continue
    found[slot >>> 5]! |= 1 << (slot & 31)
  }
}
