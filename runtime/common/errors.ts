/**
 * Errors that users can match on.
 *
 * Every part of the Pit owns one error table: code → message, HTTP status and what to do next. `defineErrors` turns
 * a table into the typed `fail(code, fields)` constructor. Errors cross threads as plain data (`errorToWire`,
 * `errorFromWire`), so a `PitError` thrown in an actor arrives at its asker as a `PitError` with the same code.
 */

/** What a caller should do about an error: the same call may succeed later, never will, or one of us has a bug. */
export type ErrorAction = 'retry' | 'give-up' | 'bug'

export interface ErrorSpec {
  /** Message template; `{field}` is replaced by the field of that name. */
  readonly message: string
  readonly status: number
  readonly action: ErrorAction
}

export type ErrorTable = Readonly<Record<string, ErrorSpec>>

/** Ids and values that belong to the error, by name; shown in the message where the template names them. */
export type ErrorFields = Readonly<Record<string, unknown>>

export class PitError extends Error {
  override readonly name = 'PitError'
  readonly code: string
  readonly status: number
  readonly action: ErrorAction
  readonly fields: ErrorFields

  constructor(code: string, spec: ErrorSpec, fields: ErrorFields = {}, options: { cause?: unknown } = {}) {
    super(renderMessage(spec.message, fields), options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.status = spec.status
    this.action = spec.action
    this.fields = Object.freeze({ ...fields })
  }
}

/** One error table with its constructor; `table` is what `docs/errors.md` is checked against. */
export interface Errors<T extends ErrorTable> {
  readonly table: T
  /** Builds (does not throw) the error of that code. */
  fail(code: keyof T & string, fields?: ErrorFields, options?: { cause?: unknown }): PitError
}

export function defineErrors<const T extends ErrorTable>(table: T): Errors<T> {
  return {
    table,
    fail(code, fields, options) {
      const spec = table[code]
      if (spec === undefined) throw new Error(`no error code ${code} in this table`)
      return new PitError(code, spec, fields, options)
    },
  }
}

export function isPitError(value: unknown, code?: string): value is PitError {
  return value instanceof PitError && (code === undefined || value.code === code)
}

/** An error as plain data, msgpack- and JSON-safe. */
export interface WireError {
  readonly code: string
  readonly message: string
  readonly status: number
  readonly action: ErrorAction
  readonly fields: ErrorFields
  readonly stack?: string
  readonly cause?: WireError
}

/** Whether a value from outside has the shape of one, its causes included. */
export function isWireError(value: unknown): value is WireError {
  if (typeof value !== 'object' || value === null) return false
  const { code, message, fields, stack, cause } = value as Partial<Record<keyof WireError, unknown>>
  return (
    typeof code === 'string' &&
    typeof message === 'string' &&
    typeof fields === 'object' &&
    (stack === undefined || typeof stack === 'string') &&
    (cause === undefined || isWireError(cause))
  )
}

const CAUSES_MAX = 4

export function errorToWire(error: unknown, depth = 0): WireError {
  const cause = error instanceof Error && error.cause !== undefined && depth < CAUSES_MAX
  const common = cause ? { cause: errorToWire(error.cause, depth + 1) } : {}
  if (error instanceof PitError) {
    const { code, message, status, action } = error
    return { code, message, status, action, fields: plainFields(error.fields), ...stackOf(error), ...common }
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : `thrown: ${describe(error)}`
  const native = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  const fields = typeof native === 'string' ? { nativeCode: native } : {}
  return { code: 'HANDLER_FAILED', message, status: 500, action: 'give-up', fields, ...stackOf(error), ...common }
}

export function errorFromWire(wire: WireError): PitError {
  const spec = { message: escapeTemplate(wire.message), status: wire.status, action: wire.action }
  const cause = wire.cause === undefined ? {} : { cause: errorFromWire(wire.cause) }
  const error = new PitError(wire.code, spec, wire.fields, cause)
  if (wire.stack !== undefined) error.stack = wire.stack
  return error
}

function stackOf(error: unknown): { stack?: string } {
  return error instanceof Error && error.stack !== undefined ? { stack: error.stack } : {}
}

function renderMessage(template: string, fields: ErrorFields): string {
  return template.replaceAll(/\{(\w+)\}|\\([{}])/g, (whole, name: string | undefined, brace: string | undefined) => {
    if (brace !== undefined) return brace
    return name !== undefined && Object.hasOwn(fields, name) ? describe(fields[name]) : whole
  })
}

/** A message that came over the wire is final: its braces are not placeholders any more. */
function escapeTemplate(message: string): string {
  return message.replaceAll(/[{}]/g, String.raw`\$&`)
}

/** A short, safe picture of any value for a message: never throws, never longer than 200 characters. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return clip(value)
  if (value instanceof Error) return clip(`${value.name}: ${value.message}`)
  try {
    return clip(JSON.stringify(value) ?? String(value))
  } catch {
    return clip(Object.prototype.toString.call(value))
  }
}

function clip(text: string): string {
  return text.length > 200 ? `${text.slice(0, 197)}…` : text
}

/** Fields must survive msgpack and JSON: anything that is not plain data becomes its description. */
function plainFields(fields: ErrorFields): ErrorFields {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, plain(value, 0)]))
}

function plain(value: unknown, depth: number): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (depth > 4) return describe(value)
  if (Array.isArray(value)) return value.slice(0, 1000).map((item) => plain(item, depth + 1))
  if (typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item, depth + 1)]))
  }
  return describe(value)
}
