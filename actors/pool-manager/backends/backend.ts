/** What every kind of model looks like to a model host. One contract suite runs against all of them. */
import type { Clock } from '../../../runtime/index.ts'
import type { ResolvedModelSpec } from '../spec.ts'

export interface BackendRequest {
  readonly input: unknown
  readonly parameters: Readonly<Record<string, unknown>>
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal
}

export interface BackendAnswer {
  readonly output: unknown
  /** As the model itself counted; estimated by the host when absent. */
  readonly inputTokens?: number
  readonly outputTokens?: number
}

/** A model in memory (or, when it lives elsewhere, within reach). */
export interface LoadedModel {
  /** What it really takes here. */
  readonly memoryBytes: number
  infer(request: BackendRequest): Promise<BackendAnswer>
  /** Fails when the model cannot answer now; cheap. */
  check(): Promise<void>
  /** Gives everything back. Not called while requests run. */
  unload(): Promise<void>
}

export interface BackendContext {
  readonly clock: Clock
  readonly fetch: typeof globalThis.fetch
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Loads a model, or fails with a coded error and leaves nothing behind. */
export type LoadModel = (spec: ResolvedModelSpec, ctx: BackendContext) => Promise<LoadedModel>
