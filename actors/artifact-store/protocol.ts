/** What others may ask of the Artifact Store: durable, deduplicated, verified content by its hash. */
import { actorKey } from '../../runtime/index.ts'
import type { CareProtocol } from './care-protocol.ts'

export type * from './care-protocol.ts'

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

/** `derivedFrom`: made from it. `partOf`: belongs to it, as a child to its parent. */
export type RelationKind = 'derivedFrom' | 'partOf'

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

/** Never changes, its tags aside. */
export interface ArtifactVersion {
  readonly name: string
  /** 1, 2, 3 … */
  readonly version: number
  readonly hash: ContentHash
  readonly createdAt: number
  readonly message?: string
  /** The version it follows; null for a beginning. */
  readonly parent: number | null
  /** Of a rollback: the version whose content it has. */
  readonly restores?: number
  readonly tags: readonly string[]
}

export interface NewVersion {
  /** At most 512 characters, without `@`. */
  readonly name: string
  readonly hash: ContentHash
  readonly message?: string
  readonly tags?: readonly string[]
  /** The version it follows, null for none. @default the newest one */
  readonly parent?: number | null
  /** Only when this is the newest version, 0 for none; otherwise `VERSION_CONFLICT`. */
  readonly ifLatest?: number
}

/** A name for a version that can be moved. */
export interface ArtifactAlias {
  readonly name: string
  readonly alias: string
  readonly version: number
  readonly hash: ContentHash
  /** Moved or removed by force only; its artifact is kept from cleanup. */
  readonly protected: boolean
  readonly changedAt: number
}

export interface AliasChange {
  /** A version: `report`, `report@3`, `report@staging`, … */
  readonly reference: string
  /** A letter, then at most 127 letters, digits, `_`, `.` or `-`; not `latest`. */
  readonly alias: string
  /** Only when the alias is at this version, 0 for nowhere; otherwise `ALIAS_CONFLICT`. */
  readonly ifVersion?: number
  /** Protects it from now on, or not any more. @default as it was, a new one not */
  readonly protect?: boolean
  /** Moves it although it is protected. @default false: `ALIAS_PROTECTED` */
  readonly force?: boolean
}

export interface AliasSet extends ArtifactAlias {
  /** Where it was before; not given when it is new. */
  readonly previousVersion?: number
}

/** A name with its versions outside the trash. */
export interface VersionedArtifact {
  readonly name: string
  readonly versions: number
  readonly latest: ArtifactVersion
  readonly aliases: readonly ArtifactAlias[]
}

export interface DiffSide {
  /** As it was given. */
  readonly reference: string
  readonly hash: ContentHash
  readonly sizeBytes: number
  readonly contentType: string
}

/** A step of RFC 6902 (JSON Patch), with what was there before. In the order given they lead from one to the other. */
export interface JsonChange {
  readonly op: 'add' | 'remove' | 'replace'
  /** RFC 6901 (JSON Pointer). */
  readonly path: string
  /** Of `remove` and `replace`. */
  readonly before?: unknown
  /** Of `add` and `replace`. */
  readonly value?: unknown
}

export type ArtifactDiff = { readonly from: DiffSide; readonly to: DiffSide } & (
  | { readonly kind: 'same' }
  | {
      readonly kind: 'text'
      /** A unified diff, as `patch` takes it. */
      readonly unified: string
      readonly addedLines: number
      readonly removedLines: number
    }
  /** Without changes when only the notation differs. */
  | { readonly kind: 'json'; readonly changes: readonly JsonChange[] }
  | { readonly kind: 'binary' }
)

