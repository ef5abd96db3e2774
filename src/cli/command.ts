/** What a command of `pit` is, and what it is given. */
import type { ParseArgsOptionsConfig } from 'node:util'
import type { ConfigWithOrigins } from '../config.ts'
import type { PitConfig } from '../config.ts'
import { hostErrors } from '../errors.ts'
import type { Pit } from '../pit.ts'
import type { ExitCode } from './exit-codes.ts'
import type { Output } from './output.ts'

export interface OptionSpec {
  readonly type: 'boolean' | 'string'
  readonly multiple?: boolean
  readonly short?: string
  /** How the value is called in the help text. */
  readonly value?: string
  readonly description: string
}

export interface Command {
  readonly name: string
  readonly summary: string
  /** What follows `pit <name>`, one form per line. */
  readonly usage: readonly string[]
  readonly options: Readonly<Record<string, OptionSpec>>
  /** Everything else worth knowing, a few lines. */
  readonly details?: string
  run(invocation: Invocation): Promise<ExitCode>
}

export interface Invocation {
  readonly args: Arguments
  readonly output: Output
  /** Aborted by the first interrupt. */
  readonly signal: AbortSignal
  readonly cwd: string
  /** The configuration of this invocation: file, environment and flags, and where each value came from. */
  config(): ConfigWithOrigins
  /** Opens a Pit with that configuration, `overrides` above all; closed by the caller. */
  open(overrides?: PitConfig): Promise<Pit>
}

/** The parsed command line. */
export interface Arguments {
  readonly positionals: readonly string[]
  flag(name: string): boolean
  text(name: string): string | undefined
  list(name: string): readonly string[]
  /** A whole number, or `USAGE`. */
  integer(name: string, fallback: number): number
}

export function createArguments(values: Readonly<Record<string, unknown>>, positionals: readonly string[]): Arguments {
  const own = (name: string): unknown => (Object.hasOwn(values, name) ? values[name] : undefined)
  return {
    positionals,
    flag: (name) => own(name) === true,
    text: (name) => own(name) as string | undefined,
    list: (name) => (own(name) ?? []) as readonly string[],
    integer(name, fallback) {
      const text = own(name) as string | undefined
      if (text === undefined) return fallback
      if (!/^\d{1,15}$/.test(text)) throw usageError(`--${name} takes a whole number, got ${text}`)
      return Number(text)
    },
  }
}

/** Options that every command has. */
export const globalOptions: Readonly<Record<string, OptionSpec>> = {
  'data-dir': { type: 'string', value: 'folder', description: 'data directory (default .pit, or PIT_DATA_DIR)' },
  config: { type: 'string', value: 'file', description: 'configuration file (default pit.config.yaml, .yml or .json)' },
  set: { type: 'string', multiple: true, value: 'key=value', description: 'any other configuration key; repeatable' },
  json: { type: 'boolean', description: 'one JSON document on standard output, for errors too' },
  quiet: { type: 'boolean', short: 'q', description: 'no progress and no notes' },
  help: { type: 'boolean', short: 'h', description: 'this help' },
}

export function parseArgsConfig(options: Readonly<Record<string, OptionSpec>>): ParseArgsOptionsConfig {
  return Object.fromEntries(
    Object.entries(options).map(([name, { type, multiple = false, short }]) => [
      name,
      { type, multiple, ...(short === undefined ? {} : { short }) },
    ]),
  )
}

/** What is wrong with the command line. */
export function usageError(reason: string): Error {
  return hostErrors.fail('USAGE', { reason })
}

/** Exactly these positionals, named for the message; `rest` allows more. */
export function expectPositionals(args: Arguments, names: readonly string[], options: { rest?: boolean } = {}): void {
  const { positionals } = args
  const missing = names[positionals.length]
  if (missing !== undefined) throw usageError(`<${missing}> is missing`)
  if (options.rest !== true && positionals.length > names.length) {
    throw usageError(`unexpected argument ${positionals[names.length]}`)
  }
}
