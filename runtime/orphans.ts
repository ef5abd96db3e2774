/**
 * Blocks whose sender died before it published their records: it held them in its queue, or was about to write. Nobody
 * will ever free them, so the supervisor finds them when it lays a dead incarnation down.
 *
 * A block is still wanted when a record of the dead sender names it, or a cell of its receiver. The sender is dead, so
 * nothing is added to its rings; the receiver copies a record into a cell before it gives up its place in the ring. So
 * rings are looked at first and cells after: what is in neither is named by nobody, or freed already.
 */
import { blocksInCells, blocksInRing } from './block-names.ts'
import type { HeldTableMemory } from './mailbox/held-table.ts'
import type { RingMemory } from './rings/ring.ts'

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
