/** The tables of scores, of feedback and of uses that are only counted. Scores can be made again; the rest is in the log. */
import type { Catalog } from '../catalog.ts'
import { FORMULA, type ContentParts } from '../quality.ts'

export interface Feedback {
  /** Who gave it; a later one of the same replaces it. */
  readonly by: string
  readonly score: number
  readonly at: number
  readonly comment?: string
}

export interface UseCounts {
  readonly inputs: number
  readonly cacheHits: number
}

export interface Scores {
  /** What content said; null when it was not judged yet, or by another formula. */
  parts(artifact: number): ContentParts | null
  put(artifact: number, parts: ContentParts, score: number): void
  /** After its usage changed. */
  setScore(artifact: number, score: number): void
  forget(artifact: number): void
  /** Of a range of ids, those that are not judged. */
  missing(afterId: number, toId: number): readonly number[]
  readonly lastId: number
  ranked(order: 'best' | 'worst', min: number, max: number, limit: number): readonly { id: number; score: number }[]
  feedback(artifact: number): readonly Feedback[]
  addFeedback(artifact: number, feedback: Feedback): void
  uses(artifact: number): UseCounts
  addUses(artifact: number, counts: UseCounts): void
  /** Feedback and counts. */
  clear(artifact: number): void
}

/** Voices that are kept of one artifact. */
const FEEDBACK_MAX = 100

export function createScores(catalog: Catalog): Scores {
  const parts = catalog.prepare('SELECT parts FROM quality WHERE artifact = ? AND formula = ?')
  const put = catalog.prepare('INSERT OR REPLACE INTO quality (artifact, formula, score, parts) VALUES (?, ?, ?, ?)')
  const setScore = catalog.prepare('UPDATE quality SET score = ? WHERE artifact = ?')
  const forget = catalog.prepare('DELETE FROM quality WHERE artifact = ?')
  const missing = catalog.prepare(
    `SELECT id FROM artifacts WHERE id > ? AND id <= ? AND trashPlan IS NULL AND damaged = 0 AND NOT EXISTS
       (SELECT 1 FROM quality WHERE artifact = id AND formula = ${FORMULA}) ORDER BY id`,
  )
  const lastId = catalog.prepare('SELECT coalesce(max(id), 0) AS id FROM artifacts')
  const ranked = { best: rankedBy(catalog, 'DESC'), worst: rankedBy(catalog, 'ASC') }
  const feedback = catalog.prepare(
    'SELECT voice, score, at, comment FROM feedback WHERE artifact = ? ORDER BY at, voice',
  )
  const addFeedback = catalog.prepare(
    'INSERT OR REPLACE INTO feedback (artifact, voice, score, at, comment) VALUES (?, ?, ?, ?, ?)',
  )
  const prune = catalog.prepare(
    `DELETE FROM feedback WHERE artifact = ?1 AND voice NOT IN
       (SELECT voice FROM feedback WHERE artifact = ?1 ORDER BY at DESC, voice LIMIT ${FEEDBACK_MAX})`,
  )
  const uses = catalog.prepare('SELECT inputs, cacheHits FROM useCounts WHERE artifact = ?')
  const addUses = catalog.prepare(
    `INSERT INTO useCounts (artifact, inputs, cacheHits) VALUES (?, ?, ?)
     ON CONFLICT (artifact) DO UPDATE SET inputs = inputs + excluded.inputs, cacheHits = cacheHits + excluded.cacheHits`,
  )
  const clear = ['feedback', 'useCounts'].map((table) => catalog.prepare(`DELETE FROM ${table} WHERE artifact = ?`))
  return {
    parts(artifact) {
      const row = parts.get(artifact, FORMULA) as { parts: string } | undefined
      return row === undefined ? null : (JSON.parse(row.parts) as ContentParts)
    },
    put: (artifact, found, score) => void put.run(artifact, FORMULA, score, JSON.stringify(found)),
    setScore: (artifact, score) => void setScore.run(score, artifact),
    forget: (artifact) => void forget.run(artifact),
    missing: (afterId, toId) => (missing.all(afterId, toId) as unknown as { id: number }[]).map(({ id }) => id),
    get lastId() {
      return (lastId.get() as { id: number }).id
    },
    ranked: (order, min, max, limit) =>
      ranked[order].all(min, max, limit) as unknown as { id: number; score: number }[],
    feedback: (artifact) =>
      (feedback.all(artifact) as unknown as FeedbackRow[]).map(({ voice, score, at, comment }) => ({
        by: voice,
        score,
        at,
        ...(comment === null ? {} : { comment }),
      })),
    addFeedback(artifact, { by, score, at, comment }) {
      addFeedback.run(artifact, by, score, at, comment ?? null)
      prune.run(artifact)
    },
    uses: (artifact) => (uses.get(artifact) as unknown as UseCounts | undefined) ?? { inputs: 0, cacheHits: 0 },
    addUses: (artifact, { inputs, cacheHits }) => void addUses.run(artifact, inputs, cacheHits),
    clear(artifact) {
      for (const statement of clear) statement.run(artifact)
    },
  }
}

interface FeedbackRow {
  readonly voice: string
  readonly score: number
  readonly at: number
  readonly comment: string | null
}

function rankedBy(catalog: Catalog, direction: 'ASC' | 'DESC') {
  return catalog.prepare(
    `SELECT artifact AS id, score FROM quality JOIN artifacts ON id = artifact
     WHERE score >= ? AND score <= ? AND trashPlan IS NULL ORDER BY score ${direction}, artifact LIMIT ?`,
  )
}
