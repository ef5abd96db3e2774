/**
 * Who is linked with whom, on the supervisor's side: a link ties two lives, not two names, and ends with the first of them.
 *
 *   A: ctx.link('b') ──link──► supervisor ──(b dies)──► death record to A, marked: "you are linked to it"
 *                                                       A takes b's messages first (deaths.ts), then says that it is to end
 *
 * The mark travels with the death record, so that a linked end is ordered as every death is.
 */

/** One life. */
export interface Life {
  readonly name: string
  readonly incarnation: number
}

/** What the death of a peer means for a life that is linked to it; part of the death record. */
export interface LinkMark {
  /** The life that is meant: a later one of the same name is not linked. */
  readonly incarnation: number
  /** Links of its own making that end with this death. */
  readonly ids: readonly number[]
  /** Whether the dead one had linked itself to it. */
  readonly byPeer: boolean
  /** Whether the end was abnormal, and ends the linked life, too. */
  readonly ends: boolean
  /** The link was made after the death: monitors have heard of it. */
  readonly late: boolean
}

export interface ActorLinks {
  add(from: Life, id: number, to: Life): void
  remove(from: Life, id: number): void
  /** Ends all links of a dead life; says by name whom they tied to it. */
  end(dead: Life, abnormal: boolean): ReadonlyMap<string, LinkMark>
}

interface Link {
  readonly from: Life
  readonly id: number
  readonly to: Life
}

export function createActorLinks(): ActorLinks {
  const links = new Set<Link>()
  return {
    add: (from, id, to) => void links.add({ from, id, to }),
    remove(from, id) {
      for (const link of links) if (same(link.from, from) && link.id === id) links.delete(link)
    },
    end(dead, ends) {
      const marks = new Map<string, LinkMark>()
      for (const link of links) {
        const byPeer = same(link.from, dead)
        if (!byPeer && !same(link.to, dead)) continue
        links.delete(link)
        const { name, incarnation } = byPeer ? link.to : link.from
        const ids = [...(marks.get(name)?.ids ?? []), ...(byPeer ? [] : [link.id])]
        marks.set(name, { incarnation, ids, byPeer: byPeer || marks.get(name)?.byPeer === true, ends, late: false })
      }
      return marks
    },
  }
}

function same(a: Life, b: Life): boolean {
  return a.name === b.name && a.incarnation === b.incarnation
}
