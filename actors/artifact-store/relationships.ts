/** Lineage: which artifact was derived from which. The edges never form a cycle. */
import type { Catalog } from './catalog.ts'
import type { ContentHash } from './protocol.ts'

export interface Relative {
  readonly hash: ContentHash
  /** Steps away, at least 1. */
  readonly depth: number
}

export interface Relationships {
  link(child: ContentHash, parent: ContentHash): void
  /** Forgets what `child` was derived from. */
  unlink(child: ContentHash): void
  parents(child: ContentHash): readonly ContentHash[]
  /** Artifacts outside the trash that were derived from this one. */
  usedByCount(parent: ContentHash): number
  /** Nearest first. */
  walk(from: ContentHash, direction: 'ancestors' | 'descendants', limit: number): readonly Relative[]
  /**
   * Of these parents those that can be recorded. Content addressing makes an artifact of the past equal to one of now: a
   * step whose output equals its input, or the input of a former step, must not make an artifact its own ancestor. Such an
   * edge is left out; what was recorded first stays.
   */
  acyclicParents(child: ContentHash, parents: readonly ContentHash[]): readonly ContentHash[]
}

export function createRelationships(catalog: Catalog): Relationships {
  const link = catalog.prepare('INSERT OR IGNORE INTO edges VALUES (?, ?)')
  const unlink = catalog.prepare('DELETE FROM edges WHERE child = ?')
  const usedBy = catalog.prepare(
    `SELECT count(*) AS count FROM edges JOIN artifacts ON artifacts.hash = edges.child
     WHERE edges.parent = ? AND artifacts.trashPlan IS NULL`,
  )
  const next = {
    ancestors: catalog.prepare('SELECT parent AS hash FROM edges WHERE child = ? ORDER BY parent'),
    descendants: catalog.prepare('SELECT child AS hash FROM edges WHERE parent = ? ORDER BY child'),
  }

  function neighbours(hash: ContentHash, direction: 'ancestors' | 'descendants'): readonly ContentHash[] {
    return (next[direction].all(hash) as { hash: ContentHash }[]).map((row) => row.hash)
  }

  function walk(from: ContentHash, direction: 'ancestors' | 'descendants', limit: number): readonly Relative[] {
    const seen = new Set([from])
    const found: Relative[] = []
    let level: ContentHash[] = [from]
    for (let depth = 1; level.length > 0; depth++) {
      const nextLevel: ContentHash[] = []
      for (const hash of level.flatMap((near) => neighbours(near, direction))) {
        if (seen.has(hash)) continue
        if (found.length === limit) return found
        seen.add(hash)
        found.push({ hash, depth })
        nextLevel.push(hash)
      }
      level = nextLevel
    }
    return found
  }

  return {
    link: (child, parent) => void link.run(child, parent),
    unlink: (child) => void unlink.run(child),
    parents: (child) => neighbours(child, 'ancestors'),
    usedByCount: (parent) => (usedBy.get(parent) as { count: number }).count,
    walk,
    acyclicParents(child, parents) {
      const others = [...new Set(parents)].filter((parent) => parent !== child)
      if (others.length === 0 || neighbours(child, 'descendants').length === 0) return others
      const descendants = new Set(walk(child, 'descendants', Number.POSITIVE_INFINITY).map(({ hash }) => hash))
      return others.filter((parent) => !descendants.has(parent))
    },
  }
}
