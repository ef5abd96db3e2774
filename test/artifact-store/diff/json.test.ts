import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { diffJson, parseComparable } from '../../../actors/artifact-store/diff/json.ts'
import type { JsonChange } from '../../../actors/artifact-store/index.ts'
import { ended } from './support.ts'

const diff = (from: unknown, to: unknown): readonly JsonChange[] => ended(diffJson(from, to))

/** RFC 6902, written down again for the test. */
function apply(value: unknown, { op, path, before, value: given }: JsonChange): unknown {
  const root = { value: structuredClone(value) }
  const keys = path === '' ? [] : path.slice(1).split('/')
  const steps = ['value', ...keys.map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))]
  let holder: unknown = root
  for (const step of steps.slice(0, -1)) holder = (holder as Record<string, unknown>)[step]
  const last = steps.at(-1)!
  const object = holder as Record<string, unknown>
  if (op !== 'add') expect(object[last]).toEqual(before)
  if (Array.isArray(holder)) {
    if (op === 'add') holder.splice(Number(last), 0, given)
    else if (op === 'remove') holder.splice(Number(last), 1)
    else holder[Number(last)] = given
  } else if (op === 'remove') delete object[last]
  else Object.defineProperty(object, last, { value: given, enumerable: true, configurable: true, writable: true })
  return root.value
}

describe('a JSON diff', () => {
  test('names what changed by its path', () => {
    const from = { title: 'Tides', 'a/b': { '~': 1 }, items: [{ id: 1, n: 1 }, { id: 2 }, { id: 3 }], old: true }
    const to = {
      title: 'Tides',
      'a/b': { '~': 2 },
      items: [{ id: 0 }, { id: 1, n: 5 }, { id: 2 }, { id: 3 }],
      new: null,
    }
    expect(diff(from, to)).toEqual([
      { op: 'replace', path: '/a~1b/~0', before: 1, value: 2 },
      { op: 'replace', path: '/items/0/id', before: 1, value: 0 },
      { op: 'remove', path: '/items/0/n', before: 1 },
      { op: 'add', path: '/items/1', value: { id: 1, n: 5 } },
      { op: 'remove', path: '/old', before: true },
      { op: 'add', path: '/new', value: null },
    ])
    expect(diff([1, 2], { 0: 1, 1: 2 })).toEqual([{ op: 'replace', path: '', before: [1, 2], value: { 0: 1, 1: 2 } }])
    expect(diff({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] })).toEqual([])
  })

  test('does not take an element that was put in front for a change of all', () => {
    const rows = Array.from({ length: 500 }, (_, id) => ({ id, text: `row ${id}` }))
    expect(diff(rows, [{ id: -1 }, ...rows])).toEqual([{ op: 'add', path: '/0', value: { id: -1 } }])
  })

  test('a name like __proto__ is a key as any other', () => {
    const [from, to] = [JSON.parse('{"__proto__":{"x":1}}'), JSON.parse('{"__proto__":{"x":2}}')] as unknown[]
    expect(diff(from, to)).toEqual([{ op: 'replace', path: '/__proto__/x', before: 1, value: 2 }])
    expect(diff({}, to)).toHaveLength(1)
  })
})

test('property: its steps lead from one value to the other', () => {
  const value = fc.jsonValue({ maxDepth: 4 })
  const property = fc.property(value, value, fc.boolean(), (from, other, nested) => {
    const to = nested ? ([from, other] as unknown) : other
    const start = nested ? ([other, from] as unknown) : from
    const result = diff(start, to).reduce(apply, start)
    expect(JSON.parse(JSON.stringify(result))).toEqual(JSON.parse(JSON.stringify(to)))
  })
  fc.assert(property, { numRuns: 1000 })
})

test.each([
  ['{"id": 12345678901234567890}', false],
  ['{"id": "12345678901234567890"}', true],
  ['{"p": 0.12345678901234567}', true],
  ['{"n": 9007199254740991}', true],
  ['[1e999]', false],
  ['{"s": "\\ud800"}', false],
  ['{"a": 1', false],
  ['['.repeat(100_000) + ']'.repeat(100_000), false],
  ['['.repeat(100) + ']'.repeat(100), true],
])('%.40s… can be compared: %s', (text, comparable) => {
  expect(parseComparable(text) !== null).toBe(comparable)
})
