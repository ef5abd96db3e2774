/** Which blocks shared memory names: looked up by the supervisor, beside whoever is at work in it. */
import { openHeldTable, type HeldTableMemory } from './mailbox/held-table.ts'
import { RecordFlag, RING_WORD } from './rings/layout.ts'
import { readNumber } from './rings/numbers.ts'
import { createConsumer, type RingMemory } from './rings/ring.ts'

/** What the published and not yet taken records name. The ring's producer or its consumer may be at work meanwhile. */
export function blocksInRing(memory: RingMemory): readonly number[] {
  // A consumer with header words of its own: it moves a head that nobody else sees.
  const words = new Int32Array(memory.words.length)
  words[RING_WORD.Head] = Atomics.load(memory.words, RING_WORD.Head)
  words[RING_WORD.Tail] = Atomics.load(memory.words, RING_WORD.Tail)
  const reader = createConsumer({ ...memory, words })
  const ids: number[] = []
  while (reader.next()) {
    if ((reader.flags & RecordFlag.Block) !== 0) ids.push(readNumber(reader.data, reader.payloadStart, 0))
    reader.advance()
  }
  return ids
}

/** What messages that were taken and have not settled name. */
export function blocksInCells(memory: HeldTableMemory): readonly number[] {
  const table = openHeldTable(memory)
  return table
    .takeLeftovers()
    .map((cell) => table.read(cell))
    .filter(({ flags }) => (flags & RecordFlag.Block) !== 0)
    .map(({ bytes, payloadStart }) => readNumber(bytes, payloadStart, 0))
}
