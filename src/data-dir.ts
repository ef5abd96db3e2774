/**
 * The data directory: one writer process, a format version, nothing else decided here.
 *
 *   .pit/  format.json   which format everything in here has; written before anything else is
 *          lock.db       the lock: SQLite's exclusive lock on it is held as long as the directory is open
 *          pit.lock      who holds it, for people and messages; never trusted
 *          …             one folder per actor
 *
 * I1. The lock is the operating system's (through SQLite), so it vanishes with the process however that ends; a stale
 *     `pit.lock` locks nobody out.
 * I2. Nothing is written into a directory of a newer format, or into a folder that holds somebody else's files.
 */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { PitError } from '../runtime/index.ts'
import { hostErrors } from './errors.ts'

export const DATA_FORMAT = 1

/** Stands for a Pit that keeps everything in memory and leaves nothing behind. */
export const MEMORY = ':memory:'

/** An open data directory; `close` gives it back. Idempotent. */
export interface DataDir {
  readonly path: string
  close(): void
}

/** Who holds a data directory, as `pit.lock` says. */
export interface LockHolder {
  readonly pid: number
  readonly startedAt: string
}

/** What an open that was cut off may leave before `format.json` stands. */
const OWN_ENTRIES = new Set(['lock.db', 'lock.db-journal', 'pit.lock', 'format.json.new', '.gitignore'])

/**
 * Creates the directory when it is missing, locks it and checks its format.
 *
 * Errors: `DATA_DIR_IN_USE`, `DATA_DIR_READ_ONLY`, `DATA_DIR_NOT_A_FOLDER`, `DATA_DIR_FOREIGN`, `DATA_DIR_FULL`,
 * `DATA_FORMAT_NEWER`, `DATA_FORMAT_UNREADABLE`, `DATA_DIR_UNUSABLE`.
 */
export function openDataDir(dir: string): DataDir {
  if (dir === MEMORY) return { path: MEMORY, close() {} }
  const path = resolve(dir)
  try {
    createFolder(path)
    refuseForeign(path)
    const unlock = lock(path)
    try {
      checkFormat(path)
      writeFileSync(join(path, 'pit.lock'), `${JSON.stringify(holderNow())}\n`)
    } catch (error) {
      unlock()
      throw error
    }
    return { path, close: unlock }
  } catch (error) {
    throw dataDirError(error, path)
  }
}

/** Who holds the directory right now; null when it is free or missing. Takes the lock for a moment to find out. */
export function lockHolder(dir: string): LockHolder | 'unknown' | null {
  const path = resolve(dir)
  if (!existsSync(join(path, 'lock.db'))) return null
  const db = tryLock(path)
  if (db === null) return readHolder(path) ?? 'unknown'
  db.close()
  return null
}

function createFolder(path: string): void {
  if (existsSync(path)) {
    if (!statSync(path).isDirectory()) throw hostErrors.fail('DATA_DIR_NOT_A_FOLDER', { path })
  } else {
    createFolders(path)
  }
  // SQLite would open a read-only file without a word and lock nothing.
  accessSync(path, constants.W_OK | constants.X_OK)
}

/**
 * One by one: where nothing can be created, Node's recursive way reports a missing folder (read-only disks) or tries for
 * ever (`/proc`).
 */
function createFolders(path: string): void {
  const parent = dirname(path)
  if (!existsSync(parent)) createFolders(parent)
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    // Another Pit may be opening the same directory.
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw error
  }
}

function refuseForeign(path: string): void {
  if (existsSync(join(path, 'format.json'))) return
  const entry = readdirSync(path).find((name) => !OWN_ENTRIES.has(name))
  if (entry !== undefined) throw hostErrors.fail('DATA_DIR_FOREIGN', { path, entry })
}

function lock(path: string): () => void {
  const db = tryLock(path)
  if (db === null) {
    const holder = readHolder(path)
    const fields = { path, pid: holder?.pid ?? 'unknown', since: holder?.startedAt ?? 'unknown' }
    throw hostErrors.fail('DATA_DIR_IN_USE', fields)
  }
  let held = true
  return () => {
    if (!held) return
    held = false
    rmSync(join(path, 'pit.lock'), { force: true })
    db.close()
  }
}

