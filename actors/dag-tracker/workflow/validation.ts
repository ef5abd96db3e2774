/**
 * Everything that can be known to be wrong with a workflow before it runs. Two passes: the shape (`schema-check.ts`),
 * then, on a definition of the right shape, its meaning – ids, references, types, expressions, cycles – scope by scope:
 * a map's body sees its own nodes and those of the bodies around it.
 *
 * Which models exist is not known here; the engine says `UNKNOWN_MODEL` at the start of a run.
 */
import type { PitError } from '../../../runtime/index.ts'
import { dagErrors } from '../errors.ts'
import { checkBindings } from './binding-check.ts'
import { checkCycles, checkOutputs } from './cycle-check.ts'
import type { BranchNode, NodeDefinition, Problem, WorkflowDefinition } from './definition.ts'
import { checkExpression } from './expression-check.ts'
import type { ExpressionScope } from './expressions.ts'
import { resolveDependency } from './graph.ts'
import {
  createProblems,
  formatProblem,
  ProblemCode,
  type Locate,
  type Path,
  type ProblemCollector,
} from './problems.ts'
import { invalidId, RESERVED_IDS } from './references.ts'
import { checkSchema } from './schema-check.ts'
import { createScope, findNode, type Scope } from './scope.ts'
import { suggestion } from './suggestion.ts'

/** Without a sound shape there is nothing to find meaning in. */
const SHAPE_CODES: ReadonlySet<string> = new Set([
  ProblemCode.FieldType,
  ProblemCode.FieldValue,
  ProblemCode.MissingField,
  ProblemCode.LimitExceeded,
])

/** All problems of a definition, errors first; none means that the engine can run it. `locate` adds file positions. */
export function validateWorkflow(definition: unknown, locate?: Locate): readonly Problem[] {
  const problems = createProblems(locate)
  checkWorkflow(definition, problems)
  return problems.list()
}

/** Throws `WORKFLOW_INVALID` when there is any error. */
export function assertValidWorkflow(definition: unknown): asserts definition is WorkflowDefinition {
  const problems = validateWorkflow(definition)
  if (problems.some(({ severity }) => severity === 'error')) throw workflowInvalid(problems, nameOf(definition))
}

/** The error for a definition with problems: all of them in `fields.problems`, the first in the message. */
export function workflowInvalid(problems: readonly Problem[], workflow: string): PitError {
  const errors = problems.filter(({ severity }) => severity === 'error')
  const first = errors[0] === undefined ? 'no reason given' : formatProblem(errors[0])
  const more = errors.length > 1 ? ` – and ${errors.length - 1} more` : ''
  return dagErrors.fail('WORKFLOW_INVALID', { workflow, first: `${first}${more}`, count: errors.length, problems })
}

function nameOf(definition: unknown): string {
  const known = typeof definition === 'object' && definition !== null && Object.hasOwn(definition, 'name')
  return known ? String((definition as { name: unknown }).name) : 'without a name'
}

/** Both passes, into a collector that may hold problems of the text already. */
export function checkWorkflow(definition: unknown, problems: ProblemCollector): void {
  if (!checkVersion(definition, problems)) return
  checkSchema(definition, problems)
  if (problems.list().some(({ code, severity }) => severity === 'error' && SHAPE_CODES.has(code))) return
  const workflow = definition as WorkflowDefinition
  checkBody(createScope(workflow, [], null, workflow), problems)
}

/** A file of another version is no version 1 file with mistakes. */
function checkVersion(definition: unknown, problems: ProblemCollector): boolean {
  if (typeof definition !== 'object' || definition === null || !Object.hasOwn(definition, 'schemaVersion')) return true
  const version: unknown = (definition as { schemaVersion: unknown }).schemaVersion
  if (version === 1) return true
  const message = `this is format version ${String(version)}; versions that can be read: 1`
  problems.add(ProblemCode.SchemaVersion, ['schemaVersion'], message)
  return false
}

