/** References and literals of a node: do they lead somewhere, and does what comes from there fit. */
import { builtinOperators } from '../operators/index.ts'
import { fits, typeOfValue, type Operator } from '../operators/operator.ts'
import type { Binding, DataType, NodeDefinition, Reference } from './definition.ts'
import { checkExpression } from './expression-check.ts'
import { ProblemCode, type Path, type ProblemCollector } from './problems.ts'
import { isReference, literalOf, parseReference, type ReferenceTarget } from './references.ts'
import { checkReferenceShape } from './schema-check.ts'
import { findNode, isAroundScope, type Scope } from './scope.ts'
import { suggestion } from './suggestion.ts'

/** The inputs of a node, what a map goes over, and the ports of its operator. */
export function checkBindings(node: NodeDefinition, path: Path, scope: Scope, problems: ProblemCollector): void {
  const operator = node.kind === 'operator' ? checkOperator(node.operator, path, problems) : null
  for (const [port, binding] of Object.entries(node.inputs ?? {})) {
    if (binding === undefined) continue
    const wanted = operator === null ? 'any' : checkPort(operator, port, [...path, 'inputs', port], problems)
    checkBinding(binding, wanted, [...path, 'inputs', port], scope, problems, node)
  }
  if (node.kind === 'map') checkBinding(node.over, 'array', [...path, 'over'], scope, problems, node)
  if (operator !== null) checkRequired(operator, node, path, problems)
}

function checkOperator(operator: string | object, path: Path, problems: ProblemCollector): Operator | null {
  if (typeof operator !== 'string') return null
  const known = builtinOperators.get(operator)
  if (known !== undefined) return known
  const message = `there is no operator "${operator}"${suggestion(operator, builtinOperators.keys())}`
  problems.add(ProblemCode.UnknownOperator, [...path, 'operator'], message)
  return null
}

function checkPort(operator: Operator, port: string, path: Path, problems: ProblemCollector): DataType {
  if (Object.hasOwn(operator.inputs, port)) return operator.inputs[port]!.type ?? 'any'
  if (operator.openInputs === true) return 'any'
  const known = Object.keys(operator.inputs)
  const hint = suggestion(port, known) || `; it has ${known.join(', ')}`
  problems.add(ProblemCode.UnknownPort, path, `operator ${operator.name} has no input "${port}"${hint}`, {
    part: 'key',
  })
  return 'any'
}

function checkRequired(operator: Operator, node: NodeDefinition, path: Path, problems: ProblemCollector): void {
  for (const [port, spec] of Object.entries(operator.inputs)) {
    if (spec.required === false || spec.default !== undefined) continue
    if (node.inputs !== undefined && Object.hasOwn(node.inputs, port)) continue
    const message = `node "${node.id}": operator ${operator.name} needs the input "${port}"`
    problems.add(ProblemCode.MissingInput, [...path, 'inputs'], message, { part: 'key' })
  }
}

/** One binding; `node` is whose it is, absent for the outputs of a body. */
export function checkBinding(
  binding: Binding,
  wanted: DataType,
  path: Path,
  scope: Scope,
  problems: ProblemCollector,
  node?: NodeDefinition,
): void {
  if (!isReference(binding)) {
    const type = typeOfValue(literalOf(binding))
    if (type !== 'undefined' && !fits(type, wanted)) {
      problems.add(ProblemCode.TypeMismatch, path, `expected ${wanted}, got ${type}`)
    }
    return
  }
  checkReferenceShape(binding, path, problems)
  const type = checkReference(binding, path, scope, problems, node)
  if (typeof binding.transform === 'string') {
    checkExpression(binding.transform, 'transform', [...path, 'transform'], problems)
  } else if (!fits(type, wanted)) {
    const message = `expected ${wanted}, but "${binding.from}" is ${type}`
    problems.add(ProblemCode.TypeMismatch, [...path, 'from'], message)
  }
}

/** Finds what a reference leads to; its type, as far as it is known. */
function checkReference(
  binding: Reference,
  path: Path,
  scope: Scope,
  problems: ProblemCollector,
  node: NodeDefinition | undefined,
): DataType {
  const at = [...path, 'from']
  const target = parseReference(binding.from)
  if (target === null) {
    const message = `"${binding.from}" is no reference: expected <node>, <node>.<port>, inputs.<name>, item or index`
    problems.add(ProblemCode.InvalidReference, at, message)
    return 'any'
  }
  switch (target.scope) {
    case 'inputs':
      return checkWorkflowInput(target, at, scope, problems)
    case 'node':
      return checkNodeReference(target, at, scope, problems, node)
    case 'item':
    case 'index':
      if (scope.outer === null) {
        problems.add(ProblemCode.OutsideMap, at, `"${target.scope}" is only known in the body of a map`)
      }
      return target.scope === 'index' ? 'number' : 'any'
  }
  return target.scope satisfies never
}

function checkWorkflowInput(target: ReferenceTarget, at: Path, scope: Scope, problems: ProblemCollector): DataType {
  const inputs = scope.workflow.inputs ?? {}
  if (Object.hasOwn(inputs, target.id)) return target.path.length === 0 ? (inputs[target.id]!.type ?? 'any') : 'any'
  const hint = suggestion(target.id, Object.keys(inputs))
  problems.add(ProblemCode.UnknownInput, at, `the workflow has no input "${target.id}"${hint}`)
  return 'any'
}

function checkNodeReference(
  target: ReferenceTarget,
  at: Path,
  scope: Scope,
  problems: ProblemCollector,
  node: NodeDefinition | undefined,
): DataType {
  const source = findNode(scope, target.id)
  if (source === null) {
    const hint = suggestion(target.id, scope.nodes.keys())
    problems.add(ProblemCode.UnknownNode, at, `there is no node "${target.id}"${hint}`)
    return 'any'
  }
  if (source === node) {
    problems.add(ProblemCode.SelfDependency, at, `node "${target.id}" depends on itself`)
    return 'any'
  }
  if (isAroundScope(scope, target.id) && source.kind === 'map') {
    const message = `"${target.id}" is the map around this node: its output is not there yet`
    problems.add(ProblemCode.SelfDependency, at, message)
    return 'any'
  }
  return checkOutputPort(source, target, at, problems)
}

/** Output ports by kind of node; null when they are not known beforehand. */
function outputsOf(node: NodeDefinition): Readonly<Record<string, DataType>> | null {
  // What stands in for the output of a failed node may have any shape.
  if (node.fallback !== undefined || node.skip !== undefined) return null
  switch (node.kind) {
    case 'branch':
      return { label: 'string' }
    case 'map':
      return { items: 'array', errors: 'array' }
    case 'operator': {
      const operator = typeof node.operator === 'string' ? builtinOperators.get(node.operator) : undefined
      return operator === undefined || Object.keys(operator.outputs).length === 0 ? null : operator.outputs
    }
    case 'instrument':
    case 'join':
      return null
  }
  return node satisfies never
}

function checkOutputPort(
  source: NodeDefinition,
  target: ReferenceTarget,
  at: Path,
  problems: ProblemCollector,
): DataType {
  const outputs = outputsOf(source)
  const [port, ...deeper] = target.path
  if (outputs === null) return 'any'
  if (port === undefined) return 'object'
  if (Object.hasOwn(outputs, port)) return deeper.length === 0 ? outputs[port]! : 'any'
  const known = Object.keys(outputs)
  const hint = suggestion(port, known) || `; it has ${known.join(', ')}`
  problems.add(ProblemCode.UnknownPort, at, `node "${source.id}" has no output "${port}"${hint}`)
  return 'any'
}
