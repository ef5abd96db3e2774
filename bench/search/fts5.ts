/** SQLite's FTS5 on the same documents, asked as a user would: the best 20 by BM25, with snippets, and the count. */
import { DatabaseSync } from 'node:sqlite'
import { nameOf, tagsOf, type Document } from './corpus.ts'

export interface Fts5 {
  put(batch: readonly Document[]): void
  search(match: string): number
  close(): void
}

export function createFts5(path: string): Fts5 {
  const db = new DatabaseSync(path)
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536;
    CREATE VIRTUAL TABLE texts USING fts5 (name, tags, body, tokenize = 'porter unicode61 remove_diacritics 2', prefix = '2 3')`)
  const insert = db.prepare('INSERT INTO texts (rowid, name, tags, body) VALUES (?, ?, ?, ?)')
  const best = db.prepare(
    `SELECT rowid, snippet(texts, -1, '«', '»', '…', 24) FROM texts WHERE texts MATCH ? ORDER BY bm25(texts, 8.0, 4.0, 1.0) LIMIT 20`,
  )
  const count = db.prepare('SELECT count(*) AS count FROM texts WHERE texts MATCH ?')
  return {
    put(batch) {
      db.exec('BEGIN')
      for (const { id, text } of batch) insert.run(id + 1, nameOf(id), tagsOf(id).join(' '), `${text} ${id}`)
      db.exec('COMMIT')
    },
    search(match) {
      const quoted = match.replace(/(^| |")([a-z]+)\*/g, '$1"$2" *')
      best.all(quoted)
      return (count.get(quoted) as { count: number }).count
    },
    close: () => db.close(),
  }
}
