/** Versions of names, their aliases, and what differs between two artifacts. */
import type { ContentHash } from '../protocol.ts'

/** Never changes, its tags aside. */
export interface ArtifactVersion {
  readonly name: string
  /** 1, 2, 3 … */
  readonly version: number
  readonly hash: ContentHash
  readonly createdAt: number
  readonly message?: string
  /** The version it follows; null for a beginning. */
  readonly parent: number | null
  /** Of a rollback: the version whose content it has. */
  readonly restores?: number
  readonly tags: readonly string[]
}

export interface NewVersion {
  /** At most 512 characters, without `@`. */
  readonly name: string
  readonly hash: ContentHash
  readonly message?: string
  readonly tags?: readonly string[]
  /** The version it follows, null for none. @default the newest one */
  readonly parent?: number | null
  /** Only when this is the newest version, 0 for none; otherwise `VERSION_CONFLICT`. */
  readonly ifLatest?: number
}

/** A name for a version that can be moved. */
export interface ArtifactAlias {
  readonly name: string
  readonly alias: string
  readonly version: number
  readonly hash: ContentHash
  /** Moved or removed by force only; its artifact is kept from cleanup. */
  readonly protected: boolean
  readonly changedAt: number
}

export interface AliasChange {
  /** A version: `report`, `report@3`, `report@staging`, … */
  readonly reference: string
  /** A letter, then at most 127 letters, digits, `_`, `.` or `-`; not `latest`. */
  readonly alias: string
  /** Only when the alias is at this version, 0 for nowhere; otherwise `ALIAS_CONFLICT`. */
  readonly ifVersion?: number
  /** Protects it from now on, or not any more. @default as it was, a new one not */
  readonly protect?: boolean
  /** Moves it although it is protected. @default false: `ALIAS_PROTECTED` */
  readonly force?: boolean
}

export interface AliasSet extends ArtifactAlias {
  /** Where it was before; not given when it is new. */
  readonly previousVersion?: number
}

/** A name with its versions outside the trash. */
export interface VersionedArtifact {
  readonly name: string
  readonly versions: number
  readonly latest: ArtifactVersion
  readonly aliases: readonly ArtifactAlias[]
}

export interface DiffSide {
  /** As it was given. */
  readonly reference: string
  readonly hash: ContentHash
  readonly sizeBytes: number
  readonly contentType: string
}

/** A step of RFC 6902 (JSON Patch), with what was there before. In the order given they lead from one to the other. */
export interface JsonChange {
  readonly op: 'add' | 'remove' | 'replace'
  /** RFC 6901 (JSON Pointer). */
  readonly path: string
  /** Of `remove` and `replace`. */
  readonly before?: unknown
  /** Of `add` and `replace`. */
  readonly value?: unknown
}

export type ArtifactDiff = { readonly from: DiffSide; readonly to: DiffSide } & (
  | { readonly kind: 'same' }
  | {
      readonly kind: 'text'
      /** A unified diff, as `patch` takes it. */
      readonly unified: string
      readonly addedLines: number
      readonly removedLines: number
    }
  /** Without changes when only the notation differs. */
  | { readonly kind: 'json'; readonly changes: readonly JsonChange[] }
  | { readonly kind: 'binary' }
)

export interface DiffRequest {
  /** Any reference to an artifact. */
  readonly from: string
  readonly to: string
  /** @default 'json' when both are JSON by their type and content, otherwise 'text' when both are */
  readonly as?: 'text' | 'json'
  /** Lines around every change of a text. @default 3 */
  readonly contextLines?: number
}

export interface VersionCalls {
  /**
   * The next version of a name; when its newest version says the same already – content, and as far as given message, tags
   * and parent – that one again. Errors: `ARTIFACT_NOT_FOUND`, `VERSION_NOT_FOUND` (the parent), `VERSION_CONFLICT`.
   */
  addVersion(arg: NewVersion): ArtifactVersion
  /** Newest first; with `tag` those that have it. */
  versions(arg: { readonly name: string; readonly tag?: string }): readonly ArtifactVersion[]
  /** `name`, `name@latest`, `name@3`, `name@alias` or `name@2026-01-31T12:00Z`: the newest one at that time. */
  version(arg: { readonly reference: string }): ArtifactVersion | null
  /** The newest version at a time. */
  versionAt(arg: { readonly name: string; readonly at: number }): ArtifactVersion | null
  /** Error: `VERSION_NOT_FOUND`. */
  tagVersion(arg: {
    readonly reference: string
    readonly add?: readonly string[]
    readonly remove?: readonly string[]
  }): ArtifactVersion
  /**
   * A new version with the content of an old one; the newest one again when it has that content.
   * Errors: `VERSION_NOT_FOUND`, `VERSION_CONFLICT`. @default message 'back to name@3'
   */
  rollback(arg: { readonly reference: string; readonly message?: string; readonly ifLatest?: number }): ArtifactVersion
  /** Sets an alias, or moves it. Errors: `VERSION_NOT_FOUND`, `ALIAS_CONFLICT`, `ALIAS_PROTECTED`. */
  setAlias(arg: AliasChange): AliasSet
  /** Errors: `ALIAS_CONFLICT`, `ALIAS_PROTECTED`. */
  removeAlias(arg: {
    readonly name: string
    readonly alias: string
    readonly ifVersion?: number
    readonly force?: boolean
  }): { readonly removed: boolean }
  aliases(arg: { readonly name: string }): readonly ArtifactAlias[]
  /** In the order of their names, those that begin with `prefix`, after `after`. @default limit 100, at most 1_000 */
  names(arg: {
    readonly prefix?: string
    readonly after?: string
    readonly limit?: number
  }): readonly VersionedArtifact[]
  /**
   * What leads from one artifact to another. Errors: `ARTIFACT_NOT_FOUND`, `ARTIFACT_CORRUPT`, `DIFF_TOO_LARGE` (text or JSON
   * over 8 MiB).
   */
  diff(arg: DiffRequest): ArtifactDiff
}
