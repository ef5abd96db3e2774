/**
 * The Artifact Store as an actor.
 *
 *   message ─► check the input ─► one turn on the storage (store.ts) ─► wait for the sync ─► reply
 *
 * I1. Every handler may be delivered again: reads and merges by nature, puts, versions and restores by their remembered
 *     answer.
 * I2. A reply never tells of something that a crash could still undo.
 */
import { join } from 'node:path'
import { defineActor, integerOption, stringOption, type ActorContext, type CallContext } from '../../runtime/index.ts'
import type { FileLayer } from '../../runtime/persistence/index.ts'
import { createAccesses } from './accesses.ts'
import { createHotContent } from './hot-content.ts'
import { bundleHandlers } from './bundle-handlers.ts'
import { careHandlers } from './care-handlers.ts'
import { loadEncryption, type EncryptionOptions } from './encryption.ts'
import { convertInBackground, encryptionHandlers } from './encryption-handlers.ts'
import { artifactErrors } from './errors.ts'
import { invalid, resolveHash, resolveHashes, resolveInput, resolveTags, text } from './input.ts'
import { lineageHandlers } from './lineage-handlers.ts'
import {
  artifactStore,
  type ArtifactInput,
  type ArtifactStoreProtocol,
  type CompactionResult,
  type ContentHash,
  type PutResult,
} from './protocol.ts'
import { configuredMirror, type MirrorConfig } from './mirror/mirror-config.ts'
import { createRepairs, readRepaired } from './mirror/repairing.ts'
import { change, flushAccesses, originOf, ready, reclaimAbandoned, touch, type State } from './state.ts'
import { abortUpload, appendUpload, beginUpload, commitUpload, readPart } from './transfers.ts'
import { parsePlace, START } from './scrub.ts'
import { qualityHandlers } from './quality-handlers.ts'
import { createRater } from './quality/rater.ts'
import { createScorer, loadScorer, type ScorerReference } from './quality/scorer.ts'
import { openStorage, type Storage } from './storage.ts'
import { hitOf, infoOf, preparePut, putAll, required, restore, searchedText, settled, trash, visible } from './store.ts'
import { createTending } from './tending.ts'
import { createUpkeep } from './upkeep.ts'
import { createUploads } from './uploads.ts'
import { versionHandlers } from './version-handlers.ts'

export interface ArtifactStoreConfig extends MirrorConfig {
  /** The store keeps its files in `artifacts/` below; `:memory:` keeps them in this actor's memory, until it ends. */
  readonly dataDir: string
  /** Size of a segment of the log. @default 64 MiB */
  readonly segmentBytes?: number
  /** The largest artifact that can be put. @default 512 MiB */
  readonly artifactBytesMax?: number
  /** Memory for content that was put or read lately. @default 32 MiB */
  readonly cacheBytes?: number
  /** Content that was not touched for this long is packed in the background. @default 10 minutes */
  readonly packAfterMs?: number | 'never'
  /** Size of a pack before it is compressed: larger ones save more, smaller ones are read faster. @default 1 MiB */
  readonly packBytes?: number
  /** New content and usage are judged in the background so long after they came. @default 1 s */
  readonly rateAfterMs?: number | 'never'
  /** A function `{ module, export }` that judges artifacts, too: `(judged) => 0.8`. @default none */
  readonly scorer?: ScorerReference
  /** Encrypts what is on the disk. @default not encrypted */
  readonly encryption?: EncryptionOptions
  /** Trash is dropped for good after this time, by itself. @default only by `purge` */
  readonly graceMs?: number
  /** Stands in for the file system under the log (tests, same thread only). The index is then in memory. */
  readonly files?: FileLayer
}

const MIB = 1024 * 1024
const PACK_AFTER_MS = 10 * 60_000
const RATE_AFTER_MS = 1000
const LIST_LIMIT = 1000

