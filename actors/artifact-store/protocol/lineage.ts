/** Which artifact came from which. */
import type { ContentHash, Producer } from '../protocol.ts'

/** `derivedFrom`: made from it. `partOf`: belongs to it, as a child to its parent. */
export type RelationKind = 'derivedFrom' | 'partOf'

export interface LineageNode {
  readonly hash: ContentHash
  /** Steps away, at least 1. */
  readonly depth: number
  /** The artifact one step nearer, through which it was found first. */
  readonly via: ContentHash
  readonly name?: string
  /** Who made it first. */
  readonly producer?: Producer
  /** False when it is in the trash or gone: then its own ancestors may not be known any more. */
  readonly present: boolean
}

/** What an artifact has to do with others; of lists the first 100. */
export interface ArtifactRelations {
  readonly hash: ContentHash
  readonly producedBy: readonly Producer[]
  readonly derivedFrom: readonly ContentHash[]
  readonly derived: readonly ContentHash[]
  readonly derivedCount: number
  readonly partOf: readonly ContentHash[]
  readonly parts: readonly ContentHash[]
  readonly partCount: number
  /** Latest first: who took it as input, and what came of it where that is known. */
  readonly usedBy: readonly { readonly by: Producer; readonly at: number; readonly artifact?: ContentHash }[]
  /** Of `derivedFrom`, all the way. */
  readonly ancestorCount: number
  readonly descendantCount: number
}

export interface Relation {
  readonly child: ContentHash
  readonly parent: ContentHash
  /** @default 'derivedFrom' */
  readonly kind?: RelationKind
}

export interface LineageCalls {
  /** How an artifact came to be, or what came of it: nearest first. @default limit 1_000, at most 10_000 */
  lineage(arg: {
    readonly hash: ContentHash
    readonly direction: 'ancestors' | 'descendants'
    readonly kind?: RelationKind
    readonly limit?: number
    readonly depthMax?: number
  }): readonly LineageNode[]
  /** Error: `ARTIFACT_NOT_FOUND`. */
  relations(arg: { readonly hash: ContentHash }): ArtifactRelations
  /** Relates two artifacts; again changes nothing. Errors: `ARTIFACT_NOT_FOUND`, `RELATION_CYCLE`. */
  relate(arg: Relation): void
  /** Ends a relation; one that is not there is no error. */
  unrelate(arg: Relation): void
  /** Notes that somebody took artifacts as input. The latest 100 of each artifact are kept. Error: `ARTIFACT_NOT_FOUND`. */
  recordUse(arg: {
    readonly hashes: readonly ContentHash[]
    readonly by: Producer
    /** @default 'input' */
    readonly as?: 'input' | 'cache-hit'
  }): void
}
