/** Where a workflow comes from: a definition, the text of a YAML or JSON file, or the path of one. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseWorkflow, workflowInvalid } from '../actors/dag-tracker/index.ts'
import type { NodeDefinition, Problem, WorkflowDefinition } from '../actors/dag-tracker/index.ts'
import { hostErrors } from './errors.ts'

/** A definition, its text (anything with a line break, or that starts with `{`), or the path of a file with it. */
export type WorkflowSource = WorkflowDefinition | string

export interface ReadWorkflow {
  /** Null when any problem is an error. */
  readonly definition: WorkflowDefinition | null
  readonly problems: readonly Problem[]
  /** The file's absolute path, when it came from one. */
  readonly file?: string
}

/** Reads a workflow and finds all its problems. Definitions are checked by the DAG Tracker, once, at the start. */
export async function readWorkflow(source: WorkflowSource, cwd = process.cwd()): Promise<ReadWorkflow> {
  if (typeof source !== 'string') return { definition: resolveModules(source, cwd), problems: [] }
  if (source.includes('\n') || source.trimStart().startsWith('{')) {
    const { definition, problems } = parseWorkflow(source)
    return { definition: definition === null ? null : resolveModules(definition, cwd), problems }
  }
  const file = resolve(cwd, source)
  const { definition, problems } = parseWorkflow(await readText(file), { file: source })
  return { definition: definition === null ? null : resolveModules(definition, dirname(file)), problems, file }
}

/** The definition, or `WORKFLOW_INVALID` with all problems, or `WORKFLOW_NOT_FOUND`. */
export async function loadWorkflow(source: WorkflowSource, cwd = process.cwd()): Promise<WorkflowDefinition> {
  if (typeof source !== 'string') return resolveModules(source, cwd)
  const { definition, problems } = await readWorkflow(source, cwd)
  if (definition === null) throw workflowInvalid(problems, shortName(source))
  return definition
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    const reason = code === 'ENOENT' ? 'there is no such file' : message
    throw hostErrors.fail('WORKFLOW_NOT_FOUND', { path, reason }, { cause })
  }
}

function shortName(source: string): string {
  return source.includes('\n') ? 'in the given text' : source
}

/**
 * Operators named by module are found as the file that names them would: relative paths from its folder, package names
 * from its `node_modules`. The engine gets absolute URLs, so that a resumed run finds the same code from any folder.
 */
function resolveModules(definition: WorkflowDefinition, baseDir: string): WorkflowDefinition {
  // A definition that is no object of nodes is for the validation to judge, not for us to trip over.
  if (!Array.isArray(definition?.nodes)) return definition
  return { ...definition, nodes: definition.nodes.map((node) => resolveNode(node, baseDir)) }
}

function resolveNode(node: NodeDefinition, baseDir: string): NodeDefinition {
  if (node?.kind === 'map' && Array.isArray(node.body?.nodes)) {
    return { ...node, body: { ...node.body, nodes: node.body.nodes.map((inner) => resolveNode(inner, baseDir)) } }
  }
  if (node?.kind !== 'operator' || typeof node.operator !== 'object' || typeof node.operator?.module !== 'string') {
    return node
  }
  return { ...node, operator: { ...node.operator, module: resolveModule(node.operator.module, baseDir) } }
}

function resolveModule(module: string, baseDir: string): string {
  if (module.startsWith('./') || module.startsWith('../') || isAbsolute(module)) {
    return pathToFileURL(resolve(baseDir, module)).href
  }
  if (/^[a-z]+:/.test(module)) return module
  try {
    return pathToFileURL(createRequire(join(baseDir, 'workflow.js')).resolve(module)).href
  } catch {
    // Not found from here: the engine says so with the name as it was written.
    return module
  }
}
