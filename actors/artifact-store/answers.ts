/**
 * What was answered to the latest messages that may not happen twice: a message delivered again after a crash gets the
 * same answer, and changes nothing. Bounded: more messages than this are never in flight.
 */
import type { Catalog } from './catalog.ts'
import type { Cause } from './records.ts'

const KEPT = 16_384
const PRUNE_EVERY = 1024

export interface Answers {
  find(cause: Cause): unknown
  put(cause: Cause, answer: unknown): void
}

export function createAnswers(catalog: Catalog): Answers {
  const find = catalog.prepare('SELECT answer FROM answers WHERE key = ? AND digest = ?')
  const put = catalog.prepare('INSERT OR REPLACE INTO answers (key, digest, answer) VALUES (?, ?, ?)')
  const prune = catalog.prepare('DELETE FROM answers WHERE id <= ?')
  return {
    find({ key, digest }) {
      const row = find.get(key, digest) as { answer: string } | undefined
      return row === undefined ? null : (JSON.parse(row.answer) as unknown)
    },
    put({ key, digest }, answer) {
      const id = Number(put.run(key, digest, JSON.stringify(answer)).lastInsertRowid)
      if (id % PRUNE_EVERY === 0) prune.run(id - KEPT)
    },
  }
}
