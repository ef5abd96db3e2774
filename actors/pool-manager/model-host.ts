/**
 * A thread on which models run: loads them, answers requests, unloads them. Started by the Pool Manager as a child of
 * the supervisor, so it outlives the Pool Manager. Lease holders reach it directly.
 *
 * I1. `load` is idempotent: the same spec again is the model that is there (after a check that it still answers).
 * I2. A request for a model that is not here waits: its sender holds a lease, so the pool knows the model as hot and is
 *     about to load it again (this host was restarted and has forgotten everything).
 */
import { type ActorContext, type Clock, defineActor, describe, isPitError } from '../../runtime/index.ts'
import { loadModel, type LoadedModel, type LoadModel } from './backends/index.ts'
import { poolErrors } from './errors.ts'
import type { InferRequest, InferResult, ModelHostProtocol } from './protocol.ts'
import { type ResolvedModelSpec, resolveModelSpec, sameSpec } from './spec.ts'
import { estimateTokens } from './usage.ts'

interface Entry {
  readonly spec: ResolvedModelSpec
  readonly loaded: Promise<LoadedModel>
}

interface HostState {
  readonly name: string
  readonly clock: Clock
  readonly load: (spec: ResolvedModelSpec) => Promise<LoadedModel>
  readonly models: Map<string, Entry>
  /** Requests that wait for a model to be loaded again, by model. */
  readonly awaiting: Map<string, Set<(failure?: Error) => void>>
}

/** A module may compute for long without a pause; what is stuck for good is found after this. */
const BLOCKING_BUDGET_MS = 600_000

export const modelHostActor = defineActor<ModelHostProtocol, HostState>({
  name: 'model-host',
  module: import.meta.url,
  blockingBudgetMs: BLOCKING_BUDGET_MS,
  init: (_, ctx) => createHost(ctx, loadModel),
  handlers: {
    load: { redeliver: true, run: (state, { spec }) => loadHere(state, resolveModelSpec(spec)) },
    // Inference changes nothing, so it may be done again after a crash.
    infer: { redeliver: true, run: (state, request, ctx) => infer(state, request, ctx.call.signal) },
    unload: { redeliver: true, run: (state, { model }) => unload(state, model) },
  },
  async terminate(state) {
    await Promise.allSettled([...state.models.keys()].map((model) => unload(state, model)))
  },
})

function createHost(ctx: ActorContext, load: LoadModel): HostState {
  const backend = { clock: ctx.clock, fetch: globalThis.fetch, env: process.env }
  return {
    name: ctx.name,
    clock: ctx.clock,
    load: (spec) => load(spec, backend),
    models: new Map(),
    awaiting: new Map(),
  }
}

async function loadHere(state: HostState, spec: ResolvedModelSpec): Promise<{ readonly memoryBytes: number }> {
  const present = state.models.get(spec.id)
  if (present !== undefined && sameSpec(present.spec, spec)) {
    const loaded = await present.loaded
    await loaded.check()
    return { memoryBytes: loaded.memoryBytes }
  }
  if (present !== undefined) await unload(state, spec.id)
  const entry: Entry = { spec, loaded: state.load(spec) }
  state.models.set(spec.id, entry)
  try {
    const { memoryBytes } = await entry.loaded
    wakeAwaiting(state, spec.id)
    return { memoryBytes }
  } catch (error) {
    if (state.models.get(spec.id) === entry) state.models.delete(spec.id)
    const failure = loadError(spec, error)
    wakeAwaiting(state, spec.id, failure)
    throw failure
  }
}

function wakeAwaiting(state: HostState, model: string, failure?: Error): void {
  for (const wake of state.awaiting.get(model) ?? []) wake(failure)
}

async function unload(state: HostState, model: string): Promise<void> {
  const entry = state.models.get(model)
  if (entry === undefined) return
  state.models.delete(model)
  const loaded = await entry.loaded.catch(() => null)
  await loaded?.unload()
}

async function infer(state: HostState, request: InferRequest, signal: AbortSignal): Promise<InferResult> {
  const loaded = await find(state, request.model, signal)
  const startedAt = state.clock.monotonicMs()
  const { input, parameters = {} } = request
  const { output, inputTokens, outputTokens } = await loaded.infer({ input, parameters, signal })
  return {
    output,
    usage: {
      inputTokens: inputTokens ?? estimateTokens(input),
      outputTokens: outputTokens ?? estimateTokens(output),
      durationMs: state.clock.monotonicMs() - startedAt,
    },
  }
}

async function find(state: HostState, model: string, signal: AbortSignal): Promise<LoadedModel> {
  for (;;) {
    const entry = state.models.get(model)
    const loaded = await entry?.loaded.catch(() => null)
    if (loaded !== undefined && loaded !== null && state.models.get(model) === entry) return loaded
    await loadedAgain(state, model, signal)
  }
}

/** Resolves at the next load of the model; rejects when that fails, or when nobody waits for the answer any more. */
function loadedAgain(state: HostState, model: string, signal: AbortSignal): Promise<void> {
  const waiting = state.awaiting.get(model) ?? new Set()
  state.awaiting.set(model, waiting)
  return new Promise((resolve, reject) => {
    const done = (failure?: Error): void => {
      waiting.delete(done)
      signal.removeEventListener('abort', onAbort)
      if (failure === undefined) resolve()
      else reject(failure)
    }
    const onAbort = (): void => done(poolErrors.fail('MODEL_NOT_LOADED', { model, host: state.name }))
    if (signal.aborted) return onAbort()
    waiting.add(done)
    signal.addEventListener('abort', onAbort, { once: true })
  })
}

/** A backend's own coded error says most; anything else is wrapped with the model's name. */
function loadError(spec: ResolvedModelSpec, error: unknown): Error {
  if (isPitError(error)) return error
  return poolErrors.fail('MODEL_LOAD_FAILED', { model: spec.id, reason: describe(error) }, { cause: error })
}
