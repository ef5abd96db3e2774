/** Artifacts out of a store and into another, as bundles (`bundle-files.ts`). Neither way holds more than a few megabytes. */
import {
  artifactStore,
  BUNDLE_RECORDS_MAX,
  type ArtifactQuery,
  type BundleRecord,
  type ContentHash,
} from '../../actors/artifact-store/protocol.ts'
import { isPitError, type CallOptions } from '../../runtime/index.ts'
import { hostErrors } from '../errors.ts'
import type { Host } from '../host.ts'
import { downloadTo, uploadFrom } from './artifact-streams.ts'
import { createBundle, openBundle, type BundleWriter, type OpenBundle } from './bundle-files.ts'

export interface BundleProgress {
  readonly artifacts: number
  readonly bytes: number
}

interface BundleOptions extends Pick<CallOptions, 'signal'> {
  readonly onProgress?: (progress: BundleProgress) => void
}

export interface ExportOptions extends BundleOptions {
  /** These artifacts: hashes, prefixes, versions. @default all */
  readonly references?: readonly string[]
  /** What a search finds, all of it. */
  readonly query?: Omit<ArtifactQuery, 'limit' | 'offset' | 'facets' | 'sort'>
  /** With all that they were made from, and that is there. @default true */
  readonly lineage?: boolean
}

export interface ExportResult extends BundleProgress {
  /** Not in the bundle: damaged, or deleted meanwhile. */
  readonly skipped: readonly { readonly hash: ContentHash; readonly code: string }[]
}

export interface ImportOptions extends BundleOptions {
  /** Takes what is good of a damaged bundle, in place of nothing. @default false */
  readonly keepGood?: boolean
}

export interface ImportResult extends BundleProgress {
  /** Contents that were not here. */
  readonly stored: number
  /** Artifacts of which something else was new. */
  readonly merged: number
  /** Versions and aliases that are something else here, as `name@version`: they stay what they are. */
  readonly conflicts: readonly string[]
  /** Not taken, with `keepGood`. */
  readonly damaged: readonly ContentHash[]
}

export interface ArtifactBundles {
  /**
   * Writes artifacts with tags, versions, aliases and lineage into a folder that `sha256sum -c SHA256SUMS` confirms. After an
   * interruption the same call goes on. Errors: `BUNDLE_EXISTS`, `OUTPUT_UNWRITABLE`, `ARTIFACT_NOT_FOUND`.
   */
  exportBundle(dir: string, options?: ExportOptions): Promise<ExportResult>
  /**
   * Verifies a bundle, then takes it in. Twice is once; after an interruption the same call goes on. Errors: `BUNDLE_INVALID`,
   * `BUNDLE_DAMAGED` (nothing was changed).
   */
  importBundle(dir: string, options?: ImportOptions): Promise<ImportResult>
}

/** Smaller contents are one message. */
const WHOLE_BYTES_MAX = 1024 * 1024
const PAGE = 500
const LINEAGE_MAX = 10_000_000
/** Named in an error. */
const DAMAGED_NAMED_MAX = 20

