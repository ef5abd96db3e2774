/**
 * What can be filtered by and counted: of each document the values of an attribute (its tags, its runs, …), as the number
 * of that set of values. Sets that are equal have one number, so a filter decides once per set and a facet counts numbers.
 *
 * I1. Number 0 is the empty set. A number whose last document left it is free for another set. Of the numbers that documents
 *     have, no two are of the same set.
 * I2. A stored number may be of a former meaning only for documents that are pending: they are set again at opening.
 */
import type { Catalog } from '../catalog.ts'
import type { AttributeValue } from '../protocol.ts'
import type { Column, Columns } from './columns.ts'

export interface Attribute {
  readonly numbers: Column<Uint32Array>
  /** The values by number; null for free numbers. */
  readonly sets: readonly (readonly AttributeValue[] | null)[]
  set(slot: number, values: readonly AttributeValue[]): void
}

export interface Attributes {
  /** Null when no artifact ever had it. */
  find(name: string): Attribute | null
  /** Sets all attributes of a document; those not named become empty. Custom ones beyond the bound are left out. */
  set(slot: number, values: ReadonlyMap<string, readonly AttributeValue[]>): void
}

export const ATTRIBUTES_SCHEMA = `
  CREATE TABLE searchValues (
    attribute TEXT NOT NULL, number INTEGER NOT NULL, members TEXT NOT NULL, PRIMARY KEY (attribute, number)
  ) WITHOUT ROWID;
`

/** Keys of custom metadata that are attributes: the first that come. Each costs 4 bytes per artifact. */
export const CUSTOM_ATTRIBUTES_MAX = 64
export const CUSTOM_PREFIX = 'custom.'

export function createAttributes(catalog: Catalog, columns: Columns): Attributes {
  const names = catalog.prepare('SELECT DISTINCT attribute FROM searchValues').all() as { attribute: string }[]
  const attributes = new Map<string, Attribute>()
  for (const { attribute } of names) attributes.set(attribute, createAttribute(catalog, columns, attribute))

  function ensure(name: string): Attribute | null {
    const known = attributes.get(name)
    if (known !== undefined) return known
    if (name.startsWith(CUSTOM_PREFIX) && customCount() >= CUSTOM_ATTRIBUTES_MAX) return null
    const made = createAttribute(catalog, columns, name)
    attributes.set(name, made)
    return made
  }

  function customCount(): number {
    return [...attributes.keys()].filter((name) => name.startsWith(CUSTOM_PREFIX)).length
  }

  return {
    find: (name) => attributes.get(name) ?? null,
    set(slot, values) {
      for (const [name, attribute] of attributes) if (!values.has(name)) attribute.set(slot, [])
      for (const [name, some] of values) if (some.length > 0 || attributes.has(name)) ensure(name)?.set(slot, some)
    },
  }
}

function createAttribute(catalog: Catalog, columns: Columns, name: string): Attribute {
  const insert = catalog.prepare('INSERT OR REPLACE INTO searchValues VALUES (?, ?, ?)')
  const remove = catalog.prepare('DELETE FROM searchValues WHERE attribute = ? AND number = ?')
  const numbers = columns.uint32(`attribute.${name}`)
  const sets: (readonly AttributeValue[] | null)[] = [[]]
  const rows = catalog.prepare('SELECT number, members FROM searchValues WHERE attribute = ?').all(name)
  for (const { number, members } of rows as { number: number; members: string }[]) {
    sets[number] = JSON.parse(members) as AttributeValue[]
  }
  const uses: number[] = []
  for (const number of numbers.values) if (number > 0) uses[number] = (uses[number] ?? 0) + 1
  const known = new Map<string, number>()
  /** Sets of one text, which most are: found without being put together. */
  const singles = new Map<string, number>()
  const free: number[] = []
  const numberMax = Math.max(sets.length, uses.length)
  for (let number = 1; number < numberMax; number++) {
    uses[number] ??= 0
    sets[number] ??= null
    if (uses[number]! > 0) know(number)
    else {
      // Its row is left to be overwritten: opening writes nothing.
      sets[number] = null
      free.push(number)
    }
  }

  function know(number: number): void {
    const set = sets[number]
    if (set === null || set === undefined) return
    known.set(JSON.stringify(set), number)
    const text = singleText(set)
    if (text !== null) singles.set(text, number)
  }

  /** Another number may have the same values, when this one was of a former meaning (I2). */
  function release(number: number): void {
    const set = sets[number]
    if (set !== null && set !== undefined) {
      const members = JSON.stringify(set)
      if (known.get(members) === number) known.delete(members)
      const text = singleText(set)
      if (text !== null && singles.get(text) === number) singles.delete(text)
    }
    remove.run(name, number)
    sets[number] = null
    free.push(number)
  }

  function numberOf(values: readonly AttributeValue[]): number {
    if (values.length === 0) return 0
    const text = singleText(values)
    const single = text === null ? undefined : singles.get(text)
    if (single !== undefined) return single
    const unique = [...new Set(values)].sort(compareValues)
    const members = JSON.stringify(unique)
    const found = known.get(members)
    if (found !== undefined) return found
    const number = free.pop() ?? sets.length
    sets[number] = unique
    uses[number] = 0
    know(number)
    insert.run(name, number, members)
    return number
  }

  return {
    numbers,
    sets,
    set(slot, values) {
      const number = numberOf(values)
      const former = numbers.values[slot] ?? 0
      if (number === former) return
      if (number > 0) uses[number]!++
      numbers.set(slot, number)
      if (former > 0 && --uses[former]! === 0) release(former)
    },
  }
}

function singleText(values: readonly AttributeValue[]): string | null {
  const [only] = values
  return values.length === 1 && typeof only === 'string' ? only : null
}

function compareValues(a: AttributeValue, b: AttributeValue): number {
  if (typeof a !== typeof b) return typeof a < typeof b ? -1 : 1
  return a < b ? -1 : a > b ? 1 : 0
}
