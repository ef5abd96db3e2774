/**
 * The records of the artifact log: the store's only truth. Everything else is derived from them, in their order.
 *
 *   payload:  | length of the head 4, little-endian | head: JSON | content (records that carry one) |
 *
 * I1. Applying records is idempotent in position order and tolerates a missing past: compaction drops whole segments from
 *     the front after writing `state` records for what lives in them, so a record may speak of an artifact whose beginning
 *     comes later, as a `state`.
 */
import { compressSmall, decompressSmall } from './packing/codec.ts'
import type { ContentHash, Producer, RelationKind } from './protocol.ts'

/** Identifies the message that caused a record, so that its redelivery changes nothing. */
export interface Cause {
  readonly key: string
  /** What was asked, in short: ids of a former process may come again for something else. */
  readonly digest: string
}

export interface Described {
  readonly type?: string
  readonly name?: string
  readonly tags?: readonly string[]
  readonly custom?: Readonly<Record<string, unknown>>
  readonly from?: readonly ContentHash[]
}

/** A piece of the decoded content of a pack. */
export type Extent = readonly [pack: number, offset: number, bytes: number]

/** The content of a `chunk` record, with its own SHA-256, so that a part of an artifact can be verified by itself. */
export type Block = readonly [position: number, bytes: number, sha256: string]

/**
 * Records at these positions, blocks, or pieces of packs, one after the other. `sums`: the SHA-256 of each piece, so that a
 * part of a large artifact can be verified by itself.
 */
export type StoredPlace =
  | readonly number[]
  | { readonly blocks: readonly Block[] }
  | { readonly packed: readonly Extent[]; readonly sums?: readonly string[] }

/** Where content is: in this record, somewhere in the log, or (of a put) where it was stored before. */
export type ContentPlace = 'here' | 'stored' | StoredPlace

export type StoreRecord =
  | ({
      readonly t: 'put'
      readonly hash: ContentHash
      readonly size: number
      readonly at: number
      readonly content: ContentPlace
      readonly by?: Producer
      readonly pin?: string
      readonly cause?: Cause
    } & Described)
  | { readonly t: 'chunk' }
  | {
      /** Contents compressed together; `packing/` has the rules. Written again, under the same id, when it has to move. */
      readonly t: 'pack'
      readonly id: number
      readonly size: number
      /** The pack that is its dictionary. */
      readonly base?: number
      readonly label?: string
      /** Of a key pack: what its newest content looks like. */
      readonly sketch?: string
    }
  | {
      /** `state` and `version` records as one, compressed: its content is their JSON. */
      readonly t: 'batch'
      readonly count: number
    }
  | ({
      /** The whole state of an artifact at this position, replacing whatever was known of it. */
      readonly t: 'state'
      readonly hash: ContentHash
      readonly size: number
      readonly at: number
      readonly content: ContentPlace
      readonly puts: number
      readonly producers: readonly Producer[]
      readonly pins: readonly string[]
      readonly accessCount: number
      readonly lastAccessAt: number
      readonly damaged: boolean
      readonly trash?: { readonly plan: string; readonly at: number }
      readonly partOf?: readonly ContentHash[]
      readonly uses?: readonly { readonly by: Producer; readonly at: number }[]
      readonly useCounts?: { readonly inputs: number; readonly cacheHits: number }
      readonly feedback?: readonly {
        readonly by: string
        readonly score: number
        readonly at: number
        readonly comment?: string
      }[]
    } & Described)
  | {
      readonly t: 'tag'
      readonly hash: ContentHash
      readonly add: readonly string[]
      readonly remove: readonly string[]
    }
  | {
      readonly t: 'version'
      readonly name: string
      readonly version: number
      readonly hash: ContentHash
      readonly at: number
      readonly message?: string
      /** Null for a beginning; not given by old programs. */
      readonly parent?: number | null
      readonly restores?: number
      readonly tags?: readonly string[]
      readonly cause?: Cause
    }
  | {
      /** Replaces the tags of a version. */
      readonly t: 'version-tags'
      readonly name: string
      readonly version: number
      readonly tags: readonly string[]
    }
  | {
      /** An alias as it is from here on; with version null it is removed. */
      readonly t: 'alias'
      readonly name: string
      readonly alias: string
      readonly version: number | null
      readonly protected: boolean
      readonly at: number
      /** Where it was before. */
      readonly previous?: number
      readonly cause?: Cause
    }
  | {
      /** A relation that begins or ends. */
      readonly t: 'relate'
      readonly child: ContentHash
      readonly parent: ContentHash
      readonly kind: RelationKind
      readonly linked: boolean
      readonly at: number
    }
  | {
      readonly t: 'use'
      readonly hashes: readonly ContentHash[]
      readonly by: Producer
      readonly as: 'input' | 'cache-hit'
      readonly at: number
      readonly cause: Cause
    }
  | {
      readonly t: 'feedback'
      readonly hash: ContentHash
      readonly by: string
      readonly score: number
      readonly at: number
      readonly comment?: string
    }
  | { readonly t: 'unpin'; readonly owner: string }
  | {
      readonly t: 'trash'
      readonly plan: string
      readonly hashes: readonly ContentHash[]
      readonly at: number
    }
  | { readonly t: 'restore'; readonly plan: string; readonly hashes: readonly ContentHash[]; readonly cause: Cause }
  | { readonly t: 'purge'; readonly hashes: readonly ContentHash[] }
  | { readonly t: 'damaged'; readonly hash: ContentHash }
  /** The mirror that belongs to this store, by the id in its mark. */
  | { readonly t: 'mirror'; readonly id: string }
  | { readonly t: 'access'; readonly counts: readonly (readonly [hash: ContentHash, count: number, at: number])[] }

