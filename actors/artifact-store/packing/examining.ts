/** A look at every content before it is packed: what it is like, and whether there is anything to gain. */
import type { Storage } from '../storage.ts'
import { looksIncompressible } from './codec.ts'
import type { Candidate } from './planning.ts'
import { CONTENT_BYTES_MAX } from './sizes.ts'
import { featuresOf, SIMILAR_MIN, sketchOf } from './sketch.ts'

/** Read before others have their turn. */
export const TURN_BYTES = 512 * 1024

/** How a background task goes on beside others. */
export interface Pausing {
  /** Awaited between turns. */
  readonly pause: () => Promise<void>
  readonly stopping: AbortSignal
}

/** Looks at every content once. What cannot gain is settled: incompressible and like nothing else. */
export async function examine(
  storage: Storage,
  ids: readonly number[],
  options: Pausing,
): Promise<readonly Candidate[]> {
  const candidates: Candidate[] = []
  const doubtful: Candidate[] = []
  const settled: number[] = []
  let turnBytes = 0
  for (const id of ids) {
    if (options.stopping.aborted) return []
    const row = storage.query(({ artifacts }) => artifacts.byId(id))
    if (row === null || row.trashPlan !== null) continue
    if (row.sizeBytes > CONTENT_BYTES_MAX) continue
    const read = row.sizeBytes === 0 ? null : storage.read(row)
    if (read === null || read.kind === 'damaged') settled.push(id)
    else {
      const { sizeBytes, contentType, name, createdAt } = row
      const candidate = { id, sizeBytes, contentType, name, createdAt, sketch: sketchOf(read.content) }
      if (row.packing === 'raw' && looksIncompressible(read.content)) doubtful.push(candidate)
      else candidates.push(candidate)
    }
    if ((turnBytes += row.sizeBytes) >= TURN_BYTES) {
      turnBytes = 0
      await options.pause()
    }
  }
  const { alike, alone } = alikeAmong(doubtful)
  settle(storage, [...settled, ...alone.map(({ id }) => id)])
  return [...candidates, ...alike]
}

/** Incompressible contents are worth a try only beside a similar one. */
function alikeAmong(candidates: readonly Candidate[]): { alike: readonly Candidate[]; alone: readonly Candidate[] } {
  const counts = new Map<number, number>()
  for (const { sketch } of candidates) {
    for (const feature of featuresOf(sketch)) counts.set(feature, (counts.get(feature) ?? 0) + 1)
  }
  const isAlike = ({ sketch }: Candidate): boolean =>
    featuresOf(sketch).filter((feature) => counts.get(feature)! > 1).length >= SIMILAR_MIN
  return { alike: candidates.filter(isAlike), alone: candidates.filter((candidate) => !isAlike(candidate)) }
}

export function settle(storage: Storage, ids: readonly number[]): void {
  if (ids.length === 0) return
  storage.note(({ artifacts }) => {
    for (const id of ids) {
      if (artifacts.byId(id)?.packing === 'raw') artifacts.update(id, { packing: 'settled' })
    }
  })
}
