import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { OperatorNode, WorkflowDefinition } from '../../actors/dag-tracker/index.ts'
import { loadWorkflow, readWorkflow } from '../../src/workflow-source.ts'

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'pit-source-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const YAML = 'schemaVersion: 1\nname: one\nnodes:\n  - { id: a, kind: operator, operator: noop }\n'
const withModule = (module: string): WorkflowDefinition => ({
  schemaVersion: 1,
  name: 'm',
  nodes: [{ id: 'a', kind: 'operator', operator: { module, export: 'run' } }],
})
const moduleOf = (definition: WorkflowDefinition | null): string =>
  ((definition!.nodes[0] as OperatorNode).operator as { module: string }).module

describe('a workflow can be given', () => {
  test('as a definition, which is not checked here', async () => {
    const definition = withModule('node:path')
    expect(await loadWorkflow(definition)).toEqual(definition)
  })

  test('as text, YAML or JSON', async () => {
    expect(await loadWorkflow(YAML)).toMatchObject({ name: 'one' })
    expect(await loadWorkflow(JSON.stringify(withModule('node:path')))).toMatchObject({ name: 'm' })
  })

  test('as a path, from the folder asked from', async () => {
    writeFileSync(join(folder, 'flow.yaml'), YAML)
    expect(await readWorkflow('flow.yaml', folder)).toMatchObject({ file: join(folder, 'flow.yaml'), problems: [] })
  })
})

describe('what is wrong is said with its place', () => {
  test('a missing file', async () => {
    await expect(loadWorkflow('missing.yaml', folder)).rejects.toMatchObject({ code: 'WORKFLOW_NOT_FOUND' })
    await expect(loadWorkflow('missing.yaml', folder)).rejects.toThrow(join(folder, 'missing.yaml'))
  })

  test('a broken file, every problem', async () => {
    writeFileSync(join(folder, 'flow.yaml'), `${YAML}  - { id: a, kind: operator, operator: nosuch }\n`)
    const { definition, problems } = await readWorkflow('flow.yaml', folder)
    expect(definition).toBeNull()
    expect(problems.length).toBeGreaterThanOrEqual(2)
    expect(problems[0]).toMatchObject({ file: 'flow.yaml', line: 5 })
    await expect(loadWorkflow('flow.yaml', folder)).rejects.toMatchObject({ code: 'WORKFLOW_INVALID' })
  })

  test.each([null, 5, {}, { nodes: [null] }, { nodes: [{ kind: 'operator', operator: null }] }])(
    'an object that is no definition goes on to the validation: %j',
    async (value) => expect(await loadWorkflow(value as unknown as WorkflowDefinition)).toEqual(value),
  )
})

describe('modules of operators', () => {
  test('are found from the folder of the file', async () => {
    writeFileSync(join(folder, 'flow.json'), JSON.stringify(withModule('./ops.ts')))
    expect(moduleOf(await loadWorkflow('flow.json', folder))).toBe(pathToFileURL(join(folder, 'ops.ts')).href)
  })

  test('may be packages of its node_modules, or built into Node', async () => {
    mkdirSync(join(folder, 'node_modules/ops'), { recursive: true })
    writeFileSync(join(folder, 'node_modules/ops/index.js'), 'exports.run = () => 1')
    expect(moduleOf(await loadWorkflow(withModule('ops'), folder))).toMatch(/node_modules\/ops\/index\.js$/)
    expect(moduleOf(await loadWorkflow(withModule('node:path'), folder))).toBe('node:path')
    expect(moduleOf(await loadWorkflow(withModule('nosuch-package'), folder))).toBe('nosuch-package')
  })

  test('are found inside of maps, too', async () => {
    const inner = withModule('./ops.ts')
    const outer: WorkflowDefinition = {
      schemaVersion: 1,
      name: 'outer',
      nodes: [{ id: 'each', kind: 'map', over: [1], body: { nodes: inner.nodes } }],
    }
    const { nodes } = await loadWorkflow(outer, folder)
    expect(JSON.stringify(nodes)).toContain(pathToFileURL(join(folder, 'ops.ts')).href)
  })
})