const KNOWN: ReadonlySet<string> = new Set<StoreRecord['t']>([
  'put',
  'chunk',
  'pack',
  'batch',
  'state',
  'tag',
  'version',
  'version-tags',
  'alias',
  'relate',
  'use',
  'feedback',
  'unpin',
  'trash',
  'restore',
  'purge',
  'damaged',
  'mirror',
  'access',
])

const NO_CONTENT = new Uint8Array(0)
const LENGTH_BYTES = 4

export function encodeRecord(record: StoreRecord, content: Uint8Array = NO_CONTENT): Uint8Array[] {
  const head = Buffer.from(JSON.stringify(record))
  const length = Buffer.alloc(LENGTH_BYTES)
  length.writeUInt32LE(head.length)
  return content.length === 0 ? [length, head] : [length, head, content]
}

export type DecodedRecord =
  | { readonly kind: 'known'; readonly record: StoreRecord; readonly content: Uint8Array }
  | { readonly kind: 'unknown'; readonly type: string }

/** `unknown` is a record type of a newer program. The payload's checksum was verified: it is what some program wrote. */
export function decodeRecord(payload: Uint8Array): DecodedRecord {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length)
  const contentAt = LENGTH_BYTES + bytes.readUInt32LE(0)
  const record = JSON.parse(bytes.toString('utf8', LENGTH_BYTES, contentAt)) as { readonly t: string }
  if (!isKnown(record)) return { kind: 'unknown', type: record.t }
  return { kind: 'known', record, content: payload.subarray(contentAt) }
}

export type BatchedRecord = StoreRecord & { readonly t: 'state' | 'version' }

export function encodeBatch(records: readonly BatchedRecord[]): Uint8Array {
  return compressSmall(Buffer.from(JSON.stringify(records)))
}

export function decodeBatch(content: Uint8Array): readonly BatchedRecord[] {
  return JSON.parse(Buffer.from(decompressSmall(content)).toString()) as BatchedRecord[]
}

/** Whether parts of it are verified by themselves. */
export function isInParts(place: StoredPlace): boolean {
  return 'blocks' in place || ('packed' in place && place.sums !== undefined)
}

/** Its first pieces, of at least `bytes` together; everything else is as it is. */
export function beginningOf(place: StoredPlace, bytes: number): StoredPlace {
  if (!('packed' in place) || place.sums === undefined) return place
  let sum = 0
  const end = place.packed.findIndex(([, , size]) => (sum += size) >= bytes)
  return { packed: end === -1 ? place.packed : place.packed.slice(0, end + 1) }
}

/** The records a place reads. */
export function positionsOf(place: StoredPlace): readonly number[] {
  if ('blocks' in place) return place.blocks.map(([position]) => position)
  return 'packed' in place ? [] : place
}

function isKnown(record: { readonly t: string }): record is StoreRecord {
  return KNOWN.has(record.t)
}

/** Only the content of a record, without reading its head. */
export function recordContent(payload: Uint8Array): Uint8Array {
  const head = new DataView(payload.buffer, payload.byteOffset, payload.length).getUint32(0, true)
  return payload.subarray(LENGTH_BYTES + head)
}
