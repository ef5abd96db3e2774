/**
 * The content cache: what a node with these very inputs gave before. Its entries are the `key`s of completed records, so
 * the journal and its snapshots hold the index; results are in place or in the Artifact Store.
 *
 * I1. The key covers everything that makes the result: kind, operator or model with version, parameters, inputs, tenant.
 * I2. Bounded by entries and bytes; the least recently used goes first. Failures are never entered.
 */
import { canonicalHash } from '../../runtime/index.ts'
import type { RunRecord, StoredValue } from './record.ts'
import type { CachePolicy } from './workflow/definition.ts'

export interface ContentCache {
  readonly size: number
  /** Counts as a use. */
  get(key: string): StoredValue | undefined
  add(key: string, value: StoredValue): void
  delete(key: string): void
  /** Least recently used first. */
  entries(): Iterable<readonly [string, StoredValue]>
}

export interface CacheOptions {
  /** @default 100_000 */
  readonly entriesMax?: number
  /** Bytes of results held in place. @default 16 MiB */
  readonly bytesMax?: number
}

/** What a hash entry takes beside its value: key, map slot, record. */
const ENTRY_BYTES = 160

export function createContentCache({
  entriesMax = 100_000,
  bytesMax = 16 * 1024 * 1024,
}: CacheOptions = {}): ContentCache {
  const entries = new Map<string, { readonly value: StoredValue; readonly bytes: number }>()
  let bytes = 0

  function remove(key: string): void {
    bytes -= entries.get(key)?.bytes ?? 0
    entries.delete(key)
  }

  return {
    get size() {
      return entries.size
    },
    get(key) {
      const entry = entries.get(key)
      if (entry === undefined) return undefined
      entries.delete(key)
      entries.set(key, entry)
      return entry.value
    },
    add(key, value) {
      remove(key)
      const entryBytes = ENTRY_BYTES + ('value' in value ? JSON.stringify(value.value).length : 0)
      entries.set(key, { value, bytes: entryBytes })
      bytes += entryBytes
      while (entries.size > entriesMax || bytes > bytesMax) remove(entries.keys().next().value!)
    },
    delete: remove,
    *entries() {
      for (const [key, { value }] of entries) yield [key, value]
    },
  }
}

/** What a node would compute, as far as it determines the result. */
export interface Computation {
  readonly kind: 'instrument' | 'operator'
  /** Operator or model, with its version. */
  readonly name: string
  readonly version: string
  readonly parameters: unknown
  readonly inputs: Readonly<Record<string, unknown>>
  readonly tenant: string
}

export interface KeyScope {
  readonly policy: CachePolicy
  readonly runId: string
}

/** The key of a computation, or null when it is not to be cached. Keys of policy `run` differ from run to run. */
export function cacheKey(computation: Computation, { policy, runId }: KeyScope): string | null {
  switch (policy) {
    case 'off':
      return null
    case 'run':
      return canonicalHash({ format: 1, runId, ...computation })
    case 'shared':
      return canonicalHash({ format: 1, ...computation })
  }
}

/** Enters what a record says about the cache; the same live and in replay. */
export function noteRecord(cache: ContentCache, record: RunRecord): void {
  if (record.kind !== 'node-completed' || record.key === null) return
  // A hit is a use, and brings an entry back that was pushed out of the index in the meantime.
  if (cache.get(record.key) === undefined) cache.add(record.key, record.output)
}
