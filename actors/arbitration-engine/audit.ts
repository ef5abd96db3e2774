/**
 * The audit trail: every event with the decisions it led to, append-only, each entry chained to the one before.
 *
 *   payload = <64 hex digits: SHA-256 of body> "\n" <body: canonical JSON { at, decisions, event, prev }>
 *   prev    = hash of the entry before ("0…0" for the first), always the last member of the body
 *
 * The same entries are the engine's journal: `decide` is deterministic, so snapshot + events is the state.
 *
 * I1: entries are written in the order they were recorded; what could not be written stays in `pending` and goes first.
 * I2: `head` is the hash of the entry recorded last, written or not.
 * A chain shows what was altered, removed in the middle or reordered. Whoever can rewrite the whole tail can forge it.
 */
import { canonicalJson, describe, sha256Hex } from '../../runtime/index.ts'
import type { Log, LogPosition } from '../../runtime/persistence/index.ts'
import type { ArbitrationEvent } from './arbiter.ts'
import { arbitrationErrors } from './errors.ts'
import type { AuditCheck, DecisionRecord } from './protocol.ts'
import type { ArbiterSnapshot } from './snapshot.ts'

export interface AuditEntry {
  readonly at: number
  readonly event: ArbitrationEvent
  readonly decisions: readonly DecisionRecord[]
}

export interface DecisionQuery {
  readonly tenant?: string
  readonly runId?: string
  /** @default 100, at most 1_000 */
  readonly limit?: number
}

export interface AuditTrail {
  /** What was there at open: the state to begin with and the entries since. */
  readonly recovered: { readonly state: ArbiterSnapshot | null; readonly entries: readonly AuditEntry[] }
  /** Entries since the last snapshot. */
  readonly unsnapshotted: number
  record(entry: AuditEntry): void
  /** Writes what is pending. @throws AUDIT_UNAVAILABLE (retry) when the log does not take it; nothing is lost */
  flush(): void
  /** Makes what is written durable. */
  commit(): Promise<void>
  find(id: string): DecisionRecord | null
  /** Newest first, among the most recent decisions (`RECENT_MAX`, less right after a restart). */
  query(query: DecisionQuery): readonly DecisionRecord[]
  verify(): AuditCheck
  /** Stores the state, which stands for everything recorded, and drops the oldest segments above `keepBytes`. */
  snapshot(state: ArbiterSnapshot): Promise<void>
  close(): Promise<void>
}

export const GENESIS = '0'.repeat(64)
const HASH_LENGTH = 64
const RECENT_MAX = 20_000
/** Entries between two points of the index by decision number. */
const INDEX_STRIDE = 256
const LIMIT_MAX = 1_000

interface IndexPoint {
  /** Number of the first decision at or after this position. */
  readonly sequence: number
  readonly position: LogPosition
}

interface Bookmark {
  readonly head: string
  readonly index: readonly IndexPoint[]
  readonly state: ArbiterSnapshot
}

interface Sealed {
  readonly payload: Uint8Array
  readonly hash: string
  readonly entry: AuditEntry
}

/** An entry as bytes, and its hash. */
export function sealEntry(entry: AuditEntry, prev: string): { readonly payload: Uint8Array; readonly hash: string } {
  const body = canonicalJson({ ...entry, prev })
  const hash = sha256Hex(body)
  return { payload: new TextEncoder().encode(`${hash}\n${body}`), hash }
}

/** Checks payloads in order; the first one's `prev` is taken as it is when earlier entries were dropped. */
export function checkChain(
  payloads: Iterable<{ readonly position: LogPosition; readonly payload: Uint8Array }>,
): AuditCheck {
  let previous: string | undefined
  let entries = 0
  for (const { position, payload } of payloads) {
    const { hash, body, prev } = open(payload)
    const expected = previous ?? (position === 0 ? GENESIS : prev)
    if (sha256Hex(body) !== hash || prev !== expected) return { intact: false, entries, brokenAt: position }
    previous = hash
    entries++
  }
  return { intact: true, entries }
}

