/** What an artifact was good for: reads, uses as input, cache hits, and what people said of it. */
import type { QualityPart } from './part.ts'

export interface Usage {
  readonly reads: number
  /** Artifacts that were made from it. */
  readonly derived: number
  /** Times it was noted as input. */
  readonly inputs: number
  readonly cacheHits: number
  /** 0 to 1, the latest of each who gave some. */
  readonly feedback: readonly number[]
}

/** How soon each of them counts fully: the more it takes to do, the more it says. */
const WEIGHT = { reads: 0.1, derived: 0.5, inputs: 0.4, cacheHits: 0.4 } as const
/** Of what nobody has used yet: neither good nor bad. */
const UNUSED = 0.4
/** As if one more voice had said: neither. */
const FEEDBACK_PRIOR = 0.5
const FEEDBACK_SHARE_MAX = 0.95

export function utilityOf(usage: Usage): QualityPart {
  const effort = Object.entries(WEIGHT).reduce(
    (sum, [key, weight]) => sum + weight * usage[key as keyof typeof WEIGHT],
    0,
  )
  const used = UNUSED + (1 - UNUSED) * (1 - Math.exp(-effort))
  const voices = usage.feedback.length
  const said = (FEEDBACK_PRIOR + usage.feedback.reduce((sum, score) => sum + score, 0)) / (voices + 1)
  const share = FEEDBACK_SHARE_MAX * (voices / (voices + 1))
  const findings = [
    ...counted(usage.reads, 'read', 'reads'),
    ...counted(usage.derived, 'artifact made from it', 'artifacts made from it'),
    ...counted(usage.inputs, 'use as input', 'uses as input'),
    ...counted(usage.cacheHits, 'cache hit', 'cache hits'),
    ...(voices === 0 ? [] : [`feedback of ${voices}: ${(said * 100).toFixed(0)} % after smoothing`]),
  ]
  return { score: used * (1 - share) + said * share, findings: findings.length === 0 ? ['not used yet'] : findings }
}

function counted(count: number, one: string, many: string): readonly string[] {
  return count === 0 ? [] : [`${count} ${count === 1 ? one : many}`]
}
