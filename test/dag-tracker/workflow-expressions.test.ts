import { describe, expect, test } from 'vitest'
import { compileExpression } from '../../actors/dag-tracker/workflow/index.ts'

const transform = (text: string, value: unknown): unknown => compileExpression(text, 'transform').evaluate({ value })

const code = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    return (error as { code: string }).code
  }
  return 'none'
}

describe('results', () => {
  test.for([
    ['value + 1', 5, 6],
    ['1 + value', 1.5, 2.5],
    ['value / 2', 5, 2.5],
    ['value % 2 == 0', 4, true],
    ['value > 3 ? "big" : "small"', 5, 'big'],
    ['size(value)', [1, 2, 3], 3],
    ['value.a.b', { a: { b: 'deep' } }, 'deep'],
    ['has(value.a)', {}, false],
    ['value.?a.orValue("none")', {}, 'none'],
    ['value.map(x, x * 2)', [1, 2], [2, 4]],
    [
      'value.filter(x, x.score > 0.5).map(x, x.term).join(", ")',
      [
        { term: 'a', score: 1 },
        { term: 'b', score: 0 },
      ],
      'a',
    ],
    ['{"id": value.p, "n": 1}', { p: 'x' }, { id: 'x', n: 1 }],
    ['"a" in value', { a: 1 }, true],
    ['value == null', null, true],
    ['[1, value, "three"]', 2.5, [1, 2.5, 'three']],
  ] as const)('%s', ([text, value, expected]) => {
    expect(transform(text, value)).toEqual(expected)
  })

  test('a condition sees the inputs of the node, of the run, and the item', () => {
    const condition = compileExpression('inputs.n > run.inputs.limit && item.ok && index == 0', 'condition')
    const variables = { inputs: { n: 2 }, run: { inputs: { limit: 1 } }, item: { ok: true }, index: 0 }
    expect(condition.test(variables)).toBe(true)
    expect(condition.test({ ...variables, index: 1 })).toBe(false)
  })

  test('data is not changed', () => {
    const value = Object.freeze([Object.freeze({ a: 1 })])
    expect(transform('value.map(x, x.a + 1)', value)).toEqual([2])
  })
})

describe('refusals', () => {
  test.for([
    ['value >', 7],
    ['value &', 6],
    ['nobody', 0],
    ['value + item', 8],
    ['toString', 0],
    ['value.map(a, value.map(b, value.map(c, value.map(d, d))))', 0],
    [`value + ${'1 + '.repeat(2_000)}1`, 0],
  ] as const)('%s is invalid', ([text, offset]) => {
    try {
      compileExpression(text, 'transform')
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({ code: 'EXPRESSION_INVALID', fields: { expression: text, offset } })
    }
  })

  test.for([
    ['value.x', {}],
    ['value.toString', {}],
    ['value.__proto__', {}],
    ['value.constructor', {}],
    ['value + 1', 'text'],
    ['1 / 0', 0],
    ['value / 0', 1],
    ['timestamp("2020-01-01T00:00:00Z")', 0],
    ['b"bytes"', 0],
  ] as const)('%s fails', ([text, value]) => {
    expect(code(() => transform(text, value))).toBe('EXPRESSION_FAILED')
  })

  test('a condition that is neither true nor false fails', () => {
    expect(code(() => compileExpression('inputs.n', 'condition').test({ inputs: { n: 1 } }))).toBe('EXPRESSION_FAILED')
  })

  test('hostile text cannot take the parser down', () => {
    for (const text of [
      '('.repeat(4_000),
      '['.repeat(4_000),
      '!'.repeat(4_000),
      '-'.repeat(4_000),
      'a.'.repeat(2_000),
      '',
    ]) {
      expect(code(() => compileExpression(text, 'transform'))).toBe('EXPRESSION_INVALID')
    }
  })
})
