/** Broken workflows: each with its code and its place in the text. */
import { describe, expect, test } from 'vitest'
import {
  formatProblem,
  parseWorkflow,
  ProblemCode,
  validateWorkflow,
  workflowInvalid,
  assertValidWorkflow,
} from '../../actors/dag-tracker/workflow/index.ts'

const HEAD = 'schemaVersion: 1\nname: w\n'
const noop = (id: string, rest = ''): string => `  - { id: ${id}, kind: operator, operator: noop${rest} }\n`

interface Case {
  readonly title: string
  readonly text: string
  readonly code: string
  readonly at: string
  readonly message?: RegExp
  readonly file?: string
}

const nodes = (...lines: readonly string[]): string => `${HEAD}nodes:\n${lines.join('')}`

/** `at` counts from line 1; nodes start in line 4. */
const CASES: readonly Case[] = [
  // The text.
  { title: 'unclosed flow', text: 'name: [1', code: 'SYNTAX_INVALID', at: '1:9' },
  { title: 'tab as indentation', text: 'a:\n\tb: 1', code: 'SYNTAX_INVALID', at: '2:1' },
  {
    title: 'two documents',
    text: 'a: 1\n---\nb: 1',
    code: 'SYNTAX_INVALID',
    at: '2:1',
    message: /more than one document/,
  },
  {
    title: 'repeated key',
    text: `${HEAD}name: again\nnodes:\n${noop('a')}`,
    code: 'DUPLICATE_KEY',
    at: '3:1',
    message: /"name" is there twice/,
  },
  {
    title: 'unknown alias',
    text: `${HEAD}description: *nobody\nnodes:\n${noop('a')}`,
    code: 'VALUE_NOT_JSON',
    at: '3:14',
  },
  { title: 'not a number', text: nodes(noop('a', ', inputs: { x: .nan }')), code: 'VALUE_NOT_JSON', at: '4:59' },
  {
    title: 'a number too large to keep',
    text: nodes(noop('a', ', inputs: { x: 12345678901234567890 }')),
    code: 'VALUE_NOT_JSON',
    at: '4:59',
    message: /quote it/,
  },
  {
    title: 'a custom tag',
    text: `${HEAD}description: !secret x\nnodes:\n${noop('a')}`,
    code: 'VALUE_NOT_JSON',
    at: '3:14',
  },
  { title: 'an empty file', text: '', code: 'FIELD_TYPE', at: '1:1' },
  { title: 'a list instead of a workflow', text: '- a', code: 'FIELD_TYPE', at: '1:1' },
  // JSON.
  {
    title: 'JSON with a trailing comma',
    file: 'w.json',
    text: '{\n  "schemaVersion": 1,\n}',
    code: 'SYNTAX_INVALID',
    at: '3:1',
  },
  { title: 'JSON cut short', file: 'w.json', text: '{"schemaVersion": 1', code: 'SYNTAX_INVALID', at: '1:20' },
  {
    title: 'repeated key in JSON',
    file: 'w.json',
    text: '{"schemaVersion": 1,\n "name": "a",\n "name": "b",\n "nodes": []}',
    code: 'DUPLICATE_KEY',
    at: '3:2',
  },
  {
    title: 'wrong type in JSON',
    file: 'w.json',
    text: '{"schemaVersion": 1, "name": 7,\n "nodes": [{"id": "a", "kind": "join"}]}',
    code: 'FIELD_TYPE',
    at: '1:30',
  },
  // The shape.
  {
    title: 'another version',
    text: 'schemaVersion: 2\nname: w\nnodes: []',
    code: 'SCHEMA_VERSION_UNSUPPORTED',
    at: '1:16',
    message: /version 2.*can be read: 1/,
  },
  { title: 'no nodes', text: HEAD, code: 'MISSING_FIELD', at: '1:1', message: /`nodes`/ },
  { title: 'an empty list of nodes', text: `${HEAD}nodes: []`, code: 'FIELD_VALUE', at: '3:8' },
  {
    title: 'a node without kind',
    text: nodes('  - { id: a }\n'),
    code: 'MISSING_FIELD',
    at: '4:5',
    message: /instrument, operator, branch, map, join/,
  },
  {
    title: 'a misspelt kind',
    text: nodes('  - { id: a, kind: opperator }\n'),
    code: 'FIELD_VALUE',
    at: '4:20',
    message: /did you mean "operator"/,
  },
  {
    title: 'an instrument without model',
    text: nodes('  - { id: a, kind: instrument }\n'),
    code: 'MISSING_FIELD',
    at: '4:5',
    message: /`model`/,
  },
  {
    title: 'a misspelt field',
    text: nodes(noop('a', ', timoutMs: 5')),
    code: 'UNKNOWN_FIELD',
    at: '4:46',
    message: /did you mean "timeoutMs"/,
  },
  {
    title: 'a text for a number',
    text: nodes(noop('a', ', timeoutMs: soon')),
    code: 'FIELD_TYPE',
    at: '4:57',
    message: /expected a number, got "soon"/,
  },
  { title: 'a timeout of zero', text: nodes(noop('a', ', timeoutMs: 0')), code: 'FIELD_VALUE', at: '4:57' },
  { title: 'half an attempt', text: nodes(noop('a', ', retry: { attempts: 0.5 }')), code: 'FIELD_TYPE', at: '4:65' },
  {
    title: 'an unknown outcome',
    text: nodes(noop('b'), noop('a', ', after: [{ node: b, on: suceeded }]')),
    code: 'FIELD_VALUE',
    at: '5:69',
    message: /did you mean "succeeded"/,
  },
  {
    title: 'a fallback of no kind',
    text: nodes(noop('a', ', fallback: { nod: b }')),
    code: 'FIELD_VALUE',
    at: '4:56',
    message: /\{ value \} or \{ model \} or \{ node \}/,
  },
  { title: 'an unknown cache policy', text: nodes(noop('a', ', cache: always')), code: 'FIELD_VALUE', at: '4:53' },
  // Ids.
  {
    title: 'the same id twice',
    text: nodes(noop('a'), noop('b'), noop('a')),
    code: 'DUPLICATE_ID',
    at: '6:11',
    message: /nodes\[0\]/,
  },
  { title: 'a reserved id', text: nodes(noop('item')), code: 'RESERVED_ID', at: '4:11' },
  { title: 'a dot in an id', text: nodes(noop('"a.b"')), code: 'INVALID_ID', at: '4:11' },
  // References.
  {
    title: 'an unknown node',
    text: nodes(noop('first'), noop('b', ', inputs: { x: { from: frist.y } }')),
    code: 'UNKNOWN_NODE',
    at: '5:67',
    message: /did you mean "first"/,
  },
  { title: 'an unknown node in after', text: nodes(noop('a', ', after: [b]')), code: 'UNKNOWN_NODE', at: '4:54' },
  {
    title: 'an unknown workflow input',
    text: `${HEAD}inputs: { folder: {} }\nnodes:\n${noop('a', ', inputs: { x: { from: inputs.foldr } }')}`,
    code: 'UNKNOWN_INPUT',
    at: '5:67',
    message: /did you mean "folder"/,
  },
  {
    title: 'no reference at all',
    text: nodes(noop('a', ', inputs: { x: { from: "a..b" } }')),
    code: 'INVALID_REFERENCE',
    at: '4:67',
  },
  {
    title: 'item outside of a map',
    text: nodes(noop('a', ', inputs: { x: { from: item.x } }')),
    code: 'OUTSIDE_MAP',
    at: '4:67',
  },
  {
    title: 'a field beside from',
    text: nodes(noop('b'), noop('a', ', inputs: { x: { from: b, transfrom: value } }')),
    code: 'UNKNOWN_FIELD',
    at: '5:70',
    message: /did you mean "transform"/,
  },
  {
    title: 'an output that leads nowhere',
    text: `${nodes(noop('a'))}outputs:\n  r: { from: b.text }\n`,
    code: 'UNKNOWN_NODE',
    at: '6:14',
  },
  {
    title: 'a fallback to nobody',
    text: nodes(noop('a', ', fallback: { node: b }')),
    code: 'UNKNOWN_NODE',
    at: '4:64',
  },
  { title: 'a node after itself', text: nodes(noop('a', ', after: [a]')), code: 'SELF_DEPENDENCY', at: '4:54' },
  {
    title: 'a node fed by itself',
    text: nodes(noop('a', ', inputs: { x: { from: a.y } }')),
    code: 'SELF_DEPENDENCY',
    at: '4:67',
  },
  // Operators, ports, types.
  {
    title: 'an unknown operator',
    text: nodes('  - { id: a, kind: operator, operator: globb }\n'),
    code: 'UNKNOWN_OPERATOR',
    at: '4:40',
    message: /did you mean "glob"/,
  },
  {
    title: 'a missing operator input',
    text: nodes('  - { id: a, kind: operator, operator: read, inputs: { maxBytes: 5 } }\n'),
    code: 'MISSING_INPUT',
    at: '4:46',
    message: /read needs the input "path"/,
  },
  {
    title: 'an input the operator has not',
    text: nodes('  - { id: a, kind: operator, operator: read, inputs: { path: x, pth: y } }\n'),
    code: 'UNKNOWN_PORT',
    at: '4:65',
    message: /did you mean "path"/,
  },
  {
    title: 'an output the operator has not',
    text: nodes(
      '  - { id: a, kind: operator, operator: read, inputs: { path: x } }\n',
      noop('b', ', inputs: { x: { from: a.txt } }'),
    ),
    code: 'UNKNOWN_PORT',
    at: '5:67',
    message: /did you mean "text"/,
  },
  {
    title: 'a literal of the wrong type',
    text: nodes('  - { id: a, kind: operator, operator: read, inputs: { path: 5 } }\n'),
    code: 'TYPE_MISMATCH',
    at: '4:62',
    message: /expected string, got number/,
  },
  {
    title: 'a source of the wrong type',
    text: nodes(
      '  - { id: a, kind: operator, operator: glob, inputs: { folders: [x] } }\n',
      '  - { id: b, kind: operator, operator: read, inputs: { path: { from: a.count } } }\n',
    ),
    code: 'TYPE_MISMATCH',
    at: '5:70',
    message: /"a.count" is number/,
  },
  {
    title: 'a map over no list',
    text: `${HEAD}inputs: { n: { type: number } }\nnodes:\n  - id: m\n    kind: map\n    over: { from: inputs.n }\n    body: { nodes: [{ id: x, kind: join }] }\n`,
    code: 'TYPE_MISMATCH',
    at: '7:19',
  },
  // Expressions.
  {
    title: 'a condition that does not parse',
    text: nodes(noop('a', ', when: "inputs.x >"')),
    code: 'EXPRESSION_INVALID',
    at: '4:52',
    message: /at character 11/,
  },
  {
    title: 'a variable that is not there',
    text: nodes(noop('a', ', when: item.x')),
    code: 'EXPRESSION_INVALID',
    at: '4:52',
    message: /Unknown variable: item/,
  },
  {
    title: 'a transform that does not parse',
    text: nodes(noop('b'), noop('a', ', inputs: { x: { from: b, transform: "value +" } }')),
    code: 'EXPRESSION_INVALID',
    at: '5:81',
  },
  // Branches.
  {
    title: 'an unknown label',
    text: nodes(
      '  - { id: b, kind: branch, cases: [{ label: yes, when: "true" }] }\n',
      noop('a', ', after: [{ node: b, label: yess }]'),
    ),
    code: 'UNKNOWN_LABEL',
    at: '5:72',
    message: /it has yes, else – did you mean "yes"/,
  },
  {
    title: 'a label of no branch',
    text: nodes(noop('b'), noop('a', ', after: [{ node: b, label: yes }]')),
    code: 'UNKNOWN_LABEL',
    at: '5:72',
    message: /it is no branch/,
  },
  {
    title: 'a label twice',
    text: nodes('  - { id: b, kind: branch, cases: [{ label: x, when: "true" }, { label: x, when: "false" }] }\n'),
    code: 'DUPLICATE_LABEL',
    at: '4:73',
  },
  // Cycles.
  {
    title: 'a cycle of two',
    text: nodes(noop('a', ', after: [b]'), noop('b', ', inputs: { x: { from: a } }')),
    code: 'CYCLE',
    at: '4:54',
    message: /2 nodes wait for each other: b → a \(nodes\[0\]\.after\[0\]\), a → b \(nodes\[1\]\.inputs\.x\.from\)/,
  },
  {
    title: 'a fallback that waits for what it stands in for',
    text: nodes(noop('a', ', fallback: { node: b }'), noop('b', ', after: [a]')),
    code: 'CYCLE',
    at: '4:64',
    message: /b → a \(nodes\[0\]\.fallback\.node\)/,
  },
  {
    title: 'a body that uses what comes after its map',
    text: nodes(
      '  - { id: m, kind: map, over: [1], body: { nodes: [{ id: x, kind: join, inputs: { v: { from: z } } }] } }\n',
      noop('z', ', after: [m]'),
    ),
    code: 'CYCLE',
    at: '4:42',
  },
  // Bodies.
  {
    title: 'an unknown node in a body',
    text: nodes(
      '  - id: m\n    kind: map\n    over: [1]\n    body:\n      nodes:\n        - { id: x, kind: join, after: [y] }\n',
    ),
    code: 'UNKNOWN_NODE',
    at: '9:40',
    message: /in this body/,
  },
  {
    title: 'order across a body',
    text: nodes(
      noop('y'),
      '  - id: m\n    kind: map\n    over: [1]\n    body:\n      nodes:\n        - { id: x, kind: join, after: [y] }\n',
    ),
    code: 'UNKNOWN_NODE',
    at: '10:40',
    message: /can give values, not order/,
  },
  {
    title: 'a body node named as one around it',
    text: nodes(noop('x'), '  - { id: m, kind: map, over: [1], body: { nodes: [{ id: x, kind: join }] } }\n'),
    code: 'DUPLICATE_ID',
    at: '5:58',
  },
  {
    title: 'a body that uses its own map',
    text: nodes(
      '  - { id: m, kind: map, over: [1], body: { nodes: [{ id: x, kind: join, inputs: { v: { from: m.items } } }] } }\n',
    ),
    code: 'SELF_DEPENDENCY',
    at: '4:94',
  },
  {
    title: 'a body that ends twice',
    text: nodes(
      '  - { id: m, kind: map, over: [1], body: { nodes: [{ id: x, kind: join }, { id: y, kind: join }] } }\n',
    ),
    code: 'AMBIGUOUS_OUTPUT',
    at: '4:42',
    message: /"x", "y"/,
  },
]

