/** What may be asked of the store to take artifacts elsewhere with all that is known of them; a part of `protocol.ts`. */
import type { ArtifactAlias, ArtifactVersion, ContentHash, Producer } from '../protocol.ts'

/** All that is known of an artifact and makes sense in another store. */
export interface BundleRecord {
  readonly hash: ContentHash
  readonly sizeBytes: number
  readonly contentType: string
  readonly name?: string
  readonly tags: readonly string[]
  readonly custom?: Readonly<Record<string, unknown>>
  readonly createdAt: number
  readonly producers: readonly Producer[]
  readonly derivedFrom: readonly ContentHash[]
  readonly partOf: readonly ContentHash[]
  /** Versions that are this artifact, and the aliases that point at them. */
  readonly versions: readonly Omit<ArtifactVersion, 'hash'>[]
  readonly aliases: readonly Omit<ArtifactAlias, 'hash'>[]
}

export interface ImportedRecords {
  /** Artifacts of which something was new. */
  readonly merged: number
  /** Without content here: nothing of them was taken. */
  readonly missing: readonly ContentHash[]
  /** Versions and aliases that are something else here, as `name@version`: they stay what they are. */
  readonly conflicts: readonly string[]
}

/** Of one call. */
export const BUNDLE_RECORDS_MAX = 500

export interface BundleCalls {
  /** At most `BUNDLE_RECORDS_MAX`; what is not there is left out. */
  exportRecords(arg: { readonly hashes: readonly ContentHash[] }): { readonly records: readonly BundleRecord[] }
  /**
   * Adds what these say to artifacts that are there: tags, producers, relations, metadata that is missing, the earlier time of
   * creation, versions and aliases by their own numbers. The same again changes nothing. Error: `ARTIFACT_INVALID`.
   */
  importRecords(arg: { readonly records: readonly BundleRecord[] }): ImportedRecords
}
