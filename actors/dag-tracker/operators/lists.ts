/**
 * List operators. What to look at is a key (`by: 'size'`, deeper with dots) or a CEL expression over `item` and `index`
 * (`where: 'item.size > 100'`). Order is kept: equal items stay in the order they came in.
 */
import { canonicalJson } from '../../../runtime/index.ts'
import { compileExpression } from '../workflow/expressions.ts'
import { parseReference, valueAt } from '../workflow/references.ts'
import { invalidInput, type Operator } from './operator.ts'

type Selector = (item: unknown, index: number) => unknown

const items = { type: 'array' } as const
const by = {
  type: 'string',
  description: 'Key of the items (a.b for deeper ones), or CEL over item and index',
} as const

/** A plain path reads a key, absent as null; anything else is an expression. */
function selector(text: string): Selector {
  const target = /^[\p{L}_][\p{L}\p{N}_.-]*$/u.test(text) ? parseReference(`item.${text}`) : null
  if (target !== null) {
    return (item) => {
      const found = valueAt(item, target.path)
      return found.found ? found.value : null
    }
  }
  const expression = compileExpression(text, 'predicate')
  return (item, index) => expression.evaluate({ item, index })
}

export const filter: Operator = {
  name: 'filter',
  description: 'Keeps the items for which a condition holds',
  version: '1',
  pure: true,
  on: 'inline',
  inputs: { items, where: { type: 'string', description: 'CEL over item and index, true to keep' } },
  outputs: { items: 'array', count: 'number' },
  run(inputs) {
    const where = compileExpression(inputs.where as string, 'predicate')
    const kept = (inputs.items as readonly unknown[]).filter((item, index) => where.test({ item, index }))
    return { items: kept, count: kept.length }
  },
}

export const sort: Operator = {
  name: 'sort',
  description: 'Orders items: null, false, true, numbers, texts (by code points), anything else by its JSON',
  version: '1',
  pure: true,
  on: 'inline',
  inputs: { items, by: { ...by, required: false }, descending: { type: 'boolean', default: false } },
  outputs: { items: 'array', count: 'number' },
  run(inputs) {
    const select = inputs.by === undefined ? (item: unknown) => item : selector(inputs.by as string)
    const sign = inputs.descending === true ? -1 : 1
    const keyed = (inputs.items as readonly unknown[]).map((item, index) => ({ item, key: select(item, index) }))
    const sorted = keyed.toSorted((a, b) => sign * compare(a.key, b.key)).map(({ item }) => item)
    return { items: sorted, count: sorted.length }
  },
}

function compare(a: unknown, b: unknown): number {
  const rank = rankOf(a) - rankOf(b)
  if (rank !== 0) return rank
  if (typeof a === 'number') return a - (b as number)
  const [left, right] = typeof a === 'string' ? [a, b as string] : [canonicalJson(a), canonicalJson(b)]
  return left < right ? -1 : left > right ? 1 : 0
}

function rankOf(value: unknown): number {
  if (value === null) return 0
  const rank = ['boolean', 'number', 'string'].indexOf(typeof value)
  return rank === -1 ? 4 : rank + 1
}

export const group: Operator = {
  name: 'group',
  description: 'Collects items with an equal key, in the order in which the keys first appear',
  version: '1',
  pure: true,
  on: 'inline',
  inputs: { items, by },
  outputs: { groups: 'array', count: 'number' },
  run(inputs) {
    const select = selector(inputs.by as string)
    const groups = new Map<string, { key: unknown; items: unknown[]; count: number }>()
    for (const [index, item] of (inputs.items as readonly unknown[]).entries()) {
      const key = select(item, index)
      const name = canonicalJson(key)
      const known = groups.get(name) ?? { key, items: [], count: 0 }
      known.items.push(item)
      known.count++
      groups.set(name, known)
    }
    return { groups: [...groups.values()], count: groups.size }
  },
}

export const pick: Operator = {
  name: 'pick',
  description: 'Takes one value out of each item',
  version: '1',
  pure: true,
  on: 'inline',
  inputs: { items, by },
  outputs: { items: 'array', count: 'number' },
  run(inputs) {
    const select = selector(inputs.by as string)
    const picked = (inputs.items as readonly unknown[]).map(select)
    return { items: picked, count: picked.length }
  },
}

export const merge: Operator = {
  name: 'merge',
  description: 'Adds to each object of `items` the fields of the object of `with` that has the same key',
  version: '1',
  pure: true,
  on: 'inline',
  inputs: {
    items,
    with: items,
    key: { type: 'string', description: 'Key in `items`' },
    withKey: { type: 'string', required: false, description: 'Key in `with`, if another' },
  },
  outputs: { items: 'array', count: 'number' },
  run(inputs) {
    const key = selector(inputs.key as string)
    const withKey = selector((inputs.withKey ?? inputs.key) as string)
    const others = objects('with', inputs.with as readonly unknown[])
    const byKey = new Map(others.map((other, i) => [canonicalJson(withKey(other, i)), other]))
    const merged = objects('items', inputs.items as readonly unknown[]).map((item, i) => ({
      ...byKey.get(canonicalJson(key(item, i))),
      ...item,
    }))
    return { items: merged, count: merged.length }
  },
}

function objects(input: string, list: readonly unknown[]): readonly object[] {
  const isObject = (value: unknown): value is object =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
  if (list.every(isObject)) return list
  throw invalidInput(
    'merge',
    input,
    'a list of objects',
    list.find((value) => !isObject(value)),
  )
}
