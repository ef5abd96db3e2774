/** `pit.artifacts`: everything the Artifact Store keeps. */
import {
  artifactStore,
  isContentHash,
  type ArtifactInfo,
  type ArtifactInput,
  type ArtifactQuery,
  type ArtifactVersion,
  type CompactionResult,
  type ContentHash,
  type DedupStats,
  type LineageNode,
  type PutResult,
  type SearchResult,
} from '../../actors/artifact-store/protocol.ts'
import type { CallOptions } from '../../runtime/index.ts'
import { split } from '../call-options.ts'
import { hostErrors } from '../errors.ts'
import { downloadTo, uploadFrom, type ByteRange, type ByteSource } from './artifact-streams.ts'
import type { Host } from '../host.ts'

/** What is said of content when it is stored; the rest of `ArtifactInput`. */
export type PutOptions = Omit<ArtifactInput, 'content'>

/** A hash, a hash prefix of at least 8 digits, or `name`, `name@latest`, `name@3`. */
export type ArtifactReference = string

export interface ArtifactsClient {
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
  addVersion(
    name: string,
    hash: ContentHash,
    options?: { readonly message?: string } & CallOptions,
  ): Promise<ArtifactVersion>
  /** Newest first. */
  versions(name: string, options?: CallOptions): Promise<readonly ArtifactVersion[]>
  resolve(reference: ArtifactReference, options?: CallOptions): Promise<ContentHash | null>
  lineage(
    hash: ContentHash,
    direction: 'ancestors' | 'descendants',
    options?: { readonly limit?: number } & CallOptions,
  ): Promise<readonly LineageNode[]>
  stats(options?: CallOptions): Promise<DedupStats>
  /**
   * Compresses what was not touched for `coldMs` together with what is like it, and frees what it took. In the background
   * the store does this by itself. @default coldMs 0 @default deadlineMs Infinity
   */
  compact(options?: { readonly coldMs?: number } & CallOptions): Promise<CompactionResult>
  /** Reads and re-hashes everything. @default deadlineMs Infinity */
  verify(options?: CallOptions): Promise<{ readonly checked: number; readonly corrupt: readonly ContentHash[] }>
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
    versions: async (name, options) => ask().versions({ name }, options),
    resolve,
    async lineage(hash, direction, options = {}) {
      const { call, rest } = split(options)
      return ask().lineage({ hash, direction, ...rest }, call)
    },
    stats: async (options) => ask().stats({}, options),
    async compact(options = {}) {
      const { call, rest } = split(options)
      return ask().compact(rest, { deadlineMs: Infinity, ...call })
    },
    verify: async (options) => ask().verify({}, { deadlineMs: Infinity, ...options }),
  }
}

function withProducer<T extends Omit<ArtifactInput, 'content'>>(host: Host, input: T): T {
  return { ...input, createdBy: { tenant: host.config.tenant, ...input.createdBy } }
}
