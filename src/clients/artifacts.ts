/** `pit.artifacts`: everything the Artifact Store keeps. */
import {
  artifactStore,
  isContentHash,
  type AliasChange,
  type AliasSet,
  type ArtifactAlias,
  type ArtifactDiff,
  type ArtifactInfo,
  type ArtifactInput,
  type ArtifactQuality,
  type ArtifactQuery,
  type ArtifactRelations,
  type ArtifactVersion,
  type CompactionResult,
  type ContentHash,
  type DedupStats,
  type DiffRequest,
  type EncryptionStatus,
  type LineageNode,
  type NewVersion,
  type Producer,
  type PutResult,
  type RankedArtifact,
  type Relation,
  type RelationKind,
  type SearchResult,
  type ShredResult,
  type VersionedArtifact,
} from '../../actors/artifact-store/protocol.ts'
import type { CallOptions } from '../../runtime/index.ts'
import { split } from '../call-options.ts'
import { hostErrors } from '../errors.ts'
import { createArtifactBundles, type ArtifactBundles } from './artifact-bundles.ts'
import { createArtifactCare, type ArtifactCare } from './artifact-care.ts'
import { downloadTo, uploadFrom, type ByteRange, type ByteSource } from './artifact-streams.ts'
import type { Host } from '../host.ts'

/** What is said of content when it is stored; the rest of `ArtifactInput`. */
export type PutOptions = Omit<ArtifactInput, 'content'>

/** A hash, a hash prefix of at least 8 digits, or a version. */
export type ArtifactReference = string

/** `name`, `name@latest`, `name@3`, `name@alias` or `name@2026-01-31T12:00Z`: the newest one at that time. */
export type VersionReference = string

