/** Checks plain data against the JSON Schema of the format, with messages for people: paths, expectations, near misses. */
import { describe } from '../../../runtime/index.ts'
import { workflowJsonSchema, type JsonSchema } from './json-schema.ts'
import { ProblemCode, type Path, type ProblemCollector } from './problems.ts'
import { suggestion } from './suggestion.ts'

/** Bodies within bodies; also bounds the recursion here and in everything that follows. */
export const NESTING_MAX = 8
export const NODES_MAX = 200_000
/** Levels of a literal value. */
export const DEPTH_MAX = 100

/** Adds a problem for everything in `definition` that is not of the format. */
export function checkSchema(definition: unknown, problems: ProblemCollector): void {
  check(definition, workflowJsonSchema, [], problems)
}

/** As `checkSchema`, for one binding that is a reference. */
export function checkReferenceShape(reference: unknown, path: Path, problems: ProblemCollector): void {
  check(reference, { $ref: '#/$defs/reference' }, path, problems)
}

function check(value: unknown, given: JsonSchema, path: Path, problems: ProblemCollector): void {
  const schema = resolve(given)
  if (schema.anyOf !== undefined) return checkUnion(value, schema, path, problems)
  if (schema.const !== undefined && value !== schema.const) {
    return problems.add(ProblemCode.FieldValue, path, `expected ${JSON.stringify(schema.const)}, got ${show(value)}`)
  }
  if (schema.enum !== undefined) return checkEnum(value, schema.enum, path, problems)
  if (schema.const !== undefined) return
  if (schema.type === undefined) return checkJson(value, path, problems)
  if (!IS_OF_TYPE[schema.type](value)) {
    return problems.add(ProblemCode.FieldType, path, `expected ${article(schema.type)}, got ${show(value)}`)
  }
  if (typeof value === 'number') checkNumber(value, schema, path, problems)
  if (typeof value === 'string' && value.length < (schema.minLength ?? 0)) {
    problems.add(ProblemCode.FieldValue, path, 'expected a non-empty string')
  }
  if (Array.isArray(value)) checkArray(value, schema, path, problems)
  else if (isObject(value)) checkObject(value, schema, path, problems)
}

function resolve(schema: JsonSchema): JsonSchema {
  const name = schema.$ref?.slice('#/$defs/'.length)
  return name === undefined ? schema : workflowJsonSchema.$defs![name]!
}

function checkEnum(value: unknown, allowed: readonly string[], path: Path, problems: ProblemCollector): void {
  if (typeof value === 'string' && allowed.includes(value)) return
  const hint = typeof value === 'string' ? suggestion(value, allowed) : ''
  problems.add(ProblemCode.FieldValue, path, `expected one of ${allowed.join(', ')}, got ${show(value)}${hint}`)
}

function checkNumber(value: number, schema: JsonSchema, path: Path, problems: ProblemCollector): void {
  const { minimum, exclusiveMinimum } = schema
  if (minimum !== undefined && value < minimum) {
    problems.add(ProblemCode.FieldValue, path, `expected at least ${minimum}, got ${value}`)
  }
  if (exclusiveMinimum !== undefined && value <= exclusiveMinimum) {
    problems.add(ProblemCode.FieldValue, path, `expected more than ${exclusiveMinimum}, got ${value}`)
  }
}

function checkArray(items: readonly unknown[], schema: JsonSchema, path: Path, problems: ProblemCollector): void {
  if (items.length < (schema.minItems ?? 0)) problems.add(ProblemCode.FieldValue, path, 'expected at least one entry')
  if (items.length > NODES_MAX) {
    return problems.add(ProblemCode.LimitExceeded, path, `${items.length} entries, more than ${NODES_MAX}`)
  }
  if (schema.items !== undefined)
    for (const [i, item] of items.entries()) check(item, schema.items, [...path, i], problems)
}

function checkObject(value: object, schema: JsonSchema, path: Path, problems: ProblemCollector): void {
  // Each body adds three steps to the path: the node of a ninth one is at 29, the deepest object of an eighth at 28.
  if (path.length > 3 * NESTING_MAX + 4) {
    return problems.add(ProblemCode.LimitExceeded, path, `maps are nested deeper than ${NESTING_MAX}`)
  }
  for (const name of schema.required ?? []) {
    if (!hasValue(value, name)) problems.add(ProblemCode.MissingField, path, `the field \`${name}\` is missing`)
  }
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined) continue
    const memberPath = [...path, key]
    if (schema.properties !== undefined && Object.hasOwn(schema.properties, key)) {
      check(member, schema.properties[key]!, memberPath, problems)
    } else if (schema.additionalProperties === false) {
      const hint = suggestion(key, Object.keys(schema.properties ?? {}))
      problems.add(ProblemCode.UnknownField, memberPath, `unknown field ${show(key)}${hint}`, { part: 'key' })
    } else if (schema.additionalProperties !== undefined) {
      check(member, schema.additionalProperties, memberPath, problems)
    }
  }
}

