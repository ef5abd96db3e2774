/** What others may ask of the Artifact Store: durable, deduplicated, verified content by its hash. */
import { actorKey } from '../../runtime/index.ts'
import type { BundleCalls } from './protocol/bundles.ts'
import type { CareCalls } from './protocol/care.ts'
import type { LineageCalls } from './protocol/lineage.ts'
import type { QualityCalls } from './protocol/quality.ts'
import type { VersionCalls } from './protocol/versions.ts'

export { BUNDLE_RECORDS_MAX, type BundleRecord, type ImportedRecords } from './protocol/bundles.ts'
export type * from './protocol/care.ts'
export type * from './protocol/lineage.ts'
export type * from './protocol/quality.ts'
export type * from './protocol/versions.ts'

declare const hashBrand: unique symbol
/** SHA-256 of the content as 64 lower-case hex digits. */
export type ContentHash = string & { readonly [hashBrand]: true }

const HASH_PATTERN = /^[0-9a-f]{64}$/

export function isContentHash(text: unknown): text is ContentHash {
  return typeof text === 'string' && HASH_PATTERN.test(text)
}

/**
 * Where a key-encryption key comes from: 32 bytes, or these as 64 hex digits or base64, in an environment variable, in a
 * file, or given by a function without arguments that a module exports (a promise of them will do). The function is called in the
 * store's own thread. @default export 'key'
 */
export type KeySource =
  { readonly env: string } | { readonly file: string } | { readonly module: string; readonly export?: string }

export interface EncryptionStatus {
  /** While it is encrypting or decrypting both kinds of records are on the disk. */
  readonly state: 'clear' | 'encrypting' | 'encrypted' | 'decrypting'
  /** Tells the key-encryption key from others, and nothing of it. */
  readonly keyId?: string
  /** Trees of data keys that are in use. */
  readonly epochs?: number
  /** Bytes of the log that are still to be rewritten. */
  readonly unconvertedBytes: number
}

export interface ShredResult {
  readonly shredded: readonly ContentHash[]
  /** Not shredded: unknown, pinned, protected by an alias, or of another tenant as well. */
  readonly kept: readonly { readonly hash: ContentHash; readonly reason: string }[]
}

/** Who or what made an artifact. */
export interface Producer {
  readonly tenant?: string
  readonly runId?: string
  readonly nodeId?: string
  readonly model?: string
  /** What it was made with: JSON, at most 4,096 characters. */
  readonly parameters?: Readonly<Record<string, unknown>>
}

export interface ArtifactInput {
  readonly content: Uint8Array
  /** @default 'application/octet-stream' */
  readonly contentType?: string
  readonly name?: string
  readonly tags?: readonly string[]
  readonly createdBy?: Producer
  /** Own data: JSON, at most 16 KiB. */
  readonly custom?: Readonly<Record<string, unknown>>
  /**
   * Artifacts this one was made from; recorded as `derivedFrom` lineage. They must exist. Content that comes round again
   * (a step that changed nothing) would be its own ancestor: such an edge is left out.
   */
  readonly derivedFrom?: readonly ContentHash[]
  /** Keeps the artifact from cleanup until `unpin` of the same owner (a run). */
  readonly pinnedBy?: string
}

export interface PutResult {
  readonly hash: ContentHash
  /** False when this content was there already; its metadata is merged (tags and producers are added). */
  readonly isNew: boolean
  readonly sizeBytes: number
}

export interface ArtifactInfo {
  readonly hash: ContentHash
  readonly sizeBytes: number
  readonly contentType: string
  readonly name?: string
  readonly tags: readonly string[]
  readonly createdAt: number
  readonly lastAccessAt: number
  readonly accessCount: number
  readonly createdBy?: Producer
  readonly custom?: Readonly<Record<string, unknown>>
  /** What keeps it from cleanup: owners, and protected aliases as `alias name@alias`. */
  readonly pinnedBy: readonly string[]
  /** Names of which this artifact is a version, as `name@version`. */
  readonly versions: readonly string[]
  /** Artifacts that were derived from this one. */
  readonly usedByCount: number
}

