/**
 * Blocks whose sender died before it published their records: it held them in its queue, or was about to write. Nobody
 * will ever free them, so the supervisor finds them when it lays a dead incarnation down.
 *
 * A block is still wanted when a record of the dead sender names it, or a cell of its receiver. The sender is dead, so
 * nothing is added to its rings; the receiver copies a record into a cell before it gives up its place in the ring. So
 * rings are looked at first and cells after: what is in neither is named by nobody, or freed already.
 */
import { openHeldTable, type HeldTableMemory } from './mailbox/held-table.ts'
import { RecordFlag, RING_WORD } from './rings/layout.ts'
import { readNumber } from './rings/numbers.ts'
import { createConsumer, type RingMemory } from './rings/ring.ts'

/** Of these blocks to one receiver, those that no record in the dead sender's rings to it and none of its cells names. */
export function orphansOf(
  ids: readonly number[],
  rings: readonly RingMemory[],
  cells: HeldTableMemory | undefined,
): readonly number[] {
  const wanted = new Set(rings.flatMap(blocksInRing))
  if (cells !== undefined) for (const id of blocksInCells(cells)) wanted.add(id)
  return ids.filter((id) => !wanted.has(id))
}

/** What the published and not yet taken records name. The ring's consumer may be at work meanwhile. */
function blocksInRing(memory: RingMemory): readonly number[] {
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

function blocksInCells(memory: HeldTableMemory): readonly number[] {
  const table = openHeldTable(memory)
  return table
    .takeLeftovers()
    .map((cell) => table.read(cell))
    .filter(({ flags }) => (flags & RecordFlag.Block) !== 0)
    .map(({ bytes, payloadStart }) => readNumber(bytes, payloadStart, 0))
}
