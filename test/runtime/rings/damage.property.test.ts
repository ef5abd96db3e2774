/** Any bytes of a ring may change under the two that use it: neither throws, and they agree again in a few steps. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RecordKind, RING_WORD, ringBytes } from '../../../runtime/rings/layout.ts'
import { createConsumer, createProducer, ringMemory } from '../../../runtime/rings/ring.ts'

const CAPACITY = 1024
const SEED = Number(process.env.PIT_SEED ?? 20_261_122)

function open() {
  const buffer = new SharedArrayBuffer(ringBytes(CAPACITY))
  const memory = ringMemory(buffer, 0, CAPACITY)
  return { memory, bytes: new Uint8Array(buffer), producer: createProducer(memory), consumer: createConsumer(memory) }
}

type Ring = ReturnType<typeof open>

function write({ producer }: Ring, size: number, id: number): boolean {
  return producer.write(RecordKind.Tell, 0, 1, id, Infinity, new Uint8Array(size), 0, size)
}

/** What a pump does: takes all there is, and gives up what is damaged. */
function drain({ consumer, producer }: Ring): { readonly ids: number[]; readonly damaged: boolean } {
  const ids: number[] = []
  // More records than a ring can hold would be no end at all.
  for (let step = 0; step < CAPACITY; step++) {
    if (!consumer.next()) break
    ids.push(consumer.correlation)
    consumer.advance()
  }
  const damaged = consumer.corrupt !== null
  if (damaged) {
    consumer.resync()
    producer.republish()
  } else consumer.settle()
  return { ids, damaged }
}

/** Both sides use the ring as before. */
function expectAgreement(ring: Ring): void {
  // What a damaged tail hid comes with the next record, and a resync may follow what an earlier one believed.
  for (let round = 0; round < 4; round++) {
    if (!write(ring, 0, 1_000)) ring.producer.starve(0)
    drain(ring)
  }
  for (let id = 1; id <= 40; id++) {
    if (!write(ring, id, id)) {
      // No room, although all is taken: the producer says that it waits, and the consumer puts the head right.
      ring.producer.starve(id)
      drain(ring)
      expect(write(ring, id, id)).toBe(true)
    }
    expect(drain(ring)).toEqual({ ids: [id], damaged: false })
  }
}

const flips = fc.array(fc.tuple(fc.nat(ringBytes(CAPACITY) - 1), fc.nat(255)), { minLength: 1, maxLength: 8 })
const headerFlips = fc.array(
  fc.tuple(fc.constantFrom(RING_WORD.Tail, RING_WORD.Head, RING_WORD.Starved), fc.integer()),
  { minLength: 1, maxLength: 3 },
)
const sizes = fc.array(fc.nat(90), { maxLength: 12 })
const parameters = { seed: SEED, numRuns: Number(process.env.PIT_RUNS ?? 300) }

describe(`damage to a ring (PIT_SEED=${SEED})`, () => {
  test('anywhere: never an exception, and both sides go on', () => {
    fc.assert(
      fc.property(sizes, flips, sizes, (before, damage, after) => {
        const ring = open()
        before.forEach((size, id) => write(ring, size, id + 1))
        for (const [at, value] of damage) ring.bytes[at] = value
        drain(ring)
        after.forEach((size, id) => write(ring, size, id + 1))
        for (const [at, value] of damage) ring.bytes[at] = value
        expectAgreement(ring)
      }),
      parameters,
    )
  })

  test('of the positions: never an exception, and both sides go on', () => {
    fc.assert(
      fc.property(sizes, headerFlips, (before, damage) => {
        const ring = open()
        before.forEach((size, id) => write(ring, size, id + 1))
        for (const [word, value] of damage) ring.memory.words[word] = value
        expectAgreement(ring)
      }),
      parameters,
    )
  })

  test('of a record is said, and what is behind it given up', () => {
    const ring = open()
    for (let id = 1; id <= 3; id++) write(ring, 16, id)
    const { memory, consumer } = ring
    expect(consumer.next()).toBe(true)
    consumer.advance()
    memory.dataWords[48 >> 2] = 100_000
    expect(consumer.next()).toBe(false)
    expect(consumer.corrupt).toBe('a record of 100000 bytes')
    expect(consumer.next()).toBe(false)
    consumer.resync()
    expect(consumer.empty()).toBe(true)
    write(ring, 16, 4)
    expect(drain(ring)).toEqual({ ids: [4], damaged: false })
  })

  test('of nothing is found in an undamaged ring', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(90), { maxLength: 60 }), (records) => {
        const ring = open()
        let id = 0
        const sent: number[] = []
        const taken: number[] = []
        for (const size of records) {
          if (write(ring, size, ++id)) sent.push(id)
          else {
            const { ids, damaged } = drain(ring)
            expect(damaged).toBe(false)
            taken.push(...ids)
          }
        }
        taken.push(...drain(ring).ids)
        expect(taken).toEqual(sent)
      }),
      parameters,
    )
  })
})
