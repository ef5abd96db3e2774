/**
 * The index file: SQLite tables derived from the log, and how far the log was applied, in the same transaction.
 * It can be thrown away at any time; `storage.ts` builds it again.
 */
import { existsSync } from 'node:fs'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import type { LogPosition } from '../../runtime/index.ts'
import { MIRROR_SCHEMA } from './mirror/mirror-table.ts'
import { SEARCH_SCHEMA } from './search.ts'

/** Raised with every change of the tables: an index of another version is built again. */
const SCHEMA_VERSION = 8

const SCHEMA = `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE artifacts (
    id INTEGER PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    sizeBytes INTEGER NOT NULL,
    contentType TEXT NOT NULL,
    name TEXT,
    custom TEXT,
    createdAt INTEGER NOT NULL,
    puts INTEGER NOT NULL,
    lastAccessAt INTEGER NOT NULL,
    accessCount INTEGER NOT NULL,
    damaged INTEGER NOT NULL DEFAULT 0,
    trashPlan TEXT,
    trashedAt INTEGER,
    frames TEXT NOT NULL,
    packing TEXT NOT NULL,
    sincePosition INTEGER NOT NULL,
    changedPosition INTEGER NOT NULL
  );
  CREATE INDEX artifactsByTime ON artifacts (createdAt, hash);
  CREATE INDEX artifactsByTrash ON artifacts (trashPlan, trashedAt) WHERE trashPlan IS NOT NULL;
  CREATE INDEX artifactsByTrashTime ON artifacts (trashedAt) WHERE trashPlan IS NOT NULL;
  CREATE INDEX artifactsByPosition ON artifacts (sincePosition);
  CREATE INDEX artifactsDamaged ON artifacts (id) WHERE damaged = 1;
  CREATE INDEX artifactsUnpacked ON artifacts (id) WHERE packing = 'raw';
  CREATE TABLE frames (
    position INTEGER NOT NULL, artifact INTEGER NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY (position, artifact)
  ) WITHOUT ROWID;
  CREATE INDEX framesByArtifact ON frames (artifact);
  CREATE TABLE packs (
    id INTEGER PRIMARY KEY, position INTEGER NOT NULL, bytes INTEGER NOT NULL, rawBytes INTEGER NOT NULL, base INTEGER,
    label TEXT NOT NULL, sketch TEXT NOT NULL, liveBytes INTEGER NOT NULL
  );
  CREATE INDEX packsByBase ON packs (base) WHERE base IS NOT NULL;
  CREATE INDEX packsByPosition ON packs (position);
  CREATE TABLE extents (
    artifact INTEGER NOT NULL, pack INTEGER NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY (artifact, pack)
  ) WITHOUT ROWID;
  CREATE INDEX extentsByPack ON extents (pack);
  CREATE TABLE unindexed (artifact INTEGER PRIMARY KEY);
  CREATE TABLE producers (
    artifact INTEGER NOT NULL, producer TEXT NOT NULL, runId TEXT, PRIMARY KEY (artifact, producer)
  );
  CREATE INDEX producersByRun ON producers (runId, artifact) WHERE runId IS NOT NULL;
  CREATE TABLE tags (artifact INTEGER NOT NULL, tag TEXT NOT NULL, PRIMARY KEY (artifact, tag)) WITHOUT ROWID;
  CREATE INDEX tagsByTag ON tags (tag, artifact);
  CREATE TABLE pins (owner TEXT NOT NULL, artifact INTEGER NOT NULL, PRIMARY KEY (owner, artifact)) WITHOUT ROWID;
  CREATE INDEX pinsByArtifact ON pins (artifact);
  CREATE TABLE versions (
    name TEXT NOT NULL, version INTEGER NOT NULL, hash TEXT NOT NULL, createdAt INTEGER NOT NULL, message TEXT,
    parent INTEGER, restores INTEGER, tags TEXT NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (name, version)
  ) WITHOUT ROWID;
  CREATE INDEX versionsByHash ON versions (hash);
  CREATE INDEX versionsByPosition ON versions (position);
  CREATE TABLE aliases (
    name TEXT NOT NULL, alias TEXT NOT NULL, version INTEGER NOT NULL, protected INTEGER NOT NULL,
    changedAt INTEGER NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (name, alias)
  ) WITHOUT ROWID;
  CREATE TABLE nodes (id INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE);
  CREATE TABLE edges (
    child INTEGER NOT NULL, parent INTEGER NOT NULL, kind INTEGER NOT NULL, PRIMARY KEY (child, kind, parent)
  ) WITHOUT ROWID;
  CREATE INDEX edgesByParent ON edges (parent, kind, child);
  CREATE TABLE quality (artifact INTEGER PRIMARY KEY, formula INTEGER NOT NULL, score REAL NOT NULL, parts TEXT NOT NULL);
  CREATE INDEX qualityByScore ON quality (score, artifact);
  CREATE TABLE feedback (
    artifact INTEGER NOT NULL, voice TEXT NOT NULL, score REAL NOT NULL, at INTEGER NOT NULL, comment TEXT,
    PRIMARY KEY (artifact, voice)
  ) WITHOUT ROWID;
  CREATE TABLE useCounts (artifact INTEGER PRIMARY KEY, inputs INTEGER NOT NULL, cacheHits INTEGER NOT NULL);
  CREATE TABLE uses (
    artifact INTEGER NOT NULL, user TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (artifact, user)
  ) WITHOUT ROWID;
  CREATE TABLE answers (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, digest TEXT NOT NULL, answer TEXT NOT NULL);
  CREATE TABLE freeIds (id INTEGER PRIMARY KEY);
  ${MIRROR_SCHEMA}
  ${SEARCH_SCHEMA}
`

