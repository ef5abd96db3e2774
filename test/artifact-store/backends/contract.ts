/** What every storage backend has to do, whatever it is made of: called with a way to open one. */
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { readBlob, type StorageBackend } from '../../../actors/artifact-store/backends/index.ts'
import { codeOf } from '../fixture.ts'

export interface BackendCase {
  readonly name: string
  /** An empty one. */
  readonly open: () => Promise<StorageBackend>
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (content: Uint8Array | null): string | null =>
  content === null ? null : new TextDecoder().decode(content)

async function* pieces(...all: readonly (Uint8Array | Error)[]): AsyncGenerator<Uint8Array> {
  for (const piece of all) {
    await Promise.resolve()
    if (piece instanceof Error) throw piece
    yield piece
  }
}

async function keysOf(backend: StorageBackend, prefix?: string, limit?: number): Promise<string[]> {
  const keys: string[] = []
  let cursor: string | undefined
  do {
    const page = await backend.list({
      ...(prefix === undefined ? {} : { prefix }),
      ...(limit === undefined ? {} : { limit }),
      ...(cursor === undefined ? {} : { cursor }),
    })
    keys.push(...page.items.map(({ key }) => key))
    cursor = page.cursor
  } while (cursor !== undefined)
  return keys
}

export function describeBackend({ name, open }: BackendCase): void {
  async function opened(): Promise<StorageBackend> {
    const backend = await open()
    onTestFinished(() => backend.close())
    return backend
  }

  describe(`storage backend ${name}`, () => {
    test('gives back what was put: whole, in part, its size', async () => {
      const backend = await opened()
      expect(await backend.put('a/blob', bytes('hello blob'))).toBe(10)
      expect(text(await backend.get('a/blob'))).toBe('hello blob')
      expect(await backend.stat('a/blob')).toEqual({ key: 'a/blob', sizeBytes: 10 })
      expect(text(await backend.getRange('a/blob', 6, 4))).toBe('blob')
      expect(text(await backend.getRange('a/blob', 6, 400))).toBe('blob')
      expect(text(await backend.getRange('a/blob', 2, 0))).toBe('')
      expect(text(await backend.getRange('a/blob', 10, 5))).toBe('')
      expect(text(await backend.getRange('a/blob', 5000, 5))).toBe('')
      for (const wrong of [-1, 0.5, Number.NaN]) {
        await expect(backend.getRange('a/blob', wrong, 1)).rejects.toThrow(RangeError)
        await expect(backend.getRange('a/blob', 1, wrong)).rejects.toThrow(RangeError)
      }
      expect(await backend.put('empty', new Uint8Array(0))).toBe(0)
      expect(await backend.get('empty')).toHaveLength(0)
      expect(await backend.stat('empty')).toEqual({ key: 'empty', sizeBytes: 0 })
    })

    test('what is not there is null, and deleting it no error', async () => {
      const backend = await opened()
      await backend.put('here', bytes('x'))
      for (const key of ['nothing', 'no/thing', 'here/below']) {
        expect(await backend.get(key)).toBeNull()
        expect(await backend.getRange(key, 0, 1)).toBeNull()
        expect(await backend.stat(key)).toBeNull()
        await backend.delete(key)
      }
      await backend.delete('here')
      expect(await backend.get('here')).toBeNull()
      expect((await backend.list()).items).toEqual([])
      await backend.delete('here')
      await backend.put('here', bytes('again'))
      expect(text(await backend.get('here'))).toBe('again')
    })

    test('replaces a blob as a whole, and keeps its own copy of it', async () => {
      const backend = await opened()
      const content = bytes('first, and longer')
      await backend.put('k', content)
      content.fill(0)
      const got = await backend.get('k')
      expect(text(got)).toBe('first, and longer')
      got!.fill(0)
      await backend.put('k', bytes('second'))
      expect(text(await backend.get('k'))).toBe('second')
      expect(await keysOf(backend)).toEqual(['k'])
    })

    test('takes a stream, and nothing of one that fails', async () => {
      const backend = await opened()
      const all = Array.from({ length: 40 }, (_, i) => new Uint8Array(70_000).fill(i))
      expect(await backend.put('big', pieces(...all))).toBe(40 * 70_000)
      expect(Buffer.concat(all).equals((await backend.get('big'))!)).toBe(true)
      const failure = new Error('the source failed')
      await expect(backend.put('big', pieces(all[0]!, failure))).rejects.toBe(failure)
      await expect(backend.put('new', pieces(all[0]!, failure))).rejects.toBe(failure)
      expect(await backend.get('new')).toBeNull()
      expect(await backend.stat('big')).toEqual({ key: 'big', sizeBytes: 40 * 70_000 })
      expect(await keysOf(backend)).toEqual(['big'])
      const read = await readBlob(backend, 'big', 65_536)
      const again: Uint8Array[] = []
      for await (const piece of read!.pieces) again.push(piece)
      expect(read!.sizeBytes).toBe(40 * 70_000)
      expect(Buffer.concat(again).equals(Buffer.concat(all))).toBe(true)
      expect(await readBlob(backend, 'new', 10)).toBeNull()
    })

    test('a reader never sees a blob that is half of one', async () => {
      const backend = await opened()
      const sizes = [1, 100_000, 7, 250_000]
      await backend.put('k', new Uint8Array(sizes[0]!).fill(0))
      const writers = sizes.map(async (sizeBytes, i) => {
        for (let times = 0; times < 5; times++) await backend.put('k', new Uint8Array(sizeBytes).fill(i))
      })
      const writing = { now: true }
      const done = Promise.all(writers).finally(() => (writing.now = false))
      while (writing.now) {
        const got = (await backend.get('k'))!
        expect(got.length).toBe(sizes[got[0]!])
        expect(got.every((byte) => byte === got[0])).toBe(true)
      }
      await done
      expect(await keysOf(backend)).toEqual(['k'])
    })

    test('lists keys by prefix, in order, page by page', async () => {
      const backend = await opened()
      // Prefixes of each other, folders beside files, one and two characters: everything a folder tree could get wrong.
      const character = fc.constantFrom('a', 'b', '0', '-', '.', '_', '/')
      const key = fc
        .string({ unit: character, minLength: 1, maxLength: 7 })
        .filter((made) => /^[a-z0-9][a-z0-9._-]*(\/[a-z0-9][a-z0-9._-]*)*$/.test(made))
      const made = new Set(['a', 'a/b', 'a-b', 'a.b', 'ab', 'ab/c', 'abc', 'abc/d', 'ab-c', 'b/a/0/a', 'b/a/0'])
      fc.assert(
        fc.property(fc.array(key, { minLength: 5, maxLength: 15 }), (keys) => {
          for (const each of keys) made.add(each)
        }),
        { numRuns: 8 },
      )
      for (const each of made) await backend.put(each, bytes(each))
      const sorted = [...made].sort()
      expect(await keysOf(backend)).toEqual(sorted)
      for (const limit of [1, 2, 3, 7, 1000]) expect(await keysOf(backend, undefined, limit)).toEqual(sorted)
      for (const prefix of ['a', 'a/', 'ab', 'ab/', 'a-', 'b/a', 'b/a/0', 'zz', 'abc']) {
        const expected = sorted.filter((each) => each.startsWith(prefix))
        expect(await keysOf(backend, prefix), prefix).toEqual(expected)
        expect(await keysOf(backend, prefix, 2), prefix).toEqual(expected)
      }
      expect((await backend.list({ prefix: 'abc' })).items).toContainEqual({ key: 'abc', sizeBytes: 3 })
    })

    test('goes on after the last key although it was deleted meanwhile', async () => {
      const backend = await opened()
      for (const key of ['c/aa1', 'c/aa2', 'c/ab1', 'c/ab2']) await backend.put(key, bytes(key))
      const first = await backend.list({ limit: 2 })
      await backend.delete('c/aa2')
      await backend.put('c/aa3', bytes('later'))
      const second = await backend.list({ cursor: first.cursor! })
      expect(second.items.map(({ key }) => key)).toEqual(['c/aa3', 'c/ab1', 'c/ab2'])
    })

    test('refuses keys that could mean something else, and changes nothing', async () => {
      const backend = await opened()
      const wrong = [
        '',
        '/',
        '/a',
        'a/',
        'a//b',
        '..',
        '../a',
        'a/../b',
        '.a',
        'A',
        'a b',
        'a\\b',
        'a\0',
        'ä',
        '=ab',
        'a*',
      ]
      for (const key of [...wrong, 'a'.repeat(201), 'a/'.repeat(100)]) {
        expect(await codeOf(backend.put(key, bytes('x'))), key).toBe('BLOB_KEY_INVALID')
        expect(await codeOf(backend.get(key)), key).toBe('BLOB_KEY_INVALID')
        expect(await codeOf(backend.getRange(key, 0, 1)), key).toBe('BLOB_KEY_INVALID')
        expect(await codeOf(backend.stat(key)), key).toBe('BLOB_KEY_INVALID')
        expect(await codeOf(backend.delete(key)), key).toBe('BLOB_KEY_INVALID')
      }
      expect(await keysOf(backend)).toEqual([])
      await backend.put('a'.repeat(200), bytes('x'))
      expect(await keysOf(backend)).toEqual(['a'.repeat(200)])
    })

    test('closes once everything under way is done, and then refuses', async () => {
      const backend = await opened()
      const puts = Promise.all(Array.from({ length: 8 }, (_, i) => backend.put(`k${i}`, new Uint8Array(10_000))))
      await Promise.all([backend.close(), puts])
      await backend.close()
      for (const call of [
        backend.put('k', bytes('x')),
        backend.get('k'),
        backend.getRange('k', 0, 1),
        backend.stat('k'),
        backend.delete('k'),
        backend.list(),
      ])
        expect(await codeOf(call)).toBe('BLOBS_CLOSED')
    })

    test('does what a map of keys does, whatever comes', async () => {
      const key = fc.constantFrom('a', 'a/b', 'ab', 'content/0a1', 'content/0a2', 'content/0b1')
      const op = fc.oneof(
        fc.record({ kind: fc.constant('put' as const), key, content: fc.uint8Array({ maxLength: 50 }) }),
        fc.record({ kind: fc.constant('delete' as const), key }),
      )
      await fc.assert(
        fc.asyncProperty(fc.array(op, { maxLength: 20 }), async (ops) => {
          const backend = await open()
          const model = new Map<string, Uint8Array>()
          for (const made of ops) {
            if (made.kind === 'put') {
              await backend.put(made.key, made.content)
              model.set(made.key, made.content)
            } else {
              await backend.delete(made.key)
              model.delete(made.key)
            }
          }
          expect(await keysOf(backend, undefined, 2)).toEqual([...model.keys()].sort())
          for (const [each, content] of model)
            expect(Buffer.from(content).equals((await backend.get(each))!)).toBe(true)
          await backend.close()
        }),
        { numRuns: 15 },
      )
    })
  })
}
