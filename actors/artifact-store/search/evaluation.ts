/**
 * Finds the documents of a text query, and their scores: BM25 per field, weighted, summed over the words. What stands for
 * several lists – a prefix, a word with a stem in each language, a phrase – counts as one word.
 *
 * I1. Every list that is read is read once, term after term; scores are collected by slot. The cost is that of the lists,
 *     some ns per posting, whatever the query looks like.
 * I2. Between two queries the tally is all zero.
 *
 * Source: S. Robertson, H. Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009).
 */
import type { TextQuery } from '../query.ts'
import { countBits, createBits, intersect, subtract, unite, type Bits } from './bits.ts'
import { DocsReader } from './cursor.ts'
import { LENGTHS, type Field } from './fields.ts'
import { createBeginning, eachMatch, type VisitMatch } from './phrase.ts'
import type { PostingList } from './postings.ts'
import { stemOf, stemsOf } from './stemming.ts'
import type { Place } from './text-index.ts'

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
  /** By slot; only those of what was found count, and only until the next query. */
  readonly scores: Float32Array
}

type Phrase = TextQuery & { readonly kind: 'phrase' }

const K1 = 1.2
const B = 0.75

/** Finds what queries want, one query at a time: 8 bytes of memory per document, used again and again. */
export function createEvaluator(): (query: TextQuery, searched: Searched) => Evaluated {
  const reader = new DocsReader()
  let scores = new Float32Array(0)
  let tally = new Uint32Array(0)

  function find(query: TextQuery, searched: Searched, isScored: boolean): Bits {
    switch (query.kind) {
      case 'phrase': {
        const found = createBits(searched.capacity)
        for (const field of searched.fields) findIn(field, query, { searched, found, isScored })
        return found
      }
      case 'or': {
        const found = createBits(searched.capacity)
        for (const each of query.some) unite(found, find(each, searched, isScored))
        return found
      }
      case 'and': {
        const [first, ...rest] = query.wanted
        const found = find(first!, searched, isScored)
        for (const each of rest) intersect(found, find(each, searched, isScored))
        for (const each of query.unwanted) subtract(found, find(each, searched, false))
        return found
      }
    }
  }

  function findIn(field: SearchedField, { words, prefix }: Phrase, target: Target): void {
    if (words.length > 1) return several(field, target, (found) => tallyPhrase(field, words, prefix, found))
    const terms = stemsOf(words[0]!).map((stem) => field.mark + stem)
    if (prefix) return several(field, target, (found) => tallyPrefix(field, words[0]!, terms, found))
    if (terms.length > 1) return several(field, target, (found) => tallyTerms(field, terms, found))
    const lists = listsOf(terms[0]!, field)
    if (lists.length === 0) return
    if (!target.isScored) for (const { list, dead } of lists) mark(list, dead, target.found)
    else {
      const count = lists.reduce((sum, { list }) => sum + list.count, 0)
      const weighting = weightingOf(count, field, target.searched)
      for (const { list, dead } of lists) score(list, dead, { ...weighting, found: target.found })
    }
  }

  /** Collects how often each document has what is looked for, then scores that. */
  function several(field: SearchedField, { searched, found, isScored }: Target, collect: (found: Bits) => void): void {
    const own = createBits(searched.capacity)
    collect(own)
    unite(found, own)
    const weighting = isScored ? weightingOf(countBits(own), field, searched) : null
    for (let i = 0; i < own.length; i++) {
      for (let word = own[i]!; word !== 0; word &= word - 1) {
        const slot = (i << 5) + 31 - Math.clz32(word & -word)
        const frequency = tally[slot]!
        tally[slot] = 0
        if (weighting === null) continue
        const { weight, discounts, lengths } = weighting
        scores[slot]! += (weight * frequency) / (frequency + discounts[lengths[slot]!]!)
      }
    }
  }

  function tallyTerms(field: SearchedField, terms: readonly string[], found: Bits): void {
    for (const term of terms) for (const { list, dead } of listsOf(term, field)) count(list, dead, found)
  }

  /** Words whose stem begins so, or is the stem of what was typed (`running*` finds `runs`). */
  function tallyPrefix(field: SearchedField, word: string, terms: readonly string[], found: Bits): void {
    const start = field.mark + word
    for (const place of field.places) place.eachWithPrefix(start, (list) => count(list, place.dead, found))
    tallyTerms(
      field,
      terms.filter((term) => !term.startsWith(start)),
      found,
    )
  }

  function tallyPhrase(field: SearchedField, words: readonly string[], prefix: boolean, found: Bits): void {
    const beginning = prefix ? createBeginning(found.length * 32) : null
    for (const terms of waysOf(words, prefix, field)) {
      for (const place of field.places) {
        const { dead } = place
        const lists = (prefix ? terms.slice(0, -1) : terms).map((term) => place.find(term))
        if (!lists.every((list) => list !== null)) continue
        const visit: VisitMatch = (slot, times) => {
          if (dead !== null && (dead[slot >>> 5]! & (1 << (slot & 31))) !== 0) return
          found[slot >>> 5]! |= 1 << (slot & 31)
          tally[slot]! += times
        }
        if (beginning === null) eachMatch(lists, visit)
        else {
          beginning.begin(lists)
          place.eachWithPrefix(terms.at(-1)!, (last) => beginning.eachMatch(last, visit))
        }
      }
    }
  }

  /** The hot loop of a query: marks and scores the documents of a list. */
  function score({ chunks }: PostingList, dead: Bits | null, into: Weighting & { readonly found: Bits }): void {
    const { found, table, weight, discounts, lengths } = into
    const { slots, frequencies } = reader
    const target = scores
    for (const chunk of chunks) {
      reader.begin(chunk)
      for (let left = chunk.count; left > 0;) {
        const block = reader.next()
        left -= block
        for (let i = 0; i < block; i++) {
          const slot = slots[i]!
          if (dead !== null && (dead[slot >>> 5]! & (1 << (slot & 31))) !== 0) continue
          const frequency = frequencies[i]!
          found[slot >>> 5]! |= 1 << (slot & 31)
          const length = lengths[slot]!
          target[slot]! +=
            frequency < TABLE_ROWS
              ? table[(frequency << 8) + length]!
              : (weight * frequency) / (frequency + discounts[length]!)
        }
      }
    }
  }

  function mark({ chunks }: PostingList, dead: Bits | null, found: Bits): void {
    const { slots } = reader
    for (const chunk of chunks) {
      reader.begin(chunk)
      for (let left = chunk.count; left > 0;) {
        const block = reader.next()
        left -= block
        for (let i = 0; i < block; i++) {
          const slot = slots[i]!
          if (dead !== null && (dead[slot >>> 5]! & (1 << (slot & 31))) !== 0) continue
          found[slot >>> 5]! |= 1 << (slot & 31)
        }
      }
    }
  }

  function count({ chunks }: PostingList, dead: Bits | null, found: Bits): void {
    const { slots, frequencies } = reader
    for (const chunk of chunks) {
      reader.begin(chunk)
      for (let left = chunk.count; left > 0;) {
        const block = reader.next()
        left -= block
        for (let i = 0; i < block; i++) {
          const slot = slots[i]!
          if (dead !== null && (dead[slot >>> 5]! & (1 << (slot & 31))) !== 0) continue
          found[slot >>> 5]! |= 1 << (slot & 31)
          tally[slot]! += frequencies[i]!
        }
      }
    }
  }

  return (query, searched) => {
    if (scores.length < searched.capacity) {
      scores = new Float32Array(searched.capacity)
      tally = new Uint32Array(searched.capacity)
    } else scores.fill(0)
    return { found: find(query, searched, true), scores }
  }
}

