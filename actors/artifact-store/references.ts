/** What a reference to an artifact says, before anything is looked up. */

export type Reference =
  | { readonly kind: 'version'; readonly name: string; readonly version: number }
  | { readonly kind: 'latest'; readonly name: string }
  | { readonly kind: 'alias'; readonly name: string; readonly alias: string }
  /** The newest version at a time. */
  | { readonly kind: 'time'; readonly name: string; readonly at: number }
  /** A bare word: a name, or the beginning of a hash. */
  | { readonly kind: 'word'; readonly word: string; readonly hashPrefix: string | null }

/** Never a number, a time or `latest`, so that a reference says one thing only. */
const ALIAS = /^(?!latest$)\p{L}[\p{L}\p{N}_.-]{0,127}$/u
const NUMBER = /^[1-9]\d{0,14}$/
const TIME = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})?)?$/
const HASH_PREFIX = /^[0-9a-f]{8,64}$/

export function isAlias(text: unknown): text is string {
  return typeof text === 'string' && ALIAS.test(text)
}

export function parseReference(reference: string): Reference {
  const at = reference.lastIndexOf('@')
  const selected = at < 1 ? null : parseSelector(reference.slice(0, at), reference.slice(at + 1))
  if (selected !== null) return selected
  const lower = reference.toLowerCase()
  return { kind: 'word', word: reference, hashPrefix: HASH_PREFIX.test(lower) ? lower : null }
}

function parseSelector(name: string, selector: string): Reference | null {
  if (selector === 'latest') return { kind: 'latest', name }
  if (NUMBER.test(selector)) return { kind: 'version', name, version: Number(selector) }
  if (isAlias(selector)) return { kind: 'alias', name, alias: selector }
  const time = parseTime(selector)
  return time === null ? null : { kind: 'time', name, at: time }
}

/** A day is its beginning, and a time without a zone is UTC: the same on every machine. */
function parseTime(text: string): number | null {
  const match = TIME.exec(text)
  if (match === null) return null
  const time = Date.parse(match[1] === undefined || match[4] !== undefined ? text : `${text}Z`)
  return Number.isNaN(time) ? null : time
}
