/**
 * The second copy of all content, made in the background, and what repairs from it.
 *
 *   change ─► poke ─► a pass: sync the log ─► deletes that purges owe ─► copies, a few at a time ─► … until nothing is owed
 *                       └─ the backend fails: again after a while, longer each time; callers never notice
 *
 * I1. Copied is what is durable. What is owed is in the index (`mirror-table.ts`): memory holds one batch.
 * I2. One pass at a time, deletes before copies: a copy never meets the delete of its own past.
 * I3. The mirror carries the mark of its store. A mirror of another store is neither written nor read.
 */
import { isPitError, sleep, type ActorContext, type Timer } from '../../../runtime/index.ts'
import type { StorageBackend } from '../backends/index.ts'
import { artifactErrors } from '../errors.ts'
import type { ContentHash, MirrorStatus } from '../protocol.ts'
import type { Storage } from '../storage.ts'
import { checkCopy, CONTENT_PREFIX, copyBack, copyOut, type CopyCheck, type HealResult } from './copies.ts'

export interface Mirror {
  /** To be called after a change: something may be owed. */
  poke(): void
  /** Brings back what is quarantined. Errors: those of the backend, `MIRROR_FOREIGN`. */
  heal(hash: ContentHash): Promise<HealResult>
  /** Reads the copy back. What is owed and not copied yet counts as missing. */
  check(hash: ContentHash, sizeBytes: number): Promise<CopyCheck>
  /** Makes the copy of an artifact again. */
  again(artifact: number, hash: ContentHash): Promise<void>
  status(): MirrorStatus
  /** Stops at once; `close` may still follow. */
  cancel(): void
  /** Copies what is owed, for a short while, and lets go of the backend. */
  close(): Promise<void>
}

export interface MirrorOptions {
  readonly open: () => Promise<StorageBackend>
  readonly location: string
  /** The storage of the moment, opened again when it has to be. */
  readonly storage: () => Promise<Storage>
  /** The storage as it is, for counting. */
  readonly current: () => Storage
  /** To be told of hints in the index, so that they are committed soon. */
  readonly noted: () => void
  readonly ctx: ActorContext
}

const MARK = 'store'
const BEGIN_AFTER_MS = 50
const BATCH = 64
/** Each waits for syncs of its own; the log's must not wait for all of them. */
const COPIES_AT_ONCE = 2
const RETRY_MS = 1000
const RETRY_MS_MAX = 60_000
/** Half of what an actor has for its end. */
const CLOSING_MS = 2500