/** A value that can be filtered by and counted. */
export type AttributeValue = string | number | boolean

/** Equal to the value, or a number between the bounds, both inclusive. Of a list in the metadata one value is enough. */
export type CustomFilter = AttributeValue | { readonly min?: number; readonly max?: number }

export type FacetName = 'tags' | 'contentType' | 'tenant' | 'runId' | 'nodeId' | 'model' | `custom.${string}`

/** Equal ones are in the order of their hashes. */
export type SortOrder = 'relevance' | 'newest' | 'oldest' | 'largest' | 'smallest'

/** Everything given must hold. */
export interface ArtifactQuery {
  /**
   * Words, "a phrase", prefix*, AND, OR, NOT, ( ): in text-like content, names, tags and texts of the custom metadata. A word
   * stands for all that have its English or German stem. Of content, the first MiB is searched.
   */
  readonly text?: string
  readonly tags?: readonly string[]
  /** `text/html`, or `text/*`. */
  readonly contentType?: string
  readonly runId?: string
  /** Each one given is of some producer of the artifact. */
  readonly createdBy?: Producer
  readonly createdAfter?: number
  readonly createdBefore?: number
  /**
   * By key of the custom metadata, at its top level: text of at most 256 characters, numbers, booleans and lists of these. Only
   * the first 64 keys that the store ever sees can be used.
   */
  readonly custom?: Readonly<Record<string, CustomFilter>>
  /** Which values to count over the whole result. */
  readonly facets?: readonly FacetName[]
  /** @default 'relevance' with `text`, otherwise 'newest' */
  readonly sort?: SortOrder
  /** @default 20, at most 1_000 */
  readonly limit?: number
  readonly offset?: number
}

export interface SearchHit {
  readonly info: ArtifactInfo
  /** BM25, higher is better; 0 without `text`. */
  readonly score: number
  /** The first of the highlights. */
  readonly highlight?: string
  /** Pieces of the text, the name and the tags, with matches in «…». */
  readonly highlights: readonly string[]
}

export interface FacetCount {
  readonly value: AttributeValue
  /** Artifacts of the result that have it. */
  readonly count: number
}

export interface SearchResult {
  readonly hits: readonly SearchHit[]
  readonly total: number
  /** By facet, the most frequent value first, at most 100. */
  readonly facets?: Readonly<Record<string, readonly FacetCount[]>>
}

export interface DedupStats {
  readonly artifacts: number
  /** Sum of the sizes of everything ever put and not deleted, duplicates counted each time. */
  readonly logicalBytes: number
  readonly uniqueBytes: number
  /** Bytes of the segment files on disk. */
  readonly physicalBytes: number
  /** logicalBytes / uniqueBytes; 1 when empty. */
  readonly ratio: number
}

export interface CompactionResult {
  /** Artifacts that were packed, or packed again. */
  readonly packed: number
  readonly physicalBytesBefore: number
  readonly physicalBytesAfter: number
}

/** Logically deleted artifacts that can still come back, by the plan that put them there. */
export interface TrashResult {
  readonly moved: readonly ContentHash[]
  /** Not moved: unknown, pinned, or referenced meanwhile. */
  readonly kept: readonly { readonly hash: ContentHash; readonly reason: string }[]
  readonly bytes: number
}

export interface ArtifactPart {
  readonly content: Uint8Array
  /** Of the whole artifact. */
  readonly sizeBytes: number
}

/** The largest part of a `read` or an upload. */
export const PART_BYTES_MAX = 8 * 1024 * 1024

