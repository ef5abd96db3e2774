/** The whole state of artifacts as records, one by one or many together. */
import type { ArtifactRow } from './artifacts.ts'
import { encodeBatch, type BatchedRecord, type ContentPlace, type StoreRecord } from './records.ts'
import type { Storage } from './storage.ts'
import type { Tables } from './tables.ts'

export type StateRecord = StoreRecord & { readonly t: 'state' }

/** Together they are a third of their size. */
export function writeBatch(storage: Storage, records: readonly BatchedRecord[]): void {
  if (records.length > 0) storage.write({ t: 'batch', count: records.length }, encodeBatch(records))
}

/** Everything known of an artifact, as a record that stands for all before it. */
export function stateOf(tables: Tables, row: ArtifactRow, content: ContentPlace): StateRecord {
  const { artifacts, relationships } = tables
  return {
    t: 'state',
    hash: row.hash,
    size: row.sizeBytes,
    at: row.createdAt,
    content,
    type: row.contentType,
    ...(row.name === null ? {} : { name: row.name }),
    ...(row.custom === null ? {} : { custom: JSON.parse(row.custom) as Record<string, unknown> }),
    tags: artifacts.tags(row.id),
    from: relationships.parents(row.hash, 'derivedFrom'),
    ...some('partOf', relationships.parents(row.hash, 'partOf')),
    ...some('uses', tables.uses.of(row.id)),
    ...countsOf(tables, row.id),
    ...some('feedback', tables.scores.feedback(row.id)),
    puts: row.puts,
    producers: artifacts.producers(row.id),
    pins: artifacts.owners(row.id),
    accessCount: row.accessCount,
    lastAccessAt: row.lastAccessAt,
    damaged: row.damaged === 1,
    ...(row.trashPlan === null ? {} : { trash: { plan: row.trashPlan, at: row.trashedAt ?? 0 } }),
  }
}

function some<K extends string, T>(key: K, list: readonly T[]): { readonly [P in K]?: readonly T[] } {
  return (list.length === 0 ? {} : { [key]: list }) as { readonly [P in K]?: readonly T[] }
}

function countsOf({ scores }: Tables, id: number): Pick<StateRecord, 'useCounts'> {
  const useCounts = scores.uses(id)
  return useCounts.inputs + useCounts.cacheHits === 0 ? {} : { useCounts }
}
