/**
 * Log and index of the store.
 *
 *   write(record) ──► append to the log ──► apply to the index (open transaction: seen at once by this actor only)
 *   durable()     ──► commit of the log
 *   maintain()    ──► commit of the index with the position it has applied, soon after (`tending.ts`)
 *
 * I1. The log is the only truth. The index commits after the sync of what it holds; when it is behind, opening applies the
 *     rest, and when it is missing, damaged, of another schema or ahead of the log, it is built again.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { isPitError, type Log, type Logger, type LogPosition } from '../../runtime/index.ts'
import { memoryFiles, openLog, systemFiles, type FileLayer, type LogOptions } from '../../runtime/persistence/index.ts'
import type { ArtifactRow } from './artifacts.ts'
import { appliedTo, openCatalog, type Catalog } from './catalog.ts'
import { createContentReader, type ContentRead } from './content-reader.ts'
import { openSealedLog, type Encryption, type SealedLog } from './encryption.ts'
import { createSealedIndex, type Image } from './encryption/sealed-index.ts'
import { artifactErrors, isIndexDamaged, isIndexFailure, storageError } from './errors.ts'
import { decodeRecord, encodeRecord, type StoredPlace, type StoreRecord } from './records.ts'
import type { IndexLimits } from './search.ts'
import { applyRecord, createTables, indexTexts, type Tables } from './tables.ts'

export interface StorageOptions {
  /** Directory of the store, or `:memory:`. */
  readonly dir: string
  readonly segmentBytes: number
  readonly logger: Logger
  /** The file calls of the log. @default the real ones, or memory */
  readonly files?: FileLayer
  /** The index file. @default `index.sqlite` in `dir`, or memory */
  readonly indexPath?: string
  /** With it the store is encrypted, and the index is in memory. @default none */
  readonly encryption?: Encryption
  /** Everything that is stored is owed to a mirror. @default false */
  readonly mirroring?: boolean
  /** When the search index writes and merges. @default for a million artifacts */
  readonly searchLimits?: IndexLimits
}

export interface Storage {
  readonly log: Log
  /** The same log when the store is encrypted. */
  readonly sealed: SealedLog | null
  /** True after the disk failed: what is not durable is lost, and only opening again helps. */
  readonly failed: boolean
  /** Reads the tables; a damaged index is built again first. */
  query<T>(read: (tables: Tables) => T): T
  /** Appends a record and applies it; durable after `durable()`. */
  write(record: StoreRecord, content?: Uint8Array): LogPosition
  /** Resolves when everything written so far is on the disk; callers share the sync. */
  durable(): Promise<void>
  /** Waits when so much is written but not durable that more would not be bounded. */
  admit(): Promise<void>
  read(row: ArtifactRow): ContentRead
  /** A part of the content, verified by itself where it is in blocks. */
  readRange(row: ArtifactRow, offset: number, length: number): ContentRead
  /** Keeps the log from being cut after `position`, until what is returned is called. */
  hold(position: LogPosition): () => void
  /** The first position that is held, or infinity. */
  readonly heldFrom: number
  /** A whole pack, decoded. */
  readPack(id: number): ContentRead
  /** Changes hints of the index that are not in the log. */
  note(change: (tables: Tables) => void): void
  /** Does some of the index's work in the background; false when there is none left, or the storage failed. */
  maintain(units: number): boolean
  /** Destroys the keys of these records of a sealed log for good, and builds the index again from what is left. */
  destroy(positions: readonly LogPosition[]): Promise<void>
  /** Lets go of the index file, undoing what is not committed; the next use opens it again and applies the rest. */
  release(): void
  /** Commits the index and lets go of its file. Whoever still writes from now on leaves nothing uncommitted. */
  rest(): void
  close(): Promise<void>
}

/** Records per index transaction while applying many. */
const APPLY_BATCH = 1000
/** Writers commit the index themselves when it lags by that many records: opening would apply them again. */
const UNCOMMITTED_MAX = 512
/** Bytes of the log that may wait for their sync before new writers wait too. */
const UNSYNCED_BYTES_MAX = 64 * 1024 * 1024

