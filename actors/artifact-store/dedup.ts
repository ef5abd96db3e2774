/**
 * What deduplication saves.
 *
 *   logical    every put counts                       (3 × the same 1 KiB = 3 KiB)
 *   unique     every content counts once              (1 KiB)
 *   physical   the segment files on disk, with framing, trash and what compaction has not freed yet
 */
import type { Catalog } from './catalog.ts'
import type { DedupStats } from './protocol.ts'

export interface Dedup {
  stats(physicalBytes: number): DedupStats
}

export function createDedup(catalog: Catalog): Dedup {
  const sums = catalog.prepare(
    `SELECT count(*) AS artifacts, coalesce(sum(sizeBytes), 0) AS uniqueBytes,
            coalesce(sum(sizeBytes * puts), 0) AS logicalBytes
     FROM artifacts WHERE trashPlan IS NULL`,
  )
  return {
    stats(physicalBytes) {
      const { artifacts, uniqueBytes, logicalBytes } = sums.get() as Omit<DedupStats, 'physicalBytes' | 'ratio'>
      const ratio = uniqueBytes === 0 ? 1 : logicalBytes / uniqueBytes
      return { artifacts, logicalBytes, uniqueBytes, physicalBytes, ratio }
    },
  }
}
