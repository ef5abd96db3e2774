/** What can be done to versions and aliases: each one turn that decides on the tables and writes a record. */
import { canonicalHash } from '../../runtime/index.ts'
import { artifactErrors } from './errors.ts'
import type { ArtifactAlias, ArtifactVersion, ContentHash } from './protocol.ts'
import type { Cause } from './records.ts'
import { parseReference } from './references.ts'
import type { Storage } from './storage.ts'
import { answered, required, type Origin } from './store.ts'
import type { AliasRow } from './aliases.ts'
import type { Tables } from './tables.ts'
import { toldVersion, type VersionRow } from './versioning.ts'

export interface VersionToAdd {
  readonly name: string
  readonly hash: ContentHash
  readonly message: string | undefined
  readonly tags: readonly string[] | undefined
  readonly parent: number | null | undefined
  readonly ifLatest: number | undefined
}

/** The next version of a name; the newest one again when it says the same already. */
export function addVersion(storage: Storage, asked: VersionToAdd, origin: Origin): ArtifactVersion {
  const { name, hash, message, tags, ifLatest } = asked
  const cause: Cause = { key: origin.callId, digest: `version ${canonicalHash(asked)}` }
  const before = answered(storage, cause, origin)
  if (before !== null) return before as ArtifactVersion
  required(storage, hash)
  const newest = storage.query(({ versions }) => versions.newest(name))
  expectLatest(name, newest, ifLatest)
  const parent = parentOf(storage, asked, newest)
  if (newest !== null && saysTheSame(newest, asked)) return toldVersion(newest)
  return append(storage, { name, hash, parent, tags: tags ?? [], ...given('message', message) }, cause, origin)
}

function saysTheSame(newest: VersionRow, { hash, message, tags, parent }: VersionToAdd): boolean {
  return (
    newest.hash === hash &&
    (message === undefined || message === newest.message) &&
    (parent === undefined || parent === newest.parent) &&
    (tags ?? []).every((tag) => newest.tags.includes(tag))
  )
}

function parentOf(storage: Storage, { name, parent }: VersionToAdd, newest: VersionRow | null): number | null {
  if (parent === undefined) return newest?.version ?? null
  const known = parent === null || storage.query(({ versions }) => versions.known(name, parent)) !== null
  if (!known) throw artifactErrors.fail('VERSION_NOT_FOUND', { reference: `${name}@${parent}` })
  return parent
}

function expectLatest(name: string, newest: VersionRow | null, expected: number | undefined): void {
  const actual = newest?.version ?? 0
  if (expected !== undefined && expected !== actual) {
    throw artifactErrors.fail('VERSION_CONFLICT', { name, actual, expected })
  }
}

function append(
  storage: Storage,
  version: Omit<ArtifactVersion, 'version' | 'createdAt'>,
  cause: Cause,
  { now }: Origin,
): ArtifactVersion {
  const number = storage.query(({ versions }) => versions.next(version.name))
  storage.write({ t: 'version', ...version, version: number, at: now, cause })
  return { ...version, version: number, createdAt: now }
}

/** A new version with the content of an old one; the newest one again when it has that content. */
export function rollback(
  storage: Storage,
  asked: { readonly reference: string; readonly message: string | undefined; readonly ifLatest: number | undefined },
  origin: Origin,
): ArtifactVersion {
  const cause: Cause = { key: origin.callId, digest: `rollback ${canonicalHash(asked)}` }
  const before = answered(storage, cause, origin)
  if (before !== null) return before as ArtifactVersion
  const { name, version, hash } = requiredVersion(storage, asked.reference)
  const newest = storage.query(({ versions }) => versions.newest(name))!
  expectLatest(name, newest, asked.ifLatest)
  if (newest.hash === hash) return toldVersion(newest)
  const message = asked.message ?? `back to ${name}@${version}`
  return append(storage, { name, hash, message, parent: newest.version, restores: version, tags: [] }, cause, origin)
}

export function tagVersion(
  storage: Storage,
  reference: string,
  add: readonly string[],
  remove: readonly string[],
): ArtifactVersion {
  const found = requiredVersion(storage, reference)
  const tags = [...new Set([...found.tags, ...add])].filter((tag) => !remove.includes(tag)).sort()
  storage.write({ t: 'version-tags', name: found.name, version: found.version, tags })
  return { ...toldVersion(found), tags }
}

