/** What a search is asked for, checked: only own properties are read, and every mistake is `QUERY_INVALID`. */
import { own } from '../../../runtime/index.ts'
import { artifactErrors } from '../errors.ts'
import type { ArtifactQuery, AttributeValue, Producer, SortOrder } from '../protocol.ts'
import { parseQuery, type TextQuery } from '../query.ts'
import { CUSTOM_PREFIX } from './attributes.ts'
import { ATTRIBUTE_CHARS_MAX } from './documents.ts'

export interface AttributeFilter {
  readonly attribute: string
  /** Whether a document with this value is wanted. */
  readonly accepts: (value: AttributeValue) => boolean
}

export interface ResolvedQuery {
  readonly text: TextQuery | null
  readonly filters: readonly AttributeFilter[]
  readonly createdAfter: number
  readonly createdBefore: number
  readonly facets: readonly string[]
  readonly sort: SortOrder
  readonly limit: number
  readonly offset: number
}

const LIMIT_DEFAULT = 20
const LIMIT_MAX = 1000
const FILTERS_MAX = 64
const FACETS_MAX = 16
export const SORT_ORDERS: readonly SortOrder[] = ['relevance', 'newest', 'oldest', 'largest', 'smallest']
const FACETS: readonly string[] = ['tags', 'contentType', 'tenant', 'runId', 'nodeId', 'model']
const PRODUCER_KEYS: readonly (keyof Producer)[] = ['tenant', 'runId', 'nodeId', 'model']
const KNOWN: readonly (keyof ArtifactQuery)[] = [
  'text',
  'tags',
  'contentType',
  'runId',
  'createdBy',
  'createdAfter',
  'createdBefore',
  'custom',
  'facets',
  'sort',
  'limit',
  'offset',
]

export function resolveQuery(query: ArtifactQuery): ResolvedQuery {
  const given = own(query, 'text')
  const invalid = (problem: string): Error =>
    artifactErrors.fail('QUERY_INVALID', { query: typeof given === 'string' ? given : '', problem })

  function option<T>(key: keyof ArtifactQuery, expected: string, is: (value: unknown) => value is T): T | undefined {
    const value = own(query, key)
    if (value === undefined || is(value)) return value
    throw invalid(`${key} must be ${expected}`)
  }

  for (const key of Object.keys(query)) {
    if (!(KNOWN as readonly string[]).includes(key)) throw invalid(`${key} is not one of ${KNOWN.join(', ')}`)
  }
  const text = option('text', 'text', isString)
  const sort = option('sort', `one of ${SORT_ORDERS.join(', ')}`, isSortOrder)
  if (sort === 'relevance' && text === undefined) throw invalid('sort by relevance needs a text')
  const facets = option('facets', `a list of at most ${FACETS_MAX} of ${FACETS.join(', ')}, custom.<key>`, isFacets)
  const filters = resolveFilters(option, invalid)
  return {
    text: text === undefined ? null : parseQuery(text),
    filters,
    createdAfter: option('createdAfter', 'a time', isNumber) ?? Number.NEGATIVE_INFINITY,
    createdBefore: option('createdBefore', 'a time', isNumber) ?? Number.POSITIVE_INFINITY,
    facets: [...new Set(facets)],
    sort: sort ?? (text === undefined ? 'newest' : 'relevance'),
    limit: option('limit', `a whole number from 0 to ${LIMIT_MAX}`, isCount(LIMIT_MAX)) ?? LIMIT_DEFAULT,
    offset: option('offset', 'a whole number from 0', isCount(Number.MAX_SAFE_INTEGER)) ?? 0,
  }
}

type Option = <T>(key: keyof ArtifactQuery, expected: string, is: (value: unknown) => value is T) => T | undefined

function resolveFilters(option: Option, invalid: (problem: string) => Error): readonly AttributeFilter[] {
  const filters: AttributeFilter[] = []
  const equals = (attribute: string, wanted: AttributeValue): void =>
    void filters.push({ attribute, accepts: (value) => value === wanted })
  for (const tag of option('tags', `a list of at most ${FILTERS_MAX} tags`, isStrings) ?? []) equals('tags', tag)
  const contentType = option('contentType', 'text', isString)
  if (contentType !== undefined) filters.push({ attribute: 'contentType', accepts: acceptsType(contentType) })
  const runId = option('runId', 'text', isString)
  if (runId !== undefined) equals('runId', runId)
  const producer = option('createdBy', 'an object', isObject) ?? {}
  for (const key of Object.keys(producer)) {
    const value = own(producer, key)
    if (!(PRODUCER_KEYS as readonly string[]).includes(key) || !isString(value)) {
      throw invalid(`createdBy takes ${PRODUCER_KEYS.join(', ')}, as text`)
    }
    equals(key, value)
  }
  const custom = Object.entries(option('custom', `an object of at most ${FILTERS_MAX} keys`, isObject) ?? {})
  for (const [key, value] of custom) {
    filters.push({ attribute: CUSTOM_PREFIX + key, accepts: acceptsCustom(key, value, invalid) })
  }
  if (filters.length > FILTERS_MAX) throw invalid(`more than ${FILTERS_MAX} filters`)
  return filters
}

/** `text/html` is any of its variants (`; charset=…`), `text/*` any text. */
function acceptsType(contentType: string): (value: AttributeValue) => boolean {
  const wanted = contentType.toLowerCase()
  if (wanted.endsWith('/*')) return (value) => String(value).startsWith(wanted.slice(0, -1))
  return (value) => value === wanted || String(value).startsWith(`${wanted};`)
}

function acceptsCustom(
  key: string,
  wanted: unknown,
  invalid: (problem: string) => Error,
): (value: AttributeValue) => boolean {
  if (isAttributeValue(wanted)) return (value) => value === wanted
  if (!isObject(wanted) || Object.keys(wanted).some((bound) => bound !== 'min' && bound !== 'max')) {
    throw invalid(
      `custom.${key} must be text of at most ${ATTRIBUTE_CHARS_MAX} characters, a number, a boolean, or { min, max }`,
    )
  }
  const min = own(wanted, 'min') ?? Number.NEGATIVE_INFINITY
  const max = own(wanted, 'max') ?? Number.POSITIVE_INFINITY
  if (!isNumber(min) || !isNumber(max)) throw invalid(`min and max of custom.${key} must be numbers`)
  return (value) => typeof value === 'number' && value >= min && value <= max
}

const isString = (value: unknown): value is string => typeof value === 'string'
const isNumber = (value: unknown): value is number => typeof value === 'number' && !Number.isNaN(value)
const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isSortOrder = (value: unknown): value is SortOrder => (SORT_ORDERS as readonly unknown[]).includes(value)
const isStrings = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.length <= FILTERS_MAX && value.every(isString)
const isFacets = (value: unknown): value is readonly string[] =>
  Array.isArray(value) &&
  value.length <= FACETS_MAX &&
  value.every((name) => isString(name) && (FACETS.includes(name) || name.startsWith(CUSTOM_PREFIX)))
const isCount =
  (max: number) =>
  (value: unknown): value is number =>
    Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= max

function isAttributeValue(value: unknown): value is AttributeValue {
  if (typeof value === 'string') return value.length <= ATTRIBUTE_CHARS_MAX
  return isNumber(value) || typeof value === 'boolean'
}