test.for(CASES)('$code: $title', ({ text, code, at, message, file }) => {
  const { definition, problems } = parseWorkflow(text, { file: file ?? 'w.yaml' })
  const first = problems[0]!
  expect({ code: first.code, at: `${first.line}:${first.column}`, file: first.file }).toEqual({
    code,
    at,
    file: file ?? 'w.yaml',
  })
  if (message !== undefined) expect(first.message).toMatch(message)
  expect(definition).toBeNull()
  expect(formatProblem(first)).toContain(`${file ?? 'w.yaml'}:${at}: ${code}: `)
})

test('the table covers every code of an error', () => {
  const covered = new Set(CASES.map(({ code }) => code))
  const elsewhere = [ProblemCode.LimitExceeded, ProblemCode.UnusedOutput] as string[]
  expect(Object.values(ProblemCode).filter((code) => !covered.has(code) && !elsewhere.includes(code))).toEqual([])
})

describe('limits', () => {
  const bombLevel = (name: string, of: string): string =>
    `  ${name}: &${name} [${Array.from({ length: 9 }, () => of).join(', ')}]\n`

  test('aliases that expand to millions of values are refused at once', () => {
    const levels = Array.from('bcdefgh')
      .map((name, i) => bombLevel(name, `*${'abcdefg'[i]!}`))
      .join('')
    const { definition, problems } = parseWorkflow(`${HEAD}description:\n${bombLevel('a', 'x')}${levels}`)
    expect(definition).toBeNull()
    expect(problems.map(({ code }) => code)).toEqual(['LIMIT_EXCEEDED'])
  })

  test('an ordinary alias is what it stands for', () => {
    const text = `${HEAD}nodes:\n  - { id: a, kind: operator, operator: noop, inputs: &shared { x: 1 } }\n  - { id: b, kind: operator, operator: noop, inputs: *shared }\n`
    expect(parseWorkflow(text).definition?.nodes[1]?.inputs).toEqual({ x: 1 })
  })

  test('a value nested too deeply is refused, however deep', () => {
    for (const depth of [200, 100_000]) {
      const text = `${HEAD}nodes:\n${noop('a', `, inputs: { x: ${'['.repeat(depth)}${']'.repeat(depth)} }`)}`
      expect(parseWorkflow(text).problems[0]?.code).toMatch(/^(LIMIT_EXCEEDED|SYNTAX_INVALID)$/)
    }
  })

  test('maps may be nested eight deep and no deeper', () => {
    const nested = (depth: number): object =>
      depth === 0
        ? { id: 'n0', kind: 'join' }
        : { id: `n${depth}`, kind: 'map', over: [1], body: { nodes: [nested(depth - 1)] } }
    const definition = (depth: number): object => ({ schemaVersion: 1, name: 'w', nodes: [nested(depth)] })
    expect(validateWorkflow(definition(8))).toEqual([])
    expect(validateWorkflow(definition(9))[0]?.code).toBe('LIMIT_EXCEEDED')
  })

  test('many problems are cut off, and it is said how many', () => {
    const text = nodes(...Array.from({ length: 150 }, (_, i) => noop(`n${i}`, ', foo: 1')))
    const { problems } = parseWorkflow(text)
    expect(problems).toHaveLength(101)
    expect(problems.at(-1)?.message).toBe('50 more problems are not shown')
  })
})

