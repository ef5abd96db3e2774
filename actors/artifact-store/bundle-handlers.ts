/** Artifacts with all that is known of them, out of a store and into another: as the actor's handlers. */
import { isDeepStrictEqual } from 'node:util'
import { canonicalHash, own } from '../../runtime/index.ts'
import { aliasRecord, type AliasRow } from './aliases.ts'
import type { ArtifactRow } from './artifacts.ts'
import { BUNDLE_RECORDS_MAX, type BundleRecord, type ImportedRecords } from './protocol/bundles.ts'
import {
  invalid,
  resolveAbout,
  resolveHash,
  resolveHashes,
  resolveMessage,
  resolveTags,
  resolveVersionName,
  wholeNumber,
} from './input.ts'
import type { ArtifactVersion, ContentHash, Producer } from './protocol.ts'
import type { StoredPlace } from './records.ts'
import { change, ready, type State } from './state.ts'
import { stateOf, writeBatch, type StateRecord } from './states.ts'
import type { Storage } from './storage.ts'
import { visible } from './store.ts'
import type { Tables } from './tables.ts'
import { versionRecord } from './versioning.ts'

export const bundleHandlers = {
  exportRecords: {
    redeliver: true,
    async run(state: State, arg: { readonly hashes: readonly ContentHash[] }) {
      const hashes = resolveHashes(arg.hashes)
      if (hashes.length > BUNDLE_RECORDS_MAX) throw invalid('hashes', `must be at most ${BUNDLE_RECORDS_MAX}`)
      const storage = await ready(state)
      const rows = hashes.flatMap((hash) => visible(storage, hash) ?? [])
      return { records: storage.query((tables) => rows.map((row) => recordOf(tables, row))) }
    },
  },
  importRecords: {
    redeliver: true,
    run(state: State, arg: { readonly records: readonly BundleRecord[] }) {
      if (!Array.isArray(arg.records) || arg.records.length > BUNDLE_RECORDS_MAX) {
        throw invalid('records', `must be a list of at most ${BUNDLE_RECORDS_MAX}`)
      }
      const records = arg.records.map((record) => resolveRecord(record as BundleRecord))
      return change(state, (storage) => takeIn(storage, records))
    },
  },
}

function recordOf({ artifacts, relationships, versions, aliases }: Tables, row: ArtifactRow): BundleRecord {
  const named = versions.labelsOf(row.hash).flatMap((label) => {
    const at = label.lastIndexOf('@')
    return versions.known(label.slice(0, at), Number(label.slice(at + 1))) ?? []
  })
  const pointing = named.flatMap(({ name, version }) => aliases.list(name).filter((alias) => alias.version === version))
  return {
    hash: row.hash,
    sizeBytes: row.sizeBytes,
    contentType: row.contentType,
    ...(row.name === null ? {} : { name: row.name }),
    tags: artifacts.tags(row.id),
    ...(row.custom === null ? {} : { custom: JSON.parse(row.custom) as Record<string, unknown> }),
    createdAt: row.createdAt,
    producers: artifacts.producers(row.id),
    derivedFrom: relationships.parents(row.hash, 'derivedFrom'),
    partOf: relationships.parents(row.hash, 'partOf'),
    versions: named.map(withoutHash),
    aliases: pointing.map(withoutPosition),
  }
}

function withoutHash(version: ArtifactVersion): Omit<ArtifactVersion, 'hash'> {
  const { hash: _, ...rest } = version
  return rest
}

function withoutPosition(alias: AliasRow): Omit<AliasRow, 'position'> {
  const { position: _, ...rest } = alias
  return rest
}

/** A bundle comes from anywhere: everything in it is checked as what callers give. */
function resolveRecord(record: BundleRecord): BundleRecord {
  if (typeof record !== 'object' || record === null) throw invalid('records', 'must be objects')
  const hash = resolveHash(own(record, 'hash'))
  const { described } = resolveAbout(record)
  const { type, name, tags, custom, from } = described
  return {
    hash,
    sizeBytes: wholeNumber('sizeBytes', own(record, 'sizeBytes')),
    contentType: type ?? 'application/octet-stream',
    ...(name === undefined ? {} : { name }),
    tags: tags ?? [],
    ...(custom === undefined ? {} : { custom }),
    createdAt: wholeNumber('createdAt', own(record, 'createdAt')),
    producers: list(record, 'producers').flatMap(
      (createdBy) => resolveAbout({ createdBy: createdBy as Producer }).by ?? [],
    ),
    derivedFrom: from ?? [],
    partOf: resolveHashes(own(record, 'partOf') ?? []),
    versions: list(record, 'versions').map((each) => resolveVersion(each as BundleRecord['versions'][number])),
    aliases: list(record, 'aliases').map((each) => resolveAlias(each as BundleRecord['aliases'][number])),
  }
}

