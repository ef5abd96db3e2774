/**
 * Ended runs: their records, packed into pages of a second log, and a bounded list of their ends. Looking at an old run
 * replays its records, so there is one way to make a run from its history, and nothing else to keep in step.
 *
 * I1. The pages of a run are durable before the record that says it has ended.
 * I2. At most `runsMax` runs are kept; the pages of older ones are dropped with their segments.
 */
import type { Log } from '../../runtime/index.ts'
import type { RunSummary } from './protocol.ts'
import { replayRun } from './progress.ts'
import { decodeRecords, encodeRecords, type RecordOf, type RunRecord } from './record.ts'
import type { Run } from './run.ts'

/** What is kept at hand of a run that has ended. */
export interface EndedRun {
  readonly number: number
  readonly summary: RunSummary
  readonly definitionHash: string
  readonly inputsHash: string
  readonly end: RecordOf<'run-ended'>
}

export interface History {
  /** Writes a run's records; returns the pages to name in its last record. */
  write(records: readonly RunRecord[]): Promise<readonly number[]>
  /** Takes note of the end; may forget the oldest. `whole` is the run itself, when it is at hand. */
  add(ended: EndedRun, whole?: Run): void
  find(runId: string): EndedRun | null
  /** In order of ending. */
  list(): readonly EndedRun[]
  /** The whole run as it was; null when its pages are gone. */
  load(ended: EndedRun): Run | null
}

export interface HistoryOptions {
  readonly log: Log
  /** @default 200 */
  readonly runsMax?: number
}

const PAGE_RECORDS = 2_000
/** Ended runs that stay in memory whole: who just waited for a run usually looks at it next. */
const LOADED_MAX = 8

export function createHistory({ log, runsMax = 200 }: HistoryOptions): History {
  const ended = new Map<string, EndedRun>()
  const loaded = new Map<string, Run>()

  function load(run: EndedRun): Run | null {
    const { runId } = run.summary
    const known = loaded.get(runId)
    if (known !== undefined) return known
    if (run.end.pages.some((page) => page < log.start)) return null
    const records = run.end.pages.flatMap((page) => decodeRecords(log.readAt(page)))
    if (records.length === 0) return null
    const whole = replayRun([...records, run.end])
    keep(runId, whole)
    return whole
  }

  function keep(runId: string, whole: Run): void {
    loaded.set(runId, whole)
    if (loaded.size > LOADED_MAX) loaded.delete(loaded.keys().next().value!)
  }

  return {
    async write(records) {
      const pages: number[] = []
      for (let at = 0; at < records.length; at += PAGE_RECORDS) {
        pages.push(log.append(encodeRecords(records.slice(at, at + PAGE_RECORDS))))
      }
      await log.commit()
      return pages
    },
    add(run, whole) {
      ended.set(run.summary.runId, run)
      if (whole !== undefined) keep(run.summary.runId, whole)
      if (ended.size <= runsMax) return
      const [oldest] = ended.keys()
      ended.delete(oldest!)
      const pages = [...ended.values()].flatMap(({ end }) => end.pages.slice(0, 1))
      if (pages.length > 0) log.truncateBefore(Math.min(...pages))
    },
    find: (runId) => ended.get(runId) ?? null,
    list: () => [...ended.values()],
    load,
  }
}