const SQLITE_BUSY = 5

/** The database whose exclusive lock is held, or null when another connection holds it. */
function tryLock(path: string): DatabaseSync | null {
  const db = new DatabaseSync(join(path, 'lock.db'), { timeout: 0 })
  try {
    db.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
    return db
  } catch (error) {
    db.close()
    if (((error as { errcode?: number }).errcode ?? 0) % 256 === SQLITE_BUSY) return null
    throw error
  }
}

function holderNow(): LockHolder {
  return { pid: process.pid, startedAt: new Date().toISOString() }
}

function readHolder(path: string): LockHolder | null {
  try {
    const holder = JSON.parse(readFileSync(join(path, 'pit.lock'), 'utf8')) as Partial<LockHolder>
    return Number.isSafeInteger(holder.pid) && typeof holder.startedAt === 'string' ? (holder as LockHolder) : null
  } catch {
    return null
  }
}

function checkFormat(path: string): void {
  const file = join(path, 'format.json')
  if (!existsSync(file)) return writeFormat(path)
  const format = readFormat(file, path)
  if (format > DATA_FORMAT) {
    throw hostErrors.fail('DATA_FORMAT_NEWER', { path, format, supported: DATA_FORMAT })
  }
}

function readFormat(file: string, path: string): number {
  let format: unknown
  try {
    format = (JSON.parse(readFileSync(file, 'utf8')) as { format?: unknown }).format
  } catch (cause) {
    throw hostErrors.fail('DATA_FORMAT_UNREADABLE', { path, reason: 'format.json is not JSON' }, { cause })
  }
  if (!Number.isSafeInteger(format) || (format as number) < 1) {
    throw hostErrors.fail('DATA_FORMAT_UNREADABLE', { path, reason: 'format.json names no format number' })
  }
  return format as number
}

/** Whole or not at all: a half-written format file would make the data unreadable for ever. */
function writeFormat(path: string): void {
  const fresh = join(path, 'format.json.new')
  const fd = openSync(fresh, 'w', 0o600)
  try {
    writeFileSync(fd, `${JSON.stringify({ format: DATA_FORMAT, createdAt: new Date().toISOString() })}\n`)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(fresh, join(path, 'format.json'))
  // A project's repository is a likely place for `.pit`; its content is never meant to be committed.
  writeFileSync(join(path, '.gitignore'), '*\n')
}

const READ_ONLY = new Set(['EACCES', 'EPERM', 'EROFS'])
const NOT_A_FOLDER = new Set(['ENOTDIR', 'EEXIST'])
const FULL = new Set(['ENOSPC', 'EDQUOT'])
/** SQLite's result codes that mean the same, by their low byte. */
const SQLITE_READ_ONLY = new Set([3, 8, 14, 23])
const SQLITE_FULL = 13

/** The typed error for whatever went wrong below a data directory. */
export function dataDirError(cause: unknown, path: string): PitError {
  const { code, errcode = 0, message: reason } = cause as NodeJS.ErrnoException & { errcode?: number }
  if (code !== undefined && Object.hasOwn(hostErrors.table, code)) return cause as PitError
  const primary = errcode % 256
  if (FULL.has(code ?? '') || primary === SQLITE_FULL) return hostErrors.fail('DATA_DIR_FULL', { path }, { cause })
  if (NOT_A_FOLDER.has(code ?? '')) return hostErrors.fail('DATA_DIR_NOT_A_FOLDER', { path }, { cause })
  if (READ_ONLY.has(code ?? '') || SQLITE_READ_ONLY.has(primary)) {
    return hostErrors.fail('DATA_DIR_READ_ONLY', { path, reason }, { cause })
  }
  return hostErrors.fail('DATA_DIR_UNUSABLE', { path, reason }, { cause })
}
