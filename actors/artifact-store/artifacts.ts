/** The rows of artifacts in the index, with their tags, pins and producers. */
import type { LogPosition } from '../../runtime/index.ts'
import type { Catalog } from './catalog.ts'
import { CONTENT_BYTES_MAX } from './packing/sizes.ts'
import type { ContentHash, Producer } from './protocol.ts'

export interface ArtifactRow {
  readonly id: number
  readonly hash: ContentHash
  readonly sizeBytes: number
  readonly contentType: string
  readonly name: string | null
  /** JSON. */
  readonly custom: string | null
  readonly createdAt: number
  /** How often this content was put; duplicates count in the logical size. */
  readonly puts: number
  readonly lastAccessAt: number
  readonly accessCount: number
  readonly damaged: number
  readonly trashPlan: string | null
  readonly trashedAt: number | null
  /** Where the content is: a `StoredPlace` as JSON. */
  readonly frames: string
  /** `settled`: compressing it gains nothing. A hint, not in the log. */
  readonly packing: 'raw' | 'packed' | 'settled'
  /** Everything known of it is in records from here on. */
  readonly sincePosition: LogPosition
  /** The last record that changed it. */
  readonly changedPosition: LogPosition
}

export const DEFAULT_CONTENT_TYPE = 'application/octet-stream'

export type NewRow = Omit<ArtifactRow, 'id'>

export interface Frame {
  readonly position: LogPosition
  readonly bytes: number
}

export interface Artifacts {
  find(hash: ContentHash): ArtifactRow | null
  insert(row: NewRow): number
  update(id: number, changes: Partial<NewRow>): void
  remove(id: number): void
  /** Which records of the log hold the content and the state. */
  addFrames(id: number, frames: readonly Frame[]): void
  clearFrames(id: number): void
  tags(id: number): readonly string[]
  addTag(id: number, tag: string): void
  removeTag(id: number, tag: string): void
  owners(id: number): readonly string[]
  pin(id: number, owner: string): void
  unpin(owner: string): readonly number[]
  /** In the order they were added. */
  producers(id: number): readonly Producer[]
  addProducer(id: number, producer: Producer): void
  clear(id: number): void
  /** Not in the trash, in creation order, after a place in it. */
  page(after: { readonly createdAt: number; readonly hash: string }, limit: number): readonly ArtifactRow[]
  byPrefix(prefix: string): readonly ArtifactRow[]
  inPlan(plan: string): readonly ArtifactRow[]
  /** Oldest first. */
  trashedBefore(time: number, limit: number): readonly ArtifactRow[]
  /** When the oldest trash came there, or null. */
  oldestTrash(): number | null
  plans(): readonly { planId: string; count: number; bytes: number; trashedAt: number }[]
  /** Some artifacts whose state or content depends on a record before `position`. */
  since(position: LogPosition, limit: number): readonly ArtifactRow[]
  byId(id: number): ArtifactRow | null
  /** Quarantined, and not repaired yet. */
  damagedCount(): number
  /** Also those in the trash. */
  byTenant(tenant: string): readonly number[]
  /** Where the content of every artifact is, as in `frames`. */
  places(): readonly string[]
  /** Artifacts in content-defined chunks, newest first. */
  inChunks(): readonly number[]
  /** Artifacts whose text is not in the search index yet. */
  addUnindexed(id: number): void
  unindexed(): readonly number[]
  clearUnindexed(): void
  /** Neither packed nor in the trash nor touched since `coldSince`, in the order of their ids. */
  unpacked(afterId: number, coldSince: number, limit: number): readonly ArtifactRow[]
  /** Bytes of what `unpacked` gives, all in all. */
  unpackedBytes(coldSince: number): number
  /** Bytes of the log that hold content or state between two positions, packs aside. */
  liveBytes(from: LogPosition, to: LogPosition): number
}

const COLUMNS: readonly (keyof NewRow)[] = [
  'hash',
  'sizeBytes',
  'contentType',
  'name',
  'custom',
  'createdAt',
  'puts',
  'lastAccessAt',
  'accessCount',
  'damaged',
  'trashPlan',
  'trashedAt',
  'frames',
  'packing',
  'sincePosition',
  'changedPosition',
]

