/** The instruments as models: specs that load, fixed shapes, coded errors, abort. */
import { describe, expect, test } from 'vitest'
import type { ModelModule } from '../../../actors/pool-manager/backends/module.ts'
import { builtinModels, instrumentErrors } from '../../../actors/pool-manager/instruments/index.ts'
import { TEXT_CHARS_MAX } from '../../../actors/pool-manager/instruments/input.ts'
import {
  chunker,
  embedder,
  keywordExtractor,
  languageDetector,
  similarity,
  summarizer,
} from '../../../actors/pool-manager/instruments/modules.ts'
import { canonicalJson } from '../../../runtime/index.ts'
import { documents, documentText, oddTexts, run } from './documents.ts'

const invalid = (field: string) => ({ code: 'INSTRUMENT_INPUT_INVALID', status: 400, fields: { field } })

describe('builtinModels', () => {
  test('are six, and each names a module that loads and answers', async () => {
    expect(builtinModels.map(({ id }) => id)).toEqual([
      'chunker',
      'language-detector',
      'keyword-extractor',
      'summarizer',
      'embedder',
      'similarity',
    ])
    for (const { id, backend, deterministic, version } of builtinModels) {
      expect({ deterministic, version }).toEqual({ deterministic: true, version: '1' })
      if (backend.kind !== 'module') throw new Error(`${id} is not a module`)
      const exports = (await import(backend.module)) as Record<string, ModelModule>
      const input = id === 'similarity' ? { items: [] } : { text: 'A text.' }
      expect(await run(exports[backend.export!]!, input)).toBeTypeOf('object')
    }
  })
})