/** Errors: `STORAGE_READ_ONLY`, `STORAGE_FULL`, `STORAGE_IO`, `STORAGE_CORRUPT`, `DATA_FORMAT_NEWER`. */
export function openStorage(options: StorageOptions): Storage {
  const inMemory = options.dir === ':memory:'
  const dir = options.dir
  const files = options.files ?? (inMemory ? memoryFiles() : undefined)
  const given = files === undefined ? {} : { files }
  let failed = false
  let resting = false
  const place = {
    logDir: join(inMemory ? '/memory' : dir, 'log'),
    segmentBytes: options.segmentBytes,
    ...given,
  }
  // What is nowhere on a disk needs no encryption.
  const { encryption, logger } = options
  const sealed = inMemory ? null : typed(() => openSealedLog({ ...place, dir, logger }, encryption))
  const indexFile = options.indexPath ?? (inMemory ? ':memory:' : join(dir, 'index.sqlite'))
  const log = sealed ?? typed(() => openLog(clearLog()))
  if (sealed !== null && indexFile !== ':memory:') removeIndex(indexFile)
  const indexPath = sealed === null ? indexFile : ':memory:'
  const sealedIndex = sealed === null ? null : createSealedIndex(files ?? systemFiles, dir, sealed, logger)
  const reader = createContentReader(log)
  const holds = new Set<{ readonly position: LogPosition }>()
  let catalog: Catalog | null = null
  /** What the tables of a sealed index begin with, once: what fails with it is tried without. */
  let image = sealedIndex?.load() ?? null
  let tables!: Tables

  function clearLog(): LogOptions {
    return {
      ...place,
      dir: place.logDir,
      // The index commits what is durable: opening need not look at all of that again.
      durableTo: indexFile === ':memory:' ? 0 : appliedTo(indexFile),
      // What a former life on this thread left uncommitted would lock the index.
      onLost: release,
    }
  }

  function typed<T>(fn: () => T): T {
    try {
      return fn()
    } catch (error) {
      throw mapped(error)
    }
  }

  function mapped(error: unknown): unknown {
    if (isPitError(error, 'LOG_IO')) failed = true
    return storageError(error, dir)
  }

  /** What cannot be read now loses nothing that was written: the log goes on. */
  function reading<T>(fn: () => T): T {
    try {
      return fn()
    } catch (error) {
      throw storageError(error, dir)
    }
  }

  /** Opens the index and applies what it lacks, building it again when it cannot be used (I1). */
  function openIndex(): Catalog {
    let opened = usable()
    if (opened === null || !(opened.fresh || (opened.applied >= log.start && opened.applied <= log.end))) {
      options.logger.warn('the artifact index is built again from the log', { dir })
      opened?.close()
      removeIndex(indexPath)
      opened = usable()
    }
    if (opened === null) throw new Error(`the index ${indexPath} cannot be made`)
    if (opened.fresh) opened.advance(log.start)
    tables = createTables(opened, options.searchLimits)
    try {
      opened.begin()
      tables.mirror.activate(options.mirroring === true)
      replay(opened)
    } catch (error) {
      opened.close()
      throw error
    }
    return opened
  }

  function usable(): Catalog | null {
    try {
      const begun = openCatalog(indexPath, image)
      image = null
      return begun
    } catch (error) {
      image = null
      if (isIndexDamaged(error)) return null
      throw error
    }
  }

  /** The tables for an image of them: only what is on the disk. */
  function takeImage(): Image | null {
    if (catalog === null || catalog.dirty || log.syncedEnd < catalog.applied) return null
    const bytes = catalog.image()
    return bytes === null ? null : { bytes, position: catalog.applied }
  }

  function replay(into: Catalog): void {
    let count = 0
    const onDamage = (damage: object): void => options.logger.error('damaged records are lost', { dir, ...damage })
    for (const { position, next, payload } of log.read(into.applied, { onDamage })) {
      const decoded = decodeRecord(payload)
      if (decoded.kind === 'unknown') {
        throw artifactErrors.fail('DATA_FORMAT_NEWER', { dir, problem: `record type ${decoded.type}` })
      }
      into.begin()
      applyRecord(tables, { ...decoded, position, bytes: next - position, contentAt })
      into.advance(next)
      sealedIndex?.applied()
      if (++count % APPLY_BATCH === 0 && next <= log.syncedEnd) into.commit()
    }
    into.begin()
    indexTexts(tables, contentAt)
    if (log.syncedEnd >= into.applied) into.commit()
  }

  function contentAt(place: StoredPlace): Uint8Array | null {
    const read = reader.place(place, tables.packs)
    return read.kind === 'content' ? read.content : null
  }

  function note(change: (tables: Tables) => void): void {
    try {
      healthy().begin()
      change(tables)
    } catch (error) {
      if (!isIndexFailure(error)) throw error
      heal(error)
    }
  }

  /** The index file failed: go back to its last commit, or to nothing, and apply the log from there. */
  function heal(cause: unknown): void {
    options.logger.warn('the artifact index failed', { dir, problem: String(cause) })
    try {
      catalog?.close()
    } catch {
      // A connection to a damaged file may not close cleanly; the file is replaced anyway.
    }
    catalog = null
    if (isIndexDamaged(cause)) removeIndex(indexPath)
    catalog = typed(openIndex)
  }

  function healthy(): Catalog {
    // A former life of the actor on this thread must not touch the index of the new one.
    if (log.closed) throw artifactErrors.fail('STORAGE_CLOSED', { dir })
    return (catalog ??= typed(openIndex))
  }

  function write(record: StoreRecord, content?: Uint8Array): LogPosition {
    const into = catalog
    const position = typed(() => log.append(encodeRecord(record, content)))
    // The index was let go of: its next use applies this record with the others it lacks.
    if (into === null) return position
    const bytes = log.end - position
    try {
      into.begin()
      applyRecord(tables, { record, content: content ?? new Uint8Array(0), position, bytes, contentAt })
      into.advance(log.end)
      sealedIndex?.applied()
    } catch (error) {
      if (!isIndexFailure(error)) throw error
      heal(error)
    }
    return position
  }

  async function durable(): Promise<void> {
    try {
      await log.commit()
    } catch (error) {
      throw mapped(error)
    }
    if (catalog !== null && (resting || catalog.uncommitted >= UNCOMMITTED_MAX)) commitIndex(catalog)
  }

  function commitIndex(of: Catalog): void {
    if (log.syncedEnd < of.applied) return
    try {
      of.commit()
    } catch (error) {
      if (!isIndexFailure(error)) throw error
      heal(error)
    }
  }

  /** The second try; when it fails as well, the index is opened again with the next use. */
  function healed<T>(fn: () => T): T {
    try {
      return fn()
    } catch (error) {
      if (isIndexFailure(error)) release()
      throw mapped(error)
    }
  }

  function release(): void {
    catalog?.close()
    catalog = null
  }

  /** Tables in memory are in nobody's way, and costly to build again. */
  function releaseFile(): void {
    if (indexPath !== ':memory:') release()
  }

  /** Searching goes first. */
  function work(units: number): boolean {
    return tables.search.work(units) || (sealedIndex?.work(takeImage) ?? false)
  }

  try {
    catalog = typed(openIndex)
  } catch (error) {
    void log.close().catch(() => {})
    throw error
  }

  return {
    log,
    sealed,
    get failed() {
      return failed
    },
    query(read) {
      healthy()
      try {
        return read(tables)
      } catch (error) {
        if (!isIndexFailure(error)) throw mapped(error)
        heal(error)
        return healed(() => read(tables))
      }
    },
    write,
    durable,
    async admit() {
      while (log.end - log.syncedEnd > UNSYNCED_BYTES_MAX) await durable()
    },
    async destroy(positions) {
      sealedIndex?.suspend()
      try {
        await sealed?.destroy(positions)
      } catch (error) {
        throw mapped(error)
      }
      // The tables still know what it was, and so would their image.
      release()
      sealedIndex?.restart()
      healthy()
    },
    release: releaseFile,
    rest() {
      resting = true
      if (catalog !== null && !failed) commitIndex(catalog)
      releaseFile()
    },
    read: (row) => reading(() => reader.artifact(row, tables.packs)),
    readRange: (row, offset, length) => reading(() => reader.range(row, offset, length, tables.packs)),
    hold(position) {
      const held = { position }
      holds.add(held)
      return () => void holds.delete(held)
    },
    get heldFrom() {
      return Math.min(Infinity, ...[...holds].map(({ position }) => position))
    },
    readPack: (id) => reading(() => reader.pack(id, tables.packs)),
    note,
    maintain(units) {
      if (failed || log.closed) return false
      const into = healthy()
      try {
        const more = work(units)
        if (log.syncedEnd >= into.applied) into.commit()
        return more
      } catch (error) {
        if (!isIndexFailure(error)) throw mapped(error)
        heal(error)
        return false
      }
    },
    async close() {
      try {
        await durable()
        if (catalog !== null) commitIndex(catalog)
        sealedIndex?.finish(takeImage)
      } finally {
        catalog?.close()
        catalog = null
        await log.close()
      }
    },
  }
}

function removeIndex(path: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(path + suffix, { force: true })
}
