/**
 * File name patterns: `*` and `?` within a name, `**` for any number of folders, `[a-z]`, `[!a]`, `{md,txt}`.
 * A leading dot is an ordinary character: nothing is skipped unless a pattern says so.
 *
 * Braces are expanded first; each alternative is a list of names, matched without backtracking over more than one `*`,
 * so that no pattern takes longer than (length of pattern × length of path).
 */
import { invalidInput } from './operator.ts'

export interface GlobPattern {
  /** `path` is relative, with `/` between names. */
  matches(path: string): boolean
  /** How many names deep a match can be; Infinity with `**`. */
  readonly depthMax: number
}

const EXPANSIONS_MAX = 256
const PATTERN_CHARACTERS_MAX = 1_024

type Token =
  | { readonly kind: 'star' }
  | { readonly kind: 'any' }
  | { readonly kind: 'character'; readonly text: string }
  | { readonly kind: 'class'; readonly negated: boolean; readonly ranges: readonly (readonly [string, string])[] }

/** One name of a path, or `null` for `**`. */
type Segment = readonly Token[] | null

/** Throws `OPERATOR_INPUT_INVALID` for a pattern that is empty, absolute, too long or has an unclosed bracket. */
export function compileGlob(pattern: string): GlobPattern {
  if (pattern === '' || pattern.startsWith('/')) throw invalidPattern('a relative file name pattern', pattern)
  if (pattern.length > PATTERN_CHARACTERS_MAX)
    throw invalidPattern(`at most ${PATTERN_CHARACTERS_MAX} characters`, pattern)
  const alternatives = expandBraces(pattern).map((text) =>
    text
      .split('/')
      .filter((name) => name !== '' && name !== '.')
      .map((name) => (name === '**' ? null : tokenize(name, pattern))),
  )
  return {
    matches(path) {
      const names = path.split('/')
      return alternatives.some((segments) => matchSegments(segments, names))
    },
    depthMax: Math.max(...alternatives.map((segments) => (segments.includes(null) ? Infinity : segments.length))),
  }
}

function invalidPattern(expected: string, pattern: string): Error {
  return invalidInput('glob', 'pattern', expected, pattern)
}

/** `a{b,c{d,e}}f` → `abf`, `acdf`, `acef`; a brace without its pair is an ordinary character. */
function expandBraces(pattern: string): string[] {
  const done: string[] = []
  const open = [pattern]
  while (open.length > 0) {
    const text = open.pop()!
    const group = firstGroup(text)
    if (group === null) done.push(text)
    else open.push(...group.options.map((option) => `${text.slice(0, group.start)}${option}${text.slice(group.end)}`))
    if (done.length + open.length > EXPANSIONS_MAX) throw invalidPattern('fewer brace alternatives', pattern)
  }
  return done
}

/** The first `{…,…}` of a text with its top-level options. */
function firstGroup(text: string): { start: number; end: number; options: string[] } | null {
  for (let start = text.indexOf('{'); start !== -1; start = text.indexOf('{', start + 1)) {
    const options = ['']
    let depth = 0
    for (let i = start + 1; i < text.length; i++) {
      const character = text[i]!
      if (character === '}' && depth === 0) {
        if (options.length === 1) break
        return { start, end: i + 1, options }
      }
      if (character === '{') depth++
      if (character === '}') depth--
      if (character === ',' && depth === 0) options.push('')
      else options[options.length - 1] += character
    }
  }
  return null
}

function tokenize(name: string, pattern: string): Token[] {
  const tokens: Token[] = []
  for (let i = 0; i < name.length; i++) {
    const character = name[i]!
    if (character === '*') {
      if (tokens.at(-1)?.kind !== 'star') tokens.push({ kind: 'star' })
    } else if (character === '?') tokens.push({ kind: 'any' })
    else if (character === '\\' && i + 1 < name.length) tokens.push({ kind: 'character', text: name[++i]! })
    else if (character === '[') {
      const end = name.indexOf(']', i + 2)
      if (end === -1) throw invalidPattern('a pattern with closed brackets', pattern)
      tokens.push(characterClass(name.slice(i + 1, end)))
      i = end
    } else tokens.push({ kind: 'character', text: character })
  }
  return tokens
}

function characterClass(text: string): Token {
  const negated = text.startsWith('!') || text.startsWith('^')
  const ranges = [...text.slice(negated ? 1 : 0).matchAll(/(.)-(.)|(.)/g)].map(
    ([, from, to, single]) => [from ?? single!, to ?? single!] as const,
  )
  return { kind: 'class', negated, ranges }
}

/** Greedy with one point to return to, the last `**`: enough, because a later one can only match more. */
function matchSegments(segments: readonly Segment[], names: readonly string[]): boolean {
  return matchWithStars(
    segments.length,
    names.length,
    (i) => segments[i] === null,
    (i, j) => matchName(segments[i]!, names[j]!),
  )
}

function matchName(tokens: readonly Token[], name: string): boolean {
  const characters = name
  return matchWithStars(
    tokens.length,
    characters.length,
    (i) => tokens[i]!.kind === 'star',
    (i, j) => matchToken(tokens[i]!, characters[j]!),
  )
}

function matchWithStars(
  patternLength: number,
  textLength: number,
  isStar: (i: number) => boolean,
  matchesAt: (i: number, j: number) => boolean,
): boolean {
  let i = 0
  let j = 0
  let star = -1
  let resumeAt = 0
  while (j < textLength) {
    if (i < patternLength && isStar(i)) {
      star = i++
      resumeAt = j
    } else if (i < patternLength && matchesAt(i, j)) {
      i++
      j++
    } else if (star !== -1) {
      i = star + 1
      j = ++resumeAt
    } else return false
  }
  while (i < patternLength && isStar(i)) i++
  return i === patternLength
}

function matchToken(token: Token, character: string): boolean {
  switch (token.kind) {
    case 'any':
    case 'star':
      return true
    case 'character':
      return token.text === character
    case 'class':
      return token.negated !== token.ranges.some(([from, to]) => from <= character && character <= to)
  }
  return token satisfies never
}
