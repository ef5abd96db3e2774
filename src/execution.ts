/**
 * `executeWorkflow`: start, follow, wait – and cancel, when the caller gives up and nobody else here waits for that run
 * (two calls of the same workflow and inputs share one run).
 */
import type { ExecutionResult, RunEvent } from '../actors/dag-tracker/protocol.ts'
import { runtimeErrors, systemClock, type CallOptions } from '../runtime/index.ts'
import { split } from './call-options.ts'
import type { StartOptions, WorkflowsClient } from './clients/workflows.ts'
import type { WorkflowSource } from './workflow-source.ts'

interface Options extends StartOptions, CallOptions {
  readonly onEvent?: (event: RunEvent) => void
}

/** A start is one durable record; longer than this and something is wrong. */
const START_DEADLINE_MS = 60_000

export function createExecutions(workflows: WorkflowsClient) {
  /** Calls that wait for a run, by its id. */
  const waiters = new Map<string, number>()

  return async function executeWorkflow(source: WorkflowSource, options: Options = {}): Promise<ExecutionResult> {
    const { onEvent, ...given } = options
    const { call, rest } = split(given)
    const { signal } = call
    if (signal?.aborted === true) {
      const fields = { actor: 'dag-tracker', call: 'start' }
      throw runtimeErrors.fail('CANCELLED', fields, { cause: signal.reason })
    }
    const deadlineAt = systemClock.monotonicMs() + (call.deadlineMs ?? Infinity)
    // Not cancellable: a start given up half-way would leave a run that nobody knows.
    const { runId } = await workflows.start(source, {
      ...rest,
      deadlineMs: Math.min(call.deadlineMs ?? Infinity, START_DEADLINE_MS),
    })
    waiters.set(runId, (waiters.get(runId) ?? 0) + 1)
    try {
      return await follow(runId, { ...call, deadlineMs: Math.max(0, deadlineAt - systemClock.monotonicMs()) }, onEvent)
    } catch (error) {
      if (waiters.get(runId) === 1) await cancel(runId, error)
      throw error
    } finally {
      const left = (waiters.get(runId) ?? 1) - 1
      if (left === 0) waiters.delete(runId)
      else waiters.set(runId, left)
    }
  }

  async function follow(
    runId: string,
    call: CallOptions,
    onEvent?: (event: RunEvent) => void,
  ): Promise<ExecutionResult> {
    if (onEvent === undefined) return workflows.wait(runId, call)
    const stop = new AbortController()
    const signal = call.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, call.signal])
    const report = async (): Promise<void> => {
      for await (const event of workflows.events(runId, { signal })) onEvent(event)
    }
    try {
      const [result] = await Promise.all([workflows.wait(runId, { ...call, signal }), report()])
      return result
    } finally {
      stop.abort()
    }
  }

  /** The caller hears why it gave up, not how the cancellation went. */
  async function cancel(runId: string, cause: unknown): Promise<void> {
    const reason = cause instanceof Error ? cause.message : String(cause)
    await workflows.cancel(runId, { reason }).catch(() => {})
  }
}
