/** The end of this life of the pool: whoever waits is told. Hosts and their models are the supervisor's to stop. */
import { poolErrors } from './errors.ts'
import type { Pool } from './pool.ts'

export function shutDown(pool: Pool): void {
  for (const { model, waiter } of pool.waiting.values()) {
    waiter.fail(poolErrors.fail('POOL_STOPPING', { model: model.spec.id }))
  }
  pool.waiting.clear()
}