export interface ArtifactStoreProtocol extends BundleCalls, CareCalls, VersionCalls, LineageCalls, QualityCalls {
  /** Acknowledged only when durable. */
  put(arg: ArtifactInput): PutResult
  putMany(arg: { readonly items: readonly ArtifactInput[] }): { readonly results: readonly PutResult[] }
  /**
   * Verified content; null when absent, `ARTIFACT_CORRUPT` when damaged, `ARTIFACT_TOO_LARGE` when only `read` can give it.
   * Counts as an access.
   */
  get(arg: { readonly hash: ContentHash }): Uint8Array | null
  getMany(arg: { readonly hashes: readonly ContentHash[] }): { readonly contents: readonly (Uint8Array | null)[] }
  /**
   * Verified bytes from `offset`, at most `length` of them and at most 8 MiB; null when the artifact is absent. A large
   * artifact is not read as a whole for it. Counts as an access at offset 0. @default length 1 MiB
   */
  read(arg: { readonly hash: ContentHash; readonly offset: number; readonly length?: number }): ArtifactPart | null
  /** For content of any length, part by part. Abandoned when its sender dies, or after 10 minutes without a part. */
  beginUpload(arg: Omit<ArtifactInput, 'content'>): { readonly uploadId: string }
  /** Parts in order, at most 8 MiB each; one that was received before changes nothing. */
  appendUpload(arg: { readonly uploadId: string; readonly offset: number; readonly content: Uint8Array }): {
    readonly receivedBytes: number
  }
  /** Makes it an artifact, durably; with `hash` only if that is what was received. */
  commitUpload(arg: { readonly uploadId: string; readonly hash?: ContentHash }): PutResult
  /** Unknown uploads are no error. */
  abortUpload(arg: { readonly uploadId: string }): void
  info(arg: { readonly hash: ContentHash }): ArtifactInfo | null
  /** Which of these are there (and neither in the trash nor known to be damaged). */
  exists(arg: { readonly hashes: readonly ContentHash[] }): { readonly present: readonly boolean[] }
  search(arg: ArtifactQuery): SearchResult
  /** All artifacts in creation order, for evaluation: pages of at most `limit`, continued after `cursor`. */
  list(arg: { readonly cursor?: string; readonly limit?: number }): {
    readonly items: readonly ArtifactInfo[]
    readonly cursor?: string
  }
  tag(arg: {
    readonly hash: ContentHash
    readonly add?: readonly string[]
    readonly remove?: readonly string[]
  }): ArtifactInfo
  /** As `version`, or an unambiguous hash prefix of at least 8 digits; null when there is none. */
  resolve(arg: { readonly reference: string }): ContentHash | null
  unpin(arg: { readonly owner: string }): void
  /** Moves artifacts to the trash: gone for readers, restorable by plan, and back when the same content is put again. */
  trash(arg: { readonly hashes: readonly ContentHash[]; readonly planId: string }): TrashResult
  restore(arg: { readonly planId: string }): { readonly restored: readonly ContentHash[] }
  trashed(arg: Record<string, never>): readonly {
    readonly planId: string
    readonly count: number
    readonly bytes: number
    readonly trashedAt: number
  }[]
  /** Drops trash older than `before` for good and frees what whole segments it can. */
  purge(arg: { readonly before: number }): { readonly purged: number; readonly freedBytes: number }
  /**
   * Packs content that was not touched for `coldMs` and frees what it took; in the background this happens by itself.
   * @default coldMs 0
   */
  compact(arg: { readonly coldMs?: number }): CompactionResult
  stats(arg: Record<string, never>): DedupStats
  encryption(arg: Record<string, never>): EncryptionStatus
  /** Encrypts or decrypts what is left of it, as the store was opened for; in the background this happens by itself. */
  convert(arg: Record<string, never>): EncryptionStatus
  /**
   * Forgets these artifacts, or all that only this tenant made, for good: the keys of what is on the disk of them, also in older
   * copies of the log, are destroyed. Others that refer to them stay. Error: `STORE_NOT_ENCRYPTED`.
   */
  shred(arg: { readonly hashes?: readonly ContentHash[]; readonly tenant?: string }): ShredResult
  /**
   * Asks the configured sources for the key again and wraps the data keys by what they give; no data is written. `previous`
   * is the id of the key before. Errors: `STORE_NOT_ENCRYPTED`, `ENCRYPTION_KEY_MISSING`, `ENCRYPTION_KEY_INVALID`.
   */
  rotateKey(arg: Record<string, never>): EncryptionStatus & { readonly previous: string }
}

export const artifactStore = actorKey<ArtifactStoreProtocol>('artifact-store')