export function createArtifacts(catalog: Catalog): Artifacts {
  const sql = statements(catalog)
  let freeIds = (sql.freeIds.get() as { count: number }).count
  const rows = (found: unknown[]): readonly ArtifactRow[] => found as ArtifactRow[]

  function clear(id: number): void {
    for (const statement of sql.clear) statement.run(id)
  }

  return {
    find: (hash) => (sql.find.get(hash) as ArtifactRow | undefined) ?? null,
    insert(row) {
      const id = freeIds > 0 ? ((sql.freeId.get() as { id: number } | undefined)?.id ?? null) : null
      if (id !== null) freeIds--
      return Number(sql.insert.run(id, ...COLUMNS.map((column) => row[column])).lastInsertRowid)
    },
    update(id, changes) {
      const columns = COLUMNS.filter((column) => Object.hasOwn(changes, column))
      const assignments = columns.map((column) => `${column} = ?`).join(', ')
      sql.update(assignments).run(...columns.map((column) => changes[column] ?? null), id)
    },
    remove(id) {
      clear(id)
      sql.clearFrames.run(id)
      sql.remove.run(id)
      sql.free.run(id)
      freeIds++
    },
    addFrames(id, frames) {
      for (const { position, bytes } of frames) sql.addFrame.run(position, id, bytes)
    },
    clearFrames: (id) => void sql.clearFrames.run(id),
    tags: (id) => (sql.tags.all(id) as { tag: string }[]).map(({ tag }) => tag),
    addTag: (id, tag) => void sql.addTag.run(id, tag),
    removeTag: (id, tag) => void sql.removeTag.run(id, tag),
    owners: (id) => (sql.owners.all(id) as { owner: string }[]).map(({ owner }) => owner),
    pin: (id, owner) => void sql.pin.run(owner, id),
    unpin: (owner) => (sql.unpin.all(owner) as { artifact: number }[]).map(({ artifact }) => artifact),
    producers: (id) =>
      (sql.producers.all(id) as { producer: string }[]).map(({ producer }) => JSON.parse(producer) as Producer),
    addProducer: (id, producer) => void sql.addProducer.run(id, JSON.stringify(producer), producer.runId ?? null),
    clear,
    page: ({ createdAt, hash }, limit) => rows(sql.page.all(createdAt, hash, limit)),
    byPrefix: (prefix) => rows(sql.byPrefix.all(prefix, `${prefix}g`)),
    inPlan: (plan) => rows(sql.inPlan.all(plan)),
    trashedBefore: (time, limit) => rows(sql.trashedBefore.all(time, limit)),
    oldestTrash: () => (sql.oldestTrash.get() as { at: number | null }).at,
    plans: () => sql.plans.all() as unknown as { planId: string; count: number; bytes: number; trashedAt: number }[],
    since(position, limit) {
      const found = rows(sql.since.all(position, limit))
      return found.length > 0 ? found : rows(sql.withFrames.all(position, limit))
    },
    byTenant: (tenant) => (sql.byTenant.all(tenant) as { artifact: number }[]).map(({ artifact }) => artifact),
    places: () => (sql.places.all() as { frames: string }[]).map(({ frames }) => frames),
    byId: (id) => (sql.byId.get(id) as ArtifactRow | undefined) ?? null,
    damagedCount: () => (sql.damagedCount.get() as { count: number }).count,
    inChunks: () => (sql.inChunks.all(CONTENT_BYTES_MAX) as { id: number }[]).map(({ id }) => id),
    addUnindexed: (id) => void sql.addUnindexed.run(id),
    unindexed: () => (sql.unindexed.all() as { artifact: number }[]).map(({ artifact }) => artifact),
    clearUnindexed: () => void sql.clearUnindexed.run(),
    unpacked: (afterId, coldSince, limit) => rows(sql.unpacked.all(afterId, coldSince, limit)),
    unpackedBytes: (coldSince) => (sql.unpackedBytes.get(coldSince) as { bytes: number }).bytes,
    liveBytes: (from, to) => (sql.liveBytes.get(from, to) as { bytes: number }).bytes,
  }
}

