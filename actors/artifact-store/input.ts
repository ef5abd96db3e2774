/** What callers may give: checked here once, by the name of the field. Only own properties are read. */
import { own, type PitError } from '../../runtime/index.ts'
import { artifactErrors } from './errors.ts'
import { isContentHash, type ArtifactInput, type ContentHash, type Producer } from './protocol.ts'
import type { Described } from './records.ts'

const NAME_CHARS_MAX = 512
const TAG_CHARS_MAX = 128
const TAGS_MAX = 64
const CUSTOM_CHARS_MAX = 16 * 1024
const PARENTS_MAX = 100_000
const MESSAGE_CHARS_MAX = 4096
const PARAMETERS_CHARS_MAX = 4096

const CONTENT_TYPE = /^[\w!#$&^.+-]{1,127}\/[\w!#$&^.+-]{1,127}(\s*;.{0,200})?$/
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\u0000-\u001f\u007f]/
const PRODUCER_KEYS: readonly (keyof Producer)[] = ['tenant', 'runId', 'nodeId', 'model']

/** What is said of content. */
export interface About {
  readonly described: Described
  readonly by?: Producer
  readonly pin?: string
}

export interface ResolvedInput extends About {
  readonly content: Uint8Array
}

export function invalid(field: string, problem: string): PitError {
  return artifactErrors.fail('ARTIFACT_INVALID', { field, problem })
}

export function resolveInput(input: ArtifactInput, artifactBytesMax: number): ResolvedInput {
  const content = own(input, 'content')
  if (!(content instanceof Uint8Array)) throw invalid('content', 'must be bytes (Uint8Array)')
  if (content.length > artifactBytesMax) {
    throw artifactErrors.fail('ARTIFACT_TOO_LARGE', { sizeBytes: content.length, artifactBytesMax })
  }
  return { content, ...resolveAbout(input) }
}

export function resolveAbout(input: Omit<ArtifactInput, 'content'>): About {
  const type = optional(input, 'contentType', (value) => {
    if (typeof value !== 'string' || !CONTENT_TYPE.test(value))
      throw invalid('contentType', 'must look like text/markdown')
    return value
  })
  const name = optional(input, 'name', (value) => text('name', value, NAME_CHARS_MAX))
  const tags = optional(input, 'tags', (value) => resolveTags('tags', value))
  const custom = optional(input, 'custom', (value) => resolveJson('custom', value, CUSTOM_CHARS_MAX))
  const from = optional(input, 'derivedFrom', resolveParents)
  const by = optional(input, 'createdBy', (value) => resolveProducer(value, 'createdBy'))
  const pin = optional(input, 'pinnedBy', (value) => text('pinnedBy', value, NAME_CHARS_MAX))
  return {
    described: {
      ...given('type', type),
      ...given('name', name),
      ...given('tags', tags),
      ...given('custom', custom),
      ...given('from', from),
    },
    ...given('by', by),
    ...given('pin', pin),
  }
}

export function resolveHash(value: unknown, field = 'hash'): ContentHash {
  if (!isContentHash(value)) throw invalid(field, 'must be 64 lower-case hex digits')
  return value
}

export function resolveHashes(value: unknown): readonly ContentHash[] {
  if (!Array.isArray(value)) throw invalid('hashes', 'must be a list')
  return [...new Set(value)].map((hash) => resolveHash(hash, 'hashes'))
}

export function resolveTags(field: string, value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.length > TAGS_MAX) throw invalid(field, `must be a list of at most ${TAGS_MAX}`)
  return [...new Set(value.map((tag) => text(field, tag, TAG_CHARS_MAX)))]
}

/** Names of versions leave `@` to the version. */
export function resolveVersionName(value: unknown): string {
  const name = text('name', value, NAME_CHARS_MAX)
  if (name.includes('@')) throw invalid('name', 'must not contain @')
  return name
}

export function resolveMessage(value: unknown): string | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'string' || value.length > MESSAGE_CHARS_MAX) {
    throw invalid('message', `must be text of at most ${MESSAGE_CHARS_MAX} characters`)
  }
  return value
}

export function text(field: string, value: unknown, charsMax: number = NAME_CHARS_MAX): string {
  if (typeof value !== 'string' || value === '' || value.length > charsMax || CONTROL.test(value)) {
    throw invalid(field, `must be text of 1 to ${charsMax} characters on one line`)
  }
  return value
}

export function wholeNumber(field: string, value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  throw invalid(field, 'must be a whole number from 0')
}

export function positive(field: string, value: unknown): number {
  if (typeof value === 'number' && value > 0) return value
  throw invalid(field, 'must be a number above 0')
}

function resolveJson(field: string, value: unknown, charsMax: number): Readonly<Record<string, unknown>> {
  const problem = `must be an object of at most ${charsMax} characters of JSON`
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(field, problem)
  if (JSON.stringify(value).length > charsMax) throw invalid(field, problem)
  return value as Record<string, unknown>
}

function resolveParents(value: unknown): readonly ContentHash[] {
  if (!Array.isArray(value) || value.length > PARENTS_MAX) {
    throw invalid('derivedFrom', `must be a list of at most ${PARENTS_MAX} hashes`)
  }
  return value.map((hash) => resolveHash(hash, 'derivedFrom'))
}

export function resolveProducer(value: unknown, field: string): Producer {
  if (typeof value !== 'object' || value === null) throw invalid(field, 'must be an object')
  const known = PRODUCER_KEYS.filter((key) => own(value, key) !== undefined)
  const parameters = optional(value, 'parameters', (given) =>
    resolveJson(`${field}.parameters`, given, PARAMETERS_CHARS_MAX),
  )
  return {
    ...Object.fromEntries(known.map((key) => [key, text(`${field}.${key}`, own(value, key))])),
    ...given('parameters', parameters),
  }
}

function optional<T>(input: object, key: string, resolve: (value: unknown) => T): T | undefined {
  const value = own(input, key)
  return value === undefined ? undefined : resolve(value)
}

function given<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: V }
}
