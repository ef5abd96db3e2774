/** The classes of queries that are measured, each a row of different queries. */
import type { ArtifactQuery } from '../../actors/artifact-store/index.ts'
import type { Corpus } from './corpus.ts'

export interface QueryClass {
  readonly name: string
  readonly query: (n: number) => ArtifactQuery
  /** The same for FTS5; null when it has nothing of the kind. */
  readonly match: ((n: number) => string) | null
}

const FACETS = ['tags', 'contentType', 'tenant', 'runId'] as const

/** `texts` of some of the documents; how many there are tells how deep a page can be. */
export function queryClasses(
  { words }: Corpus,
  { texts, documents }: { readonly texts: readonly string[]; readonly documents: number },
): readonly QueryClass[] {
  const common = (n: number): string => words[n % 10]!
  const middle = (n: number): string => words[200 + ((n * 37) % 800)]!
  const rare = (n: number): string => words[12_500 + ((n * 977) % 12_500)]!
  const inDocument = (n: number): string =>
    texts[n % texts.length]!.split(' ')
      .slice(n % 20, (n % 20) + 2)
      .join(' ')
  const two = (operator: string) => (n: number) => `${common(n)} ${operator} ${common(n + 1)}`
  const text = (make: (n: number) => string, more: ArtifactQuery = {}) => ({
    query: (n: number) => ({ text: make(n), ...more }),
    match: Object.keys(more).length === 0 ? make : null,
  })
  const plain = (query: (n: number) => ArtifactQuery) => ({ query, match: null })
  return [
    { name: 'rare word', ...text(rare) },
    { name: 'middling word', ...text(middle) },
    { name: 'common word', ...text(common) },
    { name: 'AND, common', ...text(two('AND')) },
    { name: 'OR, common', ...text(two('OR')) },
    {
      name: 'OR of 5, mixed',
      ...text((n) => [common(n), middle(n), rare(n), middle(n + 1), common(n + 5)].join(' OR ')),
    },
    { name: 'common NOT middling', ...text((n) => `${common(n)} NOT ${middle(n)}`) },
    { name: 'phrase of a document', ...text((n) => `"${inDocument(n)}"`) },
    { name: 'phrase, common', ...text((n) => `"${common(n)} ${common(n + 1)}"`) },
    { name: 'phrase of 3, common', ...text((n) => `"${common(n)} ${common(n + 1)} ${common(n + 3)}"`) },
    { name: 'phrase, then prefix of 1', ...text((n) => `"${common(n)} ${middle(n).slice(0, 1)}"*`) },
    { name: 'prefix of 3', ...text((n) => `${middle(n).slice(0, 3)}*`) },
    { name: 'prefix of 1', ...text((n) => `${middle(n).slice(0, 1)}*`) },
    {
      name: 'filters only',
      ...plain((n) => ({ tags: [`tag-${n % 10}`], contentType: 'text/*', createdBy: { tenant: 't1' } })),
    },
    { name: 'one run', ...plain((n) => ({ runId: `run-${(n * 97) % Math.ceil(documents / 20)}` })) },
    { name: 'common + filters', ...text(common, { tags: ['tag-3'], createdBy: { tenant: 't1' } }) },
    { name: '4 facets of everything', ...plain(() => ({ facets: FACETS, limit: 0 })) },
    { name: 'common + 4 facets', ...text(common, { facets: FACETS }) },
    { name: 'prefix of 1 + 4 facets', ...text((n) => `${middle(n).slice(0, 1)}*`, { facets: FACETS }) },
    { name: 'everything, newest', ...plain(() => ({})) },
    { name: 'common, oldest', ...text(common, { sort: 'oldest' }) },
    { name: 'common, by size', ...text(common, { sort: 'largest' }) },
    { name: 'common, page at 1,000', ...text(common, { offset: 1000 }) },
    { name: 'common, page in the middle', ...text(common, { offset: documents >> 2 }) },
  ]
}
