import { describe, expect, test } from 'vitest'
import {
  compileBinding,
  isReference,
  literalOf,
  outerReferencesOf,
  parseReference,
  resolveBinding,
  tryResolveBinding,
  valueAt,
  type Body,
} from '../../actors/dag-tracker/workflow/index.ts'

describe('parseReference', () => {
  test.for([
    ['node', { scope: 'node', id: 'node', path: [] }],
    ['node.port', { scope: 'node', id: 'node', path: ['port'] }],
    ['node.port.field', { scope: 'node', id: 'node', path: ['port', 'field'] }],
    ['node.items[0].x', { scope: 'node', id: 'node', path: ['items', '0', 'x'] }],
    ['node[2][3]', { scope: 'node', id: 'node', path: ['2', '3'] }],
    ['inputs.name', { scope: 'inputs', id: 'name', path: [] }],
    ['inputs.name.deep', { scope: 'inputs', id: 'name', path: ['deep'] }],
    ['item', { scope: 'item', id: '', path: [] }],
    ['item.path', { scope: 'item', id: '', path: ['path'] }],
    ['index', { scope: 'index', id: '', path: [] }],
    ['__proto__.x', { scope: 'node', id: '__proto__', path: ['x'] }],
    ['with space.port', { scope: 'node', id: 'with space', path: ['port'] }],
  ] as const)('%s', ([from, expected]) => {
    expect(parseReference(from)).toEqual(expected)
  })

  test.for(['', '.', 'a.', '.a', 'a..b', 'a[', 'a[x]', 'a[-1]', '[0]', 'inputs', 'index.x', 'run.inputs.x', 'a]b'])(
    '%j is none',
    (from) => {
      expect(parseReference(from)).toBeNull()
    },
  )
})

describe('valueAt', () => {
  const data = JSON.parse('{"a": {"b": [{"c": 1}]}, "__proto__": {"own": true}, "nothing": null}') as unknown

  test('finds own values, elements of arrays, and null', () => {
    expect(valueAt(data, ['a', 'b', '0', 'c'])).toEqual({ found: true, value: 1 })
    expect(valueAt(data, ['__proto__', 'own'])).toEqual({ found: true, value: true })
    expect(valueAt(data, ['nothing'])).toEqual({ found: true, value: null })
    expect(valueAt(data, [])).toEqual({ found: true, value: data })
  })

  test.for([
    ['toString'],
    ['constructor', 'name'],
    ['a', '__proto__'],
    ['a', 'b', 'length'],
    ['a', 'b', '1'],
    ['nothing', 'x'],
    ['a', 'b', '0', 'c', 'x'],
  ])('finds nothing at %j', (path) => {
    expect(valueAt(data, path)).toEqual({ found: false })
  })
})

describe('bindings', () => {
  test('only a whole binding is a reference', () => {
    expect(isReference({ from: 'a' })).toBe(true)
    for (const literal of [
      { from: 7 },
      { value: { from: 'a' } },
      [{ from: 'a' }],
      'a',
      null,
      Object.create({ from: 'a' }),
    ]) {
      expect(isReference(literal)).toBe(false)
    }
  })

  test('a literal is what stands in { value }, or itself', () => {
    expect(literalOf({ value: { from: 'a' } })).toEqual({ from: 'a' })
    expect(literalOf({ value: 1, other: 2 })).toEqual({ value: 1, other: 2 })
    expect(literalOf([1])).toEqual([1])
    expect(literalOf(null)).toBeNull()
  })

  const lookup = (): unknown => ({ n: 2, empty: null })

  test('a reference is looked up, walked and transformed', () => {
    expect(resolveBinding(compileBinding({ from: 'a.n' }), lookup)).toBe(2)
    expect(resolveBinding(compileBinding({ from: 'a.n', transform: 'value * 10' }), lookup)).toBe(20)
    expect(resolveBinding(compileBinding({ from: 'a.empty', default: 1 }), lookup)).toBeNull()
  })

  test('a default stands in for what is not there, untransformed', () => {
    const binding = compileBinding({ from: 'a.x', transform: 'value * 10', default: 3 })
    expect(resolveBinding(binding, lookup)).toBe(3)
    expect(resolveBinding(compileBinding({ from: 'a', default: null }), () => undefined)).toBeNull()
  })

  test('without value and default it is an error that names the reference', () => {
    const binding = compileBinding({ from: 'a.x' })
    expect(tryResolveBinding(binding, lookup)).toEqual({ found: false })
    expect(() => resolveBinding(binding, lookup)).toThrow(
      expect.objectContaining({ code: 'REFERENCE_MISSING', fields: { from: 'a.x' } }),
    )
  })
})

test('outer references: what a body uses of the bodies around it, and whether it can do without', () => {
  const body: Body = {
    nodes: [
      { id: 'own', kind: 'join', inputs: { a: { from: 'outer1' }, b: { from: 'inputs.x' }, c: { from: 'item' } } },
      {
        id: 'inner',
        kind: 'map',
        over: { from: 'outer2.items', default: [] },
        body: {
          nodes: [
            { id: 'deep', kind: 'operator', operator: 'noop', inputs: { d: { from: 'own' }, e: { from: 'outer3' } } },
          ],
        },
      },
      { id: 'tolerant', kind: 'operator', operator: 'noop', inputs: { f: { from: 'outer4', default: 1 } } },
      { id: 'strict', kind: 'operator', operator: 'noop', inputs: { g: { from: 'outer4' }, h: { from: 'literal' } } },
    ],
    outputs: { o: { from: 'outer5' } },
  }
  expect([...outerReferencesOf(body)]).toEqual([
    ['outer1', true],
    ['outer2', true],
    ['outer3', false],
    ['outer4', false],
    ['literal', false],
    ['outer5', false],
  ])
})
