/** The pool for CPU-bound operators: piscina, started with the first task, all cores unless told otherwise. */
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Piscina } from 'piscina'
import { errorFromWire, type WireError } from '../../../runtime/index.ts'
import type { OperatorNode } from '../workflow/definition.ts'
import type { NodeTask } from './runner.ts'
import type { OperatorReference } from './user-operator.ts'

/** What crosses to a pool thread. */
export interface PoolTask {
  readonly operator: OperatorReference
  readonly inputs: Readonly<Record<string, unknown>>
  readonly roots: readonly string[]
  readonly idempotencyKey: string
}

/** Errors come back as data: a thrown one would lose its code on the way. */
export type PoolReply = { readonly output: unknown } | { readonly error: WireError }

export interface CpuPool {
  /** The operator's output. An aborted task ends with its thread. */
  run(task: NodeTask<OperatorNode>): Promise<unknown>
  close(): Promise<void>
}

const ENTRY = import.meta.url.endsWith('.ts') ? './cpu-pool-worker.ts' : './cpu-pool-worker.js'

/** @param threads @default one per core */
export function createCpuPool(threads = availableParallelism()): CpuPool {
  let pool: Piscina<PoolTask, PoolReply> | null = null
  return {
    async run({ definition, inputs, roots, idempotencyKey, signal }) {
      pool ??= new Piscina({
        filename: fileURLToPath(new URL(ENTRY, import.meta.url)),
        name: 'run',
        minThreads: 0,
        maxThreads: threads,
        idleTimeout: 30_000,
        atomics: 'async',
      })
      const reply = await pool.run({ operator: definition.operator, inputs, roots, idempotencyKey }, { signal })
      if ('error' in reply) throw errorFromWire(reply.error)
      return reply.output
    },
    async close() {
      await pool?.destroy()
      pool = null
    },
  }
}
