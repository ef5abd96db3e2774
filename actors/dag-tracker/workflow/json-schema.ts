/**
 * JSON Schema (2020-12) of workflow format v1: for editors, and the table `schema-check.ts` checks definitions with, so
 * what is published is what is enforced. `discriminator` picks the alternative of a union by a field's value; plain
 * JSON Schema readers ignore it and try them all. What a schema cannot say (references, cycles) is in `validation.ts`.
 */
import { SCHEMA_VERSION } from './definition.ts'

/** The keywords in use here; a subset, so that checking stays small. */
export interface JsonSchema {
  readonly $schema?: string
  readonly $id?: string
  readonly $ref?: string
  readonly $defs?: Readonly<Record<string, JsonSchema>>
  readonly title?: string
  readonly description?: string
  readonly type?: 'object' | 'array' | 'string' | 'number' | 'integer' | 'boolean'
  readonly const?: string | number
  readonly enum?: readonly string[]
  readonly minimum?: number
  readonly exclusiveMinimum?: number
  readonly minLength?: number
  readonly minItems?: number
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: JsonSchema | false
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly discriminator?: { readonly propertyName: string }
}

const text: JsonSchema = { type: 'string' }
const name: JsonSchema = { type: 'string', minLength: 1 }
const count: JsonSchema = { type: 'integer', minimum: 1 }
const duration: JsonSchema = { type: 'number', exclusiveMinimum: 0 }
const anything: JsonSchema = {}
const ref = (definition: string): JsonSchema => ({ $ref: `#/$defs/${definition}` })
const mapOf = (schema: JsonSchema): JsonSchema => ({ type: 'object', additionalProperties: schema })

function object(properties: Readonly<Record<string, JsonSchema>>, required: readonly string[]): JsonSchema {
  return { type: 'object', properties, required, additionalProperties: false }
}

const outcome: JsonSchema = { enum: ['succeeded', 'failed', 'skipped', 'any'] }

const inputSpec = object(
  {
    type: { enum: ['any', 'string', 'number', 'boolean', 'object', 'array', 'null'] },
    required: { type: 'boolean' },
    default: anything,
    description: text,
  },
  [],
)

const dependency: JsonSchema = { anyOf: [name, object({ node: name, on: outcome, label: name }, ['node'])] }

const retry = object(
  {
    attempts: count,
    backoff: { enum: ['constant', 'linear', 'exponential'] },
    delayMs: { type: 'number', minimum: 0 },
    maxDelayMs: { type: 'number', minimum: 0 },
    jitter: { type: 'boolean' },
    retryOn: { type: 'array', items: name },
  },
  ['attempts'],
)

const fallback: JsonSchema = {
  anyOf: [object({ value: anything }, ['value']), object({ model: name }, ['model']), object({ node: name }, ['node'])],
}

const nodeBase: Readonly<Record<string, JsonSchema>> = {
  id: name,
  description: text,
  inputs: mapOf(ref('binding')),
  after: { type: 'array', items: ref('dependency') },
  when: name,
  priority: { type: 'number' },
  timeoutMs: duration,
  retry: ref('retry'),
  fallback: ref('fallback'),
  skip: object({ default: anything }, []),
  resources: mapOf(duration),
  cache: { enum: ['off', 'run', 'shared'] },
  enabled: { type: 'boolean' },
}

function node(kind: string, properties: Readonly<Record<string, JsonSchema>>, required: readonly string[]): JsonSchema {
  return object({ kind: { const: kind }, ...nodeBase, ...properties }, ['id', 'kind', ...required])
}

const userOperator = object({ module: name, export: name, pure: { type: 'boolean' }, version: name }, [
  'module',
  'export',
])

const branchCase = object({ label: name, when: name }, ['label', 'when'])

const body = { nodes: { type: 'array', items: ref('node'), minItems: 1 }, outputs: mapOf(ref('binding')) } as const

export const workflowJsonSchema: JsonSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: `urn:symphony-pit:workflow:v${SCHEMA_VERSION}`,
  title: 'Workflow of the Pit',
  ...object(
    {
      schemaVersion: { const: SCHEMA_VERSION },
      name,
      version: name,
      description: text,
      inputs: mapOf(ref('inputSpec')),
      ...body,
    },
    ['schemaVersion', 'name', 'nodes'],
  ),
  $defs: {
    binding: {
      description: 'A reference { from, transform?, default? }, or { value }, or any other JSON value as it stands.',
    },
    inputSpec,
    dependency,
    retry,
    fallback,
    body: object(body, ['nodes']),
    /** Applied to bindings that are references; not part of `binding`, which any value fits. */
    reference: object({ from: name, transform: name, default: anything }, ['from']),
    node: {
      type: 'object',
      discriminator: { propertyName: 'kind' },
      anyOf: [
        node('instrument', { model: name, parameters: mapOf(anything) }, ['model']),
        node('operator', { operator: { anyOf: [name, userOperator] }, on: { enum: ['inline', 'pool'] } }, ['operator']),
        node('branch', { cases: { type: 'array', items: branchCase, minItems: 1 }, otherwise: name }, ['cases']),
        node(
          'map',
          { over: ref('binding'), body: ref('body'), concurrency: count, onItemError: { enum: ['fail', 'skip'] } },
          ['over', 'body'],
        ),
        node('join', {}, []),
      ],
    },
  },
}
