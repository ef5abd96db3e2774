/** The children of a system: who there is, and what each owns beyond its threads (a board slot, links, a held table). */
import type { BlockStore } from './blocks.ts'
import { BOARD_SLOTS, boardSlot, resetSlot } from './board.ts'
import { createChild, showState, type Child } from './child.ts'
import type { ResolvedSpec } from './child-spec.ts'
import { fail } from './errors.ts'
import type { Links } from './links.ts'

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
  readonly blocks: BlockStore
}

export function createRoster({ board, links, blocks }: RosterOptions): Roster {
  const children = new Map<string, Child>()
  // Slot 0 is the host's.
  const freeSlots: number[] = Array.from({ length: BOARD_SLOTS - 1 }, (_, index) => BOARD_SLOTS - 1 - index)
  let generations = 0

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
      links.remove(name)
      child.table = undefined
      if (!child.dynamic) return
      children.delete(name)
      freeSlots.push(child.slotIndex)
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
