/** The backends by kind. */
import type { LoadModel } from './backend.ts'
import { loadModule } from './module.ts'
import { loadOpenAi } from './openai-http.ts'

export type { BackendAnswer, BackendContext, BackendRequest, LoadedModel, LoadModel } from './backend.ts'
export type { ModelModule, ModuleRequest } from './module.ts'

export const loadModel: LoadModel = (spec, ctx) =>
  spec.backend.kind === 'module' ? loadModule(spec, ctx) : loadOpenAi(spec, ctx)
