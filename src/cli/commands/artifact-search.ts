/** `pit artifacts search`: words and filters of the command line as a query, its result for people or as JSON. */
import type {
  ArtifactInfo,
  ArtifactQuery,
  AttributeValue,
  FacetName,
  SearchResult,
  SortOrder,
} from '../../../actors/artifact-store/protocol.ts'
import { usageError, type Arguments, type Invocation, type OptionSpec } from '../command.ts'
import { ExitCode } from '../exit-codes.ts'
import { formatBytes, printable } from '../format.ts'

const SORT_ORDERS: readonly SortOrder[] = ['relevance', 'newest', 'oldest', 'largest', 'smallest']
const FACETS: readonly string[] = ['tags', 'contentType', 'tenant', 'runId', 'nodeId', 'model']

export const SEARCH_USAGE =
  'search [<query>] [--tag <tag>]… [--type <content type>] [--tenant <tenant>] [--run <run>] [--node <node>] ' +
  '[--where <key=value>]… [--after <time>] [--before <time>] [--facet <facet>]… [--sort <order>] [--offset <n>] [--limit <n>]'

export const searchOptions: Readonly<Record<string, OptionSpec>> = {
  tenant: { type: 'string', value: 'tenant', description: 'search: made by this tenant' },
  run: { type: 'string', value: 'run', description: 'search: made by this run' },
  node: { type: 'string', value: 'node', description: 'search: made by this node of a workflow' },
  where: {
    type: 'string',
    multiple: true,
    value: 'key=value',
    description: 'search: by custom metadata (true, false and numbers are taken as such); repeatable',
  },
  after: {
    type: 'string',
    value: 'time',
    description: 'search: created after this time (2026-01-31, 2026-01-31T12:00Z); verify: go on from this position',
  },
  before: { type: 'string', value: 'time', description: 'search: created before this time' },
  facet: {
    type: 'string',
    multiple: true,
    value: 'facet',
    description: `search: count the values of ${FACETS.join(', ')} or custom.<key>; repeatable`,
  },
  sort: {
    type: 'string',
    value: 'order',
    description: `search: ${SORT_ORDERS.join(', ')} (default relevance, without a query newest)`,
  },
  offset: { type: 'string', value: 'n', description: 'search: leave out so many (default 0)' },
}

export async function search(invocation: Invocation): Promise<ExitCode> {
  const { args, output } = invocation
  const query = queryOf(args)
  await using pit = await invocation.open({ resume: 'manual' })
  const found = await pit.artifacts.search(query)
  output.document(found)
  const lines = [...found.hits.map(describeHit), ...facetLines(found)]
  if (lines.length > 0) output.print(lines.join('\n'))
  output.note(`${found.total} found`)
  return ExitCode.Ok
}

/** Errors: `USAGE`. */
export function queryOf(args: Arguments): ArtifactQuery {
  const words = args.positionals.join(' ')
  const createdBy = given({ tenant: args.text('tenant'), runId: args.text('run'), nodeId: args.text('node') })
  const custom = Object.fromEntries(args.list('where').map(condition))
  const query = given({
    text: words === '' ? undefined : words,
    tags: some(args.list('tag')),
    contentType: args.text('type'),
    createdBy: Object.keys(createdBy).length === 0 ? undefined : createdBy,
    custom: Object.keys(custom).length === 0 ? undefined : custom,
    createdAfter: time(args, 'after'),
    createdBefore: time(args, 'before'),
    facets: some(args.list('facet').map(facet)),
    sort: sortOrder(args.text('sort')),
  })
  if (Object.keys(query).length === 0) throw usageError('<query> is missing: words, a filter or a --facet')
  return { ...query, limit: args.integer('limit', 20), offset: args.integer('offset', 0) }
}

/** Without the keys that are not given. */
function given<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> }
}

function some<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list
}

function condition(pair: string): [key: string, value: AttributeValue] {
  const at = pair.indexOf('=')
  if (at < 1) throw usageError(`--where takes key=value, got ${pair}`)
  const value = pair.slice(at + 1)
  if (value === 'true' || value === 'false') return [pair.slice(0, at), value === 'true']
  return [pair.slice(0, at), /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value]
}

function time(args: Arguments, name: string): number | undefined {
  const text = args.text(name)
  if (text === undefined) return undefined
  const at = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(at)) throw usageError(`--${name} takes a time like 2026-01-31 or 2026-01-31T12:00Z, got ${text}`)
  return at
}

function facet(name: string): FacetName {
  if (FACETS.includes(name) || name.startsWith('custom.')) return name as FacetName
  throw usageError(`--facet takes one of ${FACETS.join(', ')}, custom.<key>, got ${name}`)
}

function sortOrder(name: string | undefined): SortOrder | undefined {
  const order = SORT_ORDERS.find((each) => each === name)
  if (name !== undefined && order === undefined)
    throw usageError(`--sort takes one of ${SORT_ORDERS.join(', ')}, got ${name}`)
  return order
}

function describeHit({ info, highlight }: SearchResult['hits'][number]): string {
  const line = `${info.hash.slice(0, 12)}  ${describeInfo(info)}`
  return highlight === undefined ? line : `${line}\n    ${printable(highlight)}`
}

function facetLines({ facets = {} }: SearchResult): readonly string[] {
  return Object.entries(facets).map(([name, counts]) =>
    printable(`${name}: ${counts.map(({ value, count }) => `${value} ${count}`).join(', ') || '–'}`),
  )
}

export function describeInfo(info: ArtifactInfo): string {
  const tags = info.tags.map((tag) => `#${tag}`).join(' ')
  return printable([info.name ?? '(no name)', info.contentType, formatBytes(info.sizeBytes), tags].join('  ').trimEnd())
}
