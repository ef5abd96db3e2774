/** Starts a run, or takes its unfinished twin up again, and follows it to its end with live progress. */
import type { ExecutionResult } from '../../actors/dag-tracker/protocol.ts'
import { sleep, systemClock } from '../../runtime/index.ts'
import type { StartOptions } from '../clients/workflows.ts'
import { hostErrors } from '../errors.ts'
import type { Pit } from '../pit.ts'
import type { WorkflowSource } from '../workflow-source.ts'
import type { Invocation } from './command.ts'
import { applyEvent, countsLine, doneOf, progressLine, startProgress } from './progress.ts'
import { formatDuration } from './format.ts'
import { selfCommand } from './self-command.ts'

export interface FollowedRun {
  readonly result: ExecutionResult
  /** Wall time of this process's part of the run. */
  readonly durationMs: number
}

/** On a terminal the line is redrawn often; in a log file a line now and then is enough. */
const LIVE_MS = 200
const PLAIN_MS = 5_000

/**
 * The data directory is opened with resume 'manual', so that only the run in question goes on: `start` attaches to the
 * unfinished run of the same workflow and inputs, if there is one.
 */
export async function startAndFollow(
  invocation: Invocation,
  pit: Pit,
  source: WorkflowSource,
  options: StartOptions,
): Promise<FollowedRun> {
  const { runId, attached } = await pit.workflows.start(source, options)
  if (!attached) return followRun(invocation, pit, runId)
  return resumeAndFollow(invocation, pit, runId)
}

export async function resumeAndFollow(invocation: Invocation, pit: Pit, runId: string): Promise<FollowedRun> {
  const { counts, state } = await pit.workflows.status(runId)
  if (state === 'running' || state === 'pending' || state === 'paused') {
    await pit.workflows.resume(runId)
    const { output } = invocation
    output.note(`resumed run ${runId}, ${doneOf(counts)} of ${counts.total} nodes were done`)
  }
  return followRun(invocation, pit, runId)
}

async function followRun(invocation: Invocation, pit: Pit, runId: string): Promise<FollowedRun> {
  const { output, signal } = invocation
  const startedAt = systemClock.monotonicMs()
  const progress = drawProgress(invocation, pit, runId)
  try {
    const result = await pit.workflows.wait(runId, { signal })
    await progress.stop()
    const durationMs = systemClock.monotonicMs() - startedAt
    output.note(`run ${runId} ${result.state} in ${formatDuration(durationMs)}: ${countsLine(result.counts)}`)
    return { result, durationMs }
  } catch (error) {
    await progress.stop()
    if (!signal.aborted) throw error
    throw hostErrors.fail(
      'INTERRUPTED',
      { next: `run ${runId} goes on with: ${selfCommand(`resume ${runId}`, invocation.args)}` },
      { cause: error },
    )
  }
}

interface DrawnProgress {
  stop(): Promise<void>
}

function drawProgress({ output }: Invocation, pit: Pit, runId: string): DrawnProgress {
  if (output.json || output.quiet) return { stop: async () => {} }
  const stop = new AbortController()
  let state = startProgress(Date.now())

  async function follow(): Promise<void> {
    for await (const event of pit.workflows.events(runId, { signal: stop.signal })) state = applyEvent(state, event)
  }

  async function draw(): Promise<void> {
    let doneAtStart: number | null = null
    for (;;) {
      await sleep(systemClock, output.live ? LIVE_MS : PLAIN_MS, stop.signal)
      const { counts } = await pit.workflows.status(runId, { signal: stop.signal })
      doneAtStart ??= doneOf(counts)
      const line = progressLine(state, counts, { doneAtStart, now: Date.now(), width: output.columns })
      if (output.live) output.progress(line)
      else output.note(line)
    }
  }

  // Progress is a courtesy: it ends with the run, and when it fails the run goes on.
  const drawn = Promise.allSettled([follow(), draw()])
  return {
    async stop() {
      stop.abort()
      await drawn
      output.progress('')
    },
  }
}
