/**
 * Workflow format v1: the one model behind YAML files, JSON files, the TypeScript builder and plain objects.
 *
 * Data flows through `inputs` of a node: a literal, or `{ from: 'node.port' }` (a data edge). Order without data is
 * `after`. Ids are arbitrary non-empty strings without `.`, `[`, `]` and control characters; they are data, never keys
 * of plain objects in the engine.
 */

export const SCHEMA_VERSION = 1

export type DataType = 'any' | 'string' | 'number' | 'boolean' | 'object' | 'array' | 'null'

export interface InputSpec {
  /** @default 'any' */
  readonly type?: DataType
  /** @default true unless a default is given */
  readonly required?: boolean
  readonly default?: unknown
  readonly description?: string
}

/**
 * Where a value comes from: `'<node>'` (its whole output), `'<node>.<port>'`, `'inputs.<name>'`, and inside a map body
 * `'item'`, `'item.<field>'`, `'index'`. Deeper paths (`'node.port.field'`) reach into objects.
 */
export interface Reference {
  readonly from: string
  /** CEL over `value`, applied on the way. */
  readonly transform?: string
  /** Used when the source was skipped or failed but tolerated, or the field is absent. */
  readonly default?: unknown
}

/** A `Reference` (an object with a string `from`), or `{ value }`, or any other JSON value as it stands. */
export type Binding = unknown

/** Which outcome of a dependency lets a node go on. @default 'succeeded' */
export type Outcome = 'succeeded' | 'failed' | 'skipped' | 'any'

export type Dependency =
  | string
  | {
      readonly node: string
      readonly on?: Outcome
      /** Of a branch node: only when it took this case. */
      readonly label?: string
    }

export interface RetryPolicy {
  /** Runs in all, the first included. */
  readonly attempts: number
  /** @default 'exponential' */
  readonly backoff?: 'constant' | 'linear' | 'exponential'
  /** @default 100 */
  readonly delayMs?: number
  /** @default 30_000 */
  readonly maxDelayMs?: number
  /** Full jitter on each delay. @default true */
  readonly jitter?: boolean
  /** Only for these error codes. @default every error whose action is not 'give-up' or 'bug' */
  readonly retryOn?: readonly string[]
}

/** Instead of failing: a value, another model, or the output of another node run in its place. */
export type Fallback = { readonly value: unknown } | { readonly model: string } | { readonly node: string }

/** @default 'shared' for pure operators and built-in (deterministic) models, else 'off' */
export type CachePolicy = 'off' | 'run' | 'shared'

export interface NodeBase {
  readonly id: string
  readonly description?: string
  /** Values by port name. */
  readonly inputs?: Readonly<Record<string, Binding>>
  /** Order without data. */
  readonly after?: readonly Dependency[]
  /** CEL over `inputs` (of this node) and `run.inputs`; false skips the node. */
  readonly when?: string
  /** Larger first among ready nodes. @default 0 */
  readonly priority?: number
  /** Counted from the start of each attempt. @default none */
  readonly timeoutMs?: number
  readonly retry?: RetryPolicy
  readonly fallback?: Fallback
  /** On failure after retries: skip instead of failing the run; `default` becomes its output. */
  readonly skip?: { readonly default?: unknown }
  /** Units by resource, asked of the Arbitration Engine: `{ cpu: 1 }`. */
  readonly resources?: Readonly<Record<string, number>>
  readonly cache?: CachePolicy
  /** @default true; a disabled node is skipped and its dependents see a skip */
  readonly enabled?: boolean
}

/** A model call: lease → infer → usage. Output ports are what the model returns; the whole output if that is no object. */
export interface InstrumentNode extends NodeBase {
  readonly kind: 'instrument'
  readonly model: string
  /** Model parameters (temperature, prompt template, …); part of the cache key. */
  readonly parameters?: Readonly<Record<string, unknown>>
}

/** A function: a built-in by name (`read`, `glob`, `template`, …) or a user's `{ module, export }`. */
export interface OperatorNode extends NodeBase {
  readonly kind: 'operator'
  readonly operator:
    string | { readonly module: string; readonly export: string; readonly pure?: boolean; readonly version?: string }
  /**
   * `inline` on the tracker's thread (short or waiting work), `pool` on the CPU pool. Choose `pool` for a function that
   * may loop for ever or end its process: inline it takes the tracker down with it, again after every restart, until
   * its run is cancelled. @default what a built-in declares; `inline` for a user's function
   */
  readonly on?: 'inline' | 'pool'
}

/** Takes the first case whose condition holds; its output is `{ label }`. Dependents select with `after: [{ node, label }]`. */
export interface BranchNode extends NodeBase {
  readonly kind: 'branch'
  readonly cases: readonly { readonly label: string; readonly when: string }[]
  /** Label when no case holds. @default 'else' */
  readonly otherwise?: string
}

/** Runs `body` once per item of `over`; output `{ items, errors }` in item order. Expanded nodes are `<id>[<n>].<body id>`. */
export interface MapNode extends NodeBase {
  readonly kind: 'map'
  readonly over: Binding
  readonly body: Body
  /** Items in flight at once. @default the run's maxConcurrency */
  readonly concurrency?: number
  /** `fail`: one failed item fails the map. `skip`: it is left out of `items` and listed in `errors`. @default 'fail' */
  readonly onItemError?: 'fail' | 'skip'
}

/** Waits for everything in `after` and `inputs` whatever the outcome; missing inputs take their default or null. */
export interface JoinNode extends NodeBase {
  readonly kind: 'join'
}

export type NodeDefinition = InstrumentNode | OperatorNode | BranchNode | MapNode | JoinNode
export type NodeKind = NodeDefinition['kind']

export interface Body {
  readonly nodes: readonly NodeDefinition[]
  /** What one item yields, by name. @default the output of the only sink node */
  readonly outputs?: Readonly<Record<string, Binding>>
}

export interface WorkflowDefinition extends Body {
  readonly schemaVersion: typeof SCHEMA_VERSION
  readonly name: string
  readonly version?: string
  readonly description?: string
  readonly inputs?: Readonly<Record<string, InputSpec>>
}

/** What an entry of `errors` of a map looks like. */
export interface ItemError {
  readonly index: number
  readonly item: unknown
  /** Path of the node that failed. */
  readonly nodeId: string
  readonly code: string
  readonly message: string
}

/** A problem of a definition, at its place in the file (1-based; absent for plain objects). */
export interface Problem {
  readonly code: string
  readonly message: string
  /** JSON path, e.g. `nodes[3].inputs.text`. */
  readonly path: string
  readonly file?: string
  readonly line?: number
  readonly column?: number
  readonly severity: 'error' | 'warning'
}
