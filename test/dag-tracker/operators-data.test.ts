import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { builtinOperators, checkOperatorInputs } from '../../actors/dag-tracker/operators/index.ts'
import { runOperator } from './operators-harness.ts'

describe('every operator', () => {
  test.for([...builtinOperators.values()])('$name declares itself', (operator) => {
    expect(builtinOperators.get(operator.name)).toBe(operator)
    expect(operator.description).not.toBe('')
    expect(operator.version).toMatch(/^\d+$/)
    for (const spec of Object.values(operator.inputs)) {
      if (spec.default !== undefined && spec.type !== undefined)
        expect(Array.isArray(spec.default) ? 'array' : typeof spec.default).toBe(spec.type)
    }
  })

  test('only those that touch nothing are pure', () => {
    const impure = [...builtinOperators.values()].filter(({ pure }) => !pure).map(({ name }) => name)
    expect(impure).toEqual(['glob', 'read', 'write'])
  })
})

describe('inputs', () => {
  const operator = {
    name: 'o',
    inputs: { text: { type: 'string' }, n: { type: 'number', default: 3 }, maybe: { type: 'array', required: false } },
  } as const

  test('defaults are filled in, optional ones may be null or absent', () => {
    expect(checkOperatorInputs(operator, { text: 'x' })).toEqual({ text: 'x', n: 3 })
    expect(checkOperatorInputs(operator, { text: 'x', n: undefined, maybe: null })).toEqual({ text: 'x', n: 3 })
  })

  test.for([
    [{}, 'text'],
    [{ text: 7 }, 'text'],
    [{ text: null }, 'text'],
    [{ text: 'x', n: '3' }, 'n'],
    [{ text: 'x', other: 1 }, 'other'],
    [{ text: 'x', toString: 1 }, 'toString'],
    [Object.create({ text: 'inherited' }), 'text'],
  ] as const)('%j is refused, naming the port', ([given, input]) => {
    expect(() => checkOperatorInputs(operator, given as Record<string, unknown>)).toThrow(
      expect.objectContaining({
        code: 'OPERATOR_INPUT_INVALID',
        fields: expect.objectContaining({ operator: 'o', input }) as unknown,
      }),
    )
  })
})

describe('json, yaml', () => {
  test('text to value and back', async () => {
    expect(await runOperator('json-parse', { text: '{"a": [1, null]}' })).toEqual({ a: [1, null] })
    expect(await runOperator('yaml-parse', { text: 'a: &x [1]\nb: *x\n__proto__: own' })).toEqual(
      JSON.parse('{"a": [1], "b": [1], "__proto__": "own"}'),
    )
    expect(await runOperator('yaml-parse', { text: '' })).toBeNull()
    expect(await runOperator('json-render', { value: { b: 1, a: 2 }, indent: 0 })).toEqual({ text: '{"a":2,"b":1}' })
    expect(await runOperator('json-render', { value: [1] })).toEqual({ text: '[\n  1\n]' })
  })

  test.for([
    ['json-parse', '{'],
    ['yaml-parse', 'a: [1'],
    ['yaml-parse', 'a: 1\na: 2'],
  ] as const)('%s refuses %j', async ([name, text]) => {
    await expect(runOperator(name, { text })).rejects.toMatchObject({ code: 'PARSE_FAILED' })
  })
})

describe('csv-parse', () => {
  interface Parsed {
    readonly rows: readonly unknown[]
    readonly columns: readonly string[]
    readonly count: number
  }
  const parse = (text: string, more: object = {}): Promise<Parsed> =>
    runOperator<Parsed>('csv-parse', { text, ...more })

  test('quotes, line breaks, empty fields, a byte order mark', async () => {
    const text = '\ufeffname,quote\r\nAda,"she said ""go"",\nthen went"\r\n\r\n,""\r\nlast,'
    expect(await parse(text)).toEqual({
      columns: ['name', 'quote'],
      count: 3,
      rows: [
        { name: 'Ada', quote: 'she said "go",\nthen went' },
        { name: '', quote: '' },
        { name: 'last', quote: '' },
      ],
    })
  })

  test('without a header, with another separator', async () => {
    expect(await parse('a;b\n1;2\n', { header: false, separator: ';' })).toMatchObject({
      rows: [
        ['a', 'b'],
        ['1', '2'],
      ],
    })
    expect(await parse('')).toEqual({ rows: [], columns: [], count: 0 })
    expect(Object.keys((await parse('__proto__\nx')).rows[0]!)).toEqual(['__proto__'])
  })

  test.for([
    ['a,b\n1', /row 2 has 1 fields, the header 2/],
    ['a,a\n1,2', /"a" is there twice/],
    ['a\n"x', /not closed/],
    ['a\n"x"y', /follows a closing quote/],
  ] as const)('%j is refused', async ([text, message]) => {
    await expect(parse(text)).rejects.toThrow(message)
  })

  test('reads back what was written, whatever the fields', async () => {
    const field = fc.oneof(fc.string(), fc.constantFrom('"', ',', '\n', '\r\n', '', ' '))
    const table = fc
      .integer({ min: 2, max: 4 })
      .chain((width) =>
        fc.array(fc.array(field, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 5 }),
      )
    await fc.assert(
      fc.asyncProperty(table, async (rows) => {
        const text = rows.map((row) => row.map((value) => `"${value.replaceAll('"', '""')}"`).join(',')).join('\n')
        expect((await parse(text, { header: false })).rows).toEqual(rows)
      }),
    )
  })
})

