/** An actor's own end of its links (actor-links.ts): which ones it has made, and what a marked death means for it. */
import type { LinkMark } from './actor-links.ts'
import type { FromWorker } from './wiring.ts'

export interface LinkEnds {
  /** Links this life to the present life of that actor; returns the undo. */
  link(name: string): () => void
  /** A death, in its order, of an actor that this one is or was linked to. */
  onMarked(name: string, mark: LinkMark): void
}

export interface LinkEndsHost {
  readonly incarnation: number
  readonly post: (message: FromWorker) => void
  /** This life takes no further messages; the supervisor ends it. */
  readonly end: () => void
}

export function createLinkEnds({ incarnation, post, end }: LinkEndsHost): LinkEnds {
  const made = new Set<number>()
  let counter = 0
  return {
    link(to) {
      const id = ++counter
      made.add(id)
      post({ kind: 'link', id, to })
      return () => {
        if (made.delete(id)) post({ kind: 'unlink', id })
      }
    },
    onMarked(name, mark) {
      if (mark.incarnation !== incarnation) return
      // A link that was undone meanwhile ends nobody.
      const standing = mark.ids.filter((id) => made.delete(id))
      if (!mark.ends || (standing.length === 0 && !mark.byPeer)) return
      post({ kind: 'linked', name })
      end()
    },
  }
}
