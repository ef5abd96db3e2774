/**
 * The supervisor's part in the way of a block: keeps it, hands it on where its sender could not, drops what a dead sender
 * left behind, and says what a dead receiver had freed (blocks.ts, I1 to I5).
 */
import { CORRELATION_SPAN } from './asks.ts'
import { blocksInCells, blocksInRing } from './block-names.ts'
import type { BlockStore } from './blocks.ts'
import { BOARD_WORD, type BoardSlot } from './board.ts'
import type { Child } from './child.ts'
import type { Links } from './links.ts'
import type { HeldTableMemory } from './mailbox/held-table.ts'
import { orphansOf } from './orphans.ts'
import { HOST, linkRings, type BlockWiring } from './wiring.ts'

export interface BlockDeliveryOptions {
  readonly blocks: BlockStore
  readonly children: ReadonlyMap<string, Child>
  readonly links: Links
  readonly hostSlot: BoardSlot
  readonly hostTable: HeldTableMemory
  /** A block for the host has arrived. */
  readonly onHostWork: () => void
}

export interface BlockDelivery {
  /** Keeps a block and hands it to its receiver, unless `given` is its incarnation: that one has it from the sender. */
  deliver(to: string, block: BlockWiring, given: number): void
  /** That incarnation of the receiver will free it when it comes; unless it comes too late for it. */
  unwanted(receiver: Child, id: number, by: number): void
  /** Drops what a dead incarnation has sent and not published, and what it was told to free and has not. */
  dropOrphans(dead: Child): void
  /** Where the blocks of that actor are counted. */
  slotOf(name: string): BoardSlot | undefined
}

/**
 * What is left of an actor's dead incarnations names these blocks, and they were freed: the record or cell has been dealt
 * with. Read before the next incarnation starts; what is published meanwhile was freed by nobody.
 */
export function freedBlocks({ spec: { name }, table }: Child, links: Links, blocks: BlockStore): readonly number[] {
  const rings = links.peersOf(name).flatMap((peer) => {
    const [asked, answered] = [links.get(peer, name), links.get(name, peer)]
    return [
      ...(asked === null ? [] : [linkRings(asked).requests]),
      ...(answered === null ? [] : [linkRings(answered).replies]),
    ]
  })
  const named = [...rings.flatMap(blocksInRing), ...(table === undefined ? [] : blocksInCells(table))]
  return named.filter((id) => blocks.freed(id))
}

export function createBlockDelivery(options: BlockDeliveryOptions): BlockDelivery {
  const { blocks, children, links } = options

  const slotOf = (name: string): BoardSlot | undefined => (name === HOST ? options.hostSlot : children.get(name)?.slot)

  /** Forgets blocks whose records will never be published, here and at their receiver. */
  function drop(to: string, ids: readonly number[]): void {
    const receiver = children.get(to)
    const informed = receiver?.attached === true
    // A living receiver counts for itself: it may have freed a block of which we have not heard yet.
    if (informed) {
      for (const id of ids) blocks.forsake(id, receiver.incarnation)
      receiver.worker?.post({ kind: 'blocks-orphaned', ids })
      return
    }
    for (const id of ids) {
      slotOf(to)?.addShared(BOARD_WORD.BlockBytes, -(blocks.get(id)?.byteLength ?? 0))
      blocks.free(id)
    }
  }

  const lives = (receiver: Child | undefined, incarnation: number): boolean =>
    receiver?.attached === true && receiver.incarnation === incarnation

  return {
    unwanted(receiver, id, by) {
      if (blocks.freed(id)) return
      if (lives(receiver, by) || blocks.get(id) === undefined) blocks.forsake(id, by)
      else drop(receiver.spec.name, [id])
    },
    deliver(to, block, given) {
      const receiver = children.get(to)
      if (receiver === undefined && to !== HOST) return
      if (!blocks.keep(to, block)) {
        // The host frees without knowing the size what has not arrived; actors count for themselves.
        if (to === HOST) options.hostSlot.addShared(BOARD_WORD.BlockBytes, -block.buffer.byteLength)
        return
      }
      const by = blocks.forsakenBy(block.id)
      if (by !== undefined && !lives(receiver, by)) {
        slotOf(to)?.addShared(BOARD_WORD.BlockBytes, -block.buffer.byteLength)
        return blocks.free(block.id)
      }
      if (receiver === undefined) options.onHostWork()
      else if (receiver.attached && receiver.incarnation !== given) receiver.worker?.post({ kind: 'block', block })
    },
    dropOrphans({ incarnation, slot, spec: { name } }) {
      slot.addShared(BOARD_WORD.BlockBytes, -blocks.freeForsaken(name))
      const sent = blocks.between(incarnation * CORRELATION_SPAN, (incarnation + 1) * CORRELATION_SPAN)
      for (const [to, toIt] of sent) {
        const asks = links.get(name, to)
        const answers = links.get(to, name)
        const rings = [
          ...(asks === null ? [] : [linkRings(asks).requests]),
          ...(answers === null ? [] : [linkRings(answers).replies]),
        ]
        const ids = toIt.map(({ id }) => id)
        const orphans = orphansOf(ids, rings, to === HOST ? options.hostTable : children.get(to)?.table)
        if (orphans.length > 0) drop(to, orphans)
      }
    },
    slotOf,
  }
}