export interface DiffRequest {
  /** Any reference to an artifact. */
  readonly from: string
  readonly to: string
  /** @default 'json' when both are JSON by their type and content, otherwise 'text' when both are */
  readonly as?: 'text' | 'json'
  /** Lines around every change of a text. @default 3 */
  readonly contextLines?: number
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

export interface LineageNode {
  readonly hash: ContentHash
  /** Steps away, at least 1. */
  readonly depth: number
  /** The artifact one step nearer, through which it was found first. */
  readonly via: ContentHash
  readonly name?: string
  /** Who made it first. */
  readonly producer?: Producer
  /** False when it is in the trash or gone: then its own ancestors may not be known any more. */
  readonly present: boolean
}

/** What an artifact has to do with others; of lists the first 100. */
export interface ArtifactRelations {
  readonly hash: ContentHash
  readonly producedBy: readonly Producer[]
  readonly derivedFrom: readonly ContentHash[]
  readonly derived: readonly ContentHash[]
  readonly derivedCount: number
  readonly partOf: readonly ContentHash[]
  readonly parts: readonly ContentHash[]
  readonly partCount: number
  /** Latest first: who took it as input, and what came of it where that is known. */
  readonly usedBy: readonly { readonly by: Producer; readonly at: number; readonly artifact?: ContentHash }[]
  /** Of `derivedFrom`, all the way. */
  readonly ancestorCount: number
  readonly descendantCount: number
}

export interface Relation {
  readonly child: ContentHash
  readonly parent: ContentHash
  /** @default 'derivedFrom' */
  readonly kind?: RelationKind
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

export interface ArtifactStoreProtocol extends CareProtocol {
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
  /**
   * The next version of a name; when its newest version says the same already – content, and as far as given message, tags
   * and parent – that one again. Errors: `ARTIFACT_NOT_FOUND`, `VERSION_NOT_FOUND` (the parent), `VERSION_CONFLICT`.
   */
  addVersion(arg: NewVersion): ArtifactVersion
  /** Newest first; with `tag` those that have it. */
  versions(arg: { readonly name: string; readonly tag?: string }): readonly ArtifactVersion[]
  /** `name`, `name@latest`, `name@3`, `name@alias` or `name@2026-01-31T12:00Z`: the newest one at that time. */
  version(arg: { readonly reference: string }): ArtifactVersion | null
  /** The newest version at a time. */
  versionAt(arg: { readonly name: string; readonly at: number }): ArtifactVersion | null
  /** Error: `VERSION_NOT_FOUND`. */
  tagVersion(arg: {
    readonly reference: string
    readonly add?: readonly string[]
    readonly remove?: readonly string[]
  }): ArtifactVersion
  /**
   * A new version with the content of an old one; the newest one again when it has that content.
   * Errors: `VERSION_NOT_FOUND`, `VERSION_CONFLICT`. @default message 'back to name@3'
   */
  rollback(arg: { readonly reference: string; readonly message?: string; readonly ifLatest?: number }): ArtifactVersion
  /** Sets an alias, or moves it. Errors: `VERSION_NOT_FOUND`, `ALIAS_CONFLICT`, `ALIAS_PROTECTED`. */
  setAlias(arg: AliasChange): AliasSet
  /** Errors: `ALIAS_CONFLICT`, `ALIAS_PROTECTED`. */
  removeAlias(arg: {
    readonly name: string
    readonly alias: string
    readonly ifVersion?: number
    readonly force?: boolean
  }): { readonly removed: boolean }
  aliases(arg: { readonly name: string }): readonly ArtifactAlias[]
  /** In the order of their names, those that begin with `prefix`, after `after`. @default limit 100, at most 1_000 */
  names(arg: {
    readonly prefix?: string
    readonly after?: string
    readonly limit?: number
  }): readonly VersionedArtifact[]
  /**
   * What leads from one artifact to another. Errors: `ARTIFACT_NOT_FOUND`, `ARTIFACT_CORRUPT`, `DIFF_TOO_LARGE` (text or JSON
   * over 8 MiB).
   */
  diff(arg: DiffRequest): ArtifactDiff
  /** As `version`, or an unambiguous hash prefix of at least 8 digits; null when there is none. */
  resolve(arg: { readonly reference: string }): ContentHash | null
  /** How an artifact came to be, or what came of it: nearest first. @default limit 1_000, at most 10_000 */
  lineage(arg: {
    readonly hash: ContentHash
    readonly direction: 'ancestors' | 'descendants'
    readonly kind?: RelationKind
    readonly limit?: number
    readonly depthMax?: number
  }): readonly LineageNode[]
  /** Error: `ARTIFACT_NOT_FOUND`. */
  relations(arg: { readonly hash: ContentHash }): ArtifactRelations
  /** Relates two artifacts; again changes nothing. Errors: `ARTIFACT_NOT_FOUND`, `RELATION_CYCLE`. */
  relate(arg: Relation): void
  /** Ends a relation; one that is not there is no error. */
  unrelate(arg: Relation): void
  /** Notes that somebody took artifacts as input. The latest 100 of each artifact are kept. Error: `ARTIFACT_NOT_FOUND`. */
  recordUse(arg: { readonly hashes: readonly ContentHash[]; readonly by: Producer }): void
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
