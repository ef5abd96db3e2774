/**
 * Workflows in TypeScript. The builder only collects; `build()` gives the same plain definition that a file gives, and
 * validates it. In the function form of a step, `from` accepts only what exists by then:
 *
 *   const definition = workflow('count')
 *     .input('folder', { type: 'string' })
 *     .operator('files', 'glob', { inputs: { folders: ['docs'] } })
 *     .operator('names', 'pick', ({ from }) => ({ inputs: { items: from('files.files'), by: 'relativePath' } }))
 *     .output('names', { from: 'names.items' })
 *     .build()
 */
import {
  SCHEMA_VERSION,
  type Binding,
  type BranchNode,
  type InputSpec,
  type InstrumentNode,
  type JoinNode,
  type MapNode,
  type NodeDefinition,
  type OperatorNode,
  type Reference,
  type WorkflowDefinition,
} from './definition.ts'
import { assertValidWorkflow } from './validation.ts'

export interface StepScope<Ids extends string, Extra extends string> {
  /** A reference to a node, one of its ports, or another name that is known here. */
  readonly from: (text: Ids | `${Ids}.${string}` | Extra, options?: Omit<Reference, 'from'>) => Reference
}

/** The fields of a node, or a function that makes them with a checked `from`. */
export type Fields<N, Ids extends string, Extra extends string> = N | ((scope: StepScope<Ids, Extra>) => N)

type Without<N, K extends string> = Omit<N, 'id' | 'kind' | K>

type BuilderOf<Kind, Ids extends string, Extra extends string> = Kind extends 'workflow'
  ? WorkflowBuilder<Ids, Extra>
  : BodyBuilder<Ids, Extra>

/** Adds nodes in order. Every method changes this builder and returns it, with the new id known to the type checker. */
interface Steps<Kind extends 'workflow' | 'body', Ids extends string, Extra extends string> {
  operator<const Id extends string>(
    id: Id,
    operator: OperatorNode['operator'],
    fields?: Fields<Without<OperatorNode, 'operator'>, Ids, Extra>,
  ): BuilderOf<Kind, Ids | Id, Extra>
  instrument<const Id extends string>(
    id: Id,
    model: string,
    fields?: Fields<Without<InstrumentNode, 'model'>, Ids, Extra>,
  ): BuilderOf<Kind, Ids | Id, Extra>
  branch<const Id extends string>(
    id: Id,
    cases: BranchNode['cases'],
    fields?: Fields<Without<BranchNode, 'cases'>, Ids, Extra>,
  ): BuilderOf<Kind, Ids | Id, Extra>
  join<const Id extends string>(
    id: Id,
    fields?: Fields<Without<JoinNode, never>, Ids, Extra>,
  ): BuilderOf<Kind, Ids | Id, Extra>
  /** `fill` adds nodes to the body; they see the nodes around it, `item` and `index`. */
  map<const Id extends string>(
    id: Id,
    over: Binding,
    fill: (body: BodyBuilder<Ids, Extra | 'item' | `item.${string}` | 'index'>) => unknown,
    fields?: Fields<Without<MapNode, 'over' | 'body'>, Ids, Extra>,
  ): BuilderOf<Kind, Ids | Id, Extra>
  output(name: string, binding: Binding): this
}

/** The nodes of a map's body. */
export type BodyBuilder<Ids extends string, Extra extends string> = Steps<'body', Ids, Extra>

export interface WorkflowBuilder<Ids extends string, Extra extends string> extends Steps<'workflow', Ids, Extra> {
  input<const Name extends string>(
    name: Name,
    spec?: InputSpec,
  ): WorkflowBuilder<Ids, Extra | `inputs.${Name}` | `inputs.${Name}.${string}`>
  /** The validated definition. Throws `WORKFLOW_INVALID`. */
  build(): WorkflowDefinition
}

export type WorkflowOptions = Pick<WorkflowDefinition, 'version' | 'description'>

export function workflow(name: string, options: WorkflowOptions = {}): WorkflowBuilder<never, never> {
  const inputs = new Map<string, InputSpec>()
  const { steps, nodes, outputs } = collect()
  const builder = {
    ...steps,
    input(inputName: string, spec: InputSpec = {}) {
      inputs.set(inputName, spec)
      return builder
    },
    build(): WorkflowDefinition {
      const definition: WorkflowDefinition = {
        schemaVersion: SCHEMA_VERSION,
        name,
        ...options,
        ...(inputs.size === 0 ? {} : { inputs: Object.fromEntries(inputs) }),
        nodes: [...nodes],
        ...(outputs.size === 0 ? {} : { outputs: Object.fromEntries(outputs) }),
      }
      assertValidWorkflow(definition)
      return definition
    },
  }
  return builder as unknown as WorkflowBuilder<never, never>
}

/** The methods all builders share, over lists of their own. */
function collect() {
  const nodes: NodeDefinition[] = []
  const outputs = new Map<string, Binding>()
  const scope: StepScope<string, never> = { from: (text, options = {}) => ({ from: text, ...options }) }

  function add(fields: Fields<object, string, never> | undefined, node: object): void {
    const made = typeof fields === 'function' ? fields(scope) : fields
    nodes.push({ ...node, ...made } as NodeDefinition)
  }
  type F = Fields<object, string, never>
  const steps = {
    operator(this: unknown, id: string, operator: OperatorNode['operator'], fields?: F) {
      add(fields, { id, kind: 'operator', operator })
      return this
    },
    instrument(this: unknown, id: string, model: string, fields?: F) {
      add(fields, { id, kind: 'instrument', model })
      return this
    },
    branch(this: unknown, id: string, cases: BranchNode['cases'], fields?: F) {
      add(fields, { id, kind: 'branch', cases })
      return this
    },
    join(this: unknown, id: string, fields?: F) {
      add(fields, { id, kind: 'join' })
      return this
    },
    map(this: unknown, id: string, over: Binding, fill: (body: never) => unknown, fields?: F) {
      const inner = collect()
      fill(inner.steps as never)
      const made = inner.outputs.size === 0 ? {} : { outputs: Object.fromEntries(inner.outputs) }
      add(fields, { id, kind: 'map', over, body: { nodes: inner.nodes, ...made } })
      return this
    },
    output(this: unknown, name: string, binding: Binding) {
      outputs.set(name, binding)
      return this
    },
  }
  return { steps, nodes, outputs }
}
