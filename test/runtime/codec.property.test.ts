import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createCodec } from '../../runtime/codec.ts'
import { isPitError } from '../../runtime/index.ts'

// No -0: MessagePack has one zero for whole numbers. The keys of prototypes are renamed, never written.
const leaves = [
  fc.string(),
  fc.boolean(),
  fc.integer(),
  fc.double().map((value) => value + 0),
  fc.constantFrom(null, undefined),
]
const data = fc.anything({
  values: leaves,
  withDate: true,
  maxDepth: 4,
  key: fc.string().filter((key) => key !== '__proto__'),
})

function encoded(value: unknown): Uint8Array {
  const { bytes, start, end } = createCodec().encode(value, 'a')
  return Uint8Array.prototype.slice.call(bytes, start, end)
}

describe('codec', () => {
  test('decodes from anywhere in a buffer, and what it gave does not change when the next is decoded', () => {
    const withBytes = fc.oneof(data, fc.uint8Array(), fc.record({ bytes: fc.uint8Array(), of: data }))
    fc.assert(
      fc.property(fc.array(withBytes, { minLength: 2, maxLength: 6 }), fc.nat(300), (values, offset) => {
        const codec = createCodec()
        const buffer = Buffer.from(new SharedArrayBuffer(2 ** 16) as unknown as ArrayBuffer)
        const decoded = values.map((value) => {
          const bytes = encoded(value)
          fc.pre(bytes.length + offset <= buffer.length)
          buffer.set(bytes, offset)
          return codec.decode(buffer, offset, offset + bytes.length, 'a')
        })
        for (const [index, value] of decoded.entries()) expect(encoded(value)).toEqual(encoded(values[index]))
      }),
    )
  })

  test('every message decodes alone, in any order, by any decoder', () => {
    fc.assert(
      fc.property(fc.array(data, { minLength: 1, maxLength: 8 }), fc.infiniteStream(fc.nat()), (values, order) => {
        const sender = createCodec()
        const messages = values.map((value) => {
          const { bytes, start, end } = sender.encode(value, 'a')
          return { value, bytes: Uint8Array.prototype.slice.call(bytes, start, end) }
        })
        for (const message of messages.toSorted(() => (order.next().value! % 2 === 0 ? 1 : -1))) {
          const decoder = createCodec()
          expect(decoder.decode(message.bytes, 0, message.bytes.length, 'a')).toEqual(message.value)
        }
      }),
    )
  })

  test('decoded bytes are copies', () => {
    const bytes = encoded({ content: Uint8Array.of(1, 2, 3), text: 'abc' })
    const decoded = createCodec().decode(bytes, 0, bytes.length, 'a')
    bytes.fill(0)
    expect(decoded).toEqual({ content: Uint8Array.of(1, 2, 3), text: 'abc' })
  })

  test('hostile bytes give a value or CODEC_INVALID, and leave the decoder and all prototypes whole', () => {
    const codec = createCodec()
    const good = encoded(['call', { a: [1, { b: 'c' }] }])
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(), fc.nat(255), (noise, at, byte) => {
        for (const bytes of [noise, good.with(at % good.length, byte)]) {
          try {
            codec.decode(bytes, 0, bytes.length, 'a')
          } catch (error) {
            expect(isPitError(error, 'CODEC_INVALID')).toBe(true)
          }
        }
        expect(codec.decode(good, 0, good.length, 'a')).toEqual(['call', { a: [1, { b: 'c' }] }])
        expect(Object.keys(Object.prototype)).toEqual([])
      }),
      { numRuns: 2_000 },
    )
  })

  test('nesting without end and values that cannot be said are refused', () => {
    const deep = new Uint8Array(200_000).fill(0x91)
    expect(() => createCodec().decode(deep, 0, deep.length, 'a')).toThrow(
      expect.objectContaining({ code: 'CODEC_INVALID' }),
    )
    let nested: unknown = 0
    for (let depth = 0; depth < 100_000; depth++) nested = [nested]
    for (const value of [nested, () => 1, Symbol('x'), { run() {} }]) {
      expect(() => createCodec().encode(value, 'a')).toThrow(expect.objectContaining({ code: 'CODEC_INVALID' }))
    }
    expect(encoded('still works')).toHaveLength(12)
  })
})