export function createMirror(options: MirrorOptions): Mirror {
  const { open, location, current, ctx } = options
  const copied = ctx.metrics.counter('mirror.copied')
  let attached: Promise<StorageBackend> | null = null
  let timer: Timer | null = null
  let running: Promise<void> | null = null
  let stopped = false
  let surveyed = false
  let failures = 0
  let problem: string | null = null
  const done = { copied: 0, deleted: 0 }

  /** A former life of the actor must not touch what belongs to the new one. */
  async function storage(): Promise<Storage> {
    if (stopped) throw artifactErrors.fail('STORAGE_CLOSED', { dir: location })
    return options.storage()
  }

  function backend(): Promise<StorageBackend> {
    attached ??= attach().catch((error: unknown) => {
      attached = null
      throw error
    })
    return attached
  }

  async function attach(): Promise<StorageBackend> {
    const opened = await open()
    try {
      await recognize(opened)
      return opened
    } catch (error) {
      await opened.close().catch(() => {})
      throw error
    }
  }

  /** I3. The id is in the log before it is in the mirror: what a crash leaves half done is begun anew. */
  async function recognize(opened: StorageBackend): Promise<void> {
    const mark = await opened.get(MARK)
    const on = await storage()
    const own = on.query((tables) => tables.mirror.identity())
    if (mark !== null) {
      if (Buffer.from(mark).toString() === own) return
      throw artifactErrors.fail('MIRROR_FOREIGN', { location })
    }
    const id = ctx.ids.next('store')
    on.write({ t: 'mirror', id })
    on.note((tables) => tables.mirror.oweAll())
    await on.durable()
    await opened.put(MARK, Buffer.from(id))
  }

  /** Everything the mirror has of what is owed needs no copy. */
  async function survey(from: StorageBackend): Promise<void> {
    for (let cursor: string | undefined; ;) {
      const page = await from.list({ prefix: CONTENT_PREFIX, ...(cursor === undefined ? {} : { cursor }) })
      const on = await storage()
      on.note((tables) => {
        for (const { key, sizeBytes } of page.items) tables.mirror.found(key.slice(CONTENT_PREFIX.length), sizeBytes)
      })
      if (page.cursor === undefined) break
      cursor = page.cursor
    }
  }

  /** False when nothing is owed any more. */
  async function pass(): Promise<boolean> {
    const to = await backend()
    const on = await storage()
    await on.durable()
    // The index may have been built again, and nearly all of it be there.
    if (!surveyed && on.query((tables) => tables.mirror.isBehind())) await survey(to)
    surveyed = true
    for (const owed of on.query((tables) => tables.mirror.deletes(BATCH))) {
      await to.delete(CONTENT_PREFIX + owed.hash)
      ;(await storage()).note((tables) => tables.mirror.deleted(owed))
      done.deleted++
    }
    const copies = (await storage()).query((tables) => tables.mirror.copies(BATCH))
    const next = copies.values()
    await all(Array.from({ length: COPIES_AT_ONCE }, () => copyEach(next, to)))
    options.noted()
    const { copies: more, deletes } = (await storage()).query((tables) => tables.mirror.counts())
    return more + deletes > 0
  }

  async function copyEach(artifacts: Iterator<number>, to: StorageBackend): Promise<void> {
    for (let next = artifacts.next(); next.done !== true; next = artifacts.next()) {
      const artifact = next.value
      const before = hashOf(await storage(), artifact)
      const result = await copyOut(storage, to, artifact)
      const on = await storage()
      // The number may belong to another artifact by now, which is owed its own copy.
      if (hashOf(on, artifact) !== before) continue
      on.note((tables) => tables.mirror.copied(artifact))
      if (result === 'copied') {
        done.copied++
        copied.add()
      }
    }
  }

  async function run(): Promise<void> {
    try {
      while (await pass()) await sleep(ctx.clock, 0)
      if (problem !== null) ctx.logger.info('the mirror works again', { location })
      failures = 0
      problem = null
    } catch (error) {
      if (stopped || isPitError(error, 'STORAGE_CLOSED')) return
      const reason = error instanceof Error ? error.message : String(error)
      if (reason !== problem) ctx.logger.error('the mirror is not up to date', { location, problem: reason })
      problem = reason
      rearm(Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** failures++))
    }
  }

  function arm(delayMs: number): void {
    if (stopped || timer !== null) return
    timer = ctx.clock.setTimer(delayMs, () => {
      timer = null
      start()
    })
  }

  function rearm(delayMs: number): void {
    timer?.cancel()
    timer = null
    arm(delayMs)
  }

  function start(): void {
    running ??= run().finally(() => {
      running = null
      if (problem === null && !stopped && owed() > 0) arm(BEGIN_AFTER_MS)
    })
  }

  function owed(): number {
    const { copies, deletes } = counts()
    return copies + deletes
  }

  function counts(): { readonly copies: number; readonly deletes: number } {
    const on = current()
    return on.failed || on.log.closed ? { copies: 0, deletes: 0 } : on.query((tables) => tables.mirror.counts())
  }

  return {
    poke: () => arm(BEGIN_AFTER_MS),
    heal: async (hash) => copyBack(storage, await backend(), hash),
    check: async (hash, sizeBytes) => checkCopy(await backend(), hash, sizeBytes),
    async again(artifact, hash) {
      ;(await storage()).note((tables) => tables.mirror.oweCopy(artifact, hash))
      arm(BEGIN_AFTER_MS)
    },
    status() {
      const { copies, deletes } = counts()
      const busy = copies + deletes > 0 || running !== null || !surveyed
      const state = problem !== null ? 'failing' : busy ? 'copying' : 'idle'
      const said = problem === null ? {} : { problem }
      return { location, state, owedCopies: copies, owedDeletes: deletes, ...done, ...said }
    },
    cancel() {
      stopped = true
      timer?.cancel()
      timer = null
    },
    async close() {
      await running
      if (problem === null && (!surveyed || owed() > 0)) {
        stopped = false
        const end = ctx.clock.setTimer(CLOSING_MS, () => (stopped = true))
        await run()
        end.cancel()
      }
      this.cancel()
      await attached?.then((opened) => opened.close()).catch(() => {})
    },
  }
}

function hashOf(storage: Storage, artifact: number): ContentHash | undefined {
  return storage.query(({ artifacts }) => artifacts.byId(artifact)?.hash)
}

/** Waits for all, then fails with the first failure: none goes on alone. */
async function all(tasks: readonly Promise<void>[]): Promise<void> {
  const settled = await Promise.allSettled(tasks)
  for (const result of settled) if (result.status === 'rejected') throw result.reason
}
