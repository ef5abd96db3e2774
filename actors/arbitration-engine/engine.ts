/**
 * One life of the engine: state, audit, clock and waiters together.
 *
 *   event → decide (pure) → record in the audit → tell those who wait
 *
 * I1: nothing is given out before the decision is in the log (written, so that it survives this thread and process;
 *     made durable within `COMMIT_MS`, because a grant does not outlive the machine anyway).
 * I2: while the log takes nothing, returns and cancellations still count in memory, but new requests fail with
 *     `AUDIT_UNAVAILABLE` before they change anything.
 * I3: time is the process's monotonic clock laid on the wall time of the start: a jump of the wall clock expires nothing.
 */
import type { ActorContext, Timer } from '../../runtime/index.ts'
import { canonicalJson } from '../../runtime/index.ts'
import { memoryFiles, openLog } from '../../runtime/persistence/index.ts'
import { decide, nextDueAt, type ArbitrationEvent } from './arbiter.ts'
import { openAudit, type AuditTrail } from './audit.ts'
import { standingRuling, unknownRuling } from './decisions.ts'
import type { ResolvedArbitrationConfig } from './options.ts'
import { restoreState, snapshotOf } from './snapshot.ts'
import { createState, type ArbiterState, type Outcome } from './state.ts'
import { createWaiters, type Waiters } from './waiters.ts'

export interface Engine {
  readonly state: ArbiterState
  readonly audit: AuditTrail
  readonly waiters: Waiters
  now(): number
  /** Decides, records, tells. Throws AUDIT_UNAVAILABLE when it happened but is not written yet. */
  apply(event: ArbitrationEvent): Outcome
  close(): Promise<void>
}

const COMMIT_MS = 50
/** How soon an audit that could not be written is tried again. */
const RETRY_MS = 1_000
const SNAPSHOT_EVERY = 4_096
const SEGMENT_BYTES = 8 * 2 ** 20

export function openEngine(config: ResolvedArbitrationConfig, ctx: ActorContext): Engine {
  const audit = openAudit(openAuditLog(config.dataDir), { keepBytes: config.auditBytesMax })
  const state = recoverState(config, audit, ctx)
  const waiters = createWaiters((id) => {
    const ruling = standingRuling(state, id, state.now) ?? unknownRuling(id)
    return ruling.outcome === 'deferred' ? undefined : ruling
  })
  const startedAt = Math.max(ctx.clock.now(), state.now)
  const originMs = ctx.clock.monotonicMs()
  const now = (): number => startedAt + Math.round((ctx.clock.monotonicMs() - originMs) * 1_000) / 1_000
  /** Decided but not told yet, because the audit could not be written. */
  const untold = new Set<string>()
  const timers: { due?: Timer; dueAt?: number; commit?: Timer } = {}
  let closed = false

  function apply(event: ArbitrationEvent): Outcome {
    if (event.kind === 'requested') audit.flush()
    const outcome = decide(state, event, now())
    if (outcome.changed) audit.record({ at: state.now, event, decisions: outcome.records })
    for (const { requestId } of outcome.rulings) untold.add(requestId)
    for (const requestId of outcome.withdrawn) untold.add(requestId)
    try {
      tell()
    } finally {
      arm()
    }
    return outcome
  }

  function tell(): void {
    audit.flush()
    const told = [...untold]
    untold.clear()
    waiters.wake(told)
    scheduleCommit()
    const size = state.queue.byRequest.size + state.grants.byId.size
    // Waits for as many entries as the state has members, so that writing snapshots stays a small part of the work.
    if (audit.unsnapshotted >= Math.max(SNAPSHOT_EVERY, size)) void snapshot()
  }

  function arm(): void {
    const dueAt = untold.size > 0 ? state.now + RETRY_MS : nextDueAt(state)
    if (closed || dueAt === timers.dueAt) return
    timers.due?.cancel()
    delete timers.due
    delete timers.dueAt
    if (dueAt === undefined) return
    timers.dueAt = dueAt
    timers.due = ctx.clock.setTimer(Math.max(0, dueAt - now()), () => {
      delete timers.dueAt
      attempt(() => apply({ kind: 'time-passed' }))
    })
  }

  function scheduleCommit(): void {
    timers.commit ??= ctx.clock.setTimer(COMMIT_MS, () => {
      delete timers.commit
      audit.commit().catch((error: unknown) => ctx.logger.error('audit is not durable', { error: String(error) }))
    })
  }

  async function snapshot(): Promise<void> {
    try {
      await audit.snapshot(snapshotOf(state))
    } catch (error) {
      ctx.logger.error('no snapshot of the arbitration state', { error: String(error) })
    }
  }

  function attempt(work: () => void): void {
    try {
      work()
    } catch (error) {
      ctx.logger.error('arbitration decisions are held back', { error: String(error) })
    }
  }

  async function close(): Promise<void> {
    closed = true
    timers.due?.cancel()
    timers.commit?.cancel()
    await snapshot()
    await audit.close()
  }

  return { state, audit, waiters, now, apply, close }
}

function openAuditLog(dataDir: string): ReturnType<typeof openLog> {
  const inMemory = dataDir === ':memory:'
  const dir = inMemory ? '/arbitration' : `${dataDir}/arbitration`
  return openLog({ dir, segmentBytes: SEGMENT_BYTES, ...(inMemory ? { files: memoryFiles() } : {}) })
}

/** The state of the last life: its snapshot, and every event since decided again. */
function recoverState(config: ResolvedArbitrationConfig, audit: AuditTrail, ctx: ActorContext): ArbiterState {
  const { state: snapshot, entries } = audit.recovered
  const state = (snapshot === null ? undefined : restoreState(config, snapshot)) ?? createState(config)
  let differing = 0
  for (const { at, event, decisions } of entries) {
    if (canonicalJson(decide(state, event, at).records) !== canonicalJson(decisions)) differing++
  }
  // Happens when the policy or its settings changed since; the accounts go on from what the new rules make of the events.
  if (differing > 0) ctx.logger.warn('decisions differ from the audit when replayed', { differing, of: entries.length })
  return state
}
