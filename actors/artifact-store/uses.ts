/** Who used an artifact: runs and nodes that took it as input, the latest of them. */
import { canonicalJson } from '../../runtime/index.ts'
import type { Catalog } from './catalog.ts'
import type { Producer } from './protocol.ts'

export interface Use {
  readonly by: Producer
  /** The last time. */
  readonly at: number
}

export interface Uses {
  add(artifact: number, use: Use): void
  /** Latest first. */
  of(artifact: number): readonly Use[]
  clear(artifact: number): void
}

/** Kept per artifact. */
const USES_MAX = 100

export function createUses(catalog: Catalog): Uses {
  const add = catalog.prepare(
    `INSERT INTO uses (artifact, user, at) VALUES (?, ?, ?)
     ON CONFLICT (artifact, user) DO UPDATE SET at = max(at, excluded.at)`,
  )
  const prune = catalog.prepare(
    `DELETE FROM uses WHERE artifact = ?1 AND user NOT IN
       (SELECT user FROM uses WHERE artifact = ?1 ORDER BY at DESC, user LIMIT ${USES_MAX})`,
  )
  const count = catalog.prepare('SELECT count(*) AS count FROM uses WHERE artifact = ?')
  const of = catalog.prepare('SELECT user, at FROM uses WHERE artifact = ? ORDER BY at DESC, user')
  const clear = catalog.prepare('DELETE FROM uses WHERE artifact = ?')
  return {
    add(artifact, { by, at }) {
      add.run(artifact, canonicalJson(by), at)
      if ((count.get(artifact) as { count: number }).count > USES_MAX) prune.run(artifact)
    },
    of: (artifact) =>
      (of.all(artifact) as { user: string; at: number }[]).map(({ user, at }) => ({
        by: JSON.parse(user) as Producer,
        at,
      })),
    clear: (artifact) => void clear.run(artifact),
  }
}
