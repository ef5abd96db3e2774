/**
 * The tables of packs, and of which artifact has how much in which.
 *
 * I1. A pack is alive while an artifact has content in it or a living pack is told by it; a key pack has no base itself, so
 *     a content is never more than two decodings away.
 * I2. A number never means another pack: it is the log's end when the pack was made.
 */
import type { LogPosition } from '../../../runtime/index.ts'
import type { Catalog } from '../catalog.ts'
import type { Extent } from '../records.ts'
import { sketchFromText } from './sketch.ts'
import type { KeyPack } from './planning.ts'

export interface PackRow {
  readonly id: number
  readonly position: LogPosition
  /** What its record takes in the log. */
  readonly bytes: number
  /** Size decoded. */
  readonly rawBytes: number
  /** The pack it is told by, or null. */
  readonly base: number | null
}

export interface NewPack extends PackRow {
  readonly label: string
  readonly sketch: string
}

export interface Packs {
  find(id: number): PackRow | null
  /** A pack, or a known one at another position. */
  put(pack: NewPack): void
  /** Replaces what an artifact has in packs. */
  setExtents(artifact: number, extents: readonly Extent[]): void
  /** Living packs whose record is before `position`. */
  livingBefore(position: LogPosition, limit: number): readonly PackRow[]
  /** Bytes of the log that living packs take between two positions. */
  liveBytes(from: LogPosition, to: LogPosition): number
  /** Drops the rows of packs whose record is gone. */
  forgetBefore(position: LogPosition): void
  /** Living packs without a base. */
  keys(): readonly KeyPack[]
  /** Key packs of groups (a key pack and those told by it) of which less than `liveShareMin` is alive. */
  sparseKeys(liveShareMin: number): readonly number[]
  /** Artifacts with content in a pack, or in one that is told by it. */
  dependents(id: number): readonly number[]
}

/** Of a pack that is only known to be needed: its record comes later in the log. */
const UNPLACED = -1

const LIVING = `(liveBytes > 0 OR EXISTS (SELECT 1 FROM packs AS d WHERE d.base = packs.id AND d.liveBytes > 0))`

export function createPacks(catalog: Catalog): Packs {
  const sql = {
    find: catalog.prepare('SELECT id, position, bytes, rawBytes, base FROM packs WHERE id = ? AND position >= 0'),
    put: catalog.prepare(
      `INSERT INTO packs (id, position, bytes, rawBytes, base, label, sketch, liveBytes) VALUES (?, ?, ?, ?, ?, ?, ?, 0)
       ON CONFLICT (id) DO UPDATE SET position = excluded.position, bytes = excluded.bytes,
         rawBytes = excluded.rawBytes, base = excluded.base, label = excluded.label, sketch = excluded.sketch`,
    ),
    expect: catalog.prepare(
      `INSERT INTO packs (id, position, bytes, rawBytes, base, label, sketch, liveBytes)
       VALUES (?, ${UNPLACED}, 0, 0, NULL, '', '', 0) ON CONFLICT DO NOTHING`,
    ),
    live: catalog.prepare('UPDATE packs SET liveBytes = liveBytes + ? WHERE id = ?'),
    extents: catalog.prepare('SELECT pack, bytes FROM extents WHERE artifact = ?'),
    clearExtents: catalog.prepare('DELETE FROM extents WHERE artifact = ?'),
    addExtent: catalog.prepare(
      `INSERT INTO extents (artifact, pack, bytes) VALUES (?, ?, ?)
       ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes`,
    ),
    livingBefore: catalog.prepare(
      `SELECT id, position, bytes, rawBytes, base FROM packs
       WHERE position >= 0 AND position < ? AND ${LIVING} ORDER BY position LIMIT ?`,
    ),
    liveBytes: catalog.prepare(
      `SELECT coalesce(sum(bytes), 0) AS bytes FROM packs WHERE position >= ? AND position < ? AND ${LIVING}`,
    ),
    forgetBefore: catalog.prepare('DELETE FROM packs WHERE position >= 0 AND position < ?'),
    keys: catalog.prepare(`SELECT id, label, sketch FROM packs WHERE base IS NULL AND position >= 0 AND ${LIVING}`),
    sparseKeys: catalog.prepare(
      `SELECT coalesce(base, id) AS key FROM packs GROUP BY coalesce(base, id)
       HAVING sum(liveBytes) > 0 AND sum(liveBytes) < ? * sum(rawBytes) ORDER BY key`,
    ),
    dependents: catalog.prepare(
      `SELECT DISTINCT artifact FROM extents JOIN packs ON packs.id = extents.pack
       WHERE packs.id = ? OR packs.base = ? ORDER BY artifact`,
    ),
  }
  return {
    find: (id) => (sql.find.get(id) as PackRow | undefined) ?? null,
    put: (pack) =>
      void sql.put.run(pack.id, pack.position, pack.bytes, pack.rawBytes, pack.base, pack.label, pack.sketch),
    setExtents(artifact, extents) {
      for (const { pack, bytes } of sql.extents.all(artifact) as { pack: number; bytes: number }[]) {
        sql.live.run(-bytes, pack)
      }
      sql.clearExtents.run(artifact)
      const byPack = new Map<number, number>()
      for (const [pack, , bytes] of extents) byPack.set(pack, (byPack.get(pack) ?? 0) + bytes)
      for (const [pack, bytes] of byPack) {
        sql.expect.run(pack)
        sql.live.run(bytes, pack)
        sql.addExtent.run(artifact, pack, bytes)
      }
    },
    livingBefore: (position, limit) => sql.livingBefore.all(position, limit) as unknown as PackRow[],
    liveBytes: (from, to) => (sql.liveBytes.get(from, to) as { bytes: number }).bytes,
    forgetBefore: (position) => void sql.forgetBefore.run(position),
    keys: () =>
      (sql.keys.all() as { id: number; label: string; sketch: string }[]).map(({ id, label, sketch }) => ({
        id,
        label,
        sketch: sketchFromText(sketch),
      })),
    sparseKeys: (liveShareMin) => (sql.sparseKeys.all(liveShareMin) as { key: number }[]).map(({ key }) => key),
    dependents: (id) => (sql.dependents.all(id, id) as { artifact: number }[]).map(({ artifact }) => artifact),
  }
}
