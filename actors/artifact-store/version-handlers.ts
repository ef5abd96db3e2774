/** Versions, aliases and differences, as the actor's handlers: what was asked is checked here. */
import { own, sleep, type CallContext } from '../../runtime/index.ts'
import type { ArtifactRow } from './artifacts.ts'
import { DIFF_BYTES_MAX, diffContents, SNIFFED_BYTES } from './diff/diff.ts'
import { artifactErrors } from './errors.ts'
import { invalid, resolveHash, resolveMessage, resolveTags, resolveVersionName, text } from './input.ts'
import type { ArtifactAlias, ArtifactDiff, ArtifactStoreProtocol, DiffSide, VersionedArtifact } from './protocol.ts'
import { isAlias } from './references.ts'
import { change, originOf, ready, touch, type State } from './state.ts'
import type { Storage } from './storage.ts'
import { readVerified, visible } from './store.ts'
import type { Tables } from './tables.ts'
import {
  addVersion,
  removeAlias,
  resolveReference,
  rollback,
  setAlias,
  tagVersion,
  toldAlias,
  versionAt,
} from './version-changes.ts'
import { toldVersion } from './versioning.ts'

type Arg<K extends keyof ArtifactStoreProtocol> = Parameters<ArtifactStoreProtocol[K]>[0]

const NAMES_LIMIT = 100
const NAMES_LIMIT_MAX = 1000
const CONTEXT_LINES = 3
const CONTEXT_LINES_MAX = 1_000_000

export const versionHandlers = {
  addVersion: {
    redeliver: true,
    run(state: State, arg: Arg<'addVersion'>, ctx: CallContext) {
      const version = {
        name: resolveVersionName(arg.name),
        hash: resolveHash(arg.hash),
        message: resolveMessage(arg.message),
        tags: arg.tags === undefined ? undefined : [...resolveTags('tags', arg.tags)].sort(),
        parent: arg.parent === undefined || arg.parent === null ? arg.parent : wholeNumber('parent', arg.parent, 1),
        ifLatest: optionalNumber('ifLatest', arg.ifLatest),
      }
      return change(state, (storage) => addVersion(storage, version, originOf(ctx)))
    },
  },
  versions: {
    redeliver: true,
    run(state: State, arg: Arg<'versions'>) {
      const name = text('name', arg.name)
      const tag = arg.tag === undefined ? undefined : text('tag', arg.tag)
      return told(state, ({ versions }) =>
        versions
          .list(name)
          .filter(({ tags }) => tag === undefined || tags.includes(tag))
          .map(toldVersion),
      )
    },
  },
  version: {
    redeliver: true,
    run(state: State, arg: Arg<'version'>) {
      const reference = text('reference', arg.reference)
      return told(state, (tables) => orNull(versionAt(tables, reference), toldVersion))
    },
  },
  versionAt: {
    redeliver: true,
    run(state: State, arg: Arg<'versionAt'>) {
      const name = text('name', arg.name)
      const { at } = arg
      if (typeof at !== 'number' || !Number.isFinite(at)) throw invalid('at', 'must be a time')
      return told(state, ({ versions }) => orNull(versions.newestAt(name, at), toldVersion))
    },
  },
  tagVersion: {
    redeliver: true,
    run(state: State, arg: Arg<'tagVersion'>) {
      const reference = text('reference', arg.reference)
      const add = resolveTags('add', arg.add ?? [])
      const remove = resolveTags('remove', arg.remove ?? [])
      return change(state, (storage) => tagVersion(storage, reference, add, remove))
    },
  },
  rollback: {
    redeliver: true,
    run(state: State, arg: Arg<'rollback'>, ctx: CallContext) {
      const asked = {
        reference: text('reference', arg.reference),
        message: resolveMessage(arg.message),
        ifLatest: optionalNumber('ifLatest', arg.ifLatest),
      }
      return change(state, (storage) => rollback(storage, asked, originOf(ctx)))
    },
  },
  setAlias: {
    redeliver: true,
    run(state: State, arg: Arg<'setAlias'>, ctx: CallContext) {
      const asked = {
        reference: text('reference', arg.reference),
        alias: resolveAlias(arg.alias),
        ifVersion: optionalNumber('ifVersion', arg.ifVersion),
        protect: optionalFlag(arg, 'protect'),
        force: optionalFlag(arg, 'force') ?? false,
      }
      return change(state, (storage) => {
        const set = setAlias(storage, asked, originOf(ctx))
        return storage.query((tables) => toldAlias(tables, set))
      })
    },
  },
  removeAlias: {
    redeliver: true,
    run(state: State, arg: Arg<'removeAlias'>, ctx: CallContext) {
      const asked = {
        name: text('name', arg.name),
        alias: resolveAlias(arg.alias),
        ifVersion: optionalNumber('ifVersion', arg.ifVersion),
        force: optionalFlag(arg, 'force') ?? false,
      }
      return change(state, (storage) => removeAlias(storage, asked, originOf(ctx)))
    },
  },
  aliases: {
    redeliver: true,
    run(state: State, arg: Arg<'aliases'>) {
      const name = text('name', arg.name)
      return told(state, (tables) => aliasesOf(tables, name))
    },
  },
  names: {
    redeliver: true,
    run(state: State, arg: Arg<'names'>) {
      const prefix = arg.prefix === undefined ? '' : text('prefix', arg.prefix)
      const after = arg.after === undefined ? '' : text('after', arg.after)
      const limit = Math.min(NAMES_LIMIT_MAX, wholeNumber('limit', arg.limit ?? NAMES_LIMIT, 1))
      return told(state, (tables) =>
        tables.versions.names(prefix, after, limit).map(({ name, versions, latest }): VersionedArtifact => {
          const newest = toldVersion(tables.versions.get(name, latest)!)
          return { name, versions, latest: newest, aliases: aliasesOf(tables, name) }
        }),
      )
    },
  },
  resolve: {
    redeliver: true,
    run(state: State, arg: Arg<'resolve'>) {
      const reference = text('reference', arg.reference)
      return told(state, (tables) => resolveReference(tables, reference))
    },
  },
  diff: { redeliver: true, run: diff },
} as const

