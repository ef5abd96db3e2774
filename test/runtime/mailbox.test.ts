import { describe, expect, test } from 'vitest'
import { childOf } from '../../runtime/index.ts'
import { blame, heldTableMemory, openHeldTable } from '../../runtime/mailbox/held-table.ts'
import { RecordKind, ringBytes } from '../../runtime/rings/layout.ts'
import { createConsumer, createProducer, ringMemory } from '../../runtime/rings/ring.ts'
import { echo, echoActor } from './fixtures/actors.ts'
import { codeOf, useSystems } from './helpers.ts'

const { start } = useSystems()

/** A ring with these values in it, one byte each. */
function ringOf(...values: readonly number[]) {
  const memory = ringMemory(new SharedArrayBuffer(ringBytes(1024)), 0, 1024)
  const producer = createProducer(memory)
  for (const value of values) producer.write(RecordKind.Ask, 0, 7, value, Infinity, Uint8Array.of(value), 0, 1)
  return memory
}

describe('held table', () => {
  test('keeps what its thread took, in order, and knows the record it had not moved past', () => {
    const memory = heldTableMemory(4, 64)
    const ring = ringOf(1, 2, 3)
    const first = openHeldTable(memory)
    const reader = createConsumer(ring)
    const cells = [1, 2].map(() => {
      reader.next()
      const cell = first.take(9, reader)
      // The thread dies before it moves past the second.
      if (reader.correlation === 1) reader.advance()
      return cell
    })
    first.markStarted(cells[0]!)
    blame(memory, cells[0]!, true)

    const second = openHeldTable(memory)
    const again = createConsumer(ring)
    expect(again.next() && again.correlation).toBe(2)
    expect(second.holds(9, again)).toBe(true)
    expect(second.holds(8, again)).toBe(false)
    again.advance()
    expect(again.next() && second.holds(9, again)).toBe(false)
    const left = second.takeLeftovers().map((cell) => second.read(cell))
    expect(left).toMatchObject([
      { correlation: 1, interrupted: true, redelivered: 1, crashes: 1, incarnation: 7 },
      { correlation: 2, interrupted: false, redelivered: 0, crashes: 0 },
    ])
    expect(left.map(({ bytes, payloadStart }) => bytes[payloadStart])).toEqual([1, 2])
  })

  test('is bounded, and blames only the message whose turn it was', () => {
    const memory = heldTableMemory(2, 64)
    const table = openHeldTable(memory)
    const reader = createConsumer(ringOf(1, 2, 3))
    const take = (): number => (reader.next(), table.take(1, reader))
    const [a, b] = [take(), (reader.advance(), take())]
    expect((reader.advance(), take())).toBe(-1)
    for (const cell of [a, b]) table.markStarted(cell)
    blame(memory, b, true)
    expect([a, b].map((cell) => table.read(cell).crashes)).toEqual([0, 1])
    table.free(a)
    expect(table.inFlight()).toBe(1)
    expect(() => table.free(a)).toThrow(/freed once/)
  })
})

describe('a full mailbox', () => {
  test('refuses with its numbers, keeps what it has taken, and takes again', async () => {
    const system = await start([childOf(echoActor)])
    const { ask } = system.ref(echo)
    const busy = ask.spin({ ms: 300 })
    const text = 'x'.repeat(500)
    const codes = await Promise.all(Array.from({ length: 10_000 }, () => codeOf(ask.echo(text))))
    await busy
    const refused = codes.filter((code) => code === 'MAILBOX_FULL').length
    expect(refused).toBeGreaterThan(1_000)
    expect(codes.filter((code) => code === 'no error')).toHaveLength(codes.length - refused)
    expect(await ask.echo('room')).toBe('room')
    expect(system.stats()[0]).toMatchObject({ queueDepth: 0, restarts: 0 })
  })

  test('nothing is lost between two that flood each other with more than their rings hold', async () => {
    const system = await start([childOf(echoActor)])
    const { ask } = system.ref(echo)
    const text = 'x'.repeat(20_000)
    const replies = await Promise.all(Array.from({ length: 500 }, (_, index) => ask.echo({ index, text })))
    expect(replies.map((reply) => (reply as { index: number }).index)).toEqual(replies.map((_, index) => index))
  })
})