export interface Statement {
  run(...values: SQLInputValue[]): { readonly changes: number | bigint; readonly lastInsertRowid: number | bigint }
  get(...values: SQLInputValue[]): Record<string, unknown> | undefined
  all(...values: SQLInputValue[]): Record<string, unknown>[]
}

export interface Catalog {
  /** Compiled with its first use: opening does not pay for what is not asked. */
  prepare(sql: string): Statement
  /** Everything before this position of the log is in the tables (committed or not). */
  readonly applied: LogPosition
  /** Nothing was ever applied to it. */
  readonly fresh: boolean
  /** Whether the open transaction holds changes. */
  readonly dirty: boolean
  /** How often `advance` was called since the last commit. */
  readonly uncommitted: number
  /** To be called with every change: opens a transaction when there is none. */
  begin(): void
  advance(position: LogPosition): void
  commit(): void
  /** The tables as bytes that `openCatalog` takes; null where Node cannot give them. Nothing may be uncommitted. */
  image(): Uint8Array | null
  /** Rolls back what is not committed. */
  close(): void
}

/** What newer versions of Node can. */
interface Imaging {
  serialize?(): Uint8Array
  deserialize?(image: Uint8Array, options?: { readonly dbName?: string }): void
}

/**
 * `path` may be `:memory:`, and then begin with an `image`. Null when the file holds tables of another schema: then it has
 * to go.
 */
export function openCatalog(path: string, image: Uint8Array | null = null): Catalog | null {
  const db = new DatabaseSync(path, { timeout: 5000 })
  try {
    if (image !== null) loadImage(db, image)
    db.exec(
      'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY',
    )
    const { version } = db.prepare('SELECT user_version AS version FROM pragma_user_version').get() as {
      version: number
    }
    const { tables } = db.prepare('SELECT count(*) AS tables FROM sqlite_schema').get() as { tables: number }
    if (tables === 0) db.exec(`BEGIN IMMEDIATE; ${SCHEMA} PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT`)
    else if (version !== SCHEMA_VERSION) {
      db.close()
      return null
    }
    return catalogOf(db)
  } catch (error) {
    if (db.isOpen) db.close()
    throw error
  }
}

/** How far the log was applied to that file, as its last commit says: all of that is durable. 0 when it does not say. */
export function appliedTo(path: string): LogPosition {
  if (!existsSync(path)) return 0
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(path, { readOnly: true, timeout: 5000 })
    const row = db.prepare("SELECT value FROM meta WHERE key = 'applied'").get() as { value: number } | undefined
    return row?.value ?? 0
  } catch {
    // Damaged, or of somebody else: it is built again later.
    return 0
  } finally {
    db?.close()
  }
}

function catalogOf(db: DatabaseSync): Catalog {
  const row = db.prepare("SELECT value FROM meta WHERE key = 'applied'").get() as { value: number } | undefined
  const save = db.prepare(
    "INSERT INTO meta VALUES ('applied', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
  )
  let applied: LogPosition = row?.value ?? 0
  let dirty = false
  let uncommitted = 0
  return {
    fresh: row === undefined,
    prepare: (sql) => compiledOnUse(() => db.prepare(sql)),
    get applied() {
      return applied
    },
    get dirty() {
      return dirty
    },
    get uncommitted() {
      return uncommitted
    },
    begin() {
      if (!dirty) db.exec('BEGIN IMMEDIATE')
      dirty = true
    },
    advance(position) {
      applied = position
      uncommitted++
    },
    commit() {
      if (!dirty) return
      save.run(applied)
      db.exec('COMMIT')
      dirty = false
      uncommitted = 0
    },
    image: () => (db as Imaging).serialize?.() ?? null,
    close: () => db.close(),
  }
}

function compiledOnUse(compile: () => StatementSync): Statement {
  let compiled: StatementSync | null = null
  const statement = (): StatementSync => (compiled ??= compile())
  return {
    run: (...values) => statement().run(...values),
    get: (...values) => statement().get(...values),
    all: (...values) => statement().all(...values),
  }
}

/** A database made of an image cannot grow over 1 GiB (SQLite's limit): larger ones are copied. */
const IMAGE_BYTES_KEPT = 256 * 1024 * 1024

function loadImage(db: DatabaseSync, image: Uint8Array): void {
  const imaging = db as Imaging
  if (imaging.deserialize === undefined) return
  if (image.length <= IMAGE_BYTES_KEPT) return imaging.deserialize(image)
  db.exec("ATTACH ':memory:' AS image")
  imaging.deserialize(image, { dbName: 'image' })
  const version = db.prepare('PRAGMA image.user_version').get() as { user_version: number }
  const parts = db.prepare('SELECT type, name, sql FROM image.sqlite_schema WHERE sql IS NOT NULL').all() as {
    type: string
    name: string
    sql: string
  }[]
  db.exec('BEGIN')
  const tables = parts.filter(({ type }) => type === 'table')
  for (const { name, sql } of tables) db.exec(`${sql}; INSERT INTO main.${name} SELECT * FROM image.${name}`)
  for (const { type, sql } of parts) if (type !== 'table') db.exec(sql)
  db.exec(`PRAGMA main.user_version = ${version.user_version}; COMMIT; DETACH image`)
}