interface Target {
  readonly searched: Searched
  readonly found: Bits
  readonly isScored: boolean
}

function listsOf(
  term: string,
  { places }: SearchedField,
): readonly { readonly list: PostingList; readonly dead: Bits | null }[] {
  const lists = []
  for (const place of places) {
    const list = place.find(term)
    if (list !== null) lists.push({ list, dead: place.dead })
  }
  return lists
}

/** The terms of a phrase, by the stems of either language. */
function waysOf(words: readonly string[], prefix: boolean, { mark }: SearchedField): readonly (readonly string[])[] {
  const ways = new Map(
    (['english', 'german'] as const).map((language) => {
      const stems = words.map((word, i) => (prefix && i === words.length - 1 ? word : stemOf(word, language)))
      return [stems.join(' '), stems.map((stem) => mark + stem)]
    }),
  )
  return [...ways.values()]
}

/** What a match counts, by how rare it is, how often it comes and how long the document is. */
interface Weighting {
  readonly weight: number
  readonly lengths: Uint8Array
  /** By length code. */
  readonly discounts: Float64Array
  /** By frequency below `TABLE_ROWS` and length code: what comes of weight and discount. */
  readonly table: Float32Array
}

const TABLE_ROWS = 16

function weightingOf(count: number, { lengths, lengthMean, ...field }: SearchedField, searched: Searched): Weighting {
  const documents = Math.max(searched.documents, count)
  const rarity = Math.log(1 + (documents - count + 0.5) / (count + 0.5))
  const mean = Math.max(1, lengthMean)
  const weight = field.weight * rarity * (K1 + 1)
  const discounts = Float64Array.from(LENGTHS, (length) => K1 * (1 - B + (B * length) / mean))
  const table = new Float32Array(TABLE_ROWS * LENGTHS.length)
  for (let frequency = 1; frequency < TABLE_ROWS; frequency++) {
    for (let code = 0; code < LENGTHS.length; code++) {
      table[frequency * LENGTHS.length + code] = (weight * frequency) / (frequency + discounts[code]!)
    }
  }
  return { weight, lengths, discounts, table }
}
