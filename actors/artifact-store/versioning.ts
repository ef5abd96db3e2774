/** Names and their versions: `report@1`, `report@2`, … Numbers are never used twice, also after a purge. */
import type { LogPosition } from '../../runtime/index.ts'
import type { Catalog } from './catalog.ts'
import type { ArtifactVersion, ContentHash } from './protocol.ts'

/** A version with the record it comes from. */
export interface VersionRow extends ArtifactVersion {
  readonly position: LogPosition
}

export interface Versions {
  add(version: ArtifactVersion, position: LogPosition): void
  /** Of artifacts outside the trash, newest first. */
  list(name: string): readonly ArtifactVersion[]
  newest(name: string): VersionRow | null
  /** The number after the highest one ever given. */
  next(name: string): number
  get(name: string, version: number): ArtifactVersion | null
  /** As `name@version`. */
  labelsOf(hash: ContentHash): readonly string[]
  /** Versions recorded before `position`. */
  before(position: LogPosition, limit: number): readonly VersionRow[]
}

interface Row {
  name: string
  version: number
  hash: ContentHash
  createdAt: number
  message: string | null
  position: number
}

const LIVE = `versions JOIN artifacts ON artifacts.hash = versions.hash AND artifacts.trashPlan IS NULL`
const COLUMNS = 'versions.name, version, versions.hash, versions.createdAt, message, position'

export function createVersions(catalog: Catalog): Versions {
  const add = catalog.prepare('INSERT OR REPLACE INTO versions VALUES (?, ?, ?, ?, ?, ?)')
  const list = catalog.prepare(`SELECT ${COLUMNS} FROM ${LIVE} WHERE versions.name = ? ORDER BY version DESC`)
  const newest = catalog.prepare(`SELECT ${COLUMNS} FROM ${LIVE} WHERE versions.name = ? ORDER BY version DESC LIMIT 1`)
  const highest = catalog.prepare('SELECT coalesce(max(version), 0) AS version FROM versions WHERE name = ?')
  const get = catalog.prepare(`SELECT ${COLUMNS} FROM ${LIVE} WHERE versions.name = ? AND version = ?`)
  const labels = catalog.prepare('SELECT name, version FROM versions WHERE hash = ? ORDER BY name, version')
  const before = catalog.prepare(`SELECT ${COLUMNS} FROM versions WHERE position < ? ORDER BY position LIMIT ?`)
  return {
    add({ name, version, hash, createdAt, message }, position) {
      add.run(name, version, hash, createdAt, message ?? null, position)
    },
    list: (name) => (list.all(name) as unknown as Row[]).map(versionOf),
    newest(name) {
      const row = newest.get(name) as Row | undefined
      return row === undefined ? null : { ...versionOf(row), position: row.position }
    },
    next: (name) => (highest.get(name) as { version: number }).version + 1,
    get(name, version) {
      const row = get.get(name, version) as Row | undefined
      return row === undefined ? null : versionOf(row)
    },
    labelsOf: (hash) =>
      (labels.all(hash) as { name: string; version: number }[]).map(({ name, version }) => `${name}@${version}`),
    before: (position, limit) =>
      (before.all(position, limit) as unknown as Row[]).map((row) => ({ ...versionOf(row), position: row.position })),
  }
}

function versionOf({ name, version, hash, createdAt, message }: Row): ArtifactVersion {
  return { name, version, hash, createdAt, ...(message === null ? {} : { message }) }
}

/** What a reference says, before anything is looked up. */
export type Reference =
  | { readonly kind: 'version'; readonly name: string; readonly version: number }
  | { readonly kind: 'latest'; readonly name: string }
  /** A bare word: a name, or the beginning of a hash. */
  | { readonly kind: 'word'; readonly word: string; readonly hashPrefix: string | null }

const WITH_VERSION = /^(.+)@(latest|[1-9]\d{0,14})$/
const HASH_PREFIX = /^[0-9a-f]{8,64}$/

export function parseReference(reference: string): Reference {
  const match = WITH_VERSION.exec(reference)
  if (match === null) {
    const lower = reference.toLowerCase()
    return { kind: 'word', word: reference, hashPrefix: HASH_PREFIX.test(lower) ? lower : null }
  }
  const [, name, version] = match
  return version === 'latest'
    ? { kind: 'latest', name: name! }
    : { kind: 'version', name: name!, version: Number(version) }
}
