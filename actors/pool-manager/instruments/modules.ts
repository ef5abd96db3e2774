/**
 * The built-in text instruments as models: what a model host loads. Each checks its input, answers with plain data,
 * and gives the same answer for the same input on every machine.
 *
 * `load` takes options from the model's spec as defaults for the parameters of every request.
 */
import type { ModelModule, ModuleRequest } from '../backends/module.ts'
import { createBreath } from './breath.ts'
import { CHUNK_CONTENT_TYPES, chunkText, type Chunk } from './chunking.ts'
import { DIMENSIONS_DEFAULT, embed, type Embedding } from './embedding.ts'
import {
  inputInvalid,
  isObject,
  readChoice,
  readInteger,
  readLanguage,
  readNumber,
  readText,
  readTexts,
  requireObject,
  type InstrumentRequest,
} from './input.ts'
import { extractKeywords, type Keyword } from './keywords.ts'
import { createLanguageDetector, type LanguageDetector, type LanguageGuess } from './language.ts'
import { relate, type Related, type SimilarityItem } from './similarity.ts'
import { summarize } from './summary.ts'

/** Pairs grow with the square: at this many items of 256 dimensions a call takes some ten seconds. */
export const SIMILARITY_ITEMS_MAX = 5_000
const DIMENSIONS_MAX = 4_096

interface State {
  readonly defaults: Readonly<Record<string, unknown>>
}

interface DetectingState extends State {
  readonly detector: LanguageDetector
}

/** `{ text, contentType? }`, parameters `maxChars` (default 2,000) and `overlapChars` (default 0). */
export const chunker: ModelModule<State> = {
  load: (options) => ({ defaults: options }),
  infer(state, moduleRequest): { chunks: readonly Chunk[]; count: number } {
    const request = withDefaults(state, moduleRequest)
    const contentType = readChoice(request, 'contentType', 'markdown', CHUNK_CONTENT_TYPES)
    const maxChars = readInteger(request, 'maxChars', 2_000, { min: 16, max: 1_000_000 })
    const overlapChars = readInteger(request, 'overlapChars', 0, { min: 0, max: Math.floor(maxChars / 2) - 1 })
    moduleRequest.signal.throwIfAborted()
    const chunks = chunkText(readText(request), { contentType, maxChars, overlapChars })
    return { chunks, count: chunks.length }
  },
}

/** `{ text }` → the language, `und` when nothing fits. */
export const languageDetector: ModelModule<DetectingState> = {
  load: loadDetecting,
  infer(state, request): LanguageGuess {
    request.signal.throwIfAborted()
    return state.detector.detect(readText(request))
  },
}

/** `{ text, language?, count? }`; count 10 by default. */
export const keywordExtractor: ModelModule<DetectingState> = {
  load: loadDetecting,
  async infer(state, moduleRequest): Promise<{ keywords: readonly Keyword[] }> {
    const request = withDefaults(state, moduleRequest)
    const text = readText(request)
    const count = readInteger(request, 'count', 10, { min: 1, max: 1_000 })
    const language = readLanguage(request) ?? state.detector.detect(text).language
    return { keywords: await extractKeywords(text, language, count, createBreath(moduleRequest.signal)) }
  },
}

/** `{ text, language?, sentences? }`; 3 sentences by default. */
export const summarizer: ModelModule<DetectingState> = {
  load: loadDetecting,
  async infer(state, moduleRequest): Promise<{ text: string }> {
    const request = withDefaults(state, moduleRequest)
    const text = readText(request)
    const count = readInteger(request, 'sentences', 3, { min: 1, max: 100 })
    const language = readLanguage(request) ?? state.detector.detect(text).language
    return { text: await summarize(text, language, count, createBreath(moduleRequest.signal)) }
  },
}

/** `{ texts }` or `{ text }`, parameter `dimensions` (default 256). */
export const embedder: ModelModule<State> = {
  load: (options) => ({ defaults: options }),
  infer(state, moduleRequest): Promise<Embedding> {
    const request = withDefaults(state, moduleRequest)
    const dimensions = readInteger(request, 'dimensions', DIMENSIONS_DEFAULT, { min: 16, max: DIMENSIONS_MAX })
    return embed(readTexts(request), dimensions, createBreath(moduleRequest.signal))
  },
}

/** `{ items: [{ id, vector }], top?, minScore? }`; top 3 and minScore 0 by default. */
export const similarity: ModelModule<State> = {
  load: (options) => ({ defaults: options }),
  async infer(state, moduleRequest): Promise<{ related: readonly Related[] }> {
    const request = withDefaults(state, moduleRequest)
    const top = readInteger(request, 'top', 3, { min: 0, max: SIMILARITY_ITEMS_MAX })
    const minScore = readNumber(request, 'minScore', 0, { min: -1, max: 1 })
    const related = await relate(readItems(request), { top, minScore }, createBreath(moduleRequest.signal))
    return { related }
  },
}

function loadDetecting(options: Readonly<Record<string, unknown>>): DetectingState {
  return { defaults: options, detector: createLanguageDetector() }
}

function withDefaults(state: State, { input, parameters }: ModuleRequest): InstrumentRequest {
  return { input, parameters: { ...state.defaults, ...parameters } }
}

function readItems({ input }: InstrumentRequest): readonly SimilarityItem[] {
  const { items } = requireObject(input)
  if (!Array.isArray(items)) throw inputInvalid('items', 'a list of { id, vector }', items)
  if (items.length > SIMILARITY_ITEMS_MAX) {
    throw inputInvalid('items', `a list of at most ${SIMILARITY_ITEMS_MAX}`, `${items.length} items`)
  }
  const dimensions = isObject(items[0]) && Array.isArray(items[0]['vector']) ? items[0]['vector'].length : 0
  return items.map((item: unknown, index) => {
    if (!isObject(item)) throw inputInvalid(`items[${index}]`, '{ id, vector }', item)
    const { id, vector } = item
    if (typeof id !== 'string') throw inputInvalid(`items[${index}].id`, 'a text', id)
    if (!isVector(vector)) throw inputInvalid(`items[${index}].vector`, 'a list of finite numbers', vector)
    if (vector.length !== dimensions) {
      throw inputInvalid(`items[${index}].vector`, `as long as the first one (${dimensions})`, vector.length)
    }
    return { id, vector }
  })
}

function isVector(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((number) => Number.isFinite(number))
}
