/**
 * Problems of a workflow: a code, a sentence, a path into the definition and, for files, the place in the text.
 * A collector keeps the first `PROBLEMS_MAX`: a file that is wrong everywhere needs no ten thousand lines to say so.
 */
import type { Problem } from './definition.ts'

export const ProblemCode = {
  /** The text is no YAML or JSON. */
  SyntaxInvalid: 'SYNTAX_INVALID',
  /** An object has the same key twice. */
  DuplicateKey: 'DUPLICATE_KEY',
  /** Something JSON cannot say: NaN, a binary or custom tag, a number beyond double range, an unknown alias. */
  ValueNotJson: 'VALUE_NOT_JSON',
  /** Larger or deeper than this format allows, aliases counted as what they stand for. */
  LimitExceeded: 'LIMIT_EXCEEDED',
  MissingField: 'MISSING_FIELD',
  UnknownField: 'UNKNOWN_FIELD',
  /** A field has a value of the wrong type. */
  FieldType: 'FIELD_TYPE',
  /** A field has a value of the right type that is not allowed. */
  FieldValue: 'FIELD_VALUE',
  SchemaVersion: 'SCHEMA_VERSION_UNSUPPORTED',
  InvalidId: 'INVALID_ID',
  ReservedId: 'RESERVED_ID',
  DuplicateId: 'DUPLICATE_ID',
  /** A `from` that does not follow the grammar. */
  InvalidReference: 'INVALID_REFERENCE',
  UnknownNode: 'UNKNOWN_NODE',
  UnknownInput: 'UNKNOWN_INPUT',
  UnknownPort: 'UNKNOWN_PORT',
  UnknownOperator: 'UNKNOWN_OPERATOR',
  UnknownLabel: 'UNKNOWN_LABEL',
  DuplicateLabel: 'DUPLICATE_LABEL',
  /** `item` or `index` outside of a map. */
  OutsideMap: 'OUTSIDE_MAP',
  SelfDependency: 'SELF_DEPENDENCY',
  Cycle: 'CYCLE',
  TypeMismatch: 'TYPE_MISMATCH',
  /** An operator's required input is not given. */
  MissingInput: 'MISSING_INPUT',
  InvalidExpression: 'EXPRESSION_INVALID',
  /** The body of a map ends in several nodes and does not say what an item yields. */
  AmbiguousOutput: 'AMBIGUOUS_OUTPUT',
  /** Warning: nothing uses what this node makes. */
  UnusedOutput: 'UNUSED_OUTPUT',
} as const
export type ProblemCode = (typeof ProblemCode)[keyof typeof ProblemCode]

/** Keys and indices from the root of the definition down to a value. */
export type Path = readonly (string | number)[]

/** 1-based, in characters (UTF-16 code units, as editors count them). */
export interface Position {
  readonly line: number
  readonly column: number
}

/** Finds the value at a path in the file, or the key that leads to it; the nearest ancestor that exists if it does not. */
export type Locate = (path: Path, part?: 'key' | 'value') => (Position & { readonly file?: string }) | null

export const PROBLEMS_MAX = 100

export interface ProblemCollector {
  add(code: ProblemCode, path: Path, message: string, options?: ProblemOptions): void
  /** Errors first, each kind in the order found. */
  list(): readonly Problem[]
  readonly hasErrors: boolean
}

export interface ProblemOptions {
  /** @default 'error' */
  readonly severity?: 'error' | 'warning'
  /** Point to the key rather than to its value. @default 'value' */
  readonly part?: 'key' | 'value'
  /** Where it is, when known better than by path. */
  readonly at?: Position & { readonly file?: string }
}

export function createProblems(locate: Locate = () => null): ProblemCollector {
  const errors: Problem[] = []
  const warnings: Problem[] = []
  let hidden = 0
  return {
    get hasErrors() {
      return errors.length > 0
    },
    add(code, path, message, options = {}) {
      const severity = options.severity ?? 'error'
      const into = severity === 'error' ? errors : warnings
      if (into.length >= PROBLEMS_MAX) {
        hidden++
        return
      }
      const at = options.at ?? locate(path, options.part)
      into.push({ code, message, path: formatPath(path), ...at, severity })
    },
    list() {
      const all = [...errors, ...warnings]
      if (hidden === 0) return all
      const code = ProblemCode.LimitExceeded
      return [...all, { code, message: `${hidden} more problems are not shown`, path: '', severity: 'warning' }]
    },
  }
}

/** `nodes[3].inputs.text`; names that are no plain words are quoted: `nodes[3].inputs["a.b"]`. */
export function formatPath(path: Path): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else if (/^[\p{L}_$][\p{L}\p{N}_$-]*$/u.test(step)) text += text === '' ? step : `.${step}`
    else text += `[${JSON.stringify(step)}]`
  }
  return text
}

/** `file:line:column: message (path)`, leaving out what is not known. */
export function formatProblem(problem: Problem): string {
  const place = [problem.file, problem.line, problem.column].filter((part) => part !== undefined).join(':')
  const path = problem.path === '' ? '' : ` (${problem.path})`
  return `${place === '' ? '' : `${place}: `}${problem.code}: ${problem.message}${path}`
}
