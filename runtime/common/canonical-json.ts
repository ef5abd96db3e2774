/**
 * Canonical JSON (RFC 8785, JCS): object keys sorted by UTF-16 code units, no white space, ECMAScript number form.
 * The same value gives the same bytes everywhere, so it can be hashed. `undefined` members are left out; anything JSON
 * cannot say (NaN, ±Infinity, bigint, functions, cycles) is refused rather than silently changed.
 */
import { createHash } from 'node:crypto'

export function canonicalJson(value: unknown): string {
  return write(value, new Set())
}

/** SHA-256 of the canonical JSON, as 64 hex digits. */
export function canonicalHash(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex')
}

export function sha256Hex(content: Uint8Array | string): string {
  return createHash('sha256').update(content).digest('hex')
}

function write(value: unknown, path: Set<object>): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return writeString(value)
  if (typeof value === 'number') return writeNumber(value)
  if (typeof value !== 'object') throw new TypeError(`canonical JSON cannot say a ${typeof value}`)
  if (path.has(value)) throw new TypeError('canonical JSON cannot say a cycle')
  path.add(value)
  const text = Array.isArray(value) ? writeArray(value, path) : writeObject(value as Record<string, unknown>, path)
  path.delete(value)
  return text
}

function writeArray(items: readonly unknown[], path: Set<object>): string {
  return `[${items.map((item) => (item === undefined ? 'null' : write(item, path))).join(',')}]`
}

function writeObject(object: Record<string, unknown>, path: Set<object>): string {
  const members: string[] = []
  for (const key of Object.keys(object).sort()) {
    const member = object[key]
    if (member !== undefined) members.push(`${writeString(key)}:${write(member, path)}`)
  }
  return `{${members.join(',')}}`
}

function writeNumber(value: number): string {
  if (!Number.isFinite(value)) throw new TypeError(`canonical JSON cannot say ${value}`)
  return Object.is(value, -0) ? '0' : String(value)
}

function writeString(value: string): string {
  if (!value.isWellFormed()) throw new TypeError('canonical JSON cannot say a lone surrogate')
  return JSON.stringify(value)
}
