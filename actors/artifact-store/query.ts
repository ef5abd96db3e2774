/**
 * The query language of search, turned into FTS5's: words, "a phrase", prefix*, AND, OR, NOT, parentheses.
 *
 *   any   = all { OR all }
 *   all   = item { [AND] item }          an item may be negated: NOT item
 *   item  = word | word* | "phrase" | ( any )
 *
 * I1. Whatever the user types, FTS5 gets only quoted strings and operators written here: no input is an SQL error.
 */
import { artifactErrors } from './errors.ts'

type Token =
  | { readonly kind: 'text'; readonly text: string; readonly prefix: boolean }
  | { readonly kind: 'AND' | 'OR' | 'NOT' | '(' | ')' }

/** Beyond this a query is a mistake, or an attack: FTS5's own cost grows with both. */
const TERMS_MAX = 64
const DEPTH_MAX = 16
const QUERY_CHARS_MAX = 2000

const TOKEN = /"([^"]*)("\*?|$)|([()])|([^\s()"]+)/gu
const SEARCHABLE = /[\p{L}\p{N}\p{Co}]/u

/** The MATCH expression. Errors: `QUERY_INVALID`, saying what is wrong. */
export function toMatchExpression(query: string): string {
  const invalid = (problem: string): Error => artifactErrors.fail('QUERY_INVALID', { query, problem })
  if (query.length > QUERY_CHARS_MAX) throw invalid(`longer than ${QUERY_CHARS_MAX} characters`)
  const tokens = tokenize(query, invalid)
  if (tokens.filter(({ kind }) => kind === 'text').length > TERMS_MAX) throw invalid(`more than ${TERMS_MAX} words`)
  let next = 0

  function any(depth: number): string {
    if (depth > DEPTH_MAX) throw invalid(`parentheses deeper than ${DEPTH_MAX}`)
    const alternatives = [all(depth)]
    while (tokens[next]?.kind === 'OR') {
      next++
      alternatives.push(all(depth))
    }
    return joined(alternatives, 'OR')
  }

  function all(depth: number): string {
    const wanted: string[] = []
    const unwanted: string[] = []
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
    const positive = joined(wanted, 'AND')
    return unwanted.length === 0 ? positive : `(${positive} NOT ${joined(unwanted, 'OR')})`
  }

  function item(depth: number): string {
    const token = tokens[next++]
    if (token?.kind === 'text') return `"${token.text}"${token.prefix ? ' *' : ''}`
    if (token?.kind !== '(')
      throw invalid(token === undefined ? 'it ends too early' : `${token.kind} where a word should be`)
    const inner = any(depth + 1)
    if (tokens[next++]?.kind !== ')') throw invalid('a parenthesis is not closed')
    return inner
  }

  const expression = any(0)
  if (next < tokens.length) throw invalid('a parenthesis is closed but never opened')
  return expression
}

function joined(parts: readonly string[], operator: 'AND' | 'OR'): string {
  return parts.length === 1 ? parts[0]! : `(${parts.join(` ${operator} `)})`
}

/** Words without a letter or digit (`--`, `&`) are left out, as the index leaves them out. */
function tokenize(query: string, invalid: (problem: string) => Error): readonly Token[] {
  const tokens: Token[] = []
  for (const [, phrase, phraseEnd, parenthesis, word] of query.replaceAll('\0', ' ').matchAll(TOKEN)) {
    if (parenthesis !== undefined) tokens.push({ kind: parenthesis as '(' | ')' })
    else if (word === 'AND' || word === 'OR' || word === 'NOT') tokens.push({ kind: word })
    else if (word !== undefined)
      tokens.push({ kind: 'text', text: word.replace(/\*+$/, ''), prefix: word.endsWith('*') })
    else if (phraseEnd === '') throw invalid('a quotation mark is not closed')
    else tokens.push({ kind: 'text', text: phrase!, prefix: phraseEnd === '"*' })
  }
  return tokens.filter((token) => token.kind !== 'text' || SEARCHABLE.test(token.text))
}