describe('shapes', () => {
  const text = documentText('tide-tables.md')

  test('chunker', async () => {
    const result = (await run(chunker, { text }, { maxChars: 500 })) as { chunks: { text: string }[]; count: number }
    expect(result.count).toBe(result.chunks.length)
    expect(result.chunks.every((chunk) => chunk.text.length <= 500)).toBe(true)
    expect(await run(chunker, 'plain string')).toEqual({
      chunks: [{ text: 'plain string', start: 0, end: 12 }],
      count: 1,
    })
  })

  test('language-detector', async () => {
    expect(await run(languageDetector, { text })).toEqual({ language: 'en', name: 'English', confidence: 1 })
  })

  test('keyword-extractor detects the language unless told', async () => {
    const detected = (await run(keywordExtractor, { text, count: 4 })) as {
      keywords: { term: string; score: number }[]
    }
    expect(detected.keywords).toHaveLength(4)
    expect(detected.keywords[0]).toEqual({ term: 'tide', score: 1 })
    expect(await run(keywordExtractor, { text, language: 'en-GB' }, { count: 4 })).toEqual(detected)
    expect(await run(keywordExtractor, { text, language: 'und', count: 4 })).toEqual(detected)
    expect(await run(keywordExtractor, { text, language: 'de', count: 4 })).not.toEqual(detected)
  })

  test('summarizer takes the number from the input or the parameters, the input first', async () => {
    const one = (await run(summarizer, { text, sentences: 1 })) as { text: string }
    expect(await run(summarizer, { text }, { sentences: 1 })).toEqual(one)
    expect(await run(summarizer, { text, sentences: 1 }, { sentences: 5, prompt: 'ignored: {{text}}' })).toEqual(one)
    const three = (await run(summarizer, { text })) as { text: string }
    expect(three.text.length).toBeGreaterThan(one.text.length)
  })

  test('embedder takes one text or several', async () => {
    const one = (await run(embedder, { text })) as { vector: number[]; vectors: number[][]; dimensions: number }
    expect(one).toMatchObject({ dimensions: 256, vectors: [one.vector] })
    const two = (await run(embedder, { texts: [text, 'Bees.'] }, { dimensions: 32 })) as typeof one
    expect(two.vectors.map((vector) => vector.length)).toEqual([32, 32])
    expect(two.vector).toHaveLength(32)
  })

  test('similarity', async () => {
    const items = [
      { id: 'a', vector: [1, 0] },
      { id: 'b', vector: [1, 1] },
      { id: 'c', vector: [0, 1] },
    ]
    expect(await run(similarity, { items, top: 1 }, { minScore: 0.5 })).toEqual({
      related: [
        { id: 'a', matches: [{ id: 'b', score: 0.707107 }] },
        { id: 'b', matches: [{ id: 'a', score: 0.707107 }] },
        { id: 'c', matches: [{ id: 'b', score: 0.707107 }] },
      ],
    })
    expect(await run(similarity, { items: [] })).toEqual({ related: [] })
  })

  test("a spec's options are the defaults of its requests", async () => {
    const signal = new AbortController().signal
    const state = await keywordExtractor.load({ count: 2 })
    const result = await keywordExtractor.infer(state, { input: { text }, parameters: {}, signal })
    expect((result as { keywords: unknown[] }).keywords).toHaveLength(2)
  })

  test('every answer can be hashed, also for odd texts', async () => {
    for (const odd of Object.values(oddTexts)) {
      const wellFormed = odd.toWellFormed()
      for (const module of [chunker, languageDetector, keywordExtractor, summarizer, embedder] as ModelModule[]) {
        expect(canonicalJson(await run(module, { text: wellFormed }))).toMatch(/^\{/)
      }
    }
  })

  test('all documents in a row, as the digest does it', async () => {
    const items: { id: string; vector: number[] }[] = []
    for (const { name, text } of documents) {
      const { chunks } = (await run(chunker, { text })) as { chunks: { text: string }[] }
      const { vector } = (await run(embedder, { texts: chunks.map((chunk) => chunk.text) })) as { vector: number[] }
      items.push({ id: name, vector })
    }
    const { related } = (await run(similarity, { items })) as { related: { id: string; matches: { id: string }[] }[] }
    expect(related.find(({ id }) => id === 'sourdough.md')!.matches[0]!.id).toBe('salt-and-cabbage.txt')
  })
})

describe('bad input', () => {
  test.each<readonly [string, ModelModule, unknown, Record<string, unknown>, string]>([
    ['no object', chunker, 7, {}, 'input'],
    ['no text', summarizer, {}, {}, 'text'],
    ['text of another type', languageDetector, { text: 5 }, {}, 'text'],
    ['inherited text', languageDetector, Object.create({ text: 'x' }), {}, 'text'],
    ['count out of range', keywordExtractor, { text: 'x', count: 0 }, {}, 'count'],
    ['count not whole', keywordExtractor, { text: 'x' }, { count: 1.5 }, 'count'],
    ['sentences as text', summarizer, { text: 'x', sentences: '3' }, {}, 'sentences'],
    ['language as number', summarizer, { text: 'x', language: 1 }, {}, 'language'],
    ['unknown content type', chunker, { text: 'x', contentType: 'pdf' }, {}, 'contentType'],
    ['maximum too small', chunker, { text: 'x' }, { maxChars: 3 }, 'maxChars'],
    ['overlap too large', chunker, { text: 'x' }, { maxChars: 100, overlapChars: 50 }, 'overlapChars'],
    ['texts no list', embedder, { texts: 'x' }, {}, 'texts'],
    ['one text wrong', embedder, { texts: ['a', null] }, {}, 'texts[1]'],
    ['dimensions', embedder, { text: 'x' }, { dimensions: 1e9 }, 'dimensions'],
    ['items missing', similarity, {}, {}, 'items'],
    ['item no object', similarity, { items: [3] }, {}, 'items[0]'],
    ['item without id', similarity, { items: [{ vector: [1] }] }, {}, 'items[0].id'],
    ['vector with a hole', similarity, { items: [{ id: 'a', vector: [1, Number.NaN] }] }, {}, 'items[0].vector'],
    [
      'vectors of two lengths',
      similarity,
      {
        items: [
          { id: 'a', vector: [1] },
          { id: 'b', vector: [1, 2] },
        ],
      },
      {},
      'items[1].vector',
    ],
    ['minScore', similarity, { items: [] }, { minScore: 2 }, 'minScore'],
  ])('%s', async (_name, module, input, parameters, field) => {
    await expect(run(module, input, parameters)).rejects.toMatchObject(invalid(field))
  })

  test('a text beyond the limit is refused by size, not shown', async () => {
    const text = 'x'.repeat(TEXT_CHARS_MAX + 1)
    await expect(run(chunker, { text })).rejects.toMatchObject(invalid('text'))
    await expect(run(embedder, { texts: [text.slice(2), 'yyy'] })).rejects.toMatchObject(invalid('texts'))
  })

  test('the message names field, expectation and value', async () => {
    await expect(run(summarizer, { text: 'x', sentences: 1_000 })).rejects.toThrow(
      'Expected `sentences` to be a whole number from 1 to 100, got `1000` (number)',
    )
    expect(Object.keys(instrumentErrors.table)).toEqual(['INSTRUMENT_INPUT_INVALID'])
  })
})

describe('abort', () => {
  test('an aborted request is not begun', async () => {
    for (const module of [chunker, languageDetector, keywordExtractor, summarizer, embedder] as ModelModule[]) {
      await expect(run(module, { text: 'x' }, {}, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone')
    }
    await expect(run(similarity, { items: [] }, {}, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone')
  })

  test('a long one stops in the middle', async () => {
    const text = documents
      .map((document) => document.text)
      .join('\n\n')
      .repeat(20)
    const items = Array.from({ length: 2_000 }, (_, i) => ({
      id: `${i}`,
      vector: Array.from({ length: 256 }, (_, j) => (i * j) % 7),
    }))
    for (const [module, input] of [
      [keywordExtractor, { text }],
      [summarizer, { text }],
      [embedder, { text }],
      [similarity, { items }],
    ] as [ModelModule, unknown][]) {
      const abort = new AbortController()
      // Fires in the first turn of the event loop that the instrument grants.
      setImmediate(() => abort.abort(new Error('nobody waits')))
      await expect(run(module, input, {}, abort.signal)).rejects.toThrow('nobody waits')
    }
  })
})
