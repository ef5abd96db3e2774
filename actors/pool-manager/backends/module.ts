/**
 * Models that are JavaScript: a module exporting `{ load, infer, unload }`, imported in a model host's own thread.
 * The built-in text instruments are such modules, and so is any model a user writes.
 */
import { pathToFileURL } from 'node:url'
import { describe, isPitError } from '../../../runtime/index.ts'
import { poolErrors } from '../errors.ts'
import type { ResolvedModelSpec } from '../spec.ts'
import type { BackendRequest, LoadedModel, LoadModel } from './backend.ts'

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

const EXPORT_DEFAULT = 'model'

export const loadModule: LoadModel = async (spec) => {
  const { module, export: name, options = {} } = moduleOf(spec)
  const model = await importModel(module, name)
  const state = await model.load(options)
  return loadedModule(spec, model, state)
}

function loadedModule(spec: ResolvedModelSpec, model: ModelModule, state: unknown): LoadedModel {
  return {
    memoryBytes: spec.memoryBytes,
    async infer(request: BackendRequest) {
      try {
        const output = await model.infer(state, request)
        return { output: output ?? null }
      } catch (error) {
        // A coded error is the model's own word to its caller; an abort is the caller's own.
        if (isPitError(error) || request.signal.aborted) throw error
        throw poolErrors.fail('MODEL_INFER_FAILED', { model: spec.id, reason: describe(error) }, { cause: error })
      }
    },
    check: () => Promise.resolve(),
    async unload() {
      await model.unload?.(state)
    },
  }
}

function moduleOf(spec: ResolvedModelSpec): {
  readonly module: string
  readonly export: string
  readonly options?: Readonly<Record<string, unknown>>
} {
  if (spec.backend.kind !== 'module') throw new TypeError(`${spec.id} is no module model`)
  return { ...spec.backend, export: spec.backend.export ?? EXPORT_DEFAULT }
}

async function importModel(module: string, name: string): Promise<ModelModule> {
  const invalid = (reason: string, cause?: unknown): Error =>
    poolErrors.fail('MODEL_MODULE_INVALID', { module, export: name, reason }, { cause })
  const url = module.startsWith('file:') || module.startsWith('data:') ? module : pathToFileURL(module).href
  const exports = (await import(url).catch((error: unknown) => {
    throw invalid(describe(error), error)
  })) as object
  const model: unknown = Object.hasOwn(exports, name) ? (exports as Record<string, unknown>)[name] : undefined
  if (typeof model !== 'object' || model === null) {
    throw invalid(`it exports ${Object.keys(exports).join(', ') || 'nothing'}`)
  }
  for (const method of ['load', 'infer'] as const) {
    if (typeof (model as Partial<ModelModule>)[method] !== 'function') throw invalid(`it has no function \`${method}\``)
  }
  return model as ModelModule
}