export interface ArtifactsClient extends ArtifactBundles, ArtifactCare {
  /**
   * Durable when it resolves. Text is stored as UTF-8. The same content is stored once; tags and producers are added.
   * Errors: `ARTIFACT_TOO_LARGE`, `STORAGE_FULL`. @default contentType 'text/plain' for text
   */
  put(content: Uint8Array | string, options?: PutOptions & CallOptions): Promise<PutResult>
  /** The verified content; null when there is none. Error: `ARTIFACT_CORRUPT`. */
  get(reference: ArtifactReference, options?: CallOptions): Promise<Uint8Array | null>
  /**
   * Stores what the stream gives, however long it is; durable when it resolves. Nothing is stored when the stream fails.
   * Errors: `STORAGE_FULL`, `UPLOADS_TOO_MANY`, `UPLOAD_UNKNOWN` (the store restarted: try again).
   */
  storeStream(source: ByteSource, options?: PutOptions & CallOptions): Promise<PutResult>
  /**
   * The content, or the part from `start` to `end`, as a stream of verified bytes that is read as it is consumed; null when
   * there is none. A part of a large artifact is verified without reading the rest. Error: `ARTIFACT_CORRUPT`.
   */
  retrieveStream(
    reference: ArtifactReference,
    options?: ByteRange & CallOptions,
  ): Promise<ReadableStream<Uint8Array> | null>
  info(reference: ArtifactReference, options?: CallOptions): Promise<ArtifactInfo | null>
  exists(hashes: readonly ContentHash[], options?: CallOptions): Promise<readonly boolean[]>
  /** Full text and filters. Error: `QUERY_INVALID`. */
  search(query: ArtifactQuery | string, options?: CallOptions): Promise<SearchResult>
  /** All artifacts in creation order, page by page. */
  list(
    options?: { readonly cursor?: string; readonly limit?: number } & CallOptions,
  ): Promise<{ readonly items: readonly ArtifactInfo[]; readonly cursor?: string }>
  tag(
    hash: ContentHash,
    change: { readonly add?: readonly string[]; readonly remove?: readonly string[] },
    options?: CallOptions,
  ): Promise<ArtifactInfo>
  /**
   * The next version of a name; the newest one again when it says the same already. `ifLatest` makes it a compare-and-set.
   * Errors: `ARTIFACT_NOT_FOUND`, `VERSION_NOT_FOUND` (the parent), `VERSION_CONFLICT`.
   */
  addVersion(
    name: string,
    hash: ContentHash,
    options?: Omit<NewVersion, 'name' | 'hash'> & CallOptions,
  ): Promise<ArtifactVersion>
  /** Newest first; with `tag` those that have it. */
  versions(name: string, options?: { readonly tag?: string } & CallOptions): Promise<readonly ArtifactVersion[]>
  version(reference: VersionReference, options?: CallOptions): Promise<ArtifactVersion | null>
  /** The newest version at a time, in milliseconds since 1970. */
  versionAt(name: string, at: number, options?: CallOptions): Promise<ArtifactVersion | null>
  /** Error: `VERSION_NOT_FOUND`. */
  tagVersion(
    reference: VersionReference,
    change: { readonly add?: readonly string[]; readonly remove?: readonly string[] },
    options?: CallOptions,
  ): Promise<ArtifactVersion>
  /**
   * A new version with the content of an old one; the newest one again when it has that content.
   * Errors: `VERSION_NOT_FOUND`, `VERSION_CONFLICT`. @default message 'back to name@3'
   */
  rollback(
    reference: VersionReference,
    options?: { readonly message?: string; readonly ifLatest?: number } & CallOptions,
  ): Promise<ArtifactVersion>
  /**
   * Names a version, or moves the name to it. A protected alias moves with `force` only, and keeps its artifact from cleanup.
   * Errors: `VERSION_NOT_FOUND`, `ALIAS_CONFLICT`, `ALIAS_PROTECTED`.
   *
   * @example
   * ```ts
   * await pit.artifacts.setAlias('report@3', 'production', { ifVersion: 2, force: true })
   * ```
   */
  setAlias(
    reference: VersionReference,
    alias: string,
    options?: Omit<AliasChange, 'reference' | 'alias'> & CallOptions,
  ): Promise<AliasSet>
  /** False when there was none. Errors: `ALIAS_CONFLICT`, `ALIAS_PROTECTED`. */
  removeAlias(
    name: string,
    alias: string,
    options?: { readonly ifVersion?: number; readonly force?: boolean } & CallOptions,
  ): Promise<boolean>
  aliases(name: string, options?: CallOptions): Promise<readonly ArtifactAlias[]>
  /** Names with versions, in their order, after `after`. @default limit 100 */
  names(
    options?: { readonly prefix?: string; readonly after?: string; readonly limit?: number } & CallOptions,
  ): Promise<readonly VersionedArtifact[]>
  /**
   * What leads from one artifact to another: a unified diff of texts, a JSON Patch of JSON, or that they differ as bytes.
   * Errors: `ARTIFACT_NOT_FOUND`, `ARTIFACT_CORRUPT`, `DIFF_TOO_LARGE`.
   */
  diff(
    from: ArtifactReference,
    to: ArtifactReference,
    options?: Omit<DiffRequest, 'from' | 'to'> & CallOptions,
  ): Promise<ArtifactDiff>
  resolve(reference: ArtifactReference, options?: CallOptions): Promise<ContentHash | null>
  /** How an artifact came to be, or what came of it: nearest first, each with who made it. @default limit 1_000 */
  lineage(
    hash: ContentHash,
    direction: 'ancestors' | 'descendants',
    options?: { readonly kind?: RelationKind; readonly limit?: number; readonly depthMax?: number } & CallOptions,
  ): Promise<readonly LineageNode[]>
  /** What an artifact has to do with others. Error: `ARTIFACT_NOT_FOUND`. */
  relations(hash: ContentHash, options?: CallOptions): Promise<ArtifactRelations>
  /**
   * Says that one artifact was made from another, or is a part of it. Errors: `ARTIFACT_NOT_FOUND`, `RELATION_CYCLE`.
   *
   * @example
   * ```ts
   * await pit.artifacts.relate({ child: chapter, parent: book, kind: 'partOf' })
   * ```
   */
  relate(relation: Relation, options?: CallOptions): Promise<void>
  unrelate(relation: Relation, options?: CallOptions): Promise<void>
  /** Notes that somebody took artifacts as input. Error: `ARTIFACT_NOT_FOUND`. */
  recordUse(
    hashes: readonly ContentHash[],
    by: Producer,
    options?: { readonly as?: 'input' | 'cache-hit' } & CallOptions,
  ): Promise<void>
  /**
   * How good an artifact is, from 0 to 1, with its components and what was found; null when there is none. It is judged by its
   * form, by what it says and by its use.
   */
  quality(reference: ArtifactReference, options?: CallOptions): Promise<ArtifactQuality | null>
  /** What somebody thinks of an artifact, 0 to 1; again replaces it. Error: `ARTIFACT_NOT_FOUND`. */
  feedback(
    hash: ContentHash,
    feedback: { readonly by: string; readonly score: number; readonly comment?: string },
    options?: CallOptions,
  ): Promise<ArtifactQuality>
  /** Artifacts by their score, which follows puts and uses some moments later. @default order 'best' @default limit 20 */
  ranked(
    options?: {
      readonly order?: 'best' | 'worst'
      readonly min?: number
      readonly max?: number
      readonly limit?: number
    } & CallOptions,
  ): Promise<readonly RankedArtifact[]>
  stats(options?: CallOptions): Promise<DedupStats>
  /** Whether what is on the disk is encrypted, and by which key. */
  encryption(options?: CallOptions): Promise<EncryptionStatus>
  /**
   * Encrypts or decrypts what is left of it, as `artifacts.encryption.mode` says; in the background this happens by itself.
   * @default deadlineMs Infinity
   */
  convert(options?: CallOptions): Promise<EncryptionStatus>
  /**
   * Forgets these artifacts, or all that only this tenant made, for good: the keys of what is on the disk of them, also in older
   * copies of the log, are destroyed. With `rotateKey` after it, and the old key thrown away, older copies of the key file are of no use
   * either. Error: `STORE_NOT_ENCRYPTED`. @default deadlineMs Infinity
   */
  shred(
    what: { readonly hashes: readonly ContentHash[] } | { readonly tenant: string },
    options?: CallOptions,
  ): Promise<ShredResult>
  /**
   * Asks the configured sources for the key again, and locks the store with what they give; no data is written. To be called when
   * the file has another key, or the provider gives another one. Errors: `STORE_NOT_ENCRYPTED`, `ENCRYPTION_KEY_MISSING`.
   */
  rotateKey(options?: CallOptions): Promise<EncryptionStatus & { readonly previous: string }>
  /**
   * Compresses what was not touched for `coldMs` together with what is like it, and frees what it took. In the background
   * the store does this by itself. @default coldMs 0 @default deadlineMs Infinity
   */
  compact(options?: { readonly coldMs?: number } & CallOptions): Promise<CompactionResult>
}

