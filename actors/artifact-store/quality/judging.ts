/** Judging one artifact of the store: reads what is needed, and writes the score into the index. */
import type { Accesses } from '../accesses.ts'
import type { ArtifactRow } from '../artifacts.ts'
import type { ContentHash } from '../protocol.ts'
import { scoreOf, type ContentParts, type Scored } from '../quality.ts'
import type { Storage } from '../storage.ts'
import { visible } from '../store.ts'
import type { Tables } from '../tables.ts'
import { textOf, type Judged, type QualityPart } from './part.ts'
import type { Scorer } from './scorer.ts'
import { semanticsOf } from './semantics.ts'
import { structureOf } from './structure.ts'
import { utilityOf } from './utility.ts'

/** Of longer content, the beginning is judged. */
const SAMPLE_BYTES = 128 * 1024
const INPUTS_MAX = 4
const INPUT_BYTES_MAX = 64 * 1024

/** By its content, and by its usage so far. Null when it is not there, or damaged. */
export async function judge(storage: Storage, hash: ContentHash, scorer: Scorer | null): Promise<Scored | null> {
  const row = visible(storage, hash)
  const judged = row === null ? null : judgedOf(storage, row, SAMPLE_BYTES)
  if (row === null || judged === null) return null
  const custom = scorer === null ? null : await scorer.judge(judged)
  const parts: ContentParts = { ...contentParts(judged, inputsOf(storage, hash)), custom }
  // The scorer may have taken its time: the artifact may be another one by now.
  const now = visible(storage, hash)
  if (now === null) return null
  const scored = storage.query((tables) => scoreOf(parts, usageOf(tables, now)))
  storage.note(({ scores }) => scores.put(now.id, parts, scored.score))
  return scored
}

/** Below this, the form is broken: what the content says reaches nobody who takes it for what it says it is. */
const BROKEN_BELOW = 0.5

export function contentParts(judged: Judged, inputs: readonly string[]): Omit<ContentParts, 'custom'> {
  const structure = structureOf(judged)
  const semantics = semanticsOf(judged, inputs)
  if (structure === null || semantics === null || structure.score >= BROKEN_BELOW) return { structure, semantics }
  const score = (semantics.score * structure.score) / BROKEN_BELOW
  return { structure, semantics: { score, findings: [...semantics.findings, 'it counts less, as its form is broken'] } }
}

/** What is stored of its content, with its usage as it is now. Null when its content was not judged yet. */
export function scored(storage: Storage, row: ArtifactRow, accesses?: Accesses): Scored | null {
  return storage.query((tables) => {
    const parts = tables.scores.parts(row.id)
    return parts === null ? null : scoreOf(parts, usageOf(tables, row, accesses))
  })
}

export function rescore(storage: Storage, hash: ContentHash): void {
  const row = visible(storage, hash)
  const found = row === null ? null : scored(storage, row)
  if (row !== null && found !== null) storage.note(({ scores }) => scores.setScore(row.id, found.score))
}

function usageOf({ relationships, scores }: Tables, row: ArtifactRow, accesses?: Accesses): QualityPart {
  return utilityOf({
    reads: row.accessCount + (accesses?.of(row.hash).count ?? 0),
    derived: relationships.usedByCount(row.hash),
    ...scores.uses(row.id),
    feedback: scores.feedback(row.id).map(({ score }) => score),
  })
}

function judgedOf(storage: Storage, row: ArtifactRow, bytesMax: number): Judged | null {
  const read = storage.readRange(row, 0, bytesMax)
  if (read.kind === 'damaged') return null
  const { contentType, name, sizeBytes } = row
  return { contentType, name, sizeBytes, content: read.content }
}

/** The texts it was made from, the first of them. */
function inputsOf(storage: Storage, hash: ContentHash): readonly string[] {
  const parents = storage.query(({ relationships }) => relationships.parents(hash, 'derivedFrom'))
  return parents.slice(0, INPUTS_MAX).flatMap((parent) => {
    const row = visible(storage, parent)
    const judged = row === null ? null : judgedOf(storage, row, INPUT_BYTES_MAX)
    const text = judged === null ? null : textOf(judged)
    return text === null ? [] : [text]
  })
}