describe('text', () => {
  test('markdown-sections cuts at headings outside of code', async () => {
    const text = 'before\n# One #\ntext\n```sh\n# comment\n```\n## Two\n### \n'
    expect(await runOperator('markdown-sections', { text })).toEqual({
      count: 4,
      sections: [
        { level: 0, heading: '', text: 'before', line: 1 },
        { level: 1, heading: 'One', text: 'text\n```sh\n# comment\n```', line: 2 },
        { level: 2, heading: 'Two', text: '', line: 7 },
        { level: 3, heading: '', text: '', line: 8 },
      ],
    })
  })

  const render = async (template: string, view: object = {}): Promise<string> =>
    (await runOperator<{ text: string }>('template', { template, ...view })).text

  test('template fills in names, lists and objects without escaping; missing names are empty', async () => {
    expect(
      await render('{{a}} {{b.c}} [{{#l}}{{.}};{{/l}}] {{missing}}{{^missing}}none{{/missing}}', {
        a: '<&>',
        b: { c: 1 },
        l: [1, 2],
      }),
    ).toBe('<&> 1 [1;2;] none')
    expect(await render('{{o}}', { o: { x: [1] } })).toBe('{"x":[1]}')
    expect(await render('{{> partial}}{{constructor}}{{toString}}{{__proto__}}{{o.constructor}}', { o: {} })).toBe('')
  })

  test('template escapes where asked to', async () => {
    expect(await render('{{a}} {{{a}}}', { a: 'x|y\nz', escape: 'table' })).toBe(String.raw`x\|y z x|y` + '\nz')
    expect(await render('{{a}}', { a: '<b>', escape: 'html' })).toBe('&lt;b&gt;')
    await expect(render('x', { escape: 'shell' })).rejects.toMatchObject({ code: 'OPERATOR_INPUT_INVALID' })
    await expect(render('{{#open}}')).rejects.toMatchObject({ code: 'PARSE_FAILED' })
  })

  test('split and join-text', async () => {
    expect(await runOperator('split', { text: 'a\n\n b\n' })).toEqual({ parts: ['a', ' b'], count: 2 })
    expect(await runOperator('split', { text: 'a,,b', separator: ',', keepEmpty: true })).toEqual({
      parts: ['a', '', 'b'],
      count: 3,
    })
    expect(await runOperator('join-text', { parts: ['a', 1, { b: 2 }], separator: '-' })).toEqual({
      text: 'a-1-{"b":2}',
    })
    await expect(runOperator('split', { text: 'a', separator: '' })).rejects.toMatchObject({
      code: 'OPERATOR_INPUT_INVALID',
    })
  })
})

describe('lists', () => {
  const items = [
    { id: 'b', size: 2, tag: 'x' },
    { id: 'a', size: 10, tag: 'y' },
    { id: 'c', size: 2, tag: 'x', deep: { n: 1 } },
  ]
  const ids = async (name: string, inputs: object): Promise<unknown> =>
    (await runOperator<{ items: { id: string }[] }>(name, { items, ...inputs })).items.map(({ id }) => id).join('')

  test('filter keeps what the condition holds for', async () => {
    expect(await ids('filter', { where: 'item.size > 5' })).toBe('a')
    expect(await ids('filter', { where: 'index % 2 == 0' })).toBe('bc')
    await expect(runOperator('filter', { items, where: 'item.size' })).rejects.toMatchObject({
      code: 'EXPRESSION_FAILED',
    })
    await expect(runOperator('filter', { items, where: 'item >' })).rejects.toMatchObject({
      code: 'EXPRESSION_INVALID',
    })
  })

  test('sort is stable, by key, deep key or expression, both ways', async () => {
    expect(await ids('sort', { by: 'size' })).toBe('bca')
    expect(await ids('sort', { by: 'size', descending: true })).toBe('abc')
    expect(await ids('sort', { by: 'deep.n', descending: true })).toBe('cba')
    expect(await ids('sort', { by: '-item.size' })).toBe('abc')
    const mixed = ['b', 10, null, 9, true, 'a', [1], false]
    expect(await runOperator('sort', { items: mixed })).toMatchObject({
      items: [null, false, true, 9, 10, 'a', 'b', [1]],
    })
  })

  test('group, pick and merge', async () => {
    expect(await runOperator('group', { items, by: 'tag' })).toEqual({
      count: 2,
      groups: [
        { key: 'x', items: [items[0], items[2]], count: 2 },
        { key: 'y', items: [items[1]], count: 1 },
      ],
    })
    expect(await runOperator('pick', { items, by: 'deep.n' })).toEqual({ items: [null, null, 1], count: 3 })
    expect(await runOperator('pick', { items, by: 'item.id + "!"' })).toMatchObject({ items: ['b!', 'a!', 'c!'] })
    const more = [{ name: 'a', more: 1, size: 99 }]
    expect(await runOperator('merge', { items: items.slice(0, 2), with: more, key: 'id', withKey: 'name' })).toEqual({
      count: 2,
      items: [items[0], { ...items[1], name: 'a', more: 1 }],
    })
    await expect(runOperator('merge', { items: [1], with: [], key: 'id' })).rejects.toMatchObject({
      code: 'OPERATOR_INPUT_INVALID',
    })
  })

  test('noop and constant hand on', async () => {
    expect(await runOperator('noop', { any: 1 })).toEqual({ any: 1 })
    expect(await runOperator('constant', { value: null })).toBeNull()
  })
})