function list(record: object, key: string): readonly unknown[] {
  const value = own(record, key) ?? []
  if (!Array.isArray(value) || value.some((each) => typeof each !== 'object' || each === null)) {
    throw invalid(key, 'must be a list of objects')
  }
  return value
}

function resolveVersion(given: BundleRecord['versions'][number]): BundleRecord['versions'][number] {
  const message = resolveMessage(given.message)
  return {
    name: resolveVersionName(given.name),
    version: ordinal('version', given.version),
    createdAt: wholeNumber('createdAt', given.createdAt),
    ...(message === undefined ? {} : { message }),
    parent: given.parent === null ? null : ordinal('parent', given.parent),
    ...(given.restores === undefined ? {} : { restores: ordinal('restores', given.restores) }),
    tags: resolveTags('tags', given.tags ?? []),
  }
}

function resolveAlias(given: BundleRecord['aliases'][number]): BundleRecord['aliases'][number] {
  return {
    name: resolveVersionName(given.name),
    alias: resolveVersionName(given.alias),
    version: ordinal('version', given.version),
    protected: own(given, 'protected') === true,
    changedAt: wholeNumber('changedAt', given.changedAt),
  }
}

function ordinal(field: string, value: unknown): number {
  const number = wholeNumber(field, value)
  if (number === 0) throw invalid(field, 'must be a whole number from 1')
  return number
}

/** One turn: the actor's other callers see all of it or nothing. */
function takeIn(storage: Storage, records: readonly BundleRecord[]): ImportedRecords {
  const missing: ContentHash[] = []
  const conflicts: string[] = []
  let merged = 0
  for (const record of records) {
    const row = visible(storage, record.hash)
    if (row === null) {
      missing.push(record.hash)
      continue
    }
    const before = storage.query((tables) => stateOf(tables, row, JSON.parse(row.frames) as StoredPlace))
    const after = storage.query((tables) => mergedState(tables, before, record))
    if (!isDeepStrictEqual(before, after)) writeBatch(storage, [after])
    const changed = takeInNames(storage, record, conflicts)
    if (changed || !isDeepStrictEqual(before, after)) merged++
  }
  return { merged, missing, conflicts }
}

function mergedState({ relationships }: Tables, state: StateRecord, record: BundleRecord): StateRecord {
  const { hash } = record
  const from = union(state.from ?? [], relationships.acyclicParents(hash, record.derivedFrom))
  const parts = record.partOf.filter((parent) => relationships.cycleBy(hash, parent, 'partOf') === null)
  const partOf = union(state.partOf ?? [], parts)
  const custom = { ...record.custom, ...state.custom }
  const name = state.name ?? record.name
  const known = new Set(state.producers.map((producer) => canonicalHash(producer)))
  return {
    ...state,
    at: Math.min(state.at, record.createdAt),
    ...(state.type === 'application/octet-stream' ? { type: record.contentType } : {}),
    ...(name === undefined ? {} : { name }),
    tags: union(state.tags ?? [], record.tags).toSorted(),
    ...(Object.keys(custom).length === 0 ? {} : { custom }),
    from,
    ...(partOf.length === 0 ? {} : { partOf }),
    producers: [...state.producers, ...record.producers.filter((producer) => !known.has(canonicalHash(producer)))],
  }
}

function union<T>(one: readonly T[], other: readonly T[]): readonly T[] {
  return [...new Set([...one, ...other])]
}

/** By their own numbers; what is something else here stays what it is. */
function takeInNames(storage: Storage, { hash, versions, aliases }: BundleRecord, conflicts: string[]): boolean {
  let changed = false
  for (const version of versions) {
    const known = storage.query((tables) => tables.versions.known(version.name, version.version))
    if (known === null) {
      storage.write(versionRecord({ ...version, hash, position: 0 }))
      changed = true
    } else if (known.hash !== hash) conflicts.push(`${version.name}@${version.version}`)
  }
  for (const alias of aliases) {
    const known = storage.query((tables) => tables.aliases.find(alias.name, alias.alias))
    const target = storage.query((tables) => tables.versions.known(alias.name, alias.version))
    if (known === null && target?.hash === hash) {
      storage.write(aliasRecord({ ...alias, position: 0 }))
      changed = true
    } else if (known?.version !== alias.version || target?.hash !== hash) conflicts.push(`${alias.name}@${alias.alias}`)
  }
  return changed
}
