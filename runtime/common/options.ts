/**
 * Helpers for `resolve…()` functions: options come from users, so only own properties are read and every mistake names
 * the key, what was expected and what was given.
 */
import { defineErrors, describe, type PitError } from './errors.ts'

export const optionErrors = defineErrors({
  INVALID_OPTION: {
    message: 'Expected `{key}` to be {expected}, got `{value}` ({type})',
    status: 400,
    action: 'give-up',
  },
})

export function invalidOption(key: string, expected: string, value: unknown): PitError {
  return optionErrors.fail('INVALID_OPTION', { key, expected, value: describe(value), type: typeOf(value) })
}

/** The option's own value, never an inherited one (a polluted prototype must not configure anything). */
export function own(options: object | undefined, key: string): unknown {
  return options !== undefined && options !== null && Object.hasOwn(options, key)
    ? (options as Record<string, unknown>)[key]
    : undefined
}

export function integerOption(
  options: object | undefined,
  key: string,
  fallback: number,
  { min, max = Number.MAX_SAFE_INTEGER }: { min: number; max?: number },
): number {
  const value = own(options, key)
  if (value === undefined) return fallback
  if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
    throw invalidOption(key, `a whole number from ${min} to ${max}`, value)
  }
  return value as number
}

export function stringOption(options: object | undefined, key: string, fallback: string): string {
  const value = own(options, key)
  if (value === undefined) return fallback
  if (typeof value !== 'string' || value === '') throw invalidOption(key, 'a non-empty string', value)
  return value
}

export function choiceOption<T extends string>(
  options: object | undefined,
  key: string,
  fallback: T,
  choices: readonly T[],
): T {
  const value = own(options, key)
  if (value === undefined) return fallback
  if (!choices.includes(value as T)) throw invalidOption(key, `one of ${choices.join(', ')}`, value)
  return value as T
}

/** Refuses keys that nobody reads: a typo must not silently change nothing. */
export function refuseUnknown(options: object | undefined, known: readonly string[], where = ''): void {
  for (const key of Object.keys(options ?? {})) {
    if (!known.includes(key)) {
      throw invalidOption(`${where}${key}`, `a known option (${known.join(', ')})`, own(options, key))
    }
  }
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}
