/** Runs one operator at a time on a pool thread. Cancelling a task ends the thread, so its signal never aborts. */
import { errorToWire, silentLogger, systemClock } from '../../../runtime/index.ts'
import { checkOperatorInputs } from '../operators/index.ts'
import type { PoolReply, PoolTask } from './cpu-pool.ts'
import { loadOperator } from './user-operator.ts'

/** Called by piscina under the name of this file's only export. */
async function run({ operator: reference, inputs, roots, idempotencyKey }: PoolTask): Promise<PoolReply> {
  try {
    const operator = await loadOperator(reference)
    const { signal } = new AbortController()
    const ctx = { signal, roots, idempotencyKey, clock: systemClock, logger: silentLogger }
    return { output: (await operator.run(checkOperatorInputs(operator, inputs), ctx)) ?? null }
  } catch (error) {
    return { error: errorToWire(error) }
  }
}

export { run }
