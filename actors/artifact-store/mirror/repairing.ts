/**
 * Damage that was found: quarantined, then repaired from the mirror where there is a good copy.
 *
 *   damaged ─► `damaged` in the log ─► copy of the mirror, verified ─► `state` with content in the log, synced ─► read again
 *
 * I1. One repair of an artifact at a time; whoever meets the same damage waits for it.
 * I2. An error of the mirror is none of the artifact's: it stays quarantined, and the next reader tries again.
 */
import type { ActorContext, Logger } from '../../../runtime/index.ts'
import { isPitError } from '../../../runtime/index.ts'
import type { ArtifactRow } from '../artifacts.ts'
import type { ContentHash } from '../protocol.ts'
import type { Storage } from '../storage.ts'
import { readVerified, required, type Range } from '../store.ts'
import type { Mirror } from './mirror.ts'

export interface Repairs {
  /** True when the content is good again. Never rejects. */
  repair(hash: ContentHash): Promise<boolean>
  /** Since this actor began. */
  readonly repaired: number
}

export function createRepairs(mirror: Mirror | null, ctx: Pick<ActorContext, 'logger' | 'metrics'>): Repairs {
  const underWay = new Map<ContentHash, Promise<boolean>>()
  const counter = ctx.metrics.counter('artifacts.repaired')
  let repaired = 0

  async function repairOnce(from: Mirror, hash: ContentHash): Promise<boolean> {
    try {
      const result = await from.heal(hash)
      if (result !== 'healed') {
        ctx.logger.error('a damaged artifact cannot be repaired', { hash, copy: result })
        return false
      }
      repaired++
      counter.add()
      ctx.logger.warn('a damaged artifact was repaired from the mirror', { hash })
      return true
    } catch (error) {
      ctx.logger.error('the mirror cannot be read for a repair', { hash, problem: String(error) })
      return false
    }
  }

  return {
    get repaired() {
      return repaired
    },
    async repair(hash) {
      if (mirror === null) return false
      const going = underWay.get(hash) ?? repairOnce(mirror, hash).finally(() => underWay.delete(hash))
      underWay.set(hash, going)
      return going
    },
  }
}

/** `readVerified`, once more after a repair. */
export async function readRepaired(
  ready: () => Promise<Storage>,
  repairs: Repairs,
  row: ArtifactRow,
  logger: Logger,
  range?: Range,
): Promise<Uint8Array> {
  try {
    return await readVerified(await ready(), row, logger, range)
  } catch (error) {
    if (!isPitError(error, 'ARTIFACT_CORRUPT') || !(await repairs.repair(row.hash))) throw error
    const storage = await ready()
    return readVerified(storage, required(storage, row.hash), logger, range)
  }
}