export function createArtifactsClient(host: Host): ArtifactsClient {
  const ask = () => host.ref(artifactStore).ask
  const resolve: ArtifactsClient['resolve'] = async (reference, options) =>
    isContentHash(reference) ? reference : ask().resolve({ reference }, options)

  return {
    async put(content, options = {}) {
      const { call, rest } = split(options)
      if (typeof content === 'string') {
        return ask().put(
          withProducer(host, { contentType: 'text/plain', ...rest, content: Buffer.from(content) }),
          call,
        )
      }
      if (!(content instanceof Uint8Array)) {
        const fields = { argument: 'content', expected: 'a Uint8Array or a string', value: content }
        throw hostErrors.fail('ARGUMENT_INVALID', fields)
      }
      return ask().put(withProducer(host, { ...rest, content }), call)
    },
    async get(reference, options) {
      const hash = await resolve(reference, options)
      return hash === null ? null : ask().get({ hash }, options)
    },
    async storeStream(source, options = {}) {
      const { call, rest } = split(options)
      return uploadFrom(ask(), source, withProducer(host, rest), call)
    },
    async retrieveStream(reference, options = {}) {
      const { call, rest } = split(options)
      const hash = await resolve(reference, call)
      return hash === null ? null : downloadTo(ask(), hash, rest, call)
    },
    async info(reference, options) {
      const hash = await resolve(reference, options)
      return hash === null ? null : ask().info({ hash }, options)
    },
    exists: async (hashes, options) => (await ask().exists({ hashes }, options)).present,
    search: async (query, options) => ask().search(typeof query === 'string' ? { text: query } : query, options),
    async list(options = {}) {
      const { call, rest } = split(options)
      return ask().list(rest, call)
    },
    tag: async (hash, change, options) => ask().tag({ hash, ...change }, options),
    async addVersion(name, hash, options = {}) {
      const { call, rest } = split(options)
      return ask().addVersion({ name, hash, ...rest }, call)
    },
    async versions(name, options = {}) {
      const { call, rest } = split(options)
      return ask().versions({ name, ...rest }, call)
    },
    version: async (reference, options) => ask().version({ reference }, options),
    versionAt: async (name, at, options) => ask().versionAt({ name, at }, options),
    tagVersion: async (reference, change, options) => ask().tagVersion({ reference, ...change }, options),
    async rollback(reference, options = {}) {
      const { call, rest } = split(options)
      return ask().rollback({ reference, ...rest }, call)
    },
    async setAlias(reference, alias, options = {}) {
      const { call, rest } = split(options)
      return ask().setAlias({ reference, alias, ...rest }, call)
    },
    async removeAlias(name, alias, options = {}) {
      const { call, rest } = split(options)
      return (await ask().removeAlias({ name, alias, ...rest }, call)).removed
    },
    aliases: async (name, options) => ask().aliases({ name }, options),
    async names(options = {}) {
      const { call, rest } = split(options)
      return ask().names(rest, call)
    },
    async diff(from, to, options = {}) {
      const { call, rest } = split(options)
      return ask().diff({ from, to, ...rest }, call)
    },
    resolve,
    async lineage(hash, direction, options = {}) {
      const { call, rest } = split(options)
      return ask().lineage({ hash, direction, ...rest }, call)
    },
    relations: async (hash, options) => ask().relations({ hash }, options),
    relate: async (relation, options) => ask().relate(relation, options),
    unrelate: async (relation, options) => ask().unrelate(relation, options),
    async recordUse(hashes, by, options = {}) {
      const { call, rest } = split(options)
      return ask().recordUse({ hashes, by, ...rest }, call)
    },
    async quality(reference, options) {
      const hash = await resolve(reference, options)
      return hash === null ? null : ask().quality({ hash }, options)
    },
    feedback: async (hash, feedback, options) => ask().feedback({ hash, ...feedback }, options),
    async ranked(options = {}) {
      const { call, rest } = split(options)
      return ask().ranked(rest, call)
    },
    stats: async (options) => ask().stats({}, options),
    encryption: async (options) => ask().encryption({}, options),
    convert: async (options) => ask().convert({}, { deadlineMs: Infinity, ...options }),
    shred: async (what, options) => ask().shred(what, { deadlineMs: Infinity, ...options }),
    rotateKey: async (options) => ask().rotateKey({}, options),
    async compact(options = {}) {
      const { call, rest } = split(options)
      return ask().compact(rest, { deadlineMs: Infinity, ...call })
    },
    ...createArtifactBundles(host),
    ...createArtifactCare(host),
  }
}

function withProducer<T extends Omit<ArtifactInput, 'content'>>(host: Host, input: T): T {
  return { ...input, createdBy: { tenant: host.config.tenant, ...input.createdBy } }
}
