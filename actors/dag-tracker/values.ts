/**
 * Node outputs as content: small ones stay in the journal, larger ones go to the Artifact Store and travel by hash.
 *
 * An output is JSON data. Its content is the canonical JSON of the value (`application/json`), or, for a string, its
 * UTF-8 bytes (`text/plain`), so that what is stored reads as what it is.
 */
import { canonicalJson, type ActorContext, type ActorRef } from '../../runtime/index.ts'
import type { ArtifactInput, ArtifactStoreProtocol, ContentHash, PutResult } from '../artifact-store/protocol.ts'
import { createBatch } from './batch.ts'
import { dagErrors } from './errors.ts'
import { isTransient, persist } from './peers.ts'
import type { StoredValue } from './record.ts'

/** Outputs whose canonical JSON is longer than this travel by reference. */
export const INLINE_BYTES_MAX = 4_096

const TEXT = 'text/plain'
const JSON_DATA = 'application/json'
const LOADED_BYTES_MAX = 64 * 1024 * 1024
const BATCH_ITEMS_MAX = 512
const BATCH_BYTES_MAX = 8 * 1024 * 1024

/** An output as JSON data, with its canonical text. */
export interface Output {
  readonly value: unknown
  readonly json: string
}

/** Nothing is null; what JSON cannot say is `OUTPUT_INVALID`. The value is a copy: later changes do not reach it. */
export function toOutput(value: unknown, nodeId: string): Output {
  if (value === undefined) return { value: null, json: 'null' }
  try {
    const json = canonicalJson(value)
    return { value: typeof value === 'object' ? (JSON.parse(json) as unknown) : value, json }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw dagErrors.fail('OUTPUT_INVALID', { nodeId, reason }, { cause })
  }
}

export function isInline(output: Output): boolean {
  return output.json.length <= INLINE_BYTES_MAX && Buffer.byteLength(output.json) <= INLINE_BYTES_MAX
}

export function contentOf(value: unknown, json?: string): Pick<ArtifactInput, 'content'> & { contentType: string } {
  if (typeof value === 'string') return { content: Buffer.from(value), contentType: TEXT }
  return { content: Buffer.from(json ?? canonicalJson(value)), contentType: JSON_DATA }
}

/** The tracker's side of the Artifact Store: batched, repeated when the store restarts in the middle. */
export interface Artifacts {
  put(input: ArtifactInput): Promise<PutResult>
  exists(hash: ContentHash): Promise<boolean>
  /** The value behind a stored output; at once when it is in place or was used lately. */
  load(stored: StoredValue): unknown
  /** Makes a value that was just stored known, so that its first readers need not fetch it. */
  remember(stored: StoredValue, value: unknown): void
  unpin(owner: string): Promise<void>
}

export function createArtifacts(ctx: ActorContext, store: ActorRef<ArtifactStoreProtocol>): Artifacts {
  const loaded = new Map<ContentHash, { readonly value: unknown; readonly bytes: number }>()
  let loadedBytes = 0
  const puts = createBatch<ArtifactInput, PutResult>({
    send: putAll,
    itemsMax: BATCH_ITEMS_MAX,
    sizeOf: ({ content }) => content.byteLength,
    bytesMax: BATCH_BYTES_MAX,
  })
  const checks = createBatch<ContentHash, boolean>({
    send: async (hashes) => (await persist(ctx, () => store.ask.exists({ hashes }))).present,
    itemsMax: BATCH_ITEMS_MAX * 8,
  })

  async function putAll(items: readonly ArtifactInput[]): Promise<readonly PutResult[]> {
    try {
      return (await persist(ctx, () => store.ask.putMany({ items }))).results
    } catch (error) {
      if (isTransient(error) || items.every((item) => item.derivedFrom === undefined)) throw error
      // One item's ancestor may be gone, or be its own descendant through an earlier run: that one goes without.
      const results: PutResult[] = []
      for (const item of items) results.push(await putOne(item))
      return results
    }
  }

  async function putOne(item: ArtifactInput): Promise<PutResult> {
    try {
      return await persist(ctx, () => store.ask.put(item))
    } catch (error) {
      if (isTransient(error) || item.derivedFrom === undefined) throw error
      const { derivedFrom: _, ...alone } = item
      return await persist(ctx, () => store.ask.put(alone))
    }
  }

  async function fetch(stored: Extract<StoredValue, { artifact: ContentHash }>): Promise<unknown> {
    const hash = stored.artifact
    const content = await persist(ctx, () => store.ask.get({ hash }))
    if (content === null) throw dagErrors.fail('OUTPUT_MISSING', { hash })
    const text = Buffer.from(content).toString('utf8')
    const value: unknown = stored.contentType === TEXT ? text : JSON.parse(text)
    remember(stored, value)
    return value
  }

  function remember(stored: StoredValue, value: unknown): void {
    if ('value' in stored || loaded.has(stored.artifact)) return
    loaded.set(stored.artifact, { value, bytes: stored.sizeBytes })
    loadedBytes += stored.sizeBytes
    while (loadedBytes > LOADED_BYTES_MAX && loaded.size > 1) {
      const [oldest, { bytes }] = loaded.entries().next().value!
      loaded.delete(oldest)
      loadedBytes -= bytes
    }
  }

  return {
    put: (input) => puts.add(input),
    exists: (hash) => checks.add(hash),
    load(stored) {
      if ('value' in stored) return stored.value
      const known = loaded.get(stored.artifact)
      if (known === undefined) return fetch(stored)
      loaded.delete(stored.artifact)
      loaded.set(stored.artifact, known)
      return known.value
    },
    remember,
    unpin: (owner) => persist(ctx, () => store.ask.unpin({ owner })),
  }
}
