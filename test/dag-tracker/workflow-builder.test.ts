import { describe, expect, test } from 'vitest'
import { parseWorkflow, workflow, type WorkflowDefinition } from '../../actors/dag-tracker/workflow/index.ts'

const YAML = `
schemaVersion: 1
name: digest
version: '2'
inputs:
  folder: { type: array }
nodes:
  - { id: files, kind: operator, operator: glob, inputs: { folders: { from: inputs.folder }, pattern: '*.md' } }
  - id: each
    kind: map
    over: { from: files.files }
    onItemError: skip
    body:
      nodes:
        - { id: text, kind: operator, operator: read, inputs: { path: { from: item.path } } }
        - { id: sum, kind: instrument, model: summarizer, inputs: { text: { from: text.text } }, retry: { attempts: 2 } }
      outputs: { summary: { from: sum.text } }
  - { id: size, kind: branch, cases: [{ label: many, when: inputs.n > 10 }], inputs: { n: { from: files.count } } }
  - { id: all, kind: join, after: [{ node: size, label: many }, each] }
outputs: { items: { from: each.items, default: [] } }
`

test('the builder gives what the file gives', () => {
  const built = workflow('digest', { version: '2' })
    .input('folder', { type: 'array' })
    .operator('files', 'glob', ({ from }) => ({ inputs: { folders: from('inputs.folder'), pattern: '*.md' } }))
    .map(
      'each',
      { from: 'files.files' },
      (body) =>
        body
          .operator('text', 'read', ({ from }) => ({ inputs: { path: from('item.path') } }))
          .instrument('sum', 'summarizer', ({ from }) => ({
            inputs: { text: from('text.text') },
            retry: { attempts: 2 },
          }))
          .output('summary', { from: 'sum.text' }),
      { onItemError: 'skip' },
    )
    .branch('size', [{ label: 'many', when: 'inputs.n > 10' }], { inputs: { n: { from: 'files.count' } } })
    .join('all', { after: [{ node: 'size', label: 'many' }, 'each'] })
    .output('items', { from: 'each.items', default: [] })
    .build()
  expect(built).toEqual(parseWorkflow(YAML).definition)
})

describe('mistakes', () => {
  test('are refused by build', () => {
    expect(() => workflow('w').operator('a', 'globb').build()).toThrow(
      expect.objectContaining({
        code: 'WORKFLOW_INVALID',
        message: expect.stringContaining('did you mean "glob"') as unknown,
      }),
    )
    expect(() => workflow('w').build()).toThrow(/expected at least one entry/)
  })

  test('and by the type checker, where it can know', () => {
    const build = (): WorkflowDefinition =>
      workflow('w')
        .operator('first', 'noop')
        // @ts-expect-error there is no node `frist`
        .operator('second', 'noop', ({ from }) => ({ inputs: { x: from('frist.y') } }))
        .build()
    expect(build).toThrow(/did you mean "first"/)
  })
})

test('a builder goes on after build without changing what was built', () => {
  const builder = workflow('w').operator('a', 'noop')
  const first = builder.build()
  const second = builder.operator('b', 'noop').build()
  expect(first.nodes).toHaveLength(1)
  expect(second.nodes).toHaveLength(2)
})

test('hostile names stay data', () => {
  const built = workflow('w')
    .input('__proto__')
    .operator('constructor', 'noop', ({ from }) => ({ inputs: { x: from('inputs.__proto__') } }))
    .output('__proto__', { from: 'constructor' })
    .build()
  expect(Object.keys(built.inputs!)).toEqual(['__proto__'])
  expect(Object.keys(built.outputs!)).toEqual(['__proto__'])
})