async function init(config: ArtifactStoreConfig, ctx: ActorContext): Promise<State> {
  const resolved = {
    dataDir: stringOption(config, 'dataDir', ':memory:'),
    segmentBytes: integerOption(config, 'segmentBytes', 64 * MIB, { min: 4096 }),
    artifactBytesMax: integerOption(config, 'artifactBytesMax', 512 * MIB, { min: 1, max: 2048 * MIB }),
    packAfterMs:
      config.packAfterMs === 'never' ? Infinity : integerOption(config, 'packAfterMs', PACK_AFTER_MS, { min: 0 }),
  }
  const dir = resolved.dataDir === ':memory:' ? ':memory:' : join(resolved.dataDir, 'artifacts')
  const simulated = config.files === undefined ? {} : { files: config.files, indexPath: ':memory:' }
  const scorer =
    config.scorer === undefined ? null : createScorer(await loadScorer(config.scorer), ctx.clock, ctx.logger)
  const { encryption: options } = config
  const sealing = options === undefined ? null : { options, loaded: await loadEncryption(options) }
  const mirrored = configuredMirror(config)
  const open = (): Storage =>
    openStorage({
      dir,
      segmentBytes: resolved.segmentBytes,
      logger: ctx.logger,
      mirroring: mirrored !== null,
      ...simulated,
      ...(sealing === null ? {} : { encryption: sealing.loaded }),
    })
  const mirror = mirrored?.(() => state, ctx) ?? null
  const state: State = {
    config: resolved,
    open,
    sealing,
    storage: open(),
    reopening: null,
    upkeep: createUpkeep({
      packAfterMs: resolved.packAfterMs,
      packBytes: integerOption(config, 'packBytes', MIB, { min: 512, max: 16 * MIB }),
      graceMs: config.graceMs === undefined ? Infinity : integerOption(config, 'graceMs', 0, { min: 0 }),
      onPurged() {
        state.hot.clear()
        state.mirror?.poke()
      },
      simulated: config.files !== undefined,
      storage: () => ready(state),
      ctx,
    }),
    uploads: createUploads(ctx, () => reclaimAbandoned(state, ctx)),
    accesses: createAccesses(),
    hot: createHotContent(integerOption(config, 'cacheBytes', 32 * MIB, { min: 0 })),
    tending: createTending(ctx, () => state.storage),
    mirror,
    repairs: createRepairs(mirror, ctx),
    rater: createRater({
      afterMs:
        config.rateAfterMs === 'never' ? Infinity : integerOption(config, 'rateAfterMs', RATE_AFTER_MS, { min: 0 }),
      storage: () => state.storage,
      scorer,
      changed: () => state.tending.poke(),
      ctx,
    }),
    scorer,
    flushTimer: null,
  }
  state.tending.poke()
  state.upkeep.stored()
  convertInBackground(state, ctx)
  state.upkeep.trashed()
  state.mirror?.poke()
  // The index file must be free when the next life of this actor begins, however this one ends.
  ctx.stopping.addEventListener('abort', () => {
    state.flushTimer?.cancel()
    state.upkeep.cancel()
    state.uploads.endAll()
    state.rater.stop()
    state.tending.stop()
    state.mirror?.cancel()
    state.storage.rest()
  })
  return state
}

async function get(state: State, hash: ContentHash, ctx: CallContext): Promise<Uint8Array | null> {
  const storage = await ready(state)
  const row = visible(storage, hash)
  if (row === null) return null
  const { sizeBytes } = row
  const { artifactBytesMax } = state.config
  if (sizeBytes > artifactBytesMax) throw artifactErrors.fail('ARTIFACT_TOO_LARGE', { sizeBytes, artifactBytesMax })
  const kept = row.damaged === 0 ? state.hot.get(hash) : undefined
  if (kept !== undefined) await settled(storage, row)
  const content = kept ?? (await readRepaired(() => ready(state), state.repairs, row, ctx.logger))
  if (kept === undefined) state.hot.keep(hash, content)
  touch(state, hash, ctx)
  return content
}

async function getMany(state: State, hashes: readonly ContentHash[], ctx: CallContext): Promise<(Uint8Array | null)[]> {
  const storage = await ready(state)
  const rows = hashes.map((hash) => visible(storage, hash))
  const sizeBytes = rows.reduce((sum, row) => sum + (row?.sizeBytes ?? 0), 0)
  const { artifactBytesMax } = state.config
  if (sizeBytes > artifactBytesMax) throw artifactErrors.fail('ARTIFACT_TOO_LARGE', { sizeBytes, artifactBytesMax })
  const contents: (Uint8Array | null)[] = []
  for (const hash of hashes) contents.push(await get(state, hash, ctx))
  return contents
}

function limitOf(value: number | undefined, max: number): number {
  if (value === undefined) return max
  if (!Number.isSafeInteger(value) || value < 1) throw invalid('limit', 'must be a whole number from 1')
  return Math.min(value, max)
}

async function put(state: State, inputs: readonly ArtifactInput[], ctx: CallContext): Promise<readonly PutResult[]> {
  const resolved = inputs.map((input) => resolveInput(input, state.config.artifactBytesMax))
  const results = await change(state, (storage) => putAll(storage, resolved.map(preparePut), originOf(ctx)))
  for (const [item, { hash }] of results.entries()) state.hot.keep(hash, resolved[item]!.content)
  state.upkeep.stored()
  state.rater.stored(results.map(({ hash }) => hash))
  return results
}

async function purgeAndReclaim(
  state: State,
  before: number,
): Promise<{ readonly purged: number; readonly freedBytes: number }> {
  if (!Number.isFinite(before)) throw invalid('before', 'must be a time')
  const storage = await ready(state)
  const bytesBefore = storage.log.physicalBytes()
  const purged = await state.upkeep.collect(storage, before)
  return { purged, freedBytes: Math.max(0, bytesBefore - storage.log.physicalBytes()) }
}

async function compactNow(state: State, coldMs: number): Promise<CompactionResult> {
  if (!Number.isFinite(coldMs) || coldMs < 0) throw invalid('coldMs', 'must be a time in milliseconds')
  const storage = await ready(state)
  const physicalBytesBefore = storage.log.physicalBytes()
  const { packed } = await state.upkeep.compact(storage, coldMs)
  return { packed, physicalBytesBefore, physicalBytesAfter: storage.log.physicalBytes() }
}

