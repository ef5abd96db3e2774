/**
 * Where blobs are kept by key: a folder, memory, an object store. The least that all of these can do, done alike; the contract
 * suite in `test/artifact-store/backends/` holds every implementation to it.
 *
 * I1. A blob is whole or not there: whoever reads sees what one `put` gave, also after a crash at any moment, and what a
 *     `put` resolved for is durable. A `put` that fails leaves what was there.
 * I2. `null` says that there is no such blob, and nothing else: what cannot be read now (a failing disk, no file handles, a
 *     folder that is not mounted, a server that does not answer) is an error, never absence, and never other bytes.
 * I3. There is no rename, no append and no change in place: object stores have none.
 */

/** A key: `a-z 0-9 . _ -`, and `/` between parts; see `checkKey`. */
export type BlobKey = string

export interface BlobInfo {
  readonly key: BlobKey
  readonly sizeBytes: number
}

export interface BlobPage {
  /** In the order of their keys' bytes. */
  readonly items: readonly BlobInfo[]
  /** Where the next page begins; absent on the last one. */
  readonly cursor?: string
}

/** Whole content, or its pieces in order: then the size need not be known before, nor fit into memory. */
export type BlobSource = Uint8Array | AsyncIterable<Uint8Array>

export interface ListOptions {
  /** Only keys that begin with it. @default '' */
  readonly prefix?: string
  /** Of the page before. */
  readonly cursor?: string
  /** At most so many on the page; a page may have fewer although more follow. @default 1_000, at most 1_000 */
  readonly limit?: number
}

/**
 * Errors of every call: `BLOB_KEY_INVALID`, `BLOBS_IO` (try again), `BLOBS_FULL`, `BLOBS_READ_ONLY`, `BLOBS_CLOSED`. An error
 * that a source throws comes out of `put` as it is.
 */
export interface StorageBackend {
  /** For messages: where it is. */
  readonly location: string
  /** Stores or replaces a blob: atomically, and durably when it resolves (I1). Returns its size. */
  put(key: BlobKey, content: BlobSource): Promise<number>
  /** The whole blob; null when there is none. */
  get(key: BlobKey): Promise<Uint8Array | null>
  /** At most `length` bytes from `offset`, fewer where the blob ends; null when there is none. */
  getRange(key: BlobKey, offset: number, length: number): Promise<Uint8Array | null>
  stat(key: BlobKey): Promise<BlobInfo | null>
  /** Durable when it resolves; a missing blob is no error. */
  delete(key: BlobKey): Promise<void>
  list(options?: ListOptions): Promise<BlobPage>
  /** What is under way is finished, what comes later is refused with `BLOBS_CLOSED`. Idempotent. */
  close(): Promise<void>
}

/** What a page holds at most. */
export const PAGE_BLOBS_MAX = 1000

/** A blob piece by piece, for what is put once and not replaced meanwhile; null when there is none. */
export async function readBlob(
  backend: Pick<StorageBackend, 'stat' | 'getRange'>,
  key: BlobKey,
  pieceBytes: number,
): Promise<{ readonly sizeBytes: number; readonly pieces: AsyncIterable<Uint8Array> } | null> {
  const found = await backend.stat(key)
  if (found === null) return null
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let offset = 0; offset < found!.sizeBytes;) {
      const piece = await backend.getRange(key, offset, pieceBytes)
      if (piece === null || piece.length === 0) return
      yield piece
      offset += piece.length
    }
  }
  return { sizeBytes: found.sizeBytes, pieces: pieces() }
}
