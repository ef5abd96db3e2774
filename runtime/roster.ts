/** The children of a system: who there is, and what each owns beyond its threads (a board slot, links, a held table). */
import type { BlockStore } from './blocks.ts'
import { BOARD_SLOTS, boardSlot, resetSlot } from './board.ts'
import type { Life } from './actor-links.ts'
import { createChild, lifeOf, showState, type Child } from './child.ts'
import type { ResolvedSpec } from './child-spec.ts'
import { fail } from './errors.ts'
import type { Links } from './links.ts'
import type { MemoryPool } from './memory-pool.ts'
import type { Retirement } from './retirement.ts'
import { HOST, HOST_INCARNATION } from './wiring.ts'

export interface Roster {
  readonly children: ReadonlyMap<string, Child>
  add(spec: ResolvedSpec, dynamic: boolean): Child
  /** It is over: gives back what it owned. A dynamic child is forgotten; a static one keeps its place and its slot. */
  drop(child: Child): void
  /** A static child that is over comes back, as another child of the same name. */
  revive(child: Child): Child
}

export interface RosterOptions {
  readonly board: SharedArrayBuffer
  readonly links: Links
  readonly pool: MemoryPool
  readonly retirement: Retirement
  readonly blocks: BlockStore
}

export function createRoster({ board, links, pool, retirement, blocks }: RosterOptions): Roster {
  const children = new Map<string, Child>()
  // Slot 0 is the host's.
  const freeSlots: number[] = Array.from({ length: BOARD_SLOTS - 1 }, (_, index) => BOARD_SLOTS - 1 - index)
  let generations = 0

  /** Whose threads can reach what the child owns. */
  function holdersOf(child: Child): readonly Life[] {
    const peers = links.peersOf(child.spec.name).flatMap((peer) => children.get(peer) ?? [])
    const knowing = child.known ? peers.filter(({ attached }) => attached).map(lifeOf) : []
    return [
      ...knowing,
      ...(child.known ? [{ name: HOST, incarnation: HOST_INCARNATION }] : []),
      ...(child.zombie === undefined ? [] : [lifeOf(child)]),
    ]
  }

  return {
    children,
    add(spec, dynamic) {
      if (children.has(spec.name)) throw fail('ACTOR_EXISTS', { actor: spec.name })
      const slotIndex = freeSlots.pop()
      if (slotIndex === undefined) throw fail('ACTORS_MAX', { actor: spec.name, actorsMax: BOARD_SLOTS - 1 })
      const slot = boardSlot(board, slotIndex)
      resetSlot(slot)
      const child = createChild(spec, { dynamic, generation: ++generations, slotIndex, slot })
      children.set(spec.name, child)
      return child
    },
    drop(child) {
      const { name } = child.spec
      if (children.get(name) !== child) return
      blocks.dropAll(name)
      const { table, dynamic, slotIndex } = child
      const holders = holdersOf(child)
      const lanes = links.remove(name)
      child.table = undefined
      if (dynamic) children.delete(name)
      retirement.add(child.generation, holders, () => {
        for (const lane of lanes) pool.releaseLink(lane)
        if (table !== undefined) pool.releaseTable(table)
        if (dynamic) freeSlots.push(slotIndex)
      })
    },
    revive(child) {
      const { spec, dynamic, slotIndex, slot, metrics } = child
      const next = { ...createChild(spec, { dynamic, generation: ++generations, slotIndex, slot }), metrics }
      next.zombie = child.zombie === undefined ? undefined : outlive(next, child.zombie)
      children.set(spec.name, next)
      return next
    },
  }
}

async function outlive(child: Child, zombie: Promise<void>): Promise<void> {
  await zombie
  child.zombie = undefined
  showState(child)
}
