/**
 * The query language of search: words, "a phrase", prefix*, AND, OR, NOT, parentheses.
 *
 *   any   = all { OR all }
 *   all   = item { [AND] item }          an item may be negated: NOT item
 *   item  = word | word* | "phrase" | ( any )
 *
 * A word that the index takes for several (`foo-bar`, or one of a script without spaces) is a phrase.
 */
import { artifactErrors } from './errors.ts'
import { eachWord } from './search/words.ts'

/** What to look for. Words are folded, not stemmed. */
export type TextQuery =
  | {
      readonly kind: 'phrase'
      readonly words: readonly string[]
      /** The last word may go on. */ readonly prefix: boolean
    }
  | { readonly kind: 'and'; readonly wanted: readonly TextQuery[]; readonly unwanted: readonly TextQuery[] }
  | { readonly kind: 'or'; readonly some: readonly TextQuery[] }

type Phrase = TextQuery & { readonly kind: 'phrase' }
type Token = Phrase | { readonly kind: 'AND' | 'OR' | 'NOT' | '(' | ')' }

/** Beyond this a query is a mistake, or an attack: its cost grows with both. */
const TERMS_MAX = 64
const DEPTH_MAX = 16
const QUERY_CHARS_MAX = 2000

const TOKEN = /"([^"]*)("\*?|$)|([()])|([^\s()"]+)/gu

/** Errors: `QUERY_INVALID`, saying what is wrong. */
export function parseQuery(query: string): TextQuery {
  const invalid = (problem: string): Error => artifactErrors.fail('QUERY_INVALID', { query, problem })
  if (query.length > QUERY_CHARS_MAX) throw invalid(`longer than ${QUERY_CHARS_MAX} characters`)
  const tokens = tokenize(query, invalid)
  if (wordCount(tokens) > TERMS_MAX) throw invalid(`more than ${TERMS_MAX} words`)
  let next = 0

  function any(depth: number): TextQuery {
    if (depth > DEPTH_MAX) throw invalid(`parentheses deeper than ${DEPTH_MAX}`)
    const some = [all(depth)]
    while (tokens[next]?.kind === 'OR') {
      next++
      some.push(all(depth))
    }
    return some.length === 1 ? some[0]! : { kind: 'or', some }
  }

  function all(depth: number): TextQuery {
    const wanted: TextQuery[] = []
    const unwanted: TextQuery[] = []
    for (
      let token = tokens[next];
      token !== undefined && token.kind !== 'OR' && token.kind !== ')';
      token = tokens[next]
    ) {
      if (token.kind === 'AND') {
        if (wanted.length + unwanted.length === 0) throw invalid('AND needs something before it')
        next++
      }
      const negated = tokens[next]?.kind === 'NOT'
      if (negated) next++
      ;(negated ? unwanted : wanted).push(item(depth))
    }
    if (wanted.length === 0)
      throw invalid(unwanted.length > 0 ? 'only NOT: nothing to look for' : 'nothing to look for')
    return wanted.length === 1 && unwanted.length === 0 ? wanted[0]! : { kind: 'and', wanted, unwanted }
  }

  function item(depth: number): TextQuery {
    const token = tokens[next++]
    if (token?.kind === 'phrase') return token
    if (token?.kind !== '(')
      throw invalid(token === undefined ? 'it ends too early' : `${token.kind} where a word should be`)
    const inner = any(depth + 1)
    if (tokens[next++]?.kind !== ')') throw invalid('a parenthesis is not closed')
    return inner
  }

  const parsed = any(0)
  if (next < tokens.length) throw invalid('a parenthesis is closed but never opened')
  return parsed
}

/** What of a query must be there, for highlights: everything that is not negated. */
export function wantedPhrases(query: TextQuery): readonly Phrase[] {
  switch (query.kind) {
    case 'phrase':
      return [query]
    case 'and':
      return query.wanted.flatMap(wantedPhrases)
    case 'or':
      return query.some.flatMap(wantedPhrases)
  }
}

/** Words without a letter or digit (`--`, `&`) are left out, as the index leaves them out. */
function tokenize(query: string, invalid: (problem: string) => Error): readonly Token[] {
  const tokens: Token[] = []
  for (const [, phrase, phraseEnd, parenthesis, word] of query.matchAll(TOKEN)) {
    if (parenthesis !== undefined) tokens.push({ kind: parenthesis as '(' | ')' })
    else if (word === 'AND' || word === 'OR' || word === 'NOT') tokens.push({ kind: word })
    else if (word !== undefined) tokens.push(phraseOf(word, word.endsWith('*')))
    else if (phraseEnd === '') throw invalid('a quotation mark is not closed')
    else tokens.push(phraseOf(phrase!, phraseEnd === '"*'))
  }
  return tokens.filter((token) => token.kind !== 'phrase' || token.words.length > 0)
}

function phraseOf(text: string, prefix: boolean): Phrase {
  const words: string[] = []
  eachWord(text, (word) => void words.push(word))
  return { kind: 'phrase', words, prefix }
}

function wordCount(tokens: readonly Token[]): number {
  return tokens.reduce((sum, token) => sum + (token.kind === 'phrase' ? token.words.length : 0), 0)
}