describe('large graphs', () => {
  const chain = (length: number): { id: string; kind: string; operator: string; inputs: object }[] =>
    Array.from({ length }, (_, i) => ({
      id: `n${i}`,
      kind: 'operator',
      operator: 'noop',
      inputs: i === 0 ? {} : { x: { from: `n${i - 1}` } },
    }))

  test('a chain of 100,000 nodes is valid', () => {
    expect(validateWorkflow({ schemaVersion: 1, name: 'chain', nodes: chain(100_000) })).toEqual([])
  })

  test('a cycle of 100,000 nodes is found and shown in part', () => {
    const nodes = chain(100_000)
    nodes[0]!.inputs = { x: { from: 'n99999' } }
    const [problem, ...others] = validateWorkflow({ schemaVersion: 1, name: 'ring', nodes })
    expect(others).toEqual([])
    expect(problem).toMatchObject({ code: 'CYCLE' })
    expect(problem!.message).toMatch(/^100000 nodes wait for each other: .*99988 more.*n0 → n1/)
  })

  test('separate cycles are reported separately, nodes behind them not at all', () => {
    const definition = {
      schemaVersion: 1,
      name: 'w',
      nodes: [
        { id: 'a', kind: 'join', after: ['b'] },
        { id: 'b', kind: 'join', after: ['a'] },
        { id: 'c', kind: 'join', after: ['d'] },
        { id: 'd', kind: 'join', after: ['c'] },
        { id: 'behind', kind: 'join', after: ['a', 'c'] },
      ],
    }
    const messages = validateWorkflow(definition).map(({ message }) => message)
    expect(messages).toHaveLength(2)
    expect(messages.join(' ')).not.toContain('behind')
  })
})