export function openAudit(log: Log, { keepBytes }: { readonly keepBytes: number }): AuditTrail {
  const bookmark = readBookmark(log)
  const recent: DecisionRecord[] = []
  const pending: Sealed[] = []
  let index: IndexPoint[] = [...(bookmark?.index ?? [])]
  let head = bookmark?.head ?? GENESIS
  let sinceIndex = INDEX_STRIDE
  let unsnapshotted = 0
  const recovered = { state: bookmark?.state ?? null, entries: recover() }

  /** Replays what follows the snapshot; what is before it, as far back as the last two segments, only fills `recent`. */
  function recover(): AuditEntry[] {
    const replayFrom = log.readSnapshot()?.position ?? log.start
    const readFrom = Math.min(replayFrom, log.segments().at(-2)?.start ?? log.start)
    const entries: AuditEntry[] = []
    for (const { position, payload } of log.read(readFrom, { onDamage: () => {} })) {
      const { hash, body } = open(payload)
      const entry = JSON.parse(body) as AuditEntry
      remember(entry)
      if (position < replayFrom) continue
      entries.push(entry)
      addToIndex(entry, position)
      head = hash
    }
    unsnapshotted = entries.length
    return entries
  }

  function remember(entry: AuditEntry): void {
    recent.push(...entry.decisions)
    // Dropped in bulk: taking one off the front each time would move the whole array.
    if (recent.length > 2 * RECENT_MAX) recent.splice(0, recent.length - RECENT_MAX)
  }

  function addToIndex(entry: AuditEntry, position: LogPosition): void {
    const first = entry.decisions[0]
    if (++sinceIndex <= INDEX_STRIDE || first === undefined) return
    index.push({ sequence: sequenceOf(first.id), position })
    sinceIndex = 0
  }

  function flush(): void {
    while (pending.length > 0) {
      const { payload, entry } = pending[0]!
      try {
        addToIndex(entry, log.append(payload))
      } catch (cause) {
        throw arbitrationErrors.fail('AUDIT_UNAVAILABLE', { reason: describe(cause) }, { cause })
      }
      pending.shift()
    }
  }

  function findInLog(id: string): DecisionRecord | null {
    const sequence = sequenceOf(id)
    const from = index.findLast((point) => point.sequence <= sequence && point.position >= log.start)
    let left = 2 * INDEX_STRIDE
    for (const { payload } of log.read(from?.position ?? log.start, { onDamage: () => {} })) {
      const found = (JSON.parse(open(payload).body) as AuditEntry).decisions.find((decision) => decision.id === id)
      if (found !== undefined) return found
      if (--left === 0) break
    }
    return null
  }

  function dropOldest(before: LogPosition): void {
    let excessBytes = log.physicalBytes() - keepBytes
    let dropTo = log.start
    for (const { start, end } of log.segments()) {
      if (excessBytes <= 0 || end > before) break
      excessBytes -= end - start
      dropTo = end
    }
    log.truncateBefore(dropTo)
    index = index.filter(({ position }) => position >= log.start)
  }

  return {
    recovered,
    get unsnapshotted() {
      return unsnapshotted
    },
    record(entry) {
      const sealed = sealEntry(entry, head)
      pending.push({ ...sealed, entry })
      head = sealed.hash
      unsnapshotted++
      remember(entry)
    },
    flush,
    commit: () => log.commit(),
    find: (id) =>
      recent.findLast((decision) => decision.id === id || decision.requestId === id) ??
      (Number.isNaN(sequenceOf(id)) ? null : findInLog(id)),
    query({ tenant, runId, limit = 100 }) {
      const matches: DecisionRecord[] = []
      for (let i = recent.length - 1; i >= 0 && matches.length < Math.min(limit, LIMIT_MAX); i--) {
        const decision = recent[i]!
        if (tenant !== undefined && decision.tenant !== tenant) continue
        if (runId === undefined || decision.runId === runId) matches.push(decision)
      }
      return matches
    },
    verify() {
      let damagedAt: LogPosition | undefined
      const check = checkChain(log.read(log.start, { onDamage: ({ from }) => void (damagedAt ??= from) }))
      return damagedAt === undefined ? check : { intact: false, entries: check.entries, brokenAt: damagedAt }
    },
    async snapshot(state) {
      flush()
      const position = log.end
      const bookmark = new TextEncoder().encode(JSON.stringify({ head, index, state } satisfies Bookmark))
      unsnapshotted = 0
      // The snapshot stands for what is before it, so that must not be lost while the snapshot stays.
      await log.commit()
      await log.writeSnapshot(position, bookmark)
      dropOldest(position)
    },
    close: () => log.close(),
  }
}

function open(payload: Uint8Array): { readonly hash: string; readonly body: string; readonly prev: string } {
  const text = new TextDecoder().decode(payload)
  const body = text.slice(HASH_LENGTH + 1)
  return { hash: text.slice(0, HASH_LENGTH), body, prev: body.slice(-HASH_LENGTH - 2, -2) }
}

function readBookmark(log: Log): Bookmark | null {
  const snapshot = log.readSnapshot()
  return snapshot === null ? null : (JSON.parse(new TextDecoder().decode(snapshot.state)) as Bookmark)
}

/** The number in `decision_<epoch>_<number>`; NaN for anything else. */
function sequenceOf(id: string): number {
  return Number(/^decision_\w+_(\d+)$/.exec(id)?.[1] ?? Number.NaN)
}
