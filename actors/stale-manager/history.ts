/**
 * What the Stale Manager remembers: policies, the cleanup under way, the last result – and, as long as the log goes back,
 * every change and cleanup there was.
 *
 * I1: a cleanup is in the log before the first artifact moves, so a crash in the middle is continued, not begun anew.
 */
import { canonicalHash } from '../../runtime/index.ts'
import { memoryFiles, openLog } from '../../runtime/persistence/index.ts'
import type { CleanupPlan, CleanupResult, RetentionPolicy } from './protocol.ts'

export interface StartedCleanup {
  /** Message that asked for it. */
  readonly messageId: string
  readonly plan: CleanupPlan
}

export interface EndedCleanup {
  readonly messageId: string
  readonly result: CleanupResult
}

export interface Memory {
  readonly policies: readonly RetentionPolicy[] | null
  /** Hash of the policies that the configuration gave last. */
  readonly configured: string | null
  readonly started: StartedCleanup | null
  readonly ended: EndedCleanup | null
}

export type HistoryEvent =
  | { readonly kind: 'policies-configured'; readonly at: number; readonly policies: readonly RetentionPolicy[] }
  | { readonly kind: 'policies-set'; readonly at: number; readonly policies: readonly RetentionPolicy[] }
  | { readonly kind: 'cleanup-started'; readonly at: number; readonly cleanup: StartedCleanup }
  | { readonly kind: 'cleanup-ended'; readonly at: number; readonly cleanup: EndedCleanup }
  | { readonly kind: 'cleanup-undone'; readonly at: number; readonly planId: string; readonly restored: number }

export interface History {
  readonly memory: Memory
  /** Remembers; resolves when it is durable. */
  record(event: HistoryEvent): Promise<void>
  close(): Promise<void>
}

const EMPTY: Memory = { policies: null, configured: null, started: null, ended: null }
/** Above this the log is replaced by a snapshot of what matters. */
const LOG_BYTES_MAX = 16 * 2 ** 20

export function remember(memory: Memory, event: HistoryEvent): Memory {
  switch (event.kind) {
    case 'policies-configured':
      return { ...memory, policies: event.policies, configured: canonicalHash(event.policies) }
    case 'policies-set':
      return { ...memory, policies: event.policies }
    case 'cleanup-started':
      return { ...memory, started: event.cleanup }
    case 'cleanup-ended':
      return { ...memory, started: null, ended: event.cleanup }
    case 'cleanup-undone':
      return memory
  }
}

export function openHistory(dataDir: string): History {
  const inMemory = dataDir === ':memory:'
  const dir = inMemory ? '/retention' : `${dataDir}/retention`
  const log = openLog({ dir, ...(inMemory ? { files: memoryFiles() } : {}) })
  const snapshot = log.readSnapshot()
  let memory: Memory = snapshot === null ? EMPTY : (decode(snapshot.state) as Memory)
  for (const { payload } of log.read(snapshot?.position ?? log.start)) {
    memory = remember(memory, decode(payload) as HistoryEvent)
  }

  async function compact(): Promise<void> {
    const position = log.end
    await log.writeSnapshot(position, encode(memory))
    await log.rotate()
    log.truncateBefore(position)
  }

  return {
    get memory() {
      return memory
    },
    async record(event) {
      log.append(encode(event))
      memory = remember(memory, event)
      await log.commit()
      if (log.physicalBytes() > LOG_BYTES_MAX) await compact()
    },
    close: () => log.close(),
  }
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value))
}

function decode(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(bytes))
}
