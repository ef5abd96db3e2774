/** What the actor holds between messages, and how every call comes to the storage and back. */
import type { ActorContext, CallContext, Timer } from '../../runtime/index.ts'
import type { Accesses } from './accesses.ts'
import type { Encryption, EncryptionOptions } from './encryption.ts'
import type { HotContent } from './hot-content.ts'
import type { Mirror } from './mirror/mirror.ts'
import type { Repairs } from './mirror/repairing.ts'
import type { ContentHash } from './protocol.ts'
import type { Rater } from './quality/rater.ts'
import type { Scorer } from './quality/scorer.ts'
import type { Storage } from './storage.ts'
import type { Origin } from './store.ts'
import type { Tending } from './tending.ts'
import type { Upkeep } from './upkeep.ts'
import type { Uploads } from './uploads.ts'

export interface State {
  readonly config: { readonly artifactBytesMax: number; readonly dataDir: string }
  readonly open: () => Storage
  /** The keys as configured, and as loaded last. */
  readonly sealing: { readonly options: EncryptionOptions; loaded: Encryption } | null
  storage: Storage
  reopening: Promise<Storage> | null
  readonly upkeep: Upkeep
  readonly uploads: Uploads
  readonly accesses: Accesses
  readonly hot: HotContent
  readonly tending: Tending
  readonly mirror: Mirror | null
  readonly repairs: Repairs
  readonly rater: Rater
  readonly scorer: Scorer | null
  flushTimer: Timer | null
}

/** Accesses become durable in the background: after this time, or this many. */
const FLUSH_AFTER_MS = 10_000
const FLUSH_AT = 1000

/** The storage, opened again when the disk failed under it; waits when too much is unsynced. */
export async function ready(state: State): Promise<Storage> {
  state.upkeep.called()
  state.rater.called()
  return storageOf(state)
}

/** The same for work in the background, which is no call. */
export async function storageOf(state: State): Promise<Storage> {
  if (state.storage.failed) {
    state.reopening ??= reopen(state).finally(() => (state.reopening = null))
    return state.reopening
  }
  await state.storage.admit()
  return state.storage
}

async function reopen(state: State): Promise<Storage> {
  // What it could not write is lost; its callers were told.
  await state.storage.close().catch(() => {})
  state.storage = state.open()
  return state.storage
}

export function originOf(ctx: CallContext): Origin {
  return { callId: ctx.call.id, redelivered: ctx.call.redelivered > 0, now: ctx.clock.now() }
}

/** One turn that changes something, then its durability. */
export async function change<T>(state: State, turn: (storage: Storage) => T): Promise<T> {
  const storage = await ready(state)
  const reply = turn(storage)
  state.tending.poke()
  await storage.durable()
  state.mirror?.poke()
  return reply
}

export function touch(state: State, hash: ContentHash, ctx: CallContext): void {
  state.accesses.touch(hash, ctx.clock.now())
  if (state.accesses.size >= FLUSH_AT) return flushAccesses(state, ctx)
  state.flushTimer ??= ctx.clock.setTimer(FLUSH_AFTER_MS, () => flushAccesses(state, ctx))
}

/** Best effort: counts of reads that cannot be written must not fail a read. */
export function flushAccesses(state: State, ctx: ActorContext): void {
  state.flushTimer?.cancel()
  state.flushTimer = null
  if (state.accesses.size === 0 || state.storage.failed) return
  try {
    const counts = state.accesses.take()
    state.storage.write({ t: 'access', counts })
    state.rater.used(counts.map(([hash]) => hash))
    state.storage
      .durable()
      .catch((error: unknown) => ctx.logger.warn('accesses not stored', { problem: String(error) }))
  } catch (error) {
    ctx.logger.warn('accesses not stored', { problem: String(error) })
  }
}

/** Best effort: what is not freed now is freed with the next purge. */
export function reclaimAbandoned(state: State, ctx: ActorContext): void {
  ready(state)
    .then((storage) => state.upkeep.reclaim(storage))
    .catch((error: unknown) => ctx.logger.warn('the space of an upload was not freed', { problem: String(error) }))
}
