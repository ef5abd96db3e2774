/**
 * Two JSON values as the steps of a JSON Patch that lead from one to the other, each with what was there before.
 *
 * I1. Applied in their order, the steps give the other value.
 */
import { canonicalJson } from '../../../runtime/index.ts'
import type { JsonChange } from '../protocol.ts'
import { diffSequences } from './sequence.ts'

/** Deeper ones are compared as text. */
const DEPTH_MAX = 256
/** Digits of a number that may be more than a double can tell apart. */
const LONG_INTEGER = /\d{16}/
const NODES_PER_TURN = 5000

/**
 * The value; null where a comparison as JSON could say something wrong: it is none, too deep, or has numbers or texts that
 * cannot be told apart.
 */
export function parseComparable(text: string): { readonly value: unknown } | null {
  try {
    let exact = true
    const value: unknown = LONG_INTEGER.test(text)
      ? JSON.parse(text, (_, part: unknown, context?: { readonly source?: string }) => {
          if (typeof part === 'number' && /^-?\d+$/.test(context?.source ?? '')) exact &&= Number.isSafeInteger(part)
          return part
        })
      : JSON.parse(text)
    return exact && isComparable(value) ? { value } : null
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return null
    throw error
  }
}

/** By levels: what is too deep must not exhaust the stack. */
function isComparable(value: unknown): boolean {
  let level: readonly unknown[] = [value]
  for (let depth = 0; depth <= DEPTH_MAX; depth++) {
    const next: unknown[] = []
    for (const one of level) {
      if (typeof one === 'number' && !Number.isFinite(one)) return false
      if (typeof one === 'string' && !one.isWellFormed()) return false
      if (typeof one !== 'object' || one === null) continue
      if (!Object.keys(one).every((key) => key.isWellFormed())) return false
      for (const part of Object.values(one)) next.push(part)
    }
    if (next.length === 0) return true
    level = next
  }
  return false
}

export function* diffJson(from: unknown, to: unknown): Generator<void, readonly JsonChange[]> {
  const changes: JsonChange[] = []
  let nodes = 0

  function* compare(a: unknown, b: unknown, path: string): Generator<void> {
    if (++nodes % NODES_PER_TURN === 0) yield
    if (Array.isArray(a) && Array.isArray(b)) yield* compareArrays(a, b, path)
    else if (isObject(a) && isObject(b)) yield* compareObjects(a, b, path)
    else if (Array.isArray(a) || Array.isArray(b) || isObject(a) || isObject(b) || a !== b) {
      changes.push({ op: 'replace', path, before: a, value: b })
    }
  }

  function* compareObjects(a: JsonObject, b: JsonObject, path: string): Generator<void> {
    for (const key of Object.keys(a)) {
      const at = `${path}/${escaped(key)}`
      if (Object.hasOwn(b, key)) yield* compare(a[key], b[key], at)
      else changes.push({ op: 'remove', path: at, before: a[key] })
    }
    for (const key of Object.keys(b)) {
      if (!Object.hasOwn(a, key)) changes.push({ op: 'add', path: `${path}/${escaped(key)}`, value: b[key] })
    }
  }

  /** Elements that moved up or down are no change; what stands in the place of another is compared with it. */
  function* compareArrays(a: readonly unknown[], b: readonly unknown[], path: string): Generator<void> {
    const kinds = new Map<string, number>()
    const [aKinds, bKinds] = [yield* kindsOf(a, kinds), yield* kindsOf(b, kinds)]
    for (const { aFrom, aTo, bFrom, bTo } of yield* diffSequences(aKinds, bKinds, kinds.size)) {
      const pairs = Math.min(aTo - aFrom, bTo - bFrom)
      for (let i = 0; i < pairs; i++) yield* compare(a[aFrom + i], b[bFrom + i], `${path}/${bFrom + i}`)
      const at = bFrom + pairs
      for (let i = aFrom + pairs; i < aTo; i++) changes.push({ op: 'remove', path: `${path}/${at}`, before: a[i] })
      for (let j = at; j < bTo; j++) changes.push({ op: 'add', path: `${path}/${j}`, value: b[j] })
    }
  }

  function* kindsOf(items: readonly unknown[], known: Map<string, number>): Generator<void, Uint32Array> {
    const kinds = new Uint32Array(items.length)
    for (const [index, item] of items.entries()) {
      const key = canonicalJson(item)
      const kind = known.get(key) ?? known.size
      if (kind === known.size) known.set(key, kind)
      kinds[index] = kind
      if (++nodes % NODES_PER_TURN === 0) yield
    }
    return kinds
  }

  yield* compare(from, to, '')
  return changes
}

type JsonObject = Readonly<Record<string, unknown>>

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function escaped(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}