export function createArtifactBundles(host: Host): ArtifactBundles {
  const ask = () => host.ref(artifactStore).ask

  async function* chosen({ references, query, lineage = true, signal }: ExportOptions): AsyncGenerator<ContentHash> {
    const call = signal === undefined ? {} : { signal }
    if (references === undefined && query === undefined) {
      for (let cursor: string | undefined; ;) {
        const page = await ask().list({ limit: PAGE, ...(cursor === undefined ? {} : { cursor }) }, call)
        for (const { hash } of page.items) yield hash
        if (page.cursor === undefined) return
        cursor = page.cursor
      }
    }
    const roots = new Set<ContentHash>()
    for (const reference of references ?? []) {
      const hash = await ask().resolve({ reference }, call)
      if (hash === null) throw hostErrors.fail('ARTIFACT_NOT_FOUND', { reference })
      roots.add(hash)
    }
    if (query !== undefined) for await (const hash of found(query, call)) roots.add(hash)
    const all = new Set(roots)
    for (const root of lineage ? roots : []) {
      const ancestors = await ask().lineage({ hash: root, direction: 'ancestors', limit: LINEAGE_MAX }, call)
      for (const { hash } of ancestors) all.add(hash)
    }
    yield* all
  }

  async function* found(query: NonNullable<ExportOptions['query']>, call: CallOptions): AsyncGenerator<ContentHash> {
    for (let offset = 0; ; offset += PAGE) {
      const { hits } = await ask().search({ ...query, sort: 'oldest', limit: PAGE, offset }, call)
      for (const { info } of hits) yield info.hash
      if (hits.length < PAGE) return
    }
  }

  async function exportBatch(
    to: BundleWriter,
    hashes: readonly ContentHash[],
    call: CallOptions,
    told: (sizeBytes: number) => void,
  ): Promise<ExportResult['skipped']> {
    const { records } = await ask().exportRecords({ hashes }, call)
    const found = new Set(records.map(({ hash }) => hash))
    const skipped = hashes.filter((hash) => !found.has(hash)).map((hash) => ({ hash, code: 'ARTIFACT_NOT_FOUND' }))
    for (const record of records) {
      try {
        if (!(await to.has(record.hash, record.sizeBytes))) {
          const content = await downloadTo(ask(), record.hash, {}, call)
          if (content === null) throw hostErrors.fail('ARTIFACT_NOT_FOUND', { reference: record.hash })
          await to.content(record.hash, content)
        }
      } catch (error) {
        if (!isPitError(error, 'ARTIFACT_CORRUPT') && !isPitError(error, 'ARTIFACT_NOT_FOUND')) throw error
        skipped.push({ hash: record.hash, code: error.code })
        continue
      }
      await to.record(record)
      told(record.sizeBytes)
    }
    return skipped
  }

  async function takeContent(from: OpenBundle, record: BundleRecord, call: CallOptions): Promise<void> {
    const { hash, contentType, sizeBytes } = record
    const [createdBy] = record.producers
    const about = { contentType, ...(createdBy === undefined ? {} : { createdBy }) }
    if (sizeBytes > WHOLE_BYTES_MAX) {
      await uploadFrom(ask(), from.content(hash), about, call, hash)
      return
    }
    const pieces: Uint8Array[] = []
    for await (const piece of from.content(hash)) pieces.push(piece)
    const { hash: stored } = await ask().put({ ...about, content: Buffer.concat(pieces) }, call)
    if (stored !== hash)
      throw hostErrors.fail('BUNDLE_DAMAGED', { path: from.dir, problem: `${hash} changed meanwhile` })
  }

  return {
    async exportBundle(dir, options = {}) {
      const call = options.signal === undefined ? {} : { signal: options.signal }
      const done = { artifacts: 0, bytes: 0 }
      const skipped: ExportResult['skipped'][number][] = []
      const told = (sizeBytes: number): void => {
        done.artifacts++
        done.bytes += sizeBytes
        options.onProgress?.({ ...done })
      }
      const to = await createBundle(dir)
      try {
        for await (const batch of batches(chosen(options))) skipped.push(...(await exportBatch(to, batch, call, told)))
        await to.finish()
      } catch (error) {
        await to.abandon()
        throw error
      }
      return { ...done, skipped }
    },
    async importBundle(dir, options = {}) {
      const call = options.signal === undefined ? {} : { signal: options.signal }
      const from = await openBundle(dir)
      const damaged = await damagedIn(from, options.signal)
      if (damaged.size > 0 && options.keepGood !== true) {
        const problem = `damaged or missing: ${[...damaged].slice(0, DAMAGED_NAMED_MAX).join(', ')}`
        throw hostErrors.fail('BUNDLE_DAMAGED', { path: dir, problem, count: damaged.size })
      }
      const result = { artifacts: 0, bytes: 0, stored: 0, merged: 0 }
      const conflicts: string[] = []
      for await (const batch of batches(from.records())) {
        const records = batch.filter(({ hash }) => !damaged.has(hash))
        const { present } = await ask().exists({ hashes: records.map(({ hash }) => hash) }, call)
        for (const [i, record] of records.entries()) {
          if (present[i] !== true) {
            await takeContent(from, record, call)
            result.stored++
          }
          result.artifacts++
          result.bytes += record.sizeBytes
          options.onProgress?.({ artifacts: result.artifacts, bytes: result.bytes })
        }
        const taken = await ask().importRecords({ records }, call)
        result.merged += taken.merged
        conflicts.push(...taken.conflicts)
      }
      return { ...result, conflicts, damaged: [...damaged] }
    },
  }
}

/** Every content is read and hashed before anything is taken. */
async function damagedIn(from: OpenBundle, signal: AbortSignal | undefined): Promise<ReadonlySet<ContentHash>> {
  const damaged = new Set<ContentHash>()
  for await (const { hash } of from.records()) if (!from.hashes.has(hash)) damaged.add(hash)
  for (const hash of from.hashes) {
    signal?.throwIfAborted()
    if ((await from.hashOf(hash)) !== hash) damaged.add(hash)
  }
  return damaged
}

async function* batches<T>(all: AsyncIterable<T>): AsyncGenerator<readonly T[]> {
  let batch: T[] = []
  for await (const each of all) {
    batch.push(each)
    if (batch.length < Math.min(BUNDLE_RECORDS_MAX, PAGE)) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
