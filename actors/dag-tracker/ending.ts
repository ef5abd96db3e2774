/** The end of a run: everything small is stored, the outputs are taken, the artifacts are let go, the history is written. */
import type { ActorContext } from '../../runtime/index.ts'
import type { Resolver } from './bindings.ts'
import { dagErrors } from './errors.ts'
import type { History } from './history.ts'
import type { RunOutputs } from './outputs.ts'
import type { NodeFailure, RunState } from './protocol.ts'
import { toPitError } from './recovery.ts'
import type { RecordOf, StoredValue } from './record.ts'
import type { Run } from './run.ts'
import { isRunEnded } from './transitions.ts'
import { isInline, toOutput, type Artifacts } from './values.ts'

export interface EndingOptions {
  readonly ctx: ActorContext
  readonly run: Run
  readonly resolver: Resolver
  readonly outputs: RunOutputs
  readonly artifacts: Artifacts
  readonly history: History
}

/** Everything the run's last record says. Safe to be interrupted and done again: nothing here happens twice. */
export async function endRun(options: EndingOptions): Promise<Omit<RecordOf<'run-ended'>, 'run' | 'at' | 'kind'>> {
  const { ctx, run, artifacts, history } = options
  const failures: NodeFailure[] = []
  let state: RunState = isRunEnded(run.state) ? run.state : run.unhandled.length > 0 ? 'failed' : 'completed'
  if (state === 'failed' && run.unhandled.length === 0) failures.push(stuck(run))
  let outputs: Readonly<Record<string, StoredValue>> = {}
  try {
    await options.outputs.flush()
    if (state === 'completed') outputs = await takeOutputs(options)
  } catch (error) {
    const { code, message } = toPitError(error, '')
    failures.push({ nodeId: '', code, message })
    if (state === 'completed') state = 'failed'
  }
  try {
    // Before the end is recorded: after a crash in between it is simply done again, and no pin is left behind.
    await artifacts.unpin(run.start.runId)
  } catch (error) {
    ctx.logger.warn('artifacts stay pinned', { runId: run.start.runId, error: String(error) })
  }
  return { state, outputs, failures, pages: await writeHistory(ctx, history, run) }
}

function stuck(run: Run): NodeFailure {
  const waiting = run.records.findLast((record) => record.kind === 'run-state')?.message ?? ''
  const { code, message } = dagErrors.fail('RUN_STUCK', { runId: run.start.runId, waiting })
  return { nodeId: '', code, message }
}

async function takeOutputs({ resolver, outputs }: EndingOptions): Promise<Readonly<Record<string, StoredValue>>> {
  const taken: [string, StoredValue][] = []
  for (const { name, value, from } of await resolver.runOutputs()) {
    const output = toOutput(value, `outputs.${name}`)
    // Texts are what people want to find again by hash; other small values are in the record itself.
    const inPlace = typeof output.value !== 'string' && isInline(output)
    taken.push([name, inPlace ? { value: output.value } : await outputs.storeNamed(name, output.value, from)])
  }
  return Object.fromEntries(taken)
}

async function writeHistory(ctx: ActorContext, history: History, run: Run): Promise<readonly number[]> {
  try {
    return await history.write(run.records)
  } catch (error) {
    ctx.logger.warn('the history of a run cannot be written', { runId: run.start.runId, error: String(error) })
    return []
  }
}