function checkBody(scope: Scope, problems: ProblemCollector): void {
  checkIds(scope, problems)
  for (const [index, node] of scope.body.nodes.entries()) {
    const path = [...scope.path, 'nodes', index]
    checkBindings(node, path, scope, problems)
    checkOrder(node, path, scope, problems)
    checkConditions(node, path, scope, problems)
    if (node.kind === 'map') {
      checkBody(createScope(node.body, [...path, 'body'], { scope, mapId: node.id }, scope.workflow), problems)
    }
  }
  checkOutputs(scope, problems)
  checkCycles(scope, problems)
}

function checkIds(scope: Scope, problems: ProblemCollector): void {
  const seen = new Map<string, number>()
  for (const [index, { id }] of scope.body.nodes.entries()) {
    const path = [...scope.path, 'nodes', index, 'id']
    const fault = invalidId(id)
    const first = seen.get(id)
    const quoted = JSON.stringify(id)
    if (fault !== null) problems.add(ProblemCode.InvalidId, path, `${quoted} cannot be an id: ${fault}`)
    else if (RESERVED_IDS.has(id)) problems.add(ProblemCode.ReservedId, path, `the id ${quoted} is reserved`)
    else if (first !== undefined) {
      problems.add(ProblemCode.DuplicateId, path, `the id ${quoted} is also that of nodes[${first}]`)
    } else if (scope.outer !== null && findNode(scope.outer.scope, id) !== null) {
      problems.add(ProblemCode.DuplicateId, path, `the id ${quoted} is also that of a node around this body`)
    }
    if (first === undefined) seen.set(id, index)
  }
}

/** `after` and `fallback`: order among the nodes of this body. */
function checkOrder(node: NodeDefinition, path: Path, scope: Scope, problems: ProblemCollector): void {
  for (const [i, dependency] of (node.after ?? []).entries()) {
    const { node: id, label } = resolveDependency(dependency)
    const at = [...path, 'after', i, ...(typeof dependency === 'string' ? [] : ['node'])]
    const target = checkNeighbour(id, node, at, scope, problems)
    if (target === null || label === null) continue
    const labels = target.kind === 'branch' ? labelsOf(target) : []
    if (labels.includes(label)) continue
    const known = target.kind === 'branch' ? `it has ${labels.join(', ')}` : 'it is no branch'
    const message = `node "${id}" has no label "${label}": ${known}${suggestion(label, labels)}`
    problems.add(ProblemCode.UnknownLabel, [...path, 'after', i, 'label'], message)
  }
  if (node.fallback !== undefined && 'node' in node.fallback) {
    checkNeighbour(node.fallback.node, node, [...path, 'fallback', 'node'], scope, problems)
  }
}

function checkNeighbour(
  id: string,
  node: NodeDefinition,
  path: Path,
  scope: Scope,
  problems: ProblemCollector,
): NodeDefinition | null {
  const target = scope.nodes.get(id)
  if (target === node) {
    problems.add(ProblemCode.SelfDependency, path, `node "${id}" depends on itself`)
    return null
  }
  if (target !== undefined) return target
  const outside = scope.outer !== null && findNode(scope.outer.scope, id) !== null
  const where = scope.outer === null ? 'there is no node' : 'in this body there is no node'
  const why = outside ? '; nodes around the body can give values, not order' : suggestion(id, scope.nodes.keys())
  problems.add(ProblemCode.UnknownNode, path, `${where} "${id}"${why}`)
  return null
}

export function labelsOf(branch: BranchNode): readonly string[] {
  return [...branch.cases.map(({ label }) => label), branch.otherwise ?? 'else']
}

function checkConditions(node: NodeDefinition, path: Path, scope: Scope, problems: ProblemCollector): void {
  const kind: ExpressionScope = scope.outer === null ? 'outer-condition' : 'condition'
  if (node.when !== undefined) checkExpression(node.when, kind, [...path, 'when'], problems)
  if (node.kind !== 'branch') return
  const seen = new Set<string>()
  for (const [i, { label, when }] of node.cases.entries()) {
    checkExpression(when, kind, [...path, 'cases', i, 'when'], problems)
    if (seen.has(label)) {
      problems.add(ProblemCode.DuplicateLabel, [...path, 'cases', i, 'label'], `the label "${label}" is there twice`)
    }
    seen.add(label)
  }
}
