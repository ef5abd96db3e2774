/** How good an artifact is. */
import type { ContentHash } from '../protocol.ts'

export type QualityComponent = 'structure' | 'semantics' | 'utility' | 'custom'

/** How good an artifact is, from 0 to 1, and why. */
export interface ArtifactQuality {
  readonly hash: ContentHash
  /** The weighted mean of the components. */
  readonly score: number
  /** Those that can be said: bytes have no semantics, and only a configured scorer gives `custom`. */
  readonly components: readonly {
    readonly component: QualityComponent
    readonly score: number
    /** Its share of the score; together they are 1. */
    readonly weight: number
    readonly findings: readonly string[]
  }[]
  readonly feedback: readonly {
    readonly by: string
    readonly score: number
    readonly at: number
    readonly comment?: string
  }[]
}

export interface RankedArtifact {
  readonly hash: ContentHash
  readonly score: number
  readonly contentType: string
  readonly sizeBytes: number
  readonly name?: string
}

export interface QualityCalls {
  /** Null when there is none, or it is damaged. What was not judged in the background yet is judged now. */
  quality(arg: { readonly hash: ContentHash }): ArtifactQuality | null
  /** What somebody thinks of it, 0 to 1; again replaces it. The latest 100 voices count. Error: `ARTIFACT_NOT_FOUND`. */
  feedback(arg: {
    readonly hash: ContentHash
    readonly by: string
    readonly score: number
    readonly comment?: string
  }): ArtifactQuality
  /**
   * Artifacts by their score as the background knows it: some moments after a put or a use. @default order 'best'
   * @default min 0 @default max 1 @default limit 20, at most 1_000
   */
  ranked(arg: {
    readonly order?: 'best' | 'worst'
    readonly min?: number
    readonly max?: number
    readonly limit?: number
  }): readonly RankedArtifact[]
}