async function diff(state: State, arg: Arg<'diff'>, ctx: CallContext): Promise<ArtifactDiff> {
  const references = [text('from', arg.from), text('to', arg.to)] as const
  const { as: wanted } = arg
  if (wanted !== undefined && wanted !== 'text' && wanted !== 'json') throw invalid('as', 'must be text or json')
  const contextLines = wholeNumber('contextLines', arg.contextLines ?? CONTEXT_LINES, 0)
  const storage = await ready(state)
  const [from, to] = references.map((reference) => sideOf(storage, reference)) as [Side, Side]
  const told = { from: from.told, to: to.told }
  if (from.row.hash === to.row.hash) return { ...told, kind: 'same' }
  const contents = await Promise.all([from, to].map(({ row }) => readStart(storage, row, ctx)))
  for (const { row } of [from, to]) touch(state, row.hash, ctx)
  const work = diffContents(
    { label: references[0], contentType: from.row.contentType, sizeBytes: from.row.sizeBytes, content: contents[0]! },
    { label: references[1], contentType: to.row.contentType, sizeBytes: to.row.sizeBytes, content: contents[1]! },
    { as: wanted, contextLines: Math.min(contextLines, CONTEXT_LINES_MAX) },
  )
  for (;;) {
    const step = work.next()
    if (step.done === true) return { ...told, ...step.value }
    await sleep(ctx.clock, 0, ctx.call.signal)
  }
}

interface Side {
  readonly row: ArtifactRow
  readonly told: DiffSide
}

function sideOf(storage: Storage, reference: string): Side {
  const hash = storage.query((tables) => resolveReference(tables, reference))
  const row = hash === null ? null : visible(storage, hash)
  if (row === null) throw artifactErrors.fail('ARTIFACT_NOT_FOUND', { hash: reference })
  const { sizeBytes, contentType } = row
  return { row, told: { reference, hash: row.hash, sizeBytes, contentType } }
}

/** All of it, or of what is too large to compare enough to tell text from other bytes. */
function readStart(storage: Storage, row: ArtifactRow, { logger }: CallContext): Promise<Uint8Array> {
  const range = row.sizeBytes > DIFF_BYTES_MAX ? { offset: 0, length: SNIFFED_BYTES } : undefined
  return readVerified(storage, row, logger, range)
}

/** Reads the tables; what was read is durable when it resolves (I2 of `actor.ts`). */
async function told<T>(state: State, read: (tables: Tables) => T): Promise<T> {
  const storage = await ready(state)
  const reply = storage.query(read)
  const changed = storage.query(({ versions, aliases }) => Math.max(versions.changedPosition, aliases.changedPosition))
  if (changed >= storage.log.syncedEnd) await storage.durable()
  return reply
}

function aliasesOf(tables: Tables, name: string): readonly ArtifactAlias[] {
  return tables.aliases.list(name).map((row) => {
    const { position: _, ...alias } = row
    return toldAlias(tables, alias)
  })
}

function orNull<T, R>(found: T | null, tell: (found: T) => R): R | null {
  return found === null ? null : tell(found)
}

function resolveAlias(value: unknown): string {
  if (isAlias(value)) return value
  throw invalid('alias', 'must be a letter, then at most 127 letters, digits, _ . or -, and not latest')
}

function optionalNumber(field: string, value: unknown): number | undefined {
  return value === undefined ? undefined : wholeNumber(field, value, 0)
}

function optionalFlag(arg: object, field: string): boolean | undefined {
  const value = own(arg, field)
  if (value === undefined || typeof value === 'boolean') return value
  throw invalid(field, 'must be true or false')
}

function wholeNumber(field: string, value: unknown, min: number): number {
  if (Number.isSafeInteger(value) && (value as number) >= min) return value as number
  throw invalid(field, `must be a whole number from ${min}`)
}
