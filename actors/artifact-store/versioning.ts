/**
 * Names and their versions: `report@1`, `report@2`, …
 *
 * I1. A version never changes, its tags aside. Numbers are never used twice, also after a purge.
 */
import type { LogPosition } from '../../runtime/index.ts'
import type { Catalog } from './catalog.ts'
import type { ArtifactVersion, ContentHash } from './protocol.ts'
import type { StoreRecord } from './records.ts'

/** A version with the record it comes from. */
export interface VersionRow extends ArtifactVersion {
  readonly position: LogPosition
}

export interface NameRow {
  readonly name: string
  /** Outside the trash. */
  readonly versions: number
  readonly latest: number
}

export interface Versions {
  add(version: ArtifactVersion, position: LogPosition): void
  /** Replaces the tags; an unknown version is left out. */
  setTags(name: string, version: number, tags: readonly string[], position: LogPosition): void
  /** Of artifacts outside the trash, newest first. */
  list(name: string): readonly VersionRow[]
  newest(name: string): VersionRow | null
  /** The newest that was there at a time. */
  newestAt(name: string, at: number): VersionRow | null
  /** The number after the highest one ever given. */
  next(name: string): number
  get(name: string, version: number): VersionRow | null
  /** Also when its artifact is in the trash, or gone. */
  known(name: string, version: number): ArtifactVersion | null
  /** As `name@version`. */
  labelsOf(hash: ContentHash): readonly string[]
  /** Names with a version outside the trash that begin with `prefix`, after `after`, in their order. */
  names(prefix: string, after: string, limit: number): readonly NameRow[]
  /** The last record that changed anything here, since the index was opened. */
  readonly changedPosition: LogPosition
  /** Versions recorded before `position`. */
  before(position: LogPosition, limit: number): readonly VersionRow[]
}

interface Row {
  name: string
  version: number
  hash: ContentHash
  createdAt: number
  message: string | null
  parent: number | null
  restores: number | null
  tags: string
  position: number
}

const LIVE = `versions JOIN artifacts ON artifacts.hash = versions.hash AND artifacts.trashPlan IS NULL`
const COLUMNS =
  'versions.name, version, versions.hash, versions.createdAt, message, parent, restores, versions.tags, position'

export function createVersions(catalog: Catalog): Versions {
  const add = catalog.prepare('INSERT OR REPLACE INTO versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)')
  const setTags = catalog.prepare('UPDATE versions SET tags = ? WHERE name = ? AND version = ?')
  const list = catalog.prepare(`SELECT ${COLUMNS} FROM ${LIVE} WHERE versions.name = ? ORDER BY version DESC`)
  const newest = catalog.prepare(`SELECT ${COLUMNS} FROM ${LIVE} WHERE versions.name = ? ORDER BY version DESC LIMIT 1`)
  const newestAt = catalog.prepare(
    `SELECT ${COLUMNS} FROM ${LIVE} WHERE versions.name = ? AND versions.createdAt <= ? ORDER BY version DESC LIMIT 1`,
  )
  const highest = catalog.prepare('SELECT coalesce(max(version), 0) AS version FROM versions WHERE name = ?')
  const get = catalog.prepare(`SELECT ${COLUMNS} FROM ${LIVE} WHERE versions.name = ? AND version = ?`)
  const known = catalog.prepare(`SELECT ${COLUMNS} FROM versions WHERE name = ? AND version = ?`)
  const labels = catalog.prepare('SELECT name, version FROM versions WHERE hash = ? ORDER BY name, version')
  const names = catalog.prepare(
    `SELECT versions.name, count(*) AS versions, max(version) AS latest FROM ${LIVE}
     WHERE versions.name > ? AND versions.name >= ? AND substr(versions.name, 1, length(?)) = ?
     GROUP BY versions.name ORDER BY versions.name LIMIT ?`,
  )
  const before = catalog.prepare(`SELECT ${COLUMNS} FROM versions WHERE position < ? ORDER BY position LIMIT ?`)
  let changedPosition: LogPosition = -1
  const one = (row: unknown): VersionRow | null => (row === undefined ? null : versionOf(row as Row))
  return {
    add({ name, version, hash, createdAt, message, parent, restores, tags }, position) {
      const more = [message ?? null, parent, restores ?? null, JSON.stringify(tags)]
      add.run(name, version, hash, createdAt, ...more, position)
      changedPosition = position
    },
    setTags(name, version, tags, position) {
      setTags.run(JSON.stringify(tags), name, version)
      changedPosition = position
    },
    list: (name) => (list.all(name) as unknown as Row[]).map(versionOf),
    newest: (name) => one(newest.get(name)),
    newestAt: (name, at) => one(newestAt.get(name, at)),
    next: (name) => (highest.get(name) as { version: number }).version + 1,
    get: (name, version) => one(get.get(name, version)),
    known: (name, version) => one(known.get(name, version)),
    labelsOf: (hash) =>
      (labels.all(hash) as { name: string; version: number }[]).map(({ name, version }) => `${name}@${version}`),
    get changedPosition() {
      return changedPosition
    },
    names: (prefix, after, limit) => names.all(after, prefix, prefix, prefix, limit) as unknown as NameRow[],
    before: (position, limit) => (before.all(position, limit) as unknown as Row[]).map(versionOf),
  }
}

function versionOf({ message, restores, tags, ...row }: Row): VersionRow {
  return {
    ...row,
    ...(message === null ? {} : { message }),
    ...(restores === null ? {} : { restores }),
    tags: JSON.parse(tags) as string[],
  }
}

/** Without what only the store needs to know. */
export function toldVersion(row: VersionRow): ArtifactVersion {
  const { position: _, ...version } = row
  return version
}

type VersionRecord = StoreRecord & { readonly t: 'version' }

/** Everything known of a version, as a record that stands for all before it. */
export function versionRecord(row: VersionRow): VersionRecord {
  const { createdAt, position: _, tags, ...version } = row
  return { t: 'version', ...version, at: createdAt, ...(tags.length === 0 ? {} : { tags }) }
}

/** What a record says. One of before there were parents follows the version before it. */
export function recordedVersion(record: VersionRecord): ArtifactVersion {
  const { name, version, hash, at, message, restores } = record
  return {
    name,
    version,
    hash,
    createdAt: at,
    ...(message === undefined ? {} : { message }),
    parent: record.parent === undefined ? version - 1 || null : record.parent,
    ...(restores === undefined ? {} : { restores }),
    tags: record.tags ?? [],
  }
}
