/**
 * The score of an artifact: parts that are judged by its content once, and its usage that is judged again and again.
 *
 *   structure ┐
 *   semantics ├─ by content, stored ─┐
 *   custom    ┘                      ├─ weighted mean of the parts there are ─► score in [0, 1]
 *   utility   ─── by usage ──────────┘
 */
import type { ArtifactQuality, QualityComponent } from './protocol.ts'
import type { QualityPart } from './quality/part.ts'

/** What content alone says. */
export interface ContentParts {
  readonly structure: QualityPart | null
  readonly semantics: QualityPart | null
  readonly custom: QualityPart | null
}

/** Raised when the judging changes: what was judged before is judged again. */
export const FORMULA = 1

const WEIGHTS: Readonly<Record<QualityComponent, number>> = {
  structure: 0.3,
  semantics: 0.4,
  utility: 0.3,
  custom: 0.5,
}

export type Scored = Pick<ArtifactQuality, 'score' | 'components'>

export function scoreOf(parts: ContentParts, utility: QualityPart): Scored {
  const given = Object.entries({ ...parts, utility }).flatMap(([name, part]) =>
    part === null ? [] : [{ component: name as QualityComponent, ...part }],
  )
  const total = given.reduce((sum, { component }) => sum + WEIGHTS[component], 0)
  const components = given.map((part) => ({ ...part, weight: WEIGHTS[part.component] / total }))
  return { score: components.reduce((sum, { score, weight }) => sum + score * weight, 0), components }
}
