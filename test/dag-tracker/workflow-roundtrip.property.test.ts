/** Builder, object, YAML and JSON are one model: what is written reads back equal. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  definitionHash,
  parseWorkflow,
  validateWorkflow,
  workflowToJson,
  workflowToYaml,
  type NodeDefinition,
  type WorkflowDefinition,
} from '../../actors/dag-tracker/workflow/index.ts'

/** JSON has one zero. */
const json = fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown)
const awkward = fc.constantFrom(
  '__proto__',
  'constructor',
  'null',
  'yes',
  'no',
  '0x1f',
  '1e3',
  '~',
  '- a',
  '# no',
  '"',
  "'",
  ': ',
  '<<',
  'a\nb',
  ' lead',
  'trail ',
  '\t',
  '!tag',
  '&a',
  '*a',
  '{{x}}',
  '|',
  '>',
  '%',
  '@',
  '`',
  '…',
  'é',
  '',
  ' ',
  '🚂',
)
const text = fc.oneof(fc.string({ unit: 'grapheme', minLength: 1 }), awkward)
const name = text.filter(
  (id) =>
    id !== '' &&
    id.length < 200 &&
    !/[.[\]\p{Cc}]/u.test(id) &&
    id.isWellFormed() &&
    !['inputs', 'item', 'index', 'run'].includes(id),
)

const definition: fc.Arbitrary<WorkflowDefinition> = fc
  .record({
    ids: fc.uniqueArray(name, { minLength: 1, maxLength: 6 }),
    values: fc.array(json, { minLength: 6, maxLength: 6 }),
    texts: fc.array(text, { minLength: 6, maxLength: 6 }),
    inputs: fc.dictionary(name, fc.record({ default: json, description: text }, { requiredKeys: [] }), { maxKeys: 3 }),
    workflowName: name,
  })
  .map(({ ids, values, texts, inputs, workflowName }) => {
    const nodes = ids.map((id, i): NodeDefinition => {
      const previous = i === 0 ? undefined : ids[i - 1]!
      const common = {
        id,
        description: texts[i]!,
        inputs: Object.fromEntries(
          [
            [texts[i]!, { value: values[i] }],
            ['literal', values[(i + 1) % 6]],
            ...(previous === undefined ? [] : [['previous', { from: previous, default: values[i] }]]),
          ].filter(
            ([, value]) =>
              typeof value !== 'object' ||
              value === null ||
              !Object.hasOwn(value, 'from') ||
              Object.hasOwn(value, 'default'),
          ),
        ) as Record<string, unknown>,
      }
      if (i % 3 === 1)
        return { ...common, kind: 'instrument', model: texts[i] === '' ? 'm' : texts[i]!, parameters: { p: values[i] } }
      if (i % 3 === 2) return { ...common, kind: 'join', after: [{ node: previous!, on: 'any' }] }
      return {
        ...common,
        kind: 'operator',
        operator: 'noop',
        priority: i,
        retry: { attempts: 3, retryOn: ['X'] },
        skip: { default: values[i] },
      }
    })
    return {
      schemaVersion: 1,
      name: workflowName,
      inputs,
      nodes,
      outputs: Object.fromEntries(ids.map((id) => [id, { from: id }])),
    }
  })

test('YAML and JSON read back to the same definition, with the same hash', () => {
  fc.assert(
    fc.property(definition, (original) => {
      expect(validateWorkflow(original).filter(({ severity }) => severity === 'error')).toEqual([])
      const fromYaml = parseWorkflow(workflowToYaml(original)).definition
      const fromJson = parseWorkflow(workflowToJson(original), { format: 'json' }).definition
      expect(fromYaml).toEqual(original)
      expect(fromJson).toEqual(original)
      expect(definitionHash(fromYaml!)).toBe(definitionHash(original))
    }),
  )
})

test('JSON is YAML: both readers agree on JSON text', () => {
  fc.assert(
    fc.property(definition, fc.constantFrom(0, 1, 2), (original, indent) => {
      const text = workflowToJson(original, indent)
      expect(parseWorkflow(text, { format: 'yaml' }).definition).toEqual(
        parseWorkflow(text, { format: 'json' }).definition,
      )
    }),
    { numRuns: 50 },
  )
})

test('the hash forgets descriptions and key order, and nothing else', () => {
  const base: WorkflowDefinition = {
    schemaVersion: 1,
    name: 'w',
    nodes: [{ id: 'm', kind: 'map', over: [1], body: { nodes: [{ id: 'x', kind: 'join', description: 'inner' }] } }],
  }
  const reordered = {
    nodes: [{ kind: 'map', body: { nodes: [{ kind: 'join', id: 'x' }] }, over: [1], id: 'm', description: 'outer' }],
    name: 'w',
    schemaVersion: 1,
  }
  expect(definitionHash(reordered as WorkflowDefinition)).toBe(definitionHash(base))
  expect(definitionHash({ ...base, name: 'v' })).not.toBe(definitionHash(base))
  const other = {
    ...base,
    nodes: [{ id: 'm', kind: 'map', over: [{ description: 'data' }], body: { nodes: [{ id: 'x', kind: 'join' }] } }],
  } as const
  expect(definitionHash(other)).not.toBe(definitionHash({ ...other, nodes: [{ ...other.nodes[0], over: [{}] }] }))
})

test('reading arbitrary text never throws', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: 'binary' }), text, fc.json()),
      fc.constantFrom('yaml' as const, 'json' as const),
      (source, format) => {
        const { definition, problems } = parseWorkflow(source, { format })
        expect(definition).toBeNull()
        expect(problems.length).toBeGreaterThan(0)
        for (const problem of problems) expect(problem.line).toBeGreaterThan(0)
      },
    ),
    { numRuns: 300 },
  )
})
