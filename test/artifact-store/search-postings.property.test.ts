/** Posting lists as they are written, merged and read, against plain arrays: any number of chunks, of any size. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createBeginning, eachMatch } from '../../actors/artifact-store/search/phrase.ts'
import { DocsReader, NO_SLOT, PostingsCursor } from '../../actors/artifact-store/search/cursor.ts'
import {
  createPostingsWriter,
  createSink,
  getVarint,
  putVarint,
  takeSink,
  type Chunk,
  type PostingList,
} from '../../actors/artifact-store/search/postings.ts'

interface Doc {
  readonly slot: number
  readonly positions: readonly number[]
}

/** Ascending slots, most of them close to each other, some far; few positions, now and then many. */
const docs = fc
  .array(
    fc.tuple(
      fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 1, max: 4 }) }, fc.integer({ min: 1, max: 2000 })),
      fc.array(fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 1, max: 3 }) }, fc.integer({ min: 1, max: 500 })), {
        minLength: 1,
        maxLength: 6,
      }),
    ),
    { minLength: 1, maxLength: 600, size: 'max' },
  )
  .map((steps): Doc[] => {
    let slot = -1
    return steps.map(([distance, distances]) => {
      let position = -1
      return { slot: (slot += distance), positions: distances.map((each) => (position += each)) }
    })
  })

const chunkSize = fc.constantFrom(1, 2, 100, 255, 256, 257, 400, 1000)

function listOf(some: readonly Doc[], size: number): PostingList {
  const writer = createPostingsWriter()
  const chunks: Chunk[] = []
  for (const { slot, positions } of some) {
    const encoded = createSink()
    let former = 0
    for (const position of positions) {
      putVarint(encoded, position - former)
      former = position
    }
    writer.add(slot, positions.length, takeSink(encoded), 0, encoded.length)
    if (writer.count >= size) chunks.push(writer.take())
  }
  if (writer.count > 0) chunks.push(writer.take())
  return { count: some.length, chunks }
}

function read(list: PostingList): Doc[] {
  const found: Doc[] = []
  const reader = new DocsReader()
  for (const { docs, positions, ...chunk } of list.chunks) {
    const source = { bytes: positions.bytes, at: positions.from }
    reader.begin({ docs, positions, ...chunk })
    for (let block = reader.next(); block > 0; block = reader.next()) {
      for (let i = 0; i < block; i++) {
        let position = 0
        const some = Array.from({ length: reader.frequencies[i]! }, () => (position += getVarint(source)))
        found.push({ slot: reader.slots[i]!, positions: some })
      }
    }
    expect(source.at).toBe(positions.to)
  }
  return found
}

test('a list is read as it was written', () => {
  fc.assert(
    fc.property(docs, chunkSize, (some, size) => {
      expect(read(listOf(some, size))).toEqual(some)
    }),
    { numRuns: 50, interruptAfterTimeLimit: 20_000 },
  )
})

test('chunks are appended, and documents copied', () => {
  fc.assert(
    fc.property(docs, chunkSize, (some, size) => {
      const { chunks } = listOf(some, size)
      const appended = createPostingsWriter()
      for (const chunk of chunks) appended.append(chunk)
      const copied = createPostingsWriter()
      const cursor = new PostingsCursor(chunks)
      for (cursor.next(); cursor.slot !== NO_SLOT; cursor.next()) if (cursor.slot % 3 > 0) cursor.copyTo(copied)
      const kept = some.filter(({ slot }) => slot % 3 > 0)
      expect(read({ count: some.length, chunks: [appended.take()] })).toEqual(some)
      if (kept.length > 0) expect(read({ count: kept.length, chunks: [copied.take()] })).toEqual(kept)
    }),
    { numRuns: 50, interruptAfterTimeLimit: 20_000 },
  )
})

test('phrases are where their words follow one another', () => {
  fc.assert(
    fc.property(fc.array(docs, { minLength: 1, maxLength: 3 }), docs, chunkSize, (words, last, size) => {
      const expected = (all: readonly (readonly Doc[])[]): Map<number, number> => {
        const bySlot = all.map((some) => new Map(some.map(({ slot, positions }) => [slot, new Set(positions)])))
        const times = all[0]!.map(({ slot, positions }): [number, number] => [
          slot,
          positions.filter((start) => bySlot.every((each, i) => each.get(slot)?.has(start + i) === true)).length,
        ])
        return new Map(times.filter(([, count]) => count > 0))
      }
      const found = new Map<number, number>()
      eachMatch(
        words.map((some) => listOf(some, size)),
        (slot, times) => found.set(slot, times),
      )
      expect(found).toEqual(expected(words))

      const beginning = createBeginning(1 + Math.max(...[...words, last].map((some) => some.at(-1)!.slot)))
      // What it knew of other words is forgotten.
      beginning.begin([listOf(last, size)])
      beginning.begin(words.map((some) => listOf(some, size)))
      const followed = new Map<number, number>()
      beginning.eachMatch(listOf(last, size), (slot, times) => followed.set(slot, times))
      expect(followed).toEqual(expected([...words, last]))
    }),
    { numRuns: 50, interruptAfterTimeLimit: 20_000 },
  )
})
