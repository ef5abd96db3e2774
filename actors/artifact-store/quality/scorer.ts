/** A scorer of the user's, by name: imported in the store's thread when it starts. */
import { isAbsolute, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { own, sleep, type Clock, type Logger } from '../../../runtime/index.ts'
import { artifactErrors } from '../errors.ts'
import { clamp, type Judged, type QualityPart } from './part.ts'

export interface ScorerReference {
  /** A package, or a path from the working folder. */
  readonly module: string
  /** A function of it. @default 'default' */
  readonly export?: string
}

/** What a scorer is given, and what it answers: a number from 0 to 1, with its reason if it likes. Null: nothing to say. */
export type ScorerFunction = (judged: Judged) => ScorerAnswer | Promise<ScorerAnswer>
export type ScorerAnswer = number | { readonly score: number; readonly finding?: string } | null

export interface Scorer {
  /** Never fails: what is wrong with the scorer is logged, and there is no part of it. */
  judge(judged: Judged): Promise<QualityPart | null>
}

const ANSWER_WITHIN_MS = 30_000

/** Error: `SCORER_INVALID`. */
export async function loadScorer(reference: ScorerReference): Promise<ScorerFunction> {
  const module: unknown = own(reference, 'module')
  const name: unknown = own(reference, 'export') ?? 'default'
  const fail = (problem: string, cause?: unknown): Error =>
    artifactErrors.fail('SCORER_INVALID', { module: String(module), export: String(name), problem }, { cause })
  if (typeof module !== 'string' || module === '' || typeof name !== 'string') {
    throw fail('expected { module, export } as text')
  }
  const isPath = isAbsolute(module) || module.startsWith('.')
  let found: unknown
  try {
    found = ((await import(isPath ? pathToFileURL(resolve(module)).href : module)) as Record<string, unknown>)[name]
  } catch (cause) {
    throw fail(cause instanceof Error ? cause.message : String(cause), cause)
  }
  if (typeof found !== 'function') throw fail('there is no such function')
  return found as ScorerFunction
}

export function createScorer(score: ScorerFunction, clock: Clock, logger: Logger): Scorer {
  return {
    async judge(judged) {
      const done = new AbortController()
      try {
        const late = sleep(clock, ANSWER_WITHIN_MS, done.signal).then(() =>
          Promise.reject(new Error('no answer in 30 s')),
        )
        late.catch(() => {})
        return partOf(await Promise.race([score(judged), late]))
      } catch (error) {
        logger.warn('the scorer failed', { problem: error instanceof Error ? error.message : String(error) })
        return null
      } finally {
        done.abort()
      }
    },
  }
}

function partOf(answer: ScorerAnswer): QualityPart | null {
  if (answer === null) return null
  const { score, finding } = typeof answer === 'number' ? { score: answer, finding: undefined } : answer
  if (typeof score !== 'number' || !Number.isFinite(score)) throw new Error(`its score is ${String(score)}`)
  return { score: clamp(score), findings: [typeof finding === 'string' ? finding : 'the configured scorer'] }
}
