/** Aliases: names for versions that can move, as `report@production`. `latest` is none of them: it moves by itself. */
import type { LogPosition } from '../../runtime/index.ts'
import type { Catalog } from './catalog.ts'
import type { ArtifactAlias, ContentHash } from './protocol.ts'
import type { StoreRecord } from './records.ts'

/** An alias with the record that set it last. */
export interface AliasRow extends Omit<ArtifactAlias, 'hash'> {
  readonly position: LogPosition
}

export interface Aliases {
  set(alias: AliasRow): void
  remove(name: string, alias: string, position: LogPosition): void
  find(name: string, alias: string): AliasRow | null
  list(name: string): readonly AliasRow[]
  /** Protected aliases of versions that are this artifact, as `name@alias`. */
  protecting(hash: ContentHash): readonly string[]
  /** The last record that changed anything here, since the index was opened. */
  readonly changedPosition: LogPosition
  /** Aliases set before `position`. */
  before(position: LogPosition, limit: number): readonly AliasRow[]
}

type Row = Omit<AliasRow, 'protected'> & { readonly protected: number }

export function createAliases(catalog: Catalog): Aliases {
  const set = catalog.prepare('INSERT OR REPLACE INTO aliases VALUES (?, ?, ?, ?, ?, ?)')
  const remove = catalog.prepare('DELETE FROM aliases WHERE name = ? AND alias = ?')
  const find = catalog.prepare('SELECT * FROM aliases WHERE name = ? AND alias = ?')
  const list = catalog.prepare('SELECT * FROM aliases WHERE name = ? ORDER BY alias')
  const protecting = catalog.prepare(
    `SELECT aliases.name, alias FROM versions JOIN aliases ON aliases.name = versions.name
       AND aliases.version = versions.version AND aliases.protected = 1
     WHERE versions.hash = ? ORDER BY aliases.name, alias`,
  )
  const before = catalog.prepare('SELECT * FROM aliases WHERE position < ? ORDER BY position LIMIT ?')
  let changedPosition: LogPosition = -1
  return {
    set({ name, alias, version, protected: isProtected, changedAt, position }) {
      set.run(name, alias, version, isProtected ? 1 : 0, changedAt, position)
      changedPosition = position
    },
    remove(name, alias, position) {
      remove.run(name, alias)
      changedPosition = position
    },
    get changedPosition() {
      return changedPosition
    },
    find(name, alias) {
      const row = find.get(name, alias) as Row | undefined
      return row === undefined ? null : aliasOf(row)
    },
    list: (name) => (list.all(name) as unknown as Row[]).map(aliasOf),
    protecting: (hash) =>
      (protecting.all(hash) as { name: string; alias: string }[]).map(({ name, alias }) => `${name}@${alias}`),
    before: (position, limit) => (before.all(position, limit) as unknown as Row[]).map(aliasOf),
  }
}

function aliasOf(row: Row): AliasRow {
  return { ...row, protected: row.protected === 1 }
}

/** Everything known of an alias, as a record that stands for all before it. */
export function aliasRecord(row: AliasRow): StoreRecord {
  const { changedAt, position: _, ...alias } = row
  return { t: 'alias', ...alias, at: changedAt }
}
