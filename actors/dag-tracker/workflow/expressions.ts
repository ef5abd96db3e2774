/**
 * Expressions: CEL, a bounded language without loops, recursion or side effects, evaluated over plain data.
 *
 * Numbers of the data are CEL doubles while integer literals are ints, so arithmetic between the two is defined here
 * (`value + 1`); results come back as plain JSON data. Work is bounded by the length of the text, the size of its tree
 * and how deep `map`/`filter`/`all`/`exists` may nest (each level multiplies by the length of a list).
 */
import { Environment, type ASTNode } from '@marcbachmann/cel-js'
import { PitError } from '../../../runtime/index.ts'
import { dagErrors } from '../errors.ts'

/**
 * Where an expression stands, which decides what it sees:
 * `condition` (`when`): `inputs` of the node, `run.inputs`, and in a map body `item` and `index`;
 * `outer-condition`: the same outside of any map, without `item` and `index`, for checking;
 * `transform` (of a reference): `value`; `predicate` (of the list operators): `item` and `index`.
 */
export type ExpressionScope = 'condition' | 'outer-condition' | 'transform' | 'predicate'

const VARIABLES: Readonly<Record<ExpressionScope, readonly string[]>> = {
  condition: ['inputs', 'run', 'item', 'index'],
  'outer-condition': ['inputs', 'run'],
  transform: ['value'],
  predicate: ['item', 'index'],
}

export interface CompiledExpression {
  readonly text: string
  readonly scope: ExpressionScope
  /** The result as plain JSON data. Throws `EXPRESSION_FAILED`. */
  evaluate(variables: Readonly<Record<string, unknown>>): unknown
  /** As `evaluate`, for conditions: anything but true or false is `EXPRESSION_FAILED`. */
  test(variables: Readonly<Record<string, unknown>>): boolean
}

const TEXT_CHARACTERS_MAX = 4_096
const NESTED_LOOPS_MAX = 3
const LOOPS: ReadonlySet<string> = new Set(['map', 'filter', 'all', 'exists', 'exists_one'])
/** Compiling is pure, so remembering it changes nothing but time; the bound keeps hostile input from filling memory. */
const CACHE_ENTRIES_MAX = 1_024
const cache = new Map<string, CompiledExpression>()

const ENVIRONMENTS: Readonly<Record<ExpressionScope, Environment>> = {
  condition: createEnvironment('condition'),
  'outer-condition': createEnvironment('outer-condition'),
  transform: createEnvironment('transform'),
  predicate: createEnvironment('predicate'),
}

/**
 * Parses and checks an expression. Throws `EXPRESSION_INVALID` with fields `expression`, `reason` and `offset` (of the
 * mistake in the text, from 0).
 */
export function compileExpression(text: string, scope: ExpressionScope): CompiledExpression {
  const key = `${scope} ${text}`
  const known = cache.get(key)
  if (known !== undefined) return known
  const compiled = compile(text, scope)
  if (cache.size >= CACHE_ENTRIES_MAX) cache.delete(cache.keys().next().value!)
  cache.set(key, compiled)
  return compiled
}

function compile(text: string, scope: ExpressionScope): CompiledExpression {
  if (text.length > TEXT_CHARACTERS_MAX) throw invalid(text, `longer than ${TEXT_CHARACTERS_MAX} characters`, 0)
  const environment = ENVIRONMENTS[scope]
  const parsed = attempt(() => environment.parse(text), text)
  const checked = attempt(() => parsed.check(), text)
  if (!checked.valid) throw invalidFrom(text, checked.error)
  if (loopDepth(parsed.ast) > NESTED_LOOPS_MAX) throw invalid(text, `more than ${NESTED_LOOPS_MAX} loops nested`, 0)

  function evaluate(variables: Readonly<Record<string, unknown>>): unknown {
    try {
      return toPlain(parsed({ ...variables }))
    } catch (error) {
      throw failed(text, reasonOf(error), error)
    }
  }
  return {
    text,
    scope,
    evaluate,
    test(variables) {
      const result = evaluate(variables)
      if (typeof result !== 'boolean') throw failed(text, `expected true or false, got ${typeof result}`)
      return result
    },
  }
}

function attempt<T>(run: () => T, text: string): T {
  try {
    return run()
  } catch (error) {
    throw invalidFrom(text, error)
  }
}

function createEnvironment(scope: ExpressionScope): Environment {
  const environment = new Environment({ homogeneousAggregateLiterals: false, enableOptionalTypes: true })
  for (const name of VARIABLES[scope]) environment.registerVariable(name, 'dyn')
  const operators: Readonly<Record<string, (left: number, right: number) => number>> = {
    '+': (left, right) => left + right,
    '-': (left, right) => left - right,
    '*': (left, right) => left * right,
    '/': (left, right) => left / right,
    '%': (left, right) => left % right,
  }
  for (const [name, apply] of Object.entries(operators)) {
    environment.registerOperator(`double ${name} int`, (left: number, right: bigint) => apply(left, Number(right)))
    environment.registerOperator(`int ${name} double`, (left: bigint, right: number) => apply(Number(left), right))
  }
  environment.registerOperator('double % double', (left: number, right: number) => left % right)
  return environment
}

/** How deep list loops nest; iterative would not help, the parser bounds the depth of the tree. */
function loopDepth(node: unknown): number {
  if (Array.isArray(node)) return node.reduce<number>((deepest, child) => Math.max(deepest, loopDepth(child)), 0)
  if (!isAstNode(node)) return 0
  const own = node.op === 'rcall' && LOOPS.has(node.args[0]) ? 1 : 0
  return own + loopDepth(node.args)
}

function isAstNode(value: unknown): value is ASTNode {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value
}

/** CEL values as JSON data: ints become numbers; what JSON cannot say is refused. */
function toPlain(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      if (!Number.isFinite(value)) throw new Error(`the result ${value} is not a JSON value`)
      return value
    case 'bigint':
      return Number(value)
    case 'object':
      break
    default:
      throw new Error(`the result is a ${typeof value}, not a JSON value`)
  }
  if (value === null) return null
  if (Array.isArray(value)) return value.map(toPlain)
  const entries = value instanceof Map ? [...value.entries()] : plainEntries(value)
  return Object.fromEntries(entries.map(([key, member]) => [String(key), toPlain(member)]))
}

function plainEntries(value: object): [unknown, unknown][] {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return Object.entries(value)
  throw new Error(`the result is a ${value.constructor.name}, not a JSON value`)
}

function invalidFrom(text: string, error: unknown): PitError {
  if (error instanceof PitError) return error
  const range = (error as { range?: { start: number } } | undefined)?.range
  return invalid(text, reasonOf(error), range?.start ?? 0)
}

function invalid(expression: string, reason: string, offset: number): PitError {
  return dagErrors.fail('EXPRESSION_INVALID', { expression, reason, offset })
}

function failed(expression: string, reason: string, cause?: unknown): PitError {
  return dagErrors.fail('EXPRESSION_FAILED', { expression, reason }, { cause })
}

function reasonOf(error: unknown): string {
  const summary = (error as { summary?: unknown } | undefined)?.summary
  if (typeof summary === 'string') return summary
  return error instanceof Error ? error.message : String(error)
}