function statements(catalog: Catalog) {
  const updates = new Map<string, ReturnType<Catalog['prepare']>>()
  return {
    find: catalog.prepare('SELECT * FROM artifacts WHERE hash = ?'),
    insert: catalog.prepare(
      `INSERT INTO artifacts (id, ${COLUMNS.join(', ')}) VALUES (?, ${COLUMNS.map(() => '?').join(', ')})`,
    ),
    // Ids are used again: the search index has arrays by id.
    freeId: catalog.prepare('DELETE FROM freeIds WHERE id = (SELECT min(id) FROM freeIds) RETURNING id'),
    freeIds: catalog.prepare('SELECT count(*) AS count FROM freeIds'),
    free: catalog.prepare('INSERT OR IGNORE INTO freeIds VALUES (?)'),
    update(assignments: string) {
      const known = updates.get(assignments) ?? catalog.prepare(`UPDATE artifacts SET ${assignments} WHERE id = ?`)
      updates.set(assignments, known)
      return known
    },
    remove: catalog.prepare('DELETE FROM artifacts WHERE id = ?'),
    clear: ['tags', 'pins', 'producers'].map((table) => catalog.prepare(`DELETE FROM ${table} WHERE artifact = ?`)),
    clearFrames: catalog.prepare('DELETE FROM frames WHERE artifact = ?'),
    addFrame: catalog.prepare('INSERT OR REPLACE INTO frames VALUES (?, ?, ?)'),
    tags: catalog.prepare('SELECT tag FROM tags WHERE artifact = ? ORDER BY tag'),
    addTag: catalog.prepare('INSERT OR IGNORE INTO tags VALUES (?, ?)'),
    removeTag: catalog.prepare('DELETE FROM tags WHERE artifact = ? AND tag = ?'),
    owners: catalog.prepare('SELECT owner FROM pins WHERE artifact = ? ORDER BY owner'),
    pin: catalog.prepare('INSERT OR IGNORE INTO pins VALUES (?, ?)'),
    unpin: catalog.prepare('DELETE FROM pins WHERE owner = ? RETURNING artifact'),
    producers: catalog.prepare('SELECT producer FROM producers WHERE artifact = ? ORDER BY rowid'),
    addProducer: catalog.prepare('INSERT OR IGNORE INTO producers VALUES (?, ?, ?)'),
    page: catalog.prepare(
      'SELECT * FROM artifacts WHERE (createdAt, hash) > (?, ?) AND trashPlan IS NULL ORDER BY createdAt, hash LIMIT ?',
    ),
    byPrefix: catalog.prepare(
      'SELECT * FROM artifacts WHERE hash >= ? AND hash < ? AND trashPlan IS NULL ORDER BY hash LIMIT 2',
    ),
    inPlan: catalog.prepare('SELECT * FROM artifacts WHERE trashPlan = ? ORDER BY id'),
    trashedBefore: catalog.prepare(
      'SELECT * FROM artifacts WHERE trashPlan IS NOT NULL AND trashedAt < ? ORDER BY trashedAt, id LIMIT ?',
    ),
    oldestTrash: catalog.prepare('SELECT min(trashedAt) AS at FROM artifacts WHERE trashPlan IS NOT NULL'),
    plans: catalog.prepare(
      `SELECT trashPlan AS planId, count(*) AS count, sum(sizeBytes) AS bytes, min(trashedAt) AS trashedAt
       FROM artifacts WHERE trashPlan IS NOT NULL GROUP BY trashPlan ORDER BY trashedAt, planId`,
    ),
    since: catalog.prepare('SELECT * FROM artifacts WHERE sincePosition < ? ORDER BY sincePosition LIMIT ?'),
    withFrames: catalog.prepare(
      `SELECT * FROM artifacts WHERE id IN (SELECT artifact FROM frames WHERE position < ? ORDER BY position LIMIT ?)
       ORDER BY id`,
    ),
    byId: catalog.prepare('SELECT * FROM artifacts WHERE id = ?'),
    damagedCount: catalog.prepare('SELECT count(*) AS count FROM artifacts WHERE damaged = 1'),
    byTenant: catalog.prepare(
      "SELECT DISTINCT artifact FROM producers WHERE json_extract(producer, '$.tenant') = ? ORDER BY artifact",
    ),
    places: catalog.prepare('SELECT DISTINCT frames FROM artifacts'),
    inChunks: catalog.prepare(
      `SELECT id FROM artifacts WHERE packing = 'packed' AND sizeBytes > ? AND damaged = 0 ORDER BY id DESC`,
    ),
    addUnindexed: catalog.prepare('INSERT OR IGNORE INTO unindexed VALUES (?)'),
    unindexed: catalog.prepare('SELECT artifact FROM unindexed ORDER BY artifact'),
    clearUnindexed: catalog.prepare('DELETE FROM unindexed'),
    unpacked: catalog.prepare(
      `SELECT * FROM artifacts WHERE packing = 'raw' AND id > ? AND lastAccessAt <= ? AND trashPlan IS NULL AND damaged = 0
       ORDER BY id LIMIT ?`,
    ),
    unpackedBytes: catalog.prepare(
      `SELECT coalesce(sum(sizeBytes), 0) AS bytes FROM artifacts
       WHERE packing = 'raw' AND lastAccessAt <= ? AND trashPlan IS NULL AND damaged = 0`,
    ),
    liveBytes: catalog.prepare(
      'SELECT coalesce(sum(bytes), 0) AS bytes FROM frames WHERE position >= ? AND position < ?',
    ),
  }
}
