/** From a request to everything a run starts from: validated, defaults filled in, models known, identity computed. */
import { canonicalHash, integerOption, type ActorContext, type ActorRef } from '../../runtime/index.ts'
import type { ModelInfo, PoolManagerProtocol } from '../pool-manager/protocol.ts'
import { dagErrors } from './errors.ts'
import { typeOfValue, fits } from './operators/index.ts'
import { persist } from './peers.ts'
import type { StartRequest } from './protocol.ts'
import type { RunStart } from './record.ts'
import { definitionHash } from './workflow/definition-hash.ts'
import type { Body, InputSpec, WorkflowDefinition } from './workflow/definition.ts'
import { compileGraph } from './workflow/graph.ts'
import { assertValidWorkflow } from './workflow/validation.ts'

const CONCURRENCY_DEFAULT = 64
const CONCURRENCY_MAX = 100_000

/** Throws `WORKFLOW_INVALID`, `RUN_INPUT_INVALID`, `INVALID_OPTION`. */
export function resolveStart(request: StartRequest, runId: string, callId: string): RunStart {
  const { definition } = request
  assertValidWorkflow(definition)
  const inputs = resolveInputs(definition, request.inputs ?? {})
  return {
    runId,
    definition,
    definitionHash: definitionHash(definition),
    inputs,
    inputsHash: canonicalHash(inputs),
    tenant: request.tenant ?? 'default',
    maxConcurrency: integerOption(request, 'maxConcurrency', CONCURRENCY_DEFAULT, { min: 1, max: CONCURRENCY_MAX }),
    roots: [...(request.roots ?? [])],
    cache: request.cache ?? true,
    callId,
  }
}

/** Two starts with the same twin key are the same work. */
export function twinKey({ definitionHash, inputsHash, tenant }: RunStart): string {
  return `${definitionHash} ${inputsHash} ${tenant}`
}

function resolveInputs(
  { name, inputs: specs = {} }: WorkflowDefinition,
  given: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const known = new Map(Object.entries(specs))
  for (const [input, value] of Object.entries(given)) {
    if (!known.has(input)) throw invalidInput(name, input, `one of its inputs (${[...known.keys()].join(', ')})`, value)
  }
  const resolved = [...known].map(([input, spec]) => {
    const value = Object.hasOwn(given, input) && given[input] !== undefined ? given[input] : spec.default
    checkInput(name, input, spec, value)
    return [input, value] as const
  })
  return Object.fromEntries(resolved.filter(([, value]) => value !== undefined))
}

function checkInput(workflow: string, input: string, spec: InputSpec, value: unknown): void {
  const wanted = spec.type ?? 'any'
  if (value === undefined) {
    if (spec.required === false) return
    throw invalidInput(workflow, input, `given (type ${wanted})`, 'nothing')
  }
  const type = typeOfValue(value)
  if (type === 'undefined' || !fits(type, wanted)) throw invalidInput(workflow, input, `of type ${wanted}`, value)
}

function invalidInput(workflow: string, input: string, expected: string, value: unknown): Error {
  return dagErrors.fail('RUN_INPUT_INVALID', { workflow, input, expected, value })
}

/** Models by first need: topological order, bodies of maps where the map stands, fallbacks last. */
export function modelsOf(body: Body): ReadonlyMap<string, string> {
  const models = new Map<string, string>()
  const fallbacks = new Map<string, string>()
  const visit = (body: Body): void => {
    if (!usesModels(body)) return
    const { order, nodes } = compileGraph(body)
    for (const index of order) {
      const node = nodes[index]!
      if (node.kind === 'map') visit(node.body)
      if (node.kind !== 'instrument') continue
      if (!models.has(node.model)) models.set(node.model, node.id)
      if (node.fallback !== undefined && 'model' in node.fallback) fallbacks.set(node.fallback.model, node.id)
    }
  }
  visit(body)
  return new Map([...models, ...[...fallbacks].filter(([model]) => !models.has(model))])
}

function usesModels({ nodes }: Body): boolean {
  return nodes.some((node) => node.kind === 'instrument' || (node.kind === 'map' && usesModels(node.body)))
}

/** What the pool knows of the workflow's models; asks nothing when it uses none. Throws `UNKNOWN_MODEL`. */
export async function findModels(
  ctx: ActorContext,
  pool: ActorRef<PoolManagerProtocol>,
  models: ReadonlyMap<string, string>,
): Promise<ReadonlyMap<string, ModelInfo>> {
  if (models.size === 0) return new Map()
  const known = new Map((await persist(ctx, () => pool.ask.list({}))).map((info) => [info.id, info]))
  for (const [model, nodeId] of models) {
    if (known.has(model)) continue
    throw dagErrors.fail('UNKNOWN_MODEL', { model, nodeId, known: [...known.keys()].sort().join(', ') || 'none' })
  }
  return known
}