export const artifactStoreActor = defineActor<ArtifactStoreProtocol, State, ArtifactStoreConfig>({
  name: artifactStore.name,
  module: import.meta.url,
  // Building a large index again takes longer than a turn should; it happens when the index file is lost or damaged.
  blockingBudgetMs: 60_000,
  init,
  handlers: {
    put: {
      redeliver: true,
      run: async (state, arg, ctx) => (await put(state, [arg], ctx))[0]!,
    },
    putMany: {
      redeliver: true,
      async run(state, { items }, ctx) {
        if (!Array.isArray(items)) throw invalid('items', 'must be a list')
        return { results: await put(state, items, ctx) }
      },
    },
    get: { redeliver: true, run: (state, { hash }, ctx) => get(state, resolveHash(hash), ctx) },
    getMany: {
      redeliver: true,
      run: async (state, { hashes }, ctx) => {
        if (!Array.isArray(hashes)) throw invalid('hashes', 'must be a list')
        return {
          contents: await getMany(
            state,
            hashes.map((hash) => resolveHash(hash)),
            ctx,
          ),
        }
      },
    },
    read: { redeliver: true, run: readPart },
    beginUpload: { redeliver: true, run: beginUpload },
    appendUpload: { redeliver: true, run: appendUpload },
    commitUpload: { redeliver: true, run: commitUpload },
    abortUpload: { redeliver: true, run: abortUpload },
    info: {
      redeliver: true,
      async run(state, { hash }) {
        const storage = await ready(state)
        const row = visible(storage, resolveHash(hash))
        return row === null ? null : storage.query((tables) => infoOf(tables, row, state.accesses))
      },
    },
    exists: {
      redeliver: true,
      async run(state, { hashes }) {
        if (!Array.isArray(hashes)) throw invalid('hashes', 'must be a list')
        const storage = await ready(state)
        const rows = hashes.map((hash) => visible(storage, resolveHash(hash)))
        const unsynced = rows.some((row) => row !== null && row.changedPosition >= storage.log.syncedEnd)
        if (unsynced) await storage.durable()
        return { present: rows.map((row) => row !== null && row.damaged === 0) }
      },
    },
    search: {
      redeliver: true,
      async run(state, query) {
        const storage = await ready(state)
        return storage.query((tables) => {
          const { found, ...rest } = tables.search.search(query, (row) => searchedText(storage, row))
          return { ...rest, hits: found.map((hit) => hitOf(tables, hit, state.accesses)) }
        })
      },
    },
    list: {
      redeliver: true,
      async run(state, { cursor, limit }) {
        const after = cursor === undefined ? START : parsePlace(cursor)
        const max = limitOf(limit, LIST_LIMIT)
        const storage = await ready(state)
        const rows = storage.query(({ artifacts }) => artifacts.page(after, max))
        const last = rows.length === max ? rows.at(-1) : undefined
        return {
          items: storage.query((tables) => rows.map((row) => infoOf(tables, row, state.accesses))),
          ...(last === undefined ? {} : { cursor: `${last.createdAt}:${last.hash}` }),
        }
      },
    },
    tag: {
      redeliver: true,
      run(state, arg) {
        const hash = resolveHash(arg.hash)
        const add = resolveTags('add', arg.add ?? [])
        const remove = resolveTags('remove', arg.remove ?? [])
        return change(state, (storage) => {
          required(storage, hash)
          storage.write({ t: 'tag', hash, add, remove })
          return storage.query((tables) => infoOf(tables, required(storage, hash), state.accesses))
        })
      },
    },
    ...versionHandlers,
    ...encryptionHandlers,
    ...lineageHandlers,
    ...qualityHandlers,
    unpin: {
      redeliver: true,
      run: (state, { owner }) =>
        change(state, (storage) => void storage.write({ t: 'unpin', owner: text('owner', owner) })),
    },
    trash: {
      redeliver: true,
      async run(state, arg, ctx) {
        const hashes = resolveHashes(arg.hashes)
        const planId = text('planId', arg.planId)
        const moved = await change(state, (storage) => trash(storage, hashes, planId, ctx.clock.now()))
        state.upkeep.trashed()
        return moved
      },
    },
    restore: {
      redeliver: true,
      run: (state, { planId }, ctx) =>
        change(state, (storage) => restore(storage, text('planId', planId), originOf(ctx))),
    },
    trashed: {
      redeliver: true,
      run: async (state) => (await ready(state)).query(({ artifacts }) => artifacts.plans()),
    },
    purge: { redeliver: true, run: (state, { before }) => purgeAndReclaim(state, before) },
    compact: { redeliver: true, run: (state, { coldMs }) => compactNow(state, coldMs ?? 0) },
    stats: {
      redeliver: true,
      async run(state) {
        const storage = await ready(state)
        return storage.query(({ dedup }) => dedup.stats(storage.log.physicalBytes()))
      },
    },
    ...bundleHandlers,
    ...careHandlers,
  },
  async terminate(state, _, ctx) {
    flushAccesses(state, ctx)
    state.rater.stop()
    state.tending.stop()
    await state.upkeep.idle()
    await state.mirror?.close()
    await state.storage.close()
  },
})
