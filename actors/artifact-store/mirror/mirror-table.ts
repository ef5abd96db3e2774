/**
 * What the mirror still lacks: the queue between the log and the second copy. It follows from the log like every other table,
 * so a kill loses nothing of it; that something was copied is a hint, and doing it again changes nothing.
 *
 *   new content ──► copies ──► (copied) ──► gone from here
 *   purge       ──► deletes ──► (deleted) ──► gone from here
 *
 * I1. A delete comes from a purge in the log, never from a blob that nobody knows: a store that lost its data must not empty
 *     its mirror.
 * I2. Content that is stored again takes its delete back.
 * I3. Of deletes and the mirror's id, compaction writes again what it would drop (`carry`).
 */
import type { LogPosition } from '../../../runtime/index.ts'
import type { Catalog } from '../catalog.ts'
import type { ContentHash } from '../protocol.ts'
import type { StoreRecord } from '../records.ts'

export const MIRROR_SCHEMA = `
  CREATE TABLE mirrorCopies (artifact INTEGER PRIMARY KEY);
  CREATE TABLE mirrorDeletes (hash TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX mirrorDeletesByPosition ON mirrorDeletes (position);
  CREATE TABLE mirrorId (id TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
`

export interface OwedDelete {
  readonly hash: ContentHash
  readonly position: LogPosition
}

export interface MirrorTable {
  /** Whether there is a mirror at all; from then on everything is owed to it. */
  activate(on: boolean): void
  readonly active: boolean
  /** The mirror of this store, by the id in its mark. */
  identity(): string | null
  identify(id: string, position: LogPosition): void
  /** Content that the mirror does not have. */
  oweCopy(artifact: number, hash: ContentHash): void
  /** To a new mirror: every copy and no delete. */
  oweAll(): void
  /** An artifact's end: its copy is owed no more. */
  forget(artifact: number): void
  oweDelete(hash: ContentHash, position: LogPosition): void
  owes(artifact: number): boolean
  copies(limit: number): readonly number[]
  deletes(limit: number): readonly OwedDelete[]
  counts(): { readonly copies: number; readonly deletes: number }
  /** Whether much of what there is is owed. */
  isBehind(): boolean
  copied(artifact: number): void
  /** The mirror says that it has this content. */
  found(hash: string, sizeBytes: number): void
  deleted(owed: OwedDelete): void
  /** Records that say again what this table has from before `position`. */
  carry(position: LogPosition): readonly StoreRecord[]
}

const ACTIVE = 'mirroring'
const BEHIND_SHARE = 0.1
const HASHES_PER_RECORD = 10_000

export function createMirrorTable(catalog: Catalog): MirrorTable {
  const sql = {
    active: catalog.prepare(`SELECT value FROM meta WHERE key = '${ACTIVE}'`),
    setActive: catalog.prepare(`INSERT OR REPLACE INTO meta VALUES ('${ACTIVE}', ?)`),
    identity: catalog.prepare('SELECT id FROM mirrorId'),
    clearIdentity: catalog.prepare('DELETE FROM mirrorId'),
    identify: catalog.prepare('INSERT INTO mirrorId VALUES (?, ?)'),
    oweCopy: catalog.prepare('INSERT OR IGNORE INTO mirrorCopies VALUES (?)'),
    oweAll: catalog.prepare('INSERT OR IGNORE INTO mirrorCopies SELECT id FROM artifacts'),
    copied: catalog.prepare('DELETE FROM mirrorCopies WHERE artifact = ?'),
    found: catalog.prepare(
      'DELETE FROM mirrorCopies WHERE artifact = (SELECT id FROM artifacts WHERE hash = ? AND sizeBytes = ?)',
    ),
    oweDelete: catalog.prepare('INSERT OR REPLACE INTO mirrorDeletes VALUES (?, ?)'),
    keep: catalog.prepare('DELETE FROM mirrorDeletes WHERE hash = ?'),
    deleted: catalog.prepare('DELETE FROM mirrorDeletes WHERE hash = ? AND position = ?'),
    clear: ['mirrorCopies', 'mirrorDeletes'].map((table) => catalog.prepare(`DELETE FROM ${table}`)),
    owes: catalog.prepare('SELECT 1 FROM mirrorCopies WHERE artifact = ?'),
    copies: catalog.prepare('SELECT artifact FROM mirrorCopies ORDER BY artifact LIMIT ?'),
    deletes: catalog.prepare('SELECT hash, position FROM mirrorDeletes ORDER BY position, hash LIMIT ?'),
    counts: catalog.prepare(
      'SELECT (SELECT count(*) FROM mirrorCopies) AS copies, (SELECT count(*) FROM mirrorDeletes) AS deletes',
    ),
    isBehind: catalog.prepare(
      `SELECT (SELECT count(*) FROM mirrorCopies) > (SELECT count(*) FROM artifacts) * ${BEHIND_SHARE} AS behind`,
    ),
    deletesBefore: catalog.prepare('SELECT hash FROM mirrorDeletes WHERE position < ? ORDER BY hash'),
    identityBefore: catalog.prepare('SELECT id FROM mirrorId WHERE position < ?'),
  }
  let active = (sql.active.get() as { value: number } | undefined)?.value === 1

  return {
    get active() {
      return active
    },
    activate(on) {
      if (on === active) return
      active = on
      sql.setActive.run(on ? 1 : 0)
      for (const clear of sql.clear) clear.run()
      if (on) sql.oweAll.run()
    },
    identity: () => (sql.identity.get() as { id: string } | undefined)?.id ?? null,
    identify(id, position) {
      sql.clearIdentity.run()
      sql.identify.run(id, position)
    },
    oweCopy(artifact, hash) {
      if (!active) return
      sql.oweCopy.run(artifact)
      sql.keep.run(hash)
    },
    oweAll() {
      for (const clear of sql.clear) clear.run()
      sql.oweAll.run()
    },
    forget: (artifact) => void sql.copied.run(artifact),
    oweDelete(hash, position) {
      if (active) sql.oweDelete.run(hash, position)
    },
    owes: (artifact) => sql.owes.get(artifact) !== undefined,
    copies: (limit) => (sql.copies.all(limit) as { artifact: number }[]).map(({ artifact }) => artifact),
    deletes: (limit) => sql.deletes.all(limit) as unknown as OwedDelete[],
    counts: () => sql.counts.get() as { copies: number; deletes: number },
    isBehind: () => (sql.isBehind.get() as { behind: number }).behind === 1,
    copied: (artifact) => void sql.copied.run(artifact),
    found: (hash, sizeBytes) => void sql.found.run(hash, sizeBytes),
    deleted: ({ hash, position }) => void sql.deleted.run(hash, position),
    carry(position) {
      const [known] = sql.identityBefore.all(position) as { id: string }[]
      const hashes = (sql.deletesBefore.all(position) as { hash: ContentHash }[]).map(({ hash }) => hash)
      const records: StoreRecord[] = known === undefined ? [] : [{ t: 'mirror', id: known.id }]
      for (let at = 0; at < hashes.length; at += HASHES_PER_RECORD) {
        records.push({ t: 'purge', hashes: hashes.slice(at, at + HASHES_PER_RECORD) })
      }
      return records
    },
  }
}