/** Free values must be JSON: they are hashed, journalled and sent. Data from a file always are. */
function checkJson(value: unknown, path: Path, problems: ProblemCollector): void {
  const reason = jsonFault(value, [])
  if (reason !== null) problems.add(ProblemCode.ValueNotJson, path, reason)
}

function jsonFault(value: unknown, around: readonly object[]): string | null {
  if (value === null || typeof value === 'boolean') return null
  if (typeof value === 'string') return value.isWellFormed() ? null : 'a string with a lone surrogate is no JSON value'
  if (typeof value === 'number') return Number.isFinite(value) ? null : `${value} is no JSON value`
  if (typeof value !== 'object') return `a ${typeof value} is no JSON value`
  if (around.includes(value)) return 'an object that contains itself is no JSON value'
  if (around.length >= DEPTH_MAX) return `values are nested deeper than ${DEPTH_MAX}`
  if (!Array.isArray(value) && !isPlain(value)) return `a ${value.constructor.name} is no JSON value`
  for (const member of Object.values(value)) {
    const fault = member === undefined ? null : jsonFault(member, [...around, value])
    if (fault !== null) return fault
  }
  return null
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** Picks the alternative that is meant – by discriminator, by type, by required fields – and reports against that one. */
function checkUnion(value: unknown, schema: JsonSchema, path: Path, problems: ProblemCollector): void {
  const alternatives = schema.anyOf!
  if (schema.discriminator !== undefined) {
    return checkDiscriminated(value, schema.discriminator.propertyName, alternatives, path, problems)
  }
  const ofType = alternatives.filter((alternative) => IS_OF_TYPE[alternative.type!](value))
  const fitting =
    ofType.length > 1
      ? ofType.filter((alternative) => alternative.required!.every((name) => hasValue(value as object, name)))
      : ofType
  if (fitting[0] !== undefined) return check(value, fitting[0], path, problems)
  const expected = alternatives.map(outline).join(' or ')
  const code = ofType.length === 0 ? ProblemCode.FieldType : ProblemCode.FieldValue
  problems.add(code, path, `expected ${expected}, got ${show(value)}`)
}

function checkDiscriminated(
  value: unknown,
  property: string,
  alternatives: readonly JsonSchema[],
  path: Path,
  problems: ProblemCollector,
): void {
  if (!isObject(value)) {
    return problems.add(ProblemCode.FieldType, path, `expected an object, got ${show(value)}`)
  }
  const tags = alternatives.map((alternative) => String(alternative.properties![property]!.const))
  if (!hasValue(value, property)) {
    const message = `the field \`${property}\` is missing: one of ${tags.join(', ')}`
    return problems.add(ProblemCode.MissingField, path, message)
  }
  const tag = (value as Record<string, unknown>)[property]
  const chosen = alternatives[tags.indexOf(tag as string)]
  if (chosen === undefined) return checkEnum(tag, tags, [...path, property], problems)
  check(value, chosen, path, problems)
}

function hasValue(value: object, name: string): boolean {
  return Object.hasOwn(value, name) && (value as Record<string, unknown>)[name] !== undefined
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const IS_OF_TYPE: Readonly<Record<NonNullable<JsonSchema['type']>, (value: unknown) => boolean>> = {
  object: isObject,
  array: Array.isArray,
  integer: Number.isSafeInteger,
  number: Number.isFinite,
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
}

function article(type: NonNullable<JsonSchema['type']>): string {
  if (type === 'boolean') return 'true or false'
  if (type === 'integer') return 'a whole number'
  return type === 'object' || type === 'array' ? `an ${type}` : `a ${type}`
}

function outline(schema: JsonSchema): string {
  return schema.type === 'object' ? `{ ${schema.required!.join(', ')} }` : article(schema.type!)
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(describe(value))
  if (Array.isArray(value)) return 'an array'
  if (isObject(value)) return 'an object'
  return typeof value === 'function' ? 'a function' : String(value)
}
