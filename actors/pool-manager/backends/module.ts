/**
 * Models that are JavaScript: a module exporting `{ load, infer, unload }`, imported in a model host's own thread.
 * The built-in text instruments are such modules, and so is any model a user writes.
 */

/** What a module must export to be a model. `State` is whatever `load` makes; it never leaves the thread. */
export interface ModelModule<State = unknown> {
  /** Called once per residency; `options` come from the model's spec. */
  load(options: Readonly<Record<string, unknown>>): State | Promise<State>
  /** Answers one request. The result must be plain data (what msgpack can carry). */
  infer(state: State, request: ModuleRequest): unknown
  /** Gives back what `load` took. */
  unload?(state: State): void | Promise<void>
}

export interface ModuleRequest {
  readonly input: unknown
  readonly parameters: Readonly<Record<string, unknown>>
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal
}
