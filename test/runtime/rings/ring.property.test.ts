import fc from 'fast-check'
import { expect, test } from 'vitest'
import { inlineBytesMax, RecordKind, RING_HEADER_BYTES, RING_WORD } from '../../../runtime/rings/layout.ts'
import { createConsumer, createProducer, ringMemory, type RingMemory } from '../../../runtime/rings/ring.ts'

const CAPACITY_BYTES = 1024

type Action =
  { readonly kind: 'write'; readonly bytes: number } | { readonly kind: 'read' } | { readonly kind: 'reopen' }

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      bytes: fc.integer({ min: 0, max: inlineBytesMax(CAPACITY_BYTES) }),
    }),
  },
  { weight: 4, arbitrary: fc.constant({ kind: 'read' as const }) },
  // Both sides die and come back.
  { weight: 1, arbitrary: fc.constant({ kind: 'reopen' as const }) },
)

function openAt(startAt: number) {
  const buffer = new SharedArrayBuffer(RING_HEADER_BYTES + CAPACITY_BYTES)
  const memory = ringMemory(buffer, 0, CAPACITY_BYTES)
  memory.words[RING_WORD.Head] = startAt
  memory.words[RING_WORD.Tail] = startAt
  return memory
}

const used = ({ words }: RingMemory): number => (words[RING_WORD.Tail]! - words[RING_WORD.Head]!) >>> 0

test('behaves as a queue, for any sizes, wraps and restarts, from any position', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -(2 ** 28), max: 2 ** 28 - 1 }),
      fc.array(action, { maxLength: 200 }),
      (start, actions) => {
        const memory = openAt(start * 8)
        let producer = createProducer(memory)
        let consumer = createConsumer(memory)
        const model: { value: number; bytes: number }[] = []
        let value = 0
        for (const step of actions) {
          if (step.kind === 'reopen') {
            producer = createProducer(memory)
            consumer = createConsumer(memory)
          } else if (step.kind === 'write') {
            const payload = new Uint8Array(step.bytes).fill(++value)
            const fits = producer.write(RecordKind.Ask, 3, 40_000, value, value / 2, payload, 0, payload.length)
            if (fits) model.push({ value, bytes: step.bytes })
            // A ring that is empty takes everything, also when a padding is needed.
            else expect(model.length).toBeGreaterThan(0)
          } else {
            expect(consumer.next()).toBe(model.length > 0)
            const expected = model.shift()
            if (expected === undefined) continue
            const { kind, flags, incarnation, correlation, deadlineAt, data, payloadStart, payloadEnd } = consumer
            expect([kind, flags, incarnation, correlation, deadlineAt]).toEqual([
              RecordKind.Ask,
              3,
              40_000,
              expected.value,
              expected.value / 2,
            ])
            expect([...data.subarray(payloadStart, payloadEnd)]).toEqual(
              Array(expected.bytes).fill(expected.value & 0xff),
            )
            consumer.advance()
          }
        }
      },
    ),
    { numRuns: 300 },
  )
})

test('a producer that waits is woken once, when half of the ring is free', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: inlineBytesMax(CAPACITY_BYTES) }),
      fc.nat(CAPACITY_BYTES / 8),
      (bytes, start) => {
        const memory = openAt(start * 8)
        const [producer, consumer] = [createProducer(memory), createConsumer(memory)]
        const payload = new Uint8Array(bytes)
        let written = 0
        while (producer.write(RecordKind.Tell, 0, 1, written, 0, payload, 0, bytes)) written++
        expect(producer.starve(bytes)).toBe(true)
        const wakes: number[] = []
        for (let taken = 1; taken <= written; taken++) {
          consumer.next()
          if (consumer.advance()) wakes.push((producer.capacityBytes - used(memory)) / CAPACITY_BYTES)
        }
        expect(wakes).toEqual([expect.toSatisfy((free: number) => free >= 0.5)])
      },
    ),
  )
})