describe('hostile names are only names', () => {
  const HOSTILE = [
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'prototype',
    'ключ',
    '空',
    '🚂',
    ' ',
    '-',
    '0',
    'null',
    'a b',
  ]

  test('as ids, ports, inputs and outputs', () => {
    const ids = HOSTILE.map((id) => JSON.stringify(id))
    const text = `{"schemaVersion": 1, "name": "w",
      "inputs": {${ids.map((id) => `${id}: {"type": "string"}`).join(',')}},
      "nodes": [${ids.map((id, i) => `{"id": ${id}, "kind": "operator", "operator": "noop", "inputs": {${id}: {"from": ${JSON.stringify(i === 0 ? `inputs.${HOSTILE[0]}` : HOSTILE[i - 1])}}}}`).join(',')}],
      "outputs": {${ids.map((id) => `${id}: {"from": ${id}}`).join(',')}}}`
    const { definition, problems } = parseWorkflow(text, { format: 'json' })
    expect(problems).toEqual([])
    expect(definition!.nodes.map(({ id }) => id)).toEqual(HOSTILE)
    expect(Object.keys(definition!.outputs!)).toContain('__proto__')
    expect(({} as Record<string, unknown>).type).toBeUndefined()
  })

  test('an inherited name is no field, port, input, label or operator', () => {
    const codes = (node: object): string[] =>
      validateWorkflow({ schemaVersion: 1, name: 'w', nodes: [node] }).map(({ code }) => code)
    expect(codes({ id: 'a', kind: 'operator', operator: 'toString' })).toEqual(['UNKNOWN_OPERATOR'])
    expect(codes({ id: 'a', kind: 'constructor' })).toEqual(['FIELD_VALUE'])
    expect(codes({ id: 'a', kind: 'join', constructor: 1 })).toEqual(['UNKNOWN_FIELD'])
    expect(codes({ id: 'a', kind: 'join', inputs: { x: { from: 'inputs.toString' } } })).toEqual(['UNKNOWN_INPUT'])
    expect(codes(Object.create({ id: 'a', kind: 'join' }) as object)).toEqual(['MISSING_FIELD'])
  })
})

