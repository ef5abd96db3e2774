/** How far a run is, from its events and counts. Pure: what is drawn follows from state and time alone. */
import type { RunCounts, RunEvent } from '../../actors/dag-tracker/protocol.ts'
import { clip, formatDuration, plural, printable } from './format.ts'

export interface Progress {
  readonly startedAt: number
  /** Nodes that run now, with the time they started, oldest first. */
  readonly running: ReadonlyMap<string, number>
  /** Nodes that were executed (not answered from cache) since this process follows the run. */
  readonly executed: number
}

export function startProgress(now: number): Progress {
  return { startedAt: now, running: new Map(), executed: 0 }
}

export function applyEvent(progress: Progress, event: RunEvent): Progress {
  const { nodeId } = event
  if (nodeId === undefined) return progress
  const running = new Map(progress.running)
  switch (event.type) {
    case 'node-started':
      return { ...progress, running: running.set(nodeId, event.at) }
    case 'node-completed':
    case 'node-failed':
    case 'node-skipped':
    case 'node-retried': {
      running.delete(nodeId)
      const executed = progress.executed + (event.type === 'node-completed' && event.cached !== true ? 1 : 0)
      return { ...progress, running, executed }
    }
    default:
      return progress
  }
}

/** With fewer nodes done than this, a guess at the time left would be noise. */
const ETA_NODES_MIN = 5

/** Milliseconds left if the rest goes as fast as what was done since `startedAt`; null when that cannot be told. */
export function etaMs(progress: Progress, counts: RunCounts, doneAtStart: number, now: number): number | null {
  const done = doneOf(counts) - doneAtStart
  const left = counts.total - doneOf(counts)
  if (done < ETA_NODES_MIN || left <= 0) return null
  return ((now - progress.startedAt) / done) * left
}

export function doneOf({ completed, failed, skipped }: RunCounts): number {
  return completed + failed + skipped
}

/** `37/92 nodes · 4 running · slowest digest[3].summary 2.1 s · about 8.0 s left`, cut to `width`. */
export function progressLine(
  progress: Progress,
  counts: RunCounts,
  { doneAtStart, now, width }: { readonly doneAtStart: number; readonly now: number; readonly width: number },
): string {
  const parts = [`${doneOf(counts)}/${counts.total} nodes`]
  if (counts.cached > 0) parts.push(`${counts.cached} from cache`)
  if (counts.failed > 0) parts.push(`${counts.failed} failed`)
  if (counts.running > 0) parts.push(`${counts.running} running`)
  const slowest = slowestOf(progress.running)
  if (slowest !== undefined) parts.push(`slowest ${slowest[0]} ${formatDuration(Math.max(0, now - slowest[1]))}`)
  const left = etaMs(progress, counts, doneAtStart, now)
  if (left !== null) parts.push(`about ${formatDuration(left)} left`)
  return clip(printable(parts.join(' · ')), width - 1)
}

/** A map runs as long as its items do; it is those that are worth naming. */
function slowestOf(running: Progress['running']): readonly [string, number] | undefined {
  const ids = [...running.keys()]
  return [...running].find(([id]) => !ids.some((other) => other.startsWith(`${id}[`)))
}

/** What a run was, in one line for its end. */
export function countsLine(counts: RunCounts): string {
  const parts = [`${plural(counts.completed, 'node')} completed`]
  if (counts.cached > 0) parts.push(`${counts.cached} of them answered from cache`)
  if (counts.failed > 0) parts.push(`${counts.failed} failed`)
  if (counts.skipped > 0) parts.push(`${counts.skipped} skipped`)
  return parts.join(', ')
}