export interface AliasToSet {
  readonly reference: string
  readonly alias: string
  readonly ifVersion: number | undefined
  readonly protect: boolean | undefined
  readonly force: boolean
}

/** What was set, and where the alias was before. */
export type AliasAnswer = Omit<ArtifactAlias, 'hash'> & { readonly previousVersion?: number }

export function setAlias(storage: Storage, asked: AliasToSet, origin: Origin): AliasAnswer {
  const cause: Cause = { key: origin.callId, digest: `alias ${canonicalHash(asked)}` }
  const before = answered(storage, cause, origin)
  if (before !== null) return before as AliasAnswer
  const { alias, protect } = asked
  const { name, version } = requiredVersion(storage, asked.reference)
  const old = storage.query(({ aliases }) => aliases.find(name, alias))
  expectAlias(name, alias, old, asked.ifVersion)
  if (old !== null && old.version !== version) expectUnprotected(old, asked.force)
  const wanted = protect ?? old?.protected ?? false
  const from = old === null ? {} : { previousVersion: old.version }
  if (old?.version === version && old.protected === wanted) {
    const { position: _, ...same } = old
    return { ...same, ...from }
  }
  const previous = old === null ? {} : { previous: old.version }
  storage.write({ t: 'alias', name, alias, version, protected: wanted, at: origin.now, ...previous, cause })
  return { name, alias, version, protected: wanted, changedAt: origin.now, ...from }
}

export interface AliasToRemove {
  readonly name: string
  readonly alias: string
  readonly ifVersion: number | undefined
  readonly force: boolean
}

export function removeAlias(storage: Storage, asked: AliasToRemove, origin: Origin): { readonly removed: boolean } {
  const cause: Cause = { key: origin.callId, digest: `remove alias ${canonicalHash(asked)}` }
  const before = answered(storage, cause, origin)
  if (before !== null) return before as { removed: boolean }
  const { name, alias } = asked
  const old = storage.query(({ aliases }) => aliases.find(name, alias))
  expectAlias(name, alias, old, asked.ifVersion)
  if (old === null) return { removed: false }
  expectUnprotected(old, asked.force)
  storage.write({ t: 'alias', name, alias, version: null, protected: false, at: origin.now, cause })
  return { removed: true }
}

function expectAlias(name: string, alias: string, old: AliasRow | null, expected: number | undefined): void {
  const actual = old?.version ?? 0
  if (expected !== undefined && expected !== actual) {
    throw artifactErrors.fail('ALIAS_CONFLICT', { name, alias, actual, expected })
  }
}

function expectUnprotected({ name, alias, version, protected: isProtected }: AliasRow, force: boolean): void {
  if (isProtected && !force) throw artifactErrors.fail('ALIAS_PROTECTED', { name, alias, version })
}

function requiredVersion(storage: Storage, reference: string): VersionRow {
  const found = storage.query((tables) => versionAt(tables, reference))
  if (found === null) throw artifactErrors.fail('VERSION_NOT_FOUND', { reference })
  return found
}

/** The version a reference means; a bare word is a name. */
export function versionAt({ versions, aliases }: Tables, reference: string): VersionRow | null {
  const parsed = parseReference(reference)
  switch (parsed.kind) {
    case 'version':
      return versions.get(parsed.name, parsed.version)
    case 'latest':
      return versions.newest(parsed.name)
    case 'time':
      return versions.newestAt(parsed.name, parsed.at)
    case 'alias': {
      const alias = aliases.find(parsed.name, parsed.alias)
      return alias === null ? null : versions.get(alias.name, alias.version)
    }
    case 'word':
      return versions.newest(parsed.word)
  }
}

export function resolveReference(tables: Tables, reference: string): ContentHash | null {
  const found = versionAt(tables, reference)
  if (found !== null) return found.hash
  const parsed = parseReference(reference)
  if (parsed.kind !== 'word' || parsed.hashPrefix === null) return null
  const matches = tables.artifacts.byPrefix(parsed.hashPrefix)
  return matches.length === 1 ? matches[0]!.hash : null
}

/** With the artifact it means: its version may be in the trash, but is known. */
export function toldAlias<T extends Omit<ArtifactAlias, 'hash'>>(
  { versions }: Tables,
  alias: T,
): T & { readonly hash: ContentHash } {
  return { ...alias, hash: versions.known(alias.name, alias.version)!.hash }
}

function given<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: V }
}