describe('plain objects', () => {
  test('values that JSON cannot say are refused', () => {
    const cyclic: Record<string, unknown> = {}
    cyclic.self = cyclic
    for (const value of [Number.NaN, 1n, () => 1, new Date(0), new Map(), cyclic, '\ud800', Symbol('s')]) {
      const nodes = [{ id: 'a', kind: 'operator', operator: 'constant', inputs: { value: { value } } }]
      expect(validateWorkflow({ schemaVersion: 1, name: 'w', nodes }).map(({ code }) => code)).toEqual([
        'VALUE_NOT_JSON',
      ])
    }
  })

  test.for([null, undefined, 7, 'text', [], () => 1])('%o is no workflow', (definition) => {
    expect(validateWorkflow(definition).map(({ code }) => code)).toEqual(['FIELD_TYPE'])
  })

  test('WORKFLOW_INVALID prints the first problem and carries all', () => {
    const text = nodes(noop('a', ', foo: 1'), noop('b', ', bar: 2'))
    const { problems } = parseWorkflow(text, { file: 'w.yaml' })
    const error = workflowInvalid(problems, 'w')
    expect(error.code).toBe('WORKFLOW_INVALID')
    expect(error.message).toBe(
      'workflow w is not valid: w.yaml:4:46: UNKNOWN_FIELD: unknown field "foo" (nodes[0].foo) – and 1 more',
    )
    expect(error.fields.problems).toEqual(problems)
    expect(() => assertValidWorkflow({ schemaVersion: 1, name: 'x' })).toThrow(/workflow x is not valid: MISSING_FIELD/)
  })
})

describe('warnings', () => {
  test('work that nothing uses is pointed out, and the definition stands', () => {
    const text = `${nodes(noop('a'), noop('b'))}outputs:\n  r: { from: a }\n`
    const { definition, problems } = parseWorkflow(text)
    expect(definition).not.toBeNull()
    expect(problems).toMatchObject([{ code: 'UNUSED_OUTPUT', severity: 'warning', line: 5 }])
  })

  test('an effect is used by the world', () => {
    const write = '  - { id: w, kind: operator, operator: write, inputs: { path: x, text: y } }\n'
    expect(parseWorkflow(`${nodes(noop('a'), write)}outputs:\n  r: { from: a }\n`).problems).toEqual([])
  })
})
